import CognitionCore
import CognitionEvents
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Logging
import Metrics
import Synchronization
import Testing

@testable import CognitionServer

/// An engine on a database, with functions that tests steer.
struct EngineHarness: Sendable {
    static let migrations = NodeLease.migrations + EventLog.migrations + Workflows.migrations
    /// With what keeps schedules.
    static let scheduledMigrations = migrations + Scheduler.migrations

    let database: any Database
    let workflows: Workflows
    let engine: WorkflowEngine
    let script: ScriptedFunction
    /// `nil` where workflows start only when they are asked to.
    let schedules: Schedules?

    /// What starts workflows by their schedules, as a server has it.
    struct Schedules: Sendable {
        let scheduler: Scheduler
        let runner: JobRunner
    }

    /// - Parameter isScheduled: The database has ``scheduledMigrations``, and workflows start by themselves.
    init(
        _ database: any Database, script: ScriptedFunction = ScriptedFunction(),
        functions others: [any TaskFunction] = [], http: any OutboundHTTP = NoHTTP(),
        sandbox: (any ProcessSandbox)? = nil, processes: ProcessRules = ProcessRules(),
        cipher: (any SecretCipher)? = nil, clock: any WallClock = SystemWallClock(),
        engineClock: (any WallClock)? = nil, isScheduled: Bool = false,
        configure: (inout WorkflowEngine.Settings) -> Void = { _ in }
    ) {
        let ids = UUIDGenerator()
        self.database = database
        self.script = script
        let functions = [script] + others
        let scheduler = Scheduler(database: database, clock: clock, ids: ids)
        workflows = Workflows(
            database: database, functions: functions, processes: processes, cipher: cipher, clock: clock, ids: ids,
            http: http, keeper: isScheduled ? WorkflowSchedules(scheduler) : nil)
        var settings = WorkflowEngine.Settings()
        settings.pollInterval = .milliseconds(20)
        configure(&settings)
        let executor = EffectExecutor(
            functions: functions, http: http, sandbox: sandbox, workflows: workflows, clock: engineClock ?? clock)
        engine = WorkflowEngine(
            workflows: workflows, executor: executor, node: ids.next(), clock: engineClock ?? clock, settings: settings,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        guard isScheduled else {
            schedules = nil
            return
        }
        let runner = JobRunner(
            scheduler, handlers: [WorkflowJobs(workflows, on: engine)], node: engine.node, clock: engineClock ?? clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, metrics: NOOPMetricsHandler.instance)
        schedules = Schedules(scheduler: scheduler, runner: runner)
    }

    /// Runs the engine while `body` runs.
    func running<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        let run = Task {
            guard let schedules else { return try await engine.run() }
            try await workflows.handOverSchedules()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await engine.run() }
                group.addTask { try await schedules.runner.run() }
                // A clock that stands still is moved by hand, and rings nobody.
                group.addTask {
                    while !Task.isCancelled {
                        database.signals.wakeHere([.jobs, .jobsDue])
                        try? await Task.sleep(for: .milliseconds(20))
                    }
                }
                try await group.waitForAll()
            }
        }
        func end() async throws {
            // A test may be over before the engine has begun.
            do { try await run.value } catch is CancellationError {}
        }
        do {
            let result = try await body()
            run.cancel()
            try await end()
            return result
        } catch {
            run.cancel()
            _ = await run.result
            throw error
        }
    }

    func execute(_ document: String, input: JSONValue = [:], key: String? = nil) async throws -> ExecutionID {
        let stored = try await workflows.create(workflows.read(document, as: .localOperator), as: .localOperator)
        let command = ExecuteCommand(
            workflow: stored.id, version: stored.version, input: input, idempotencyKey: key)
        return try await workflows.execute(command, as: .localOperator, on: engine).id
    }

    /// Stores a workflow of namespace `test` without executing it.
    func store(
        _ name: String, _ version: String = "1.0.0", body: String = "- a: {set: {n: 1}}",
        as principal: Principal = .localOperator
    ) async throws -> StoredWorkflow {
        try await workflows.create(workflows.validate(workflow(name, version, body)), as: principal)
    }

    /// Leaves an execution to whichever engine claims it.
    func leave(_ stored: StoredWorkflow, as principal: Principal = .localOperator) async throws -> ExecutionID {
        try await workflows.execute(ExecuteCommand(workflow: stored.id, version: stored.version), as: principal).id
    }

    /// By the database's clock this node's lease has run out.
    func expireLease() async throws {
        let node = engine.node
        try await database.write { tx in
            _ = try tx.execute("UPDATE nodes SET lease_until = 0 WHERE id = \(node)")
        }
    }

    /// Others have taken this node for dead, where there can be others.
    func clearAway() async throws {
        let node = engine.node
        try await database.write { tx in try NodeLease.clear([node], in: tx) }
    }

    func events(of stream: StreamName, in workspace: WorkspaceID = .default) async throws -> [Event] {
        try await EventLog(database).readStream(stream, workspace: workspace).events
    }

    func count(_ statement: SQL) async throws -> Int {
        try await database.read { tx in try tx.first(statement) { try $0[0] as Int } ?? 0 }
    }

    func end(of id: ExecutionID) async throws -> Execution {
        try await workflows.waitForEnd(of: id, in: .default)
    }

    func types(of id: ExecutionID) async throws -> [String] {
        let filter = EventFilter(workspace: .default, stream: StreamName("execution", id.description))
        return try await EventLog(database).readAll(filter: filter).events.map(\.type)
    }
}

/// A document of namespace `test`.
func workflow(_ name: String, _ version: String, _ body: String) -> String {
    let tasks = body.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n")
    return "document: {dsl: 1.0.3, namespace: test, name: \(name), version: \(version)}\ndo:\n\(tasks)"
}

/// Expects that `body` throws an error with this code.
func expect<Value>(
    _ code: ErrorCode, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Value
) async {
    do {
        _ = try await body()
        Issue.record("nothing was thrown instead of \(code.name)", sourceLocation: sourceLocation)
    } catch {
        #expect((error as? any CodedError)?.code == code, sourceLocation: sourceLocation)
    }
}

/// `call: script`: gives its arguments back, after whatever the test makes it do.
final class ScriptedFunction: TaskFunction {
    let name = "script"
    let signature: FunctionSignature
    private let calls = Mutex<[String]>([])
    private let body: @Sendable (TaskInvocation) async throws -> Void

    init(
        effect: EffectClass = .idempotent, _ body: @escaping @Sendable (TaskInvocation) async throws -> Void = { _ in }
    ) {
        signature = FunctionSignature(effect: effect)
        self.body = body
    }

    /// What has been called, as an outside ledger sees it.
    var ledger: [String] { calls.withLock { $0 } }

    func call(_ invocation: TaskInvocation) async throws -> TaskOutcome {
        calls.withLock { $0.append("\(invocation.task) \(invocation.arguments.jsonText)") }
        try await body(invocation)
        return TaskOutcome(output: invocation.arguments)
    }
}

struct NoHTTP: OutboundHTTP {
    func send(_ request: OutboundRequest) async throws -> OutboundResponse {
        throw OutboundHTTPError(OutboundHTTPError.unreachable, "there is no network in this test")
    }
}

/// Lets a test hold functions until it opens the gate, and know when one has arrived.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var arrived = 0
        var held: [CheckedContinuation<Void, Never>] = []
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    func pass() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state -> [CheckedContinuation<Void, Never>] in
                    state.arrived += 1
                    var ready: [CheckedContinuation<Void, Never>] = []
                    if state.isOpen || Task.isCancelled {
                        ready.append(continuation)
                    } else {
                        state.held.append(continuation)
                    }
                    ready += state.watchers.filter { $0.count <= state.arrived }.map(\.continuation)
                    state.watchers.removeAll { $0.count <= state.arrived }
                    return ready
                }
                for continuation in ready { continuation.resume() }
            }
        } onCancel: {
            open(forever: false)
        }
    }

    /// Returns once so many have come to the gate.
    func arrival(of count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.arrived < count { state.watchers.append((count, continuation)) }
                return state.arrived >= count
            }
            if isThere { continuation.resume() }
        }
    }

    func open(forever: Bool = true) {
        let held = state.withLock { state in
            if forever { state.isOpen = true }
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }
}
