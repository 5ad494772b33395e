import CognitionCore
package import CognitionScheduler
import HTTPTypes

/// Jobs and schedules: made, looked at, changed, run and cancelled.
package struct JobRoutes: RouteGroup {
    package static let tag = "Jobs"
    private let scheduler: Scheduler

    package init(scheduler: Scheduler) { self.scheduler = scheduler }

    package func routes(_ api: inout API) {
        makingRoutes(&api)
        readingRoutes(&api)
        changingRoutes(&api)
    }

    private func makingRoutes(_ api: inout API) {
        api.route(
            .post, "jobs", body: NewJobRequest.self,
            answers: [
                .created(MadeJobsShape.self, "The job; of several their ids."),
                .ok(JobShape.self, "It was there already, with this id or unique key."),
            ], errors: [.conflict], access: .permission(.manageJobs),
            summary: "Makes a job, a schedule, or several jobs.",
            details: """
                With `{jobs: […]}` all of them are made, or none; `depends_on` of one may name the `ref` or `id` of another, \
                and a cycle is refused with its path. A target `workflow` needs `workflows:execute` as well, `emit` \
                `events:append`, `handler` `server:operate`.
                """, use: create)
        api.route(
            .post, "schedules/preview", body: SchedulePreviewRequest.self, answers: [.ok(SchedulePreviewShape.self)],
            access: .permission(.readJobs), summary: "Shows when a schedule would fire.",
            details: "With `outage` also what it would make up for afterwards. Nothing is stored.", use: preview)
    }

    private func readingRoutes(_ api: inout API) {
        api.route(
            .get, "jobs",
            parameters: [Self.queue, Self.state, Self.tagged, Self.recurring, Query.limit, Query.cursor],
            answers: [.ok(Page<JobShape>.self)], access: .permission(.readJobs),
            summary: "Lists jobs and schedules by their ids, the highest first.",
            details:
                "Ids that were made here begin with the time, so those are the newest first. Runs of schedules are listed with these.",
            use: list)
        api.route(
            .get, "jobs/{id}", parameters: [Self.id], answers: [.ok(JobShape.self), .notModified], errors: [.notFound],
            access: .permission(.readJobs), summary: "Shows a job or a schedule.", use: show)
        api.route(
            .get, "jobs/{id}/runs", parameters: [Self.id, Query.limit, Query.cursor],
            answers: [.ok(Page<JobRunShape>.self)],
            errors: [.notFound], access: .permission(.readJobs),
            summary: "Lists the runs of a schedule, the newest first, or the attempts at a job, the first one first.",
            use: runs)
        api.route(
            .get, "jobs/{id}/explain", parameters: [Self.id], answers: [.ok(JobExplanationShape.self)],
            errors: [.notFound], access: .permission(.readJobs), summary: "Says why a job does not run now.",
            use: explain)
    }

    private func changingRoutes(_ api: inout API) {
        api.route(
            .patch, "jobs/{id}", body: JobChangeRequest.self, parameters: [Self.id], answers: [.ok(JobShape.self)],
            errors: [.notFound, .conflict], access: .permission(.manageJobs),
            summary: "Changes a schedule, or a job that does not run.",
            details: "Needs what making the job would need. Runs that a schedule has made stay as they are.",
            use: change)
        api.route(
            .delete, "jobs/{id}", parameters: [Self.id], answers: [.noContent], errors: [.notFound, .conflict],
            access: .permission(.manageJobs), summary: "Cancels a job or a schedule.",
            details: """
                One that runs is asked to end. It is kept, as `cancelled`, as long as its queue keeps such; one that has \
                ended stays as it is. Runs that a schedule has made go on. 409 with `scheduler.job_owned` for the schedule of a \
                workflow, which ends with that.
                """, use: cancel)
        api.route(
            .post, "jobs/{id}/trigger", parameters: [Self.id],
            answers: [.accepted(JobShape.self, "The job that runs: of a schedule a new run.")],
            errors: [.notFound, .conflict], access: .permission(.manageJobs), summary: "Runs it once more, now.",
            details: """
                A job that waits becomes due, one that has ended runs again from its first attempt. 409 for one that runs, or \
                that waits for others. Needs what making the job would need.
                """, use: trigger)
        api.route(
            .post, "jobs/{id}/pause", parameters: [Self.id], answers: [.ok(JobShape.self)],
            errors: [.notFound, .conflict], access: .permission(.manageJobs),
            summary: "Keeps a schedule from firing, or a job from being started.",
            details: "409 for a job that runs or has ended.", use: pause)
        api.route(
            .post, "jobs/{id}/resume", parameters: [Self.id], answers: [.ok(JobShape.self)],
            errors: [.notFound, .conflict], access: .permission(.manageJobs), summary: "Lets it go on.",
            details: "Nothing that a schedule has missed meanwhile is made up for.", use: resume)
    }

    // MARK: Parameters

    private static let id = Parameter<String>(
        "id", in: .path, .text(pattern: JobNames.idPattern), "The id of a job or schedule.", read: { $0 })
    private static let queue = Parameter<String>(
        "queue", in: .query, .text(pattern: JobNames.pattern), "Only those of this queue.",
        read: { JobNames.isName($0) ? $0 : nil })
    private static let state = Parameter<String>(
        "state", in: .query, .choice(JobShape.states), "Only those in this state.",
        read: { JobShape.states.contains($0) ? $0 : nil })
    private static let tagged = Parameter<(name: String, value: String)>(
        "tag", in: .query, .list(of: .text(pattern: "^[^:]+:"), max: JobTag.filterMax),
        "`name:value`: only those with this tag; of several, only those with all.", read: JobTag.read)
    private static let recurring = Parameter<Bool>(
        "recurring", in: .query, .flag(),
        "True: only schedules that come again and again; false: only jobs that come once.",
        read: { ["true": true, "false": false][$0] })

    /// What cannot be an id is nobody's.
    /// - Throws: `scheduler.job_not_found`.
    private func id(_ call: Call<some Sendable>) throws -> String {
        let id = try call.path(Self.id)
        guard JobNames.isID(id) else { throw SchedulerError(.jobNotFound, "there is no job of that id") }
        return id
    }

    // MARK: Making

    @Sendable private func create(_ call: Call<NewJobRequest>) async throws -> Answer {
        switch call.body.content {
        case .one(let job):
            try call.principal.check(job.target)
            let made = try await scheduler.create(job, as: call.principal, renewsEnded: true)
            let view = try await scheduler.job(made.id, in: call.workspace)
            return made.isNew ? .created(MadeJobsShape.job(view)) : .ok(JobShape(job: view))
        case .graph(let jobs):
            for job in jobs { try call.principal.check(job.target) }
            let made = try await scheduler.enqueue(jobs, as: call.principal)
            return .created(MadeJobsShape.graph(JobIDsShape(ids: made.map(\.id))))
        }
    }

    @Sendable private func preview(_ call: Call<SchedulePreviewRequest>) async throws -> Answer {
        let wish = call.body
        return .ok(
            SchedulePreviewShape(
                preview: try scheduler.preview(
                    of: wish.schedule, from: wish.from, count: wish.count, outage: wish.outage)))
    }

    // MARK: Reading

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        var filter = Scheduler.Filter()
        filter.queue = try call.query(Self.queue)
        filter.state = try call.query(Self.state)
        filter.tags = try call.queryAll(Self.tagged)
        filter.isRecurring = try call.query(Self.recurring)
        let after = try call.query(Query.cursor).map(JobShape.place)
        let limit = try call.limit
        let found = try await scheduler.jobs(filter, in: call.workspace, after: after, limit: limit + 1)
        return .ok(JobShape.page(found, limit: limit))
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        .ok(JobShape(job: try await scheduler.job(try id(call), in: call.workspace))).revalidated()
    }

    @Sendable private func runs(_ call: Call<Void>) async throws -> Answer {
        let id = try id(call)
        let page = try await scheduler.runs(
            of: id, in: call.workspace, before: try call.cursor(of: "runs")?.key, limit: try call.limit)
        return .ok(
            Page(
                page.items.map { JobRunShape($0, of: id) }, next: page.last.map { Cursor("runs", after: $0) }))
    }

    @Sendable private func explain(_ call: Call<Void>) async throws -> Answer {
        .ok(JobExplanationShape(json: try await scheduler.explain(try id(call), in: call.workspace)))
    }

    // MARK: Changing

    @Sendable private func change(_ call: Call<JobChangeRequest>) async throws -> Answer {
        let id = try id(call)
        try await checkTarget(of: id, call)
        if let target = try call.body.target { try call.principal.check(target) }
        return .ok(JobShape(job: try await scheduler.change(id, by: call.body.patch, as: call.principal)))
    }

    @Sendable private func cancel(_ call: Call<Void>) async throws -> Answer {
        let id = try id(call)
        try await checkHandler(of: id, call)
        try await scheduler.cancel(id, as: call.principal)
        return .noContent
    }

    @Sendable private func trigger(_ call: Call<Void>) async throws -> Answer {
        let id = try id(call)
        try await checkTarget(of: id, call)
        let run = try await scheduler.trigger(id, as: call.principal)
        return .accepted(JobShape(job: try await scheduler.job(run, in: call.workspace)))
    }

    @Sendable private func pause(_ call: Call<Void>) async throws -> Answer {
        let id = try id(call)
        try await checkHandler(of: id, call)
        return .ok(JobShape(job: try await scheduler.pause(id, as: call.principal)))
    }

    @Sendable private func resume(_ call: Call<Void>) async throws -> Answer {
        let id = try id(call)
        try await checkHandler(of: id, call)
        return .ok(JobShape(job: try await scheduler.resume(id, as: call.principal)))
    }

    /// Who has a job do something, or do it again, may do it.
    private func checkTarget(of id: String, _ call: Call<some Sendable>) async throws {
        try call.principal.check(try await target(of: id, call))
    }

    /// Code of the server is looked after by who runs the server.
    private func checkHandler(of id: String, _ call: Call<some Sendable>) async throws {
        let target = try await target(of: id, call)
        if target.permission == .operate { try call.principal.check(target) }
    }

    private func target(of id: String, _ call: Call<some Sendable>) async throws -> JobTarget {
        try JobTarget(try await scheduler.job(id, in: call.workspace).json["target"] ?? .null)
    }
}

extension Principal {
    /// - Throws: `request.permission_denied` when they may not have a job run this.
    func check(_ target: JobTarget) throws {
        guard let permission = target.permission, !may(permission) else { return }
        throw RequestError(
            .permissionDenied, "a job of kind \(target.kind) needs \(permission.rawValue) as well as jobs:manage")
    }
}
