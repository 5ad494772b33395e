import CognitionCore
package import CognitionScheduler
import HTTPTypes

/// Queues of jobs, and what has failed in them.
package struct QueueRoutes: RouteGroup {
    package static let tag = JobRoutes.tag
    private let scheduler: Scheduler

    package init(scheduler: Scheduler) { self.scheduler = scheduler }

    package func routes(_ api: inout API) {
        api.route(
            .get, "queues", parameters: [Query.limit, Query.cursor], answers: [.ok(Page<QueueShape>.self)],
            access: .permission(.readJobs), summary: "Lists queues and how they are doing, by name.",
            details: "Those too that every workspace has.", use: list)
        api.route(
            .get, "queues/{name}", parameters: [Self.name], answers: [.ok(QueueShape.self)], errors: [.notFound],
            access: .permission(.readJobs), summary: "Shows how a queue is doing.", use: show)
        api.route(
            .patch, "queues/{name}", body: QueueChangeRequest.self, parameters: [Self.name],
            answers: [.ok(QueueShape.self)], errors: [.notFound], access: .permission(.manageJobs),
            summary: "Changes how a queue treats its jobs.", details: "One that is not there is made.", use: change)
        api.route(
            .post, "queues/{name}/jobs", body: JobListRequest.self, parameters: [Self.name],
            answers: [
                .created(JobIDsShape.self, "In the order of the jobs; of a unique key that is held, its holder.")
            ],
            errors: [.notFound, .conflict], access: .permission(.manageJobs), summary: "Makes many jobs of a queue.",
            details: "All of them or none. Targets need what `POST jobs` says.", use: enqueue)
        api.route(
            .post, "queues/{name}/pause", parameters: [Self.name], answers: [.ok(QueueShape.self)], errors: [.notFound],
            access: .permission(.manageJobs), summary: "Starts nothing of a queue any more.",
            details: "What runs goes on.", use: pause)
        api.route(
            .post, "queues/{name}/resume", parameters: [Self.name], answers: [.ok(QueueShape.self)],
            errors: [.notFound],
            access: .permission(.manageJobs), summary: "Lets a queue go on.", use: resume)
        api.route(
            .get, "queues/{name}/dead", parameters: [Self.name, Query.limit, Query.cursor],
            answers: [.ok(Page<DeadJobShape>.self)], errors: [.notFound], access: .permission(.readJobs),
            summary: "Lists the dead letters of a queue with their attempts, the newest first.", use: dead)
        api.route(
            .post, "queues/{name}/dead/redrive", body: RedriveRequest.self, parameters: [Self.name],
            answers: [.ok(RedrivenShape.self)], errors: [.notFound], access: .permission(.manageJobs),
            summary: "Tries dead letters again, from their first attempt.",
            details: "One whose unique key another job has by now stays.", use: redrive)
    }

    private static let name = Parameter<String>(
        "name", in: .path, .text(pattern: JobNames.pattern), "The queue's name.", read: { $0 })

    /// What cannot be a name is no queue's.
    /// - Throws: `scheduler.queue_not_found`.
    private func name(_ call: Call<some Sendable>) throws -> String {
        let name = try call.path(Self.name)
        guard JobNames.isName(name) else { throw SchedulerError(.queueNotFound, "there is no queue of that name") }
        return name
    }

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let after = try call.query(Query.cursor).map(QueueShape.place)
        let limit = try call.limit
        let found = try await scheduler.queues(in: call.workspace, after: after ?? "", limit: limit + 1)
        return .ok(QueueShape.page(found, limit: limit))
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        .ok(QueueShape(try await scheduler.queue(try name(call), in: call.workspace)))
    }

    @Sendable private func change(_ call: Call<QueueChangeRequest>) async throws -> Answer {
        .ok(QueueShape(try await scheduler.changeQueue(try name(call), by: call.body.patch, as: call.principal)))
    }

    @Sendable private func enqueue(_ call: Call<JobListRequest>) async throws -> Answer {
        let name = try name(call)
        let jobs = try call.body.jobs.map { try NewJob($0, queue: name) }
        for job in jobs { try call.principal.check(job.target) }
        let made = try await scheduler.enqueue(jobs, as: call.principal)
        return .created(JobIDsShape(ids: made.map(\.id)))
    }

    @Sendable private func pause(_ call: Call<Void>) async throws -> Answer {
        .ok(QueueShape(try await scheduler.pauseQueue(try name(call), as: call.principal)))
    }

    @Sendable private func resume(_ call: Call<Void>) async throws -> Answer {
        .ok(QueueShape(try await scheduler.resumeQueue(try name(call), as: call.principal)))
    }

    @Sendable private func dead(_ call: Call<Void>) async throws -> Answer {
        let page = try await scheduler.dead(
            in: try name(call), of: call.workspace, before: try call.cursor(of: "dead")?.key, limit: try call.limit)
        return .ok(Page(page.items.map(DeadJobShape.init), next: page.last.map { Cursor("dead", after: $0) }))
    }

    @Sendable private func redrive(_ call: Call<RedriveRequest>) async throws -> Answer {
        .ok(RedrivenShape(count: try await scheduler.redrive(try name(call), call.body.json, as: call.principal)))
    }
}
