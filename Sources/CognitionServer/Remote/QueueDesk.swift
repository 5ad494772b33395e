import CognitionCore
import CognitionHTTP
import CognitionScheduler

/// Where queues are looked after: in this process on the data folder, or by the server that holds it.
protocol QueueDesk: Sendable {
    /// As `{items, next_cursor}`.
    func list(_ page: PageWish) async throws -> JSONValue
    /// - Throws: `scheduler.queue_not_found`.
    func show(_ name: String) async throws -> JSONValue
    func pause(_ name: String) async throws -> JSONValue
    func resume(_ name: String) async throws -> JSONValue
    /// Dead letters with their attempts, as `{items, next_cursor}`.
    func dead(_ name: String, _ page: PageWish) async throws -> JSONValue
    /// - Parameter wish: As the body of `POST queues/{name}/dead/redrive`.
    /// - Returns: `{redriven}`.
    func redrive(_ name: String, _ wish: JSONValue) async throws -> JSONValue
}

enum QueueDesks {
    static func withDesk<Result>(
        _ configuration: ServerConfiguration, _ body: (any QueueDesk) async throws -> Result
    ) async throws -> Result {
        try await RemoteServer.withServer(configuration) { server in
            if let server { return try await body(RemoteQueueDesk(server: server)) }
            return try await Node.withNode(configuration, .any) { node in
                try await body(LocalQueueDesk(scheduler: node.scheduler))
            }
        }
    }
}

private struct LocalQueueDesk: QueueDesk {
    let scheduler: Scheduler

    func list(_ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map(QueueShape.place)
        let found = try await scheduler.queues(in: .default, after: after ?? "", limit: page.limit + 1)
        return QueueShape.page(found, limit: page.limit).json
    }

    func show(_ name: String) async throws -> JSONValue {
        QueueShape(try await scheduler.queue(name, in: .default)).json
    }

    func pause(_ name: String) async throws -> JSONValue {
        QueueShape(try await scheduler.pauseQueue(name, as: .localOperator)).json
    }

    func resume(_ name: String) async throws -> JSONValue {
        QueueShape(try await scheduler.resumeQueue(name, as: .localOperator)).json
    }

    func dead(_ name: String, _ page: PageWish) async throws -> JSONValue {
        let before = try page.cursor.map { try Cursor($0, of: "dead").key }
        let found = try await scheduler.dead(in: name, of: .default, before: before, limit: page.limit)
        return Page(found.items.map(DeadJobShape.init), next: found.last.map { Cursor("dead", after: $0) }).json
    }

    func redrive(_ name: String, _ wish: JSONValue) async throws -> JSONValue {
        RedrivenShape(count: try await scheduler.redrive(name, wish, as: .localOperator)).json
    }
}

private struct RemoteQueueDesk: QueueDesk {
    let server: RemoteServer

    func list(_ page: PageWish) async throws -> JSONValue {
        try await server.call("GET", "queues", query: [("limit", String(page.limit)), ("cursor", page.cursor)])
    }

    func show(_ name: String) async throws -> JSONValue { try await server.call("GET", "queues", name) }
    func pause(_ name: String) async throws -> JSONValue { try await server.call("POST", "queues", name, "pause") }
    func resume(_ name: String) async throws -> JSONValue { try await server.call("POST", "queues", name, "resume") }

    func dead(_ name: String, _ page: PageWish) async throws -> JSONValue {
        try await server.call(
            "GET", "queues", name, "dead", query: [("limit", String(page.limit)), ("cursor", page.cursor)])
    }

    func redrive(_ name: String, _ wish: JSONValue) async throws -> JSONValue {
        try await server.call("POST", "queues", name, "dead", "redrive", body: .json(wish))
    }
}
