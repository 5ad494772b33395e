import CognitionCore
import CognitionEvents
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import Logging
import Synchronization
import Testing

/// A sequence of operations, done to a scheduler and to its model at once; throws ``JobModel/Objection`` where they differ.
final class JobModelRun {
    private let database: any Database
    private let clock = ManualClock()
    private let scheduler: Scheduler
    private let steered = SteeredJobs()
    private var runner: JobRunner
    private var model: JobModel
    private var calls = 0

    init(_ database: any Database, flaw: JobModel.Flaw? = nil) async throws {
        self.database = database
        let ids = UUIDGenerator()
        scheduler = Scheduler(database: database, clock: clock, ids: ids)
        model = JobModel(now: Int(clock.now.microseconds), flaw: flaw)
        runner = Self.runner(scheduler, steered, clock)
        for (name, concurrency) in zip(ModelQueue.names, ModelQueue.concurrency) {
            _ = try await scheduler.changeQueue(
                name, by: ["concurrency": .integer(Int64(concurrency))], as: .localOperator)
        }
        try await join()
    }

    private static func runner(_ scheduler: Scheduler, _ steered: SteeredJobs, _ clock: ManualClock) -> JobRunner {
        JobRunner(
            scheduler, handlers: [steered.handler], node: UUIDGenerator().next(), clock: clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func join() async throws {
        let node = runner.node
        try await database.write { tx in
            try tx.execute("INSERT INTO nodes (id, lease_until, joined_at) VALUES (\(node), \(Int64.max), 0)")
        }
        try await runner.beat()
    }

    /// Does all of it, then lets everything come to its end and looks at what the log tells.
    func run(_ operations: [JobOperation]) async throws {
        for operation in operations {
            try await perform(operation)
            try await settle()
        }
        try await drain()
        try await checkLog()
        steered.abandon()
    }

    // MARK: Operations

    private func perform(_ operation: JobOperation) async throws {
        func job(_ number: Int) -> Int? { model.jobs.isEmpty ? nil : number % model.jobs.count }
        switch operation {
        case .enqueue(let plans): try await enqueue(plans)
        case .finish(let number, let finish):
            let running = model.running
            guard !running.isEmpty else { return }
            let job = running[number % running.count]
            steered.finish(model.jobs[job].id, finish)
            model.finish(job, finish)
        case .cancel(let number):
            guard let job = job(number) else { return }
            try await scheduler.cancel(model.jobs[job].id, as: .localOperator)
            model.cancel(job)
        case .pause(let number):
            guard let job = job(number) else { return }
            let id = model.jobs[job].id
            try await expecting(model.pause(job)) { _ = try await self.scheduler.pause(id, as: .localOperator) }
        case .resume(let number):
            guard let job = job(number) else { return }
            let id = model.jobs[job].id
            try await expecting(model.resume(job)) { _ = try await self.scheduler.resume(id, as: .localOperator) }
        case .trigger(let number):
            guard let job = job(number) else { return }
            let id = model.jobs[job].id
            try await expecting(model.trigger(job)) { _ = try await self.scheduler.trigger(id, as: .localOperator) }
        case .pauseQueue(let number):
            _ = try await scheduler.pauseQueue(ModelQueue.names[number % 2], as: .localOperator)
            model.setPaused(true, queue: number % 2)
        case .resumeQueue(let number):
            _ = try await scheduler.resumeQueue(ModelQueue.names[number % 2], as: .localOperator)
            model.setPaused(false, queue: number % 2)
        case .redrive(let number):
            _ = try await scheduler.redrive(ModelQueue.names[number % 2], [:], as: .localOperator)
            model.redrive(queue: number % 2)
        case .clock(let seconds):
            clock.advance(by: .seconds(seconds))
            model.advance(seconds: seconds)
        case .death(let number): try await die(cancelling: number)
        }
    }

    private func enqueue(_ plans: [PlannedJob]) async throws {
        calls += 1
        let known = model.jobs.count
        let made = plans.indices.map { "j\(calls)-\($0)" }
        let places = model.enqueue(plans, ids: made)
        let jobs = plans.indices.map { place -> JSONValue in
            let plan = plans[place]
            let parents = model.parents(of: plan, among: Array(places[..<place]), known: known).map { edge in
                // Of the same call they go by the ids that they are asked for with, whichever jobs they turn out to be.
                let sibling = plan.siblings.first {
                    places[..<place].indices.contains($0.job) && places[$0.job] == edge.parent
                }
                return (id: sibling.map { made[$0.job] } ?? model.jobs[edge.parent].id, condition: edge.condition)
            }
            return plan.json(id: made[place], parents: parents)
        }
        let ids = try await scheduler.enqueue(jobs.map { try NewJob($0) }, as: .localOperator).map(\.id)
        let told = places.map { model.jobs[$0].id }
        guard ids == told else { throw JobModel.Objection(description: "asked for \(made), got \(ids), not \(told)") }
    }

    private func die(cancelling number: Int?) async throws {
        let running = model.running
        let cancelled = number.flatMap { running.isEmpty ? nil : running[$0 % running.count] }
        if let cancelled { try await scheduler.cancel(model.jobs[cancelled].id, as: .localOperator) }
        let node = runner.node
        try await database.write { tx in try NodeLease.end(node, in: tx) }
        steered.abandon()
        runner = Self.runner(scheduler, steered, clock)
        model.death(cancelling: cancelled)
        try await join()
    }

    /// Both do it, or neither can.
    private func expecting(_ can: Bool, _ body: () async throws -> Void) async throws {
        do {
            try await body()
            guard can else { throw JobModel.Objection(description: "it was done, and cannot be") }
        } catch let error as SchedulerError where error.code == .jobStateConflict {
            guard !can else {
                throw JobModel.Objection(description: "it can be done, and was refused: \(error.message)")
            }
        }
    }

    // MARK: Comparing

    private struct Standing: Hashable {
        let id: String
        let state: Int64
        let attempt: Int
        let crashes: Int
        let pending: Int
        let runAt: Int
        let request: Int
    }

    private func standings() async throws -> [Standing] {
        try await database.read { tx in
            try tx.query("SELECT id, state, attempt, crashes, pending, run_at, request FROM jobs ORDER BY key") { row in
                Standing(
                    id: try row[0], state: try row[1], attempt: try row[2], crashes: try row[3], pending: try row[4],
                    runAt: try row[5], request: try row[6])
            }
        }
    }

    /// Lets the runner go on until nothing moves any more, and compares.
    private func settle() async throws {
        var (last, calm) = ([Standing](), 0)
        for _ in 0..<200 {
            runner.wake()
            runner.wakeForTime()
            await runner.heed()
            await steered.waitUntilHeld(runner)
            await runner.step()
            await steered.waitUntilHeld(runner)
            let found = try await standings()
            calm = found == last ? calm + 1 : 0
            last = found
            if calm == 2 { break }
        }
        guard calm == 2 else { throw JobModel.Objection(description: "it does not come to rest") }
        try compare(last)
    }

    private func compare(_ found: [Standing]) throws {
        let byID = Dictionary(uniqueKeysWithValues: found.map { ($0.id, $0) })
        for job in model.jobs.indices {
            guard let real = byID[model.jobs[job].id] else { continue }
            if real.state == 0 { try model.learn(real.runAt, of: job) }
        }
        model.makeDue()
        // The youngest first, as they were asked.
        for job in model.running.sorted(by: { (model.jobs[$0].startedAt, $0) > (model.jobs[$1].startedAt, $1) }) {
            guard let real = byID[model.jobs[job].id], real.attempt == model.jobs[job].attempt - 1,
                [JobState.ready, .limited].contains(where: { $0.rawValue == real.state })
            else { continue }
            try model.yield(job)
        }
        for job in model.jobs.indices where byID[model.jobs[job].id]?.state == JobState.running.rawValue {
            if model.jobs[job].state != .running { try model.start(job) }
        }
        guard found.count == model.jobs.count else {
            throw JobModel.Objection(description: "there are \(found.count) jobs, not \(model.jobs.count)")
        }
        for job in model.jobs {
            guard let real = byID[job.id], let state = JobState(rawValue: real.state) else {
                throw JobModel.Objection(description: "\(job.id) is not there")
            }
            // One whose key has no room is as ready as any.
            let name = state == .limited ? "ready" : state.name
            guard name == job.state.rawValue, real.attempt == job.attempt, real.crashes == job.crashes,
                real.pending == job.pending
            else {
                throw JobModel.Objection(
                    description: """
                        \(job.id) is \(state) (attempt \(real.attempt), crashes \(real.crashes), waits for \(real.pending)), \
                        not \(job.state) (attempt \(job.attempt), crashes \(job.crashes), waits for \(job.pending))
                        """)
            }
        }
        try model.checkNothingWaits()
    }

    // MARK: The end

    /// Whatever has happened, everything can come to its end.
    private func drain() async throws {
        for queue in ModelQueue.names.indices { try await perform(.resumeQueue(queue)) }
        for job in model.jobs.indices where model.jobs[job].state == .paused { try await perform(.resume(job)) }
        try await settle()
        for _ in 0..<200 where model.jobs.contains(where: { !$0.state.hasEnded }) {
            for job in model.running {
                steered.finish(model.jobs[job].id, .ok)
                model.finish(job, .ok)
            }
            try await perform(.clock(seconds: 61))
            try await settle()
        }
        let left = model.jobs.filter { !$0.state.hasEnded }.map { "\($0.id) is \($0.state)" }
        guard left.isEmpty else { throw JobModel.Objection(description: "for ever: \(left.joined(separator: ", "))") }
    }

    /// Every end is told once.
    private func checkLog() async throws {
        var told: [String: Int] = [:]
        for name in ModelQueue.names {
            let events = try await EventLog(database).readStream(StreamName("job_queue", name), workspace: .default)
                .events
            for event in events where event.type.hasPrefix("job.") {
                told[event.data["job_id"]?.stringValue ?? "", default: 0] += 1
            }
        }
        for job in model.jobs where told[job.id] ?? 0 != job.ends {
            throw JobModel.Objection(
                description: "\(job.id) has ended \(job.ends) times, and the log tells \(told[job.id] ?? 0)")
        }
    }
}

extension PlannedJob {
    fileprivate func json(id: String, parents: [(id: String, condition: JobCondition)]) -> JSONValue {
        var job: JSONObject = [
            "id": .string(id), "queue": .string(ModelQueue.names[queue]), "priority": .string(priority.name),
            "target": ["handler": ["name": "steered", "input": ["id": .string(id)]]],
            "cascade": .string(cascade.rawValue),
            "retry": [
                "attempts": .integer(Int64(attempts)), "delay_seconds": .integer(Int64(JobModel.retryDelay)),
                "multiplier": 1,
            ],
            "depends_on": .array(
                parents.map { ["job": .string($0.id), "on": .string($0.condition.rawValue)] }),
        ]
        if delay > 0 { job["delay_seconds"] = .integer(Int64(delay)) }
        if let unique {
            var key: JSONObject = ["key": .string("u\(unique)")]
            if let uniqueWindow { key["window_seconds"] = .integer(Int64(uniqueWindow)) }
            key["states"] = staysUnique ? ["completed"] : ["ready"]
            job["unique"] = .object(key)
        }
        if let limit {
            var bounds: JSONObject = ["key": .string(limit.rawValue), "amount": .integer(Int64(amount))]
            if let most = limit.concurrency { bounds["concurrency"] = .integer(Int64(most)) }
            if let rate = limit.rate {
                bounds["rate"] = ["amount": .integer(Int64(rate.amount)), "per_seconds": .integer(Int64(rate.seconds))]
            }
            job["limit"] = .object(bounds)
        }
        return .object(job)
    }
}

/// Jobs that run until they are told what has come of them.
final class SteeredJobs: Sendable {
    private struct State {
        var held: [String: (token: Int64, gate: CheckedContinuation<JobOperation.Finish, any Error>)] = [:]
    }

    private let state = Mutex(State())

    var handler: NamedHandler { NamedHandler("steered") { job in try await self.run(job) } }

    private func run(_ job: RunningJob) async throws -> JobOutcome {
        let finish = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { gate in
                let isCancelled = state.withLock { state in
                    guard !Task.isCancelled else { return true }
                    state.held[job.id] = (job.fencingToken, gate)
                    return false
                }
                if isCancelled { gate.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            let gate = state.withLock { state in
                state.held[job.id]?.token == job.fencingToken ? state.held.removeValue(forKey: job.id)?.gate : nil
            }
            gate?.resume(throwing: CancellationError())
        }
        switch finish {
        case .ok: return .completed([:])
        case .fail: throw JobFailure("test.failed", "as it was told")
        case .failFinally: throw JobFailure("test.failed", "as it was told", isFinal: true)
        case .snooze: return .snoozed(.seconds(JobModel.snooze))
        case .discard: return .discarded(reason: "as it was told")
        }
    }

    func finish(_ id: String, _ finish: JobOperation.Finish) {
        state.withLock { $0.held.removeValue(forKey: id) }?.gate.resume(returning: finish)
    }

    /// Their process is gone; nobody hears what becomes of them.
    func abandon() {
        let held = state.withLock { state in
            defer { state.held = [:] }
            return state.held
        }
        for job in held.values { job.gate.resume(throwing: CancellationError()) }
    }

    /// Waits until each job of a runner stands still.
    func waitUntilHeld(_ runner: JobRunner) async {
        while state.withLock({ $0.held.count }) != runner.running { await Task.yield() }
    }
}
