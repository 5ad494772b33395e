import CognitionCore
import CognitionEvents
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import Logging
import Synchronization
import Testing

/// A scheduler on a database, with a runner whose jobs tests steer.
struct SchedulerHarness: Sendable {
    static let migrations = NodeLease.migrations + EventLog.migrations + Scheduler.migrations

    let database: any Database
    let scheduler: Scheduler
    let runner: JobRunner
    let script: ScriptedJobs

    init(
        _ database: any Database, clock: any WallClock = SystemWallClock(), script: ScriptedJobs = ScriptedJobs(),
        handlers: [any JobHandler] = [], queueConcurrency: Int = 10, workspaceConcurrency: Int? = nil,
        configure: (inout JobRunner.Settings) -> Void = { _ in }
    ) {
        self.database = database
        self.script = script
        let ids = UUIDGenerator()
        var settings = Scheduler.Settings()
        settings.queueConcurrency = queueConcurrency
        settings.workspaceConcurrency = workspaceConcurrency
        scheduler = Scheduler(database: database, settings: settings, clock: clock, ids: ids)
        var runnerSettings = JobRunner.Settings()
        runnerSettings.polling = .milliseconds(50)
        runnerSettings.grace = .milliseconds(200)
        configure(&runnerSettings)
        runner = JobRunner(
            scheduler, handlers: [script.handler] + handlers, node: ids.next(), settings: runnerSettings, clock: clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Runs jobs while `body` runs.
    func running<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        let run = Task { try await runner.run() }
        do {
            let result = try await body()
            run.cancel()
            try await run.value
            return result
        } catch {
            run.cancel()
            _ = await run.result
            throw error
        }
    }

    @discardableResult
    func create(_ json: JSONValue, as principal: Principal = .localOperator) async throws -> String {
        try await scheduler.create(NewJob(json), as: principal).id
    }

    func enqueue(_ jobs: [JSONValue], to queue: String = "default") async throws -> [String] {
        try await scheduler.enqueue(jobs.map { try NewJob($0, queue: queue) }, as: .localOperator).map(\.id)
    }

    func job(_ id: String) async throws -> JSONValue {
        try await scheduler.job(id, in: .default).json
    }

    func state(_ id: String) async throws -> String? { try await job(id)["state"]?.stringValue }

    /// Waits until a job stands so.
    func until(_ id: String, _ state: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await until(sourceLocation: sourceLocation) { try await self.state(id) == state }
    }

    func until(
        sourceLocation: SourceLocation = #_sourceLocation, _ isSo: () async throws -> Bool
    ) async throws {
        let start = ContinuousClock.now
        while try await !isSo() {
            guard ContinuousClock.now - start < .seconds(30) else {
                Issue.record("it did not come about within 30 s", sourceLocation: sourceLocation)
                throw NotSo()
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    struct NotSo: Error {}

    func count(_ statement: SQL) async throws -> Int {
        try await database.read { tx in try tx.first(statement) { try $0[0] as Int } ?? 0 }
    }

    func events(of queue: String = "default") async throws -> [Event] {
        try await EventLog(database).readStream(StreamName("job_queue", queue), workspace: .default).events
    }

    func explanation(of id: String) async throws -> [String] {
        let reasons = try await scheduler.explain(id, in: .default)["reasons"]?.arrayValue ?? []
        return reasons.compactMap { $0["code"]?.stringValue }
    }
}

/// Jobs that do what their input says: `{do: "ok" | "fail" | "snooze" | "discard" | "brief" | "wait"}`.
final class ScriptedJobs: Sendable {
    private struct State {
        var runs: [RunningJob] = []
        var running = 0
        var runningMax = 0
        var limited: [String: Int] = [:]
        var limitedMax: [String: Int] = [:]
        /// Several where a job that was taken over waits in both places.
        var gates: [String: [Int: CheckedContinuation<Void, any Error>]] = [:]
        var lastGate = 0
        var opened: Set<String> = []
    }

    private let state = Mutex(State())

    /// In the order in which they began.
    var runs: [RunningJob] { state.withLock { $0.runs } }
    var runningMax: Int { state.withLock { $0.runningMax } }
    var running: Int { state.withLock { $0.running } }
    /// How many of a key have run at once.
    var limitedMax: [String: Int] { state.withLock { $0.limitedMax } }

    /// What they were given as `n`, in the order in which they began.
    var numbers: [Int64] { runs.compactMap { $0.input["n"]?.integerValue } }

    var handler: NamedHandler { NamedHandler("script") { job in try await self.run(job) } }

    private func run(_ job: RunningJob) async throws -> JobOutcome {
        state.withLock { state in
            state.runs.append(job)
            state.running += 1
            state.runningMax = max(state.runningMax, state.running)
            guard let key = job.limitKey else { return }
            state.limited[key, default: 0] += 1
            state.limitedMax[key] = max(state.limitedMax[key] ?? 0, state.limited[key] ?? 0)
        }
        defer {
            state.withLock { state in
                state.running -= 1
                if let key = job.limitKey { state.limited[key, default: 0] -= 1 }
            }
        }
        let what = job.input["do"]?.stringValue ?? "ok"
        let failsUntil = job.input["fails"]?.integerValue ?? 0
        if Int64(job.attempt) <= failsUntil { throw JobFailure("test.failed", "as it was told") }
        switch what {
        case "fail": throw JobFailure(job.input["code"]?.stringValue ?? "test.failed", "as it was told")
        case "snooze": return job.input["n"] == nil ? .snoozed(.seconds(60)) : .completed([:])
        case "brief":
            try await Task.sleep(for: .milliseconds(5))
            return .completed([:])
        case "discard": return .discarded(reason: "as it was told")
        case "wait":
            try await wait(for: job.id)
            return .completed(["waited": true])
        case "parents": return .completed(.object(job.parents))
        default: return .completed(job.input)
        }
    }

    private func wait(for id: String) async throws {
        let number = state.withLock { state in
            state.lastGate += 1
            return state.lastGate
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (gate: CheckedContinuation<Void, any Error>) in
                let isOpen = state.withLock { state in
                    if state.opened.contains(id) || Task.isCancelled { return true }
                    state.gates[id, default: [:]][number] = gate
                    return false
                }
                if isOpen { Task.isCancelled ? gate.resume(throwing: CancellationError()) : gate.resume() }
            }
        } onCancel: {
            state.withLock { $0.gates[id]?.removeValue(forKey: number) }?.resume(throwing: CancellationError())
        }
    }

    /// Lets a job that waits go on, or one that will.
    func open(_ id: String) {
        let gates = state.withLock { state in
            state.opened.insert(id)
            return state.gates.removeValue(forKey: id)
        }
        for gate in (gates ?? [:]).values { gate.resume() }
    }
}

/// A job that runs the script.
func script(_ input: JSONValue = [:], _ others: JSONObject = [:]) -> JSONValue {
    var job = others
    job["target"] = ["handler": ["name": "script", "input": input]]
    return .object(job)
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

/// Lends a scheduler on an empty database.
func withScheduler(
    _ engine: TestDatabase.Engine, clock: any WallClock = SystemWallClock(), queueConcurrency: Int = 10,
    workspaceConcurrency: Int? = nil, writers: Int = 2, handlers: [any JobHandler] = [],
    configure: @escaping (inout JobRunner.Settings) -> Void = { _ in },
    _ body: (SchedulerHarness) async throws -> Void
) async throws {
    try await withTestDatabase(engine, migrations: SchedulerHarness.migrations, writers: writers) { database in
        try await body(
            SchedulerHarness(
                database, clock: clock, handlers: handlers, queueConcurrency: queueConcurrency,
                workspaceConcurrency: workspaceConcurrency, configure: configure))
    }
}
