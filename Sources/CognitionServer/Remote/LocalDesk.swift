import CognitionCore
import CognitionEvents
import CognitionHTTP
import CognitionStorage
import CognitionWorkflows

/// Carries commands out in this process, on the data folder.
struct LocalDesk: ExecutionDesk {
    let node: Node

    var serverAddress: ServerAddress? { nil }

    var isWithoutEngine: Bool { node.isOwner && !node.database.isShared }

    func workflows(_ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map { try Cursor($0, of: "workflows").key }
        let found = try await node.workflows.list(after: after ?? 0, limit: page.limit, in: .default)
        return Self.page(found.items.map(\.json), found.next.map { Cursor("workflows", after: $0) })
    }

    func executions(status: ExecutionStatus?, _ page: PageWish) async throws -> JSONValue {
        let before = try page.cursor.map { try Cursor($0, of: "executions").key }
        let found = try await node.workflows.executions(
            ExecutionFilter(status: status), before: before ?? .max, limit: page.limit, in: .default)
        return Self.page(found.items.map(\.json), found.next.map { Cursor("executions", after: $0) })
    }

    func execution(_ id: ExecutionID) async throws -> ExecutionReport {
        try ExecutionReport(try await node.workflows.execution(id, in: .default).json)
    }

    func cancel(_ id: ExecutionID) async throws {
        // Whatever a process that was killed has left in the rows: if the folder is ours, nobody else runs it, unless
        // other nodes share the database.
        if node.isOwner {
            let gone = try NodeFile.last(in: node.configuration.dataDirectory)
            try await node.workflows.freeAbandoned(except: node.ids.next(), gone: gone, now: node.clock.now)
        }
        try await node.workflows.cancel(id, as: .localOperator)
    }

    /// Tokens are those of an engine in this process.
    func follow(
        _ id: ExecutionID, tokens: (@Sendable (TokenUpdate) -> Void)?,
        _ take: @escaping @Sendable (ExecutionEvent) -> Bool
    ) async throws {
        guard let tokens else { return try await followEvents(of: id, take) }
        try await TokenFollower.follow(id, in: .default, of: node.workflows.tokens, tokens) { showTokens in
            try await followEvents(of: id) { event in
                showTokens()
                return take(event)
            }
        }
    }

    private func followEvents(
        of id: ExecutionID, _ take: @escaping @Sendable (ExecutionEvent) -> Bool
    ) async throws {
        let filter = EventFilter(workspace: .default, stream: StreamName("execution", id.description))
        var events = node.log.tail(after: 0, filter: filter, polling: .milliseconds(200)).makeAsyncIterator()
        while true {
            guard let event = try await events.next(within: .seconds(5)).map(ExecutionEvent.init) else {
                try Task.checkCancellation()
                if try await execution(id).isParked { return }  // one that was set aside tells nothing
                continue
            }
            if event.isLast, try await !isEnd(event, of: id) { continue }
            guard take(event), !event.isLast else { return }
        }
    }

    func waitForEnd(of id: ExecutionID) async throws -> ExecutionReport {
        try ExecutionReport(try await node.workflows.waitForEnd(of: id, in: .default, orParked: true).json)
    }

    func withRun<Result: Sendable>(
        _ order: RunOrder, _ body: @escaping @Sendable (StartedRun) async throws -> Result
    ) async throws -> Result {
        let definition = try await node.workflows.read(order.document, as: .localOperator)
        let stored = try await node.workflows.create(definition, isRevision: true, as: .localOperator)
        return try await node.withEngine { engine in try await body(try await start(stored, order, on: engine)) }
    }

    private func start(
        _ stored: StoredWorkflow, _ order: RunOrder, on engine: WorkflowEngine
    ) async throws -> StartedRun {
        func started(_ id: ExecutionID, isContinued: Bool) -> StartedRun {
            StartedRun(
                id: id, workflow: stored.id.description, version: stored.version, isContinued: isContinued)
        }
        if !order.startsNew, let id = try await node.workflows.unfinished(stored, input: order.input) {
            return started(id, isContinued: true)
        }
        let command = ExecuteCommand(
            workflow: stored.id, version: stored.version, input: order.input, priority: order.priority)
        return started(
            try await node.workflows.execute(command, as: .localOperator, on: engine).id, isContinued: false)
    }

    static func page(_ items: [JSONValue], _ next: Cursor?) -> JSONValue {
        ["items": .array(items), "next_cursor": next.map { .string($0.text) } ?? .null]
    }
}
