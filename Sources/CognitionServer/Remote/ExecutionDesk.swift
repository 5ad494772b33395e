import CognitionCore
import CognitionWorkflows

/// Where commands about workflows and executions are carried out: in this process on the data folder, or by the server that
/// holds it. Commands do not care which.
///
/// Everything is done as the principal `operator` in the workspace `default`, on either way.
protocol ExecutionDesk: ExecutionControlDesk, ExecutionHistoryDesk {
    /// Who carries the commands out; `nil` for this process.
    var serverAddress: ServerAddress? { get }

    /// No engine runs while this process works: what is left for one is not done meanwhile.
    var isWithoutEngine: Bool { get }

    /// Workflows, each with its highest version, as `{items, next_cursor}`.
    func workflows(_ page: PageWish) async throws -> JSONValue

    /// Executions, newest first, as `{items, next_cursor}`.
    func executions(status: ExecutionStatus?, _ page: PageWish) async throws -> JSONValue

    /// - Throws: `workflow.execution_not_found`.
    func execution(_ id: ExecutionID) async throws -> ExecutionReport

    /// Asks for the end of an execution; it may take whoever runs it a moment.
    /// - Throws: `workflow.execution_ended`, `workflow.execution_not_found`.
    func cancel(_ id: ExecutionID) async throws

    /// Tells the events of an execution from its first, in their order, until it has ended, only a person can make it go on,
    /// or `take` answers false.
    ///
    /// - Parameter tokens: Told what tasks are writing meanwhile, as far as it can be seen from here: before the event of the
    ///   task's end, and each at a time. `nil` when that is not wanted.
    func follow(
        _ id: ExecutionID, tokens: (@Sendable (TokenUpdate) -> Void)?,
        _ take: @escaping @Sendable (ExecutionEvent) -> Bool
    ) async throws

    /// Waits until an execution has ended, or only a person can make it go on.
    func waitForEnd(of id: ExecutionID) async throws -> ExecutionReport

    /// Stores a document and starts it, or goes on with an unfinished execution of the same document and input, and sees
    /// that it runs while `body` does.
    func withRun<Result: Sendable>(
        _ order: RunOrder, _ body: @escaping @Sendable (StartedRun) async throws -> Result
    ) async throws -> Result
}

/// Which piece of a list is wanted.
struct PageWish: Sendable {
    /// The `next_cursor` of the piece before; it is good on either way.
    var cursor: String? = nil
    /// 1...200.
    var limit: Int
}

/// What `workflow run` is asked for.
struct RunOrder: Sendable {
    /// YAML or JSON.
    var document: String
    var input: JSONValue
    /// Starts another execution even if an unfinished one exists.
    var startsNew: Bool
    /// 0...9; `nil` leaves it to the document.
    var priority: Int?
}

struct StartedRun: Sendable {
    let id: ExecutionID
    /// `namespace.name`
    let workflow: String
    let version: String
    /// It was there, unfinished.
    let isContinued: Bool
}

extension ExecutionDesk {
    func follow(_ id: ExecutionID, _ take: @escaping @Sendable (ExecutionEvent) -> Bool) async throws {
        try await follow(id, tokens: nil, take)
    }

    /// Whether an event is the end of its execution, and not one that a retry has taken back.
    func isEnd(_ event: ExecutionEvent, of id: ExecutionID) async throws -> Bool {
        let report = try await execution(id)
        guard report.status.hasEnded else { return false }
        return report.endedAt.flatMap(Timestamp.init).map { event.time >= $0 } ?? true
    }

    /// Waits for an execution whose end was asked for, a few seconds at most.
    func waitForCancellation(of id: ExecutionID) async throws -> ExecutionReport {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(5)
        var pause = Duration.milliseconds(20)
        while true {
            let report = try await execution(id)
            let isLeft = isWithoutEngine && report.reason == StatusReason.compensating.rawValue
            if report.status.hasEnded || isLeft || clock.now >= deadline { return report }
            try await clock.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(500))
        }
    }
}

/// The way to a desk.
enum ExecutionDesks {
    /// Lends the desk of the server that holds the data folder, else one in this process.
    ///
    /// - Parameters:
    ///   - access: What this process is to the folder when no server holds it.
    ///   - folders: Folders that `call: documents` of this process may read.
    static func withDesk<Result>(
        _ configuration: ServerConfiguration, _ access: Node.Access, folders: [String] = [],
        _ body: (any ExecutionDesk) async throws -> Result
    ) async throws -> Result {
        try await RemoteServer.withServer(configuration) { server in
            if let server { return try await body(RemoteDesk(server: server)) }
            return try await Node.withNode(configuration, access, folders: folders) { node in
                try await body(LocalDesk(node: node))
            }
        }
    }
}
