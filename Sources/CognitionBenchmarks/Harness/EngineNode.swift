import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionWorkflows
import Logging
import Synchronization

/// A database with the workflows and the engine of one process, put together as the server does.
struct EngineNode: Sendable {
    let database: any Database
    let workflows: Workflows
    let engine: WorkflowEngine
    let noop: NoopFunction

    static let principal = Principal.localOperator

    /// Opens a database, runs an engine while `body` runs, and closes both.
    static func with<Result: Sendable>(
        _ engine: BenchEngine, _ body: @escaping @Sendable (EngineNode) async throws -> Result
    ) async throws -> Result {
        let node = try await EngineNode(engine)
        let running = Task { try await node.engine.run() }  // ended below, whatever the body does
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(node)) } catch { result = .failure(error) }
        running.cancel()
        let end = await running.result
        await node.database.close()
        if case .failure(let error) = end, case .success = result { throw error }
        return try result.get()
    }

    private init(_ engine: BenchEngine) async throws {
        let clock = SystemWallClock()
        let ids = UUIDGenerator(clock: clock)
        database = try await engine.open()
        try await database.migrate(NodeLease.migrations + EventLog.migrations + Workflows.migrations, now: clock.now)
        noop = NoopFunction()
        workflows = Workflows(database: database, functions: [noop], clock: clock, ids: ids)
        var logger = Logger(label: "bench")
        logger.logLevel = .warning
        let executor = EffectExecutor(functions: [noop], http: NoHTTP(), workflows: workflows, clock: clock)
        self.engine = WorkflowEngine(
            workflows: workflows, executor: executor, node: ids.next(), clock: clock, logger: logger)
    }

    /// Stores a document.
    func create(_ document: String) async throws -> ExecuteCommand {
        let definition = try workflows.validate(document)
        let stored = try await workflows.create(definition, as: Self.principal)
        return ExecuteCommand(workflow: stored.id, version: stored.version, input: ["number": 1])
    }

    /// Runs an execution to its end, as its caller sees it.
    func complete(_ command: ExecuteCommand) async throws {
        let started = try await workflows.execute(command, as: Self.principal, on: engine)
        let ended = try await workflows.waitForEnd(of: started.id, in: Self.principal.workspace)
        guard ended.status == .completed else { throw BenchmarkFailure("an execution was \(ended.status)") }
    }

    /// Three tasks with an effect, each of which has to be durable before the next one begins.
    static let threeTasks = """
        document: {dsl: '1.0.0', namespace: default, name: three-tasks, version: '1.0.0'}
        do:
          - a: {call: noop}
          - b: {call: noop}
          - c: {call: noop}
        """

    static let waiting = """
        document: {dsl: '1.0.0', namespace: default, name: waiting, version: '1.0.0'}
        do:
          - pause: {wait: PT1H}
        """
}

/// `call: noop`: does nothing, at once. Remembers when, when it is asked to.
final class NoopFunction: TaskFunction {
    let name = "noop"
    let signature = FunctionSignature(effect: .idempotent)
    private let calls = Mutex<[ContinuousClock.Instant]?>(nil)

    func call(_ invocation: TaskInvocation) async throws -> TaskOutcome {
        calls.withLock { $0?.append(.now) }
        return TaskOutcome(output: .null)
    }

    func remember() { calls.withLock { $0 = [] } }

    /// When it was called since the last time it was asked.
    func takeCalls() -> [ContinuousClock.Instant] {
        calls.withLock { calls in
            defer { calls = [] }
            return calls ?? []
        }
    }
}

/// The benchmarks call nobody.
private struct NoHTTP: OutboundHTTP {
    func send(_ request: OutboundRequest) async throws -> OutboundResponse {
        throw OutboundHTTPError(OutboundHTTPError.refused, "benchmarks have no way out")
    }
}
