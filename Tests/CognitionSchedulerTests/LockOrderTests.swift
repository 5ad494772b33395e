import CognitionCore
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import Synchronization
import Testing

/// Everything that locks, at once, on one PostgreSQL. Each caller has a connection of its own, and a
/// transaction has one body: those of a round wait for each other in whichever order they came, and are repeated.
@Suite("The order of locks", .timeLimit(.minutes(3))) struct LockOrderTests {
    private static let length: Duration = .seconds(6)

    /// Before locks had an order there were up to twelve in this time.
    private static let circlesMax = 4

    @Test("Whatever is done at once, hardly anybody waits in a circle, and all goes on")
    func noCircle() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        let clock = ManualClock()
        let jobs = ScriptedJobs()
        let deadlocks = try await TestPostgres.deadlocks { url in
            try await withConnection(url, SchedulerHarness.migrations) { first in
                let deadline = ContinuousClock.now + Self.length
                try await Caller(SchedulerHarness(first, clock: clock, script: jobs), seed: seed).prepare()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<2 {
                        group.addTask { try await work(number, url, clock, jobs, until: deadline) }
                    }
                    for number in 1...5 {
                        group.addTask {
                            try await withConnection(url) { database in
                                var caller = Caller(
                                    SchedulerHarness(database, clock: clock, script: jobs), seed: seed &+ UInt64(number)
                                )
                                while ContinuousClock.now < deadline { try await caller.act() }
                            }
                        }
                    }
                    group.addTask {
                        while ContinuousClock.now < deadline {
                            clock.advance(by: .milliseconds(200))
                            try await Task.sleep(for: .milliseconds(5))
                        }
                    }
                    try await group.waitForAll()
                }
                for (what, condition) in [
                    ("completed", "state = 3"), ("cancelled", "state = 5"),
                    ("of a schedule", "schedule_key IS NOT NULL"),
                    ("lost", "crashes > 0"), ("limited", "limit_key IS NOT NULL AND state = 3"),
                ] as [(String, SQL)] {
                    let count = try await first.read { tx in
                        try tx.first("SELECT COUNT(*) FROM jobs WHERE \(condition)") { try $0[0] as Int } ?? 0
                    }
                    #expect(count > 10, "only \(count) were \(what)")
                }
            }
        }
        // One that is there is ended by the database, and what it undoes is done again.
        #expect(deadlocks <= Self.circlesMax, "seed \(seed)")
    }

    /// Runs jobs as a node that others take for dead now and then, while it ends what it has.
    private func work(
        _ number: Int, _ url: String, _ clock: ManualClock, _ jobs: ScriptedJobs,
        until deadline: ContinuousClock.Instant
    ) async throws {
        try await withConnection(url) { database in
            let harness = SchedulerHarness(database, clock: clock, script: jobs) { settings in
                settings.polling = .milliseconds(20)
                settings.heartbeat = .milliseconds(200)
            }
            let node = harness.runner.node
            @Sendable func join() async throws {
                try await database.write { tx in
                    try tx.execute(
                        """
                        INSERT INTO nodes (id, lease_until, joined_at) VALUES (\(node), \(Int64.max), 0)
                        ON CONFLICT DO NOTHING
                        """)
                }
            }
            try await join()
            try await harness.running {
                while ContinuousClock.now < deadline {
                    try await Task.sleep(for: .milliseconds(number == 0 ? 310 : 170))
                    try await database.write { tx in try NodeLease.clear([node], in: tx) }
                    try await Task.sleep(for: .milliseconds(20))
                    try await join()
                }
            }
        }
    }

    @Test("A circle is found where there is one")
    func circle() async throws {
        let deadlocks = try await TestPostgres.deadlocks { url in
            let names = ["a", "b"]
            try await withConnection(url, SchedulerHarness.migrations) { _ in }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for order in [names, names.reversed()] {
                    group.addTask {
                        try await withConnection(url) { database in
                            try await database.write { tx in
                                for name in order {
                                    try tx.lock(name)
                                    _ = try tx.first("SELECT 1 FROM pg_sleep(0.5)") { try $0[0] as Int }
                                }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        #expect(deadlocks > 0)
    }
}

/// Lends a database with one connection that writes, one body at a time.
private func withConnection(
    _ url: String, _ migrations: [Migration] = [], _ body: (any Database) async throws -> Void
) async throws {
    try await lend(try await openPostgres(url, writers: 1, requestsPerTransaction: 1), migrations) {
        try await body($0)
    }
}

/// Does what somebody may do, by chance, and takes a refusal for an answer.
private struct Caller {
    private static let queues = ["first", "second"]
    private static let schedules = (0..<12).map { "schedule-\($0)" }

    private let harness: SchedulerHarness
    private var random: SplitMix64

    init(_ harness: SchedulerHarness, seed: UInt64) {
        self.harness = harness
        random = SplitMix64(seed: seed)
    }

    private var scheduler: Scheduler { harness.scheduler }

    /// Makes schedules of every policy, and queues that let little through.
    func prepare() async throws {
        for name in Self.queues {
            _ = try await scheduler.changeQueue(
                name, by: ["concurrency": 6, "keep_completed_seconds": 20], as: .localOperator)
        }
        let policies = ["cancel_other", "buffer_one", "buffer_all", "cancel_other", "skip", "allow_all"]
        for (number, id) in Self.schedules.enumerated() {
            var job = script(["do": "brief"]).objectValue ?? [:]
            job["id"] = .string(id)
            job["queue"] = .string(Self.queues[number % 2])
            job["limit"] = Self.limits[number % 4]
            job["schedule"] = ["every": "1s", "overlap_policy": .string(policies[number % policies.count])]
            try await harness.create(.object(job))
        }
    }

    private static let limits: [JSONValue] = [
        ["key": "a", "concurrency": 2], ["key": "b", "rate": ["amount": 20]],
        ["key": "c", "concurrency": 3, "rate": ["amount": 10]], ["key": "d", "concurrency": 1],
    ]

    mutating func act() async throws {
        do {
            switch Int.random(in: 0..<12, using: &random) {
            case 0, 1, 2: try await enqueue()
            case 3, 4:
                if let id = try await job("ended_at IS NULL") { try await scheduler.cancel(id, as: .localOperator) }
            case 5:
                if let id = try await job("state IN (0, 1, 7)") {
                    _ = try await scheduler.pause(id, as: .localOperator)
                }
            case 6: if let id = try await job("state = 8") { _ = try await scheduler.resume(id, as: .localOperator) }
            case 7:
                guard let id = try await job("state IN (0, 1, 6, 7, 8)") else { return }
                _ = try await scheduler.change(
                    id, by: ["limit": limit ?? .null, "priority": Bool.random(using: &random) ? "high" : "low"],
                    as: .localOperator)
            case 8: try await changeQueue()
            case 9:
                if let id = try await job("ended_at IS NOT NULL") {
                    _ = try await scheduler.trigger(id, as: .localOperator)
                }
            case 10: try await changeSchedule()
            default:
                _ = try await scheduler.redrive(queue, [:], as: .localOperator)
                try await scheduler.deleteExpired()
            }
        } catch is SchedulerError {
            // It was too late for that, or another has done it.
        }
    }

    private var queue: String {
        mutating get { Self.queues.randomElement(using: &random) ?? "" }
    }

    private var limit: JSONValue? {
        mutating get { Bool.random(using: &random) ? Self.limits.randomElement(using: &random) : nil }
    }

    /// One of those that were made last.
    private mutating func job(_ condition: SQL) async throws -> String? {
        let found = try await harness.database.read { tx in
            try tx.query("SELECT id FROM jobs WHERE \(condition) ORDER BY key DESC LIMIT 40") { try $0[0] as String }
        }
        return found.randomElement(using: &random)
    }

    private mutating func enqueue() async throws {
        guard try await harness.count("SELECT COUNT(*) FROM jobs WHERE ended_at IS NULL") < 300 else { return }
        let parent = try await job("ended_at IS NULL")
        var jobs: [JSONValue] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            var job: JSONObject = ["retry": ["attempts": 2, "delay_seconds": 1]]
            job["limit"] = limit
            if Int.random(in: 0..<4, using: &random) == 0 {
                job["unique_key"] = .string("u\(Int.random(in: 0..<4, using: &random))")
            }
            if let parent, Int.random(in: 0..<3, using: &random) == 0 {
                job["depends_on"] = [["job": .string(parent), "on": "completion"]]
            }
            jobs.append(script(["do": Int.random(in: 0..<5, using: &random) == 0 ? "fail" : "brief"], job))
        }
        _ = try await harness.enqueue(jobs, to: queue)
    }

    private mutating func changeQueue() async throws {
        let name = queue
        switch Int.random(in: 0..<4, using: &random) {
        case 0: _ = try await scheduler.pauseQueue(name, as: .localOperator)
        case 1, 2: _ = try await scheduler.resumeQueue(name, as: .localOperator)
        default:
            let rate: JSONValue = Bool.random(using: &random) ? ["amount": 50] : .null
            _ = try await scheduler.changeQueue(name, by: ["rate": rate], as: .localOperator)
        }
    }

    private mutating func changeSchedule() async throws {
        let id = Self.schedules.randomElement(using: &random) ?? ""
        switch Int.random(in: 0..<4, using: &random) {
        case 0: _ = try await scheduler.pause(id, as: .localOperator)
        case 1: _ = try await scheduler.resume(id, as: .localOperator)
        case 2: _ = try await scheduler.trigger(id, as: .localOperator)
        default: _ = try await scheduler.change(id, by: ["priority": "high"], as: .localOperator)
        }
    }
}
