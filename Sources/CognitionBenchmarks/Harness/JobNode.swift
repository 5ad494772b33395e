import CognitionCore
import CognitionEvents
import CognitionScheduler
import CognitionStorage
import Logging
import Synchronization

/// A scheduler on a database, with a runner for jobs that do nothing.
final class JobNode: Sendable {
    static let migrations = NodeLease.migrations + EventLog.migrations + Scheduler.migrations

    let database: any Database
    let scheduler: Scheduler
    private let runner: JobRunner
    private let starts: Starts

    /// When jobs were started, and how many.
    final class Starts: Sendable {
        private struct State {
            var count = 0
            var last = ContinuousClock.now
        }
        private let state = Mutex(State())

        func note() {
            let now = ContinuousClock.now
            state.withLock { state in
                state.count += 1
                state.last = now
            }
        }

        var count: Int { state.withLock { $0.count } }
        var last: ContinuousClock.Instant { state.withLock { $0.last } }
    }

    init(_ database: any Database, concurrency: Int) {
        self.database = database
        let ids = UUIDGenerator()
        var settings = Scheduler.Settings()
        settings.queueConcurrency = concurrency
        scheduler = Scheduler(database: database, settings: settings, ids: ids)
        var runnerSettings = JobRunner.Settings()
        runnerSettings.slots = concurrency
        let starts = Starts()
        self.starts = starts
        let nothing = NamedHandler("nothing") { _ in
            starts.note()
            return .completed([:])
        }
        var logger = Logger(label: "bench")
        logger.logLevel = .warning
        runner = JobRunner(scheduler, handlers: [nothing], node: ids.next(), settings: runnerSettings, logger: logger)
    }

    /// Opens it on an engine, and closes it behind `body`.
    static func with<Value>(
        _ engine: BenchEngine, concurrency: Int = 512, _ body: (JobNode) async throws -> Value
    ) async throws -> Value {
        let database = try await engine.open()
        do {
            try await database.migrate(migrations, now: SystemWallClock().now)
            let value = try await body(JobNode(database, concurrency: concurrency))
            await database.close()
            return value
        } catch {
            await database.close()
            throw error
        }
    }

    static let nothing = NewJob(target: JobTarget(kind: "handler:nothing", input: [:]))

    var started: Int { starts.count }
    var lastStart: ContinuousClock.Instant { starts.last }

    func enqueue(_ count: Int, delay: Duration? = nil) async throws {
        var job = Self.nothing
        job.delay = delay
        try await scheduler.enqueue([NewJob](repeating: job, count: count), as: .localOperator)
    }

    /// Runs jobs while `body` runs.
    func running<Value>(_ body: () async throws -> Value) async throws -> Value {
        let run = Task { try await runner.run() }
        do {
            let value = try await body()
            run.cancel()
            try await run.value
            return value
        } catch {
            run.cancel()
            _ = await run.result
            throw error
        }
    }

    /// Waits until so many jobs have been started since the beginning.
    func untilStarted(_ count: Int) async throws {
        while started < count { try await Task.sleep(for: .microseconds(200)) }
    }

    /// Jobs that have not ended.
    func unfinished() async throws -> Int {
        try await database.read { tx in
            try tx.first("SELECT COUNT(*) FROM jobs WHERE state IN (1, 2)") { try $0[0] as Int } ?? 0
        }
    }
}
