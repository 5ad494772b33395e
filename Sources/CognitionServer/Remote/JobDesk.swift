import CognitionCore
import CognitionHTTP
import CognitionScheduler

/// Where jobs are looked after: in this process on the data folder, or by the server that holds it.
protocol JobDesk: Sendable {
    /// As `{items, next_cursor}`.
    func list(_ wish: JobWish, _ page: PageWish) async throws -> JSONValue
    /// - Throws: `scheduler.job_not_found`, as the others.
    func show(_ id: String) async throws -> JSONValue
    func explain(_ id: String) async throws -> JSONValue
    /// Runs of a schedule, or attempts at a job, as `{items, next_cursor}`.
    func runs(_ id: String, _ page: PageWish) async throws -> JSONValue
    /// - Parameter job: As the body of `POST jobs`.
    /// - Returns: The job; of several `{ids}`.
    func create(_ job: JSONValue) async throws -> JSONValue
    func cancel(_ id: String) async throws
    /// - Returns: The job that runs.
    func trigger(_ id: String) async throws -> JSONValue
    func pause(_ id: String) async throws -> JSONValue
    func resume(_ id: String) async throws -> JSONValue
}

/// Which jobs are to be listed.
struct JobWish: Sendable {
    var queue: String?
    var state: String?
    /// `name:value`.
    var tags: [String] = []
    var isRecurring: Bool?
}

enum JobDesks {
    static func withDesk<Result>(
        _ configuration: ServerConfiguration, _ body: (any JobDesk) async throws -> Result
    ) async throws -> Result {
        try await RemoteServer.withServer(configuration) { server in
            if let server { return try await body(RemoteJobDesk(server: server)) }
            return try await Node.withNode(configuration, .any) { node in
                try await body(LocalJobDesk(scheduler: node.scheduler))
            }
        }
    }
}

private struct LocalJobDesk: JobDesk {
    let scheduler: Scheduler

    func list(_ wish: JobWish, _ page: PageWish) async throws -> JSONValue {
        var filter = Scheduler.Filter()
        filter.queue = wish.queue
        filter.state = wish.state
        filter.tags = wish.tags.compactMap(JobTag.read)
        filter.isRecurring = wish.isRecurring
        let after = try page.cursor.map(JobShape.place)
        let found = try await scheduler.jobs(filter, in: .default, after: after, limit: page.limit + 1)
        return JobShape.page(found, limit: page.limit).json
    }

    func show(_ id: String) async throws -> JSONValue { try await shape(id) }

    private func shape(_ id: String) async throws -> JSONValue {
        JobShape(job: try await scheduler.job(id, in: .default)).json
    }

    func explain(_ id: String) async throws -> JSONValue { try await scheduler.explain(id, in: .default) }

    func runs(_ id: String, _ page: PageWish) async throws -> JSONValue {
        let before = try page.cursor.map { try Cursor($0, of: "runs").key }
        let found = try await scheduler.runs(of: id, in: .default, before: before, limit: page.limit)
        return Page(
            found.items.map { JobRunShape($0, of: id) }, next: found.last.map { Cursor("runs", after: $0) }
        ).json
    }

    func create(_ job: JSONValue) async throws -> JSONValue {
        switch try NewJobRequest(json: job).content {
        case .one(let job):
            return try await shape(
                try await scheduler.create(job, as: .localOperator, renewsEnded: true).id)
        case .graph(let jobs):
            return JobIDsShape(ids: try await scheduler.enqueue(jobs, as: .localOperator).map(\.id)).json
        }
    }

    func cancel(_ id: String) async throws { try await scheduler.cancel(id, as: .localOperator) }

    func trigger(_ id: String) async throws -> JSONValue {
        try await shape(try await scheduler.trigger(id, as: .localOperator))
    }

    func pause(_ id: String) async throws -> JSONValue {
        JobShape(job: try await scheduler.pause(id, as: .localOperator)).json
    }

    func resume(_ id: String) async throws -> JSONValue {
        JobShape(job: try await scheduler.resume(id, as: .localOperator)).json
    }
}

private struct RemoteJobDesk: JobDesk {
    let server: RemoteServer

    func list(_ wish: JobWish, _ page: PageWish) async throws -> JSONValue {
        try await server.call(
            "GET", "jobs",
            query: [
                ("queue", wish.queue), ("state", wish.state), ("recurring", wish.isRecurring.map(String.init)),
                ("limit", String(page.limit)), ("cursor", page.cursor),
            ] + wish.tags.map { ("tag", $0) })
    }

    func show(_ id: String) async throws -> JSONValue { try await server.call("GET", "jobs", id) }
    func explain(_ id: String) async throws -> JSONValue { try await server.call("GET", "jobs", id, "explain") }

    func runs(_ id: String, _ page: PageWish) async throws -> JSONValue {
        try await server.call(
            "GET", "jobs", id, "runs", query: [("limit", String(page.limit)), ("cursor", page.cursor)])
    }

    func create(_ job: JSONValue) async throws -> JSONValue {
        try await server.call("POST", "jobs", body: .json(job))
    }

    func cancel(_ id: String) async throws { try await server.remove("jobs", id) }
    func trigger(_ id: String) async throws -> JSONValue { try await server.call("POST", "jobs", id, "trigger") }
    func pause(_ id: String) async throws -> JSONValue { try await server.call("POST", "jobs", id, "pause") }
    func resume(_ id: String) async throws -> JSONValue { try await server.call("POST", "jobs", id, "resume") }
}
