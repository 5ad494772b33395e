import CognitionCore
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite("Limits") struct LimitTests {
    @Test("No more jobs of a key run at once than it allows, over queues and nodes", arguments: TestDatabase.engines)
    func concurrency(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine, queueConcurrency: 50, writers: 4) { harness in
            let other = SchedulerHarness(harness.database, script: harness.script, queueConcurrency: 50)
            let limit: JSONValue = ["key": "customer-1", "concurrency": 3]
            for queue in ["a", "b"] {
                _ = try await harness.enqueue(
                    (0..<60).map { _ in script(["do": "brief"], ["limit": limit]) }, to: queue)
                _ = try await harness.enqueue((0..<20).map { _ in script() }, to: queue)
            }
            try await harness.running {
                let finish: () async throws -> Void = {
                    try await harness.until {
                        try await harness.count("SELECT COUNT(*) FROM jobs WHERE state = 3") == 160
                    }
                }
                // Of a database in this process there is one node.
                if engine == .postgres { try await other.running(finish) } else { try await finish() }
            }
            #expect(harness.script.limitedMax["customer-1"] == 3)
            #expect(harness.script.runs.count == 160)
        }
    }

    @Test("What waits for its key says so, and goes on when it is free", arguments: TestDatabase.engines)
    func explained(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let limit: JSONValue = ["key": "k", "concurrency": 1]
            let ids = try await harness.enqueue((0..<3).map { _ in script(["do": "wait"], ["limit": limit]) })
            try await harness.running {
                try await harness.until { harness.script.running == 1 }
                try await harness.until { try await harness.count("SELECT COUNT(*) FROM jobs WHERE state = 7") == 2 }
                let waiting = try await harness.firstWaiting(of: ids)
                #expect(try await harness.explanation(of: waiting) == ["key_full"])
                #expect(try await harness.state(waiting) == "blocked")
                for id in ids { harness.script.open(id) }
                for id in ids { try await harness.until(id, "completed") }
            }
            #expect(harness.script.runningMax == 1)
        }
    }

    @Test("A rate lets so much through in so long, by the amounts of the jobs", arguments: TestDatabase.engines)
    func rate(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await withScheduler(engine, clock: clock) { harness in
            let limit: JSONValue = ["key": "tokens", "rate": ["amount": 1_000, "per_seconds": 60], "amount": 400]
            let ids = try await harness.enqueue((0..<5).map { _ in script([:], ["limit": limit]) })
            try await harness.running {
                // Two are paid for by the full bucket; a third needs 200 more, which take 12 seconds.
                try await harness.until { harness.script.runs.count == 2 }
                try await harness.until { try await harness.count("SELECT COUNT(*) FROM jobs WHERE state = 7") == 3 }
                let waiting = try await harness.firstWaiting(of: ids)
                let reasons = try await harness.scheduler.explain(waiting, in: .default)["reasons"]
                #expect(reasons?[0]?["code"] == "rate_exhausted")
                #expect(reasons?[0]?["until"] == .string((clock.now + .seconds(12)).description))
                for expected in 3...5 {
                    clock.advance(by: .seconds(expected == 3 ? 12 : 24))
                    harness.database.signals.wakeHere([.jobs, .jobsDue])
                    try await harness.until { harness.script.runs.count == expected }
                    #expect(harness.script.runs.count == expected)
                }
            }
        }
    }

    @Test("A queue has a rate and a concurrency of its own; a workspace too", arguments: TestDatabase.engines)
    func queues(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await withScheduler(engine, clock: clock, workspaceConcurrency: 4) { harness in
            let settings: JSONValue = ["concurrency": 2, "rate": ["amount": 3, "per_seconds": 30]]
            _ = try await harness.scheduler.changeQueue("slow", by: settings, as: .localOperator)
            let slow = try await harness.enqueue((0..<4).map { _ in script(["do": "wait"]) }, to: "slow")
            let others = try await harness.enqueue((0..<10).map { _ in script(["do": "wait"]) }, to: "wide")
            try await harness.running {
                try await harness.until { harness.script.running == 4 }
                #expect(try await harness.scheduler.queue("slow", in: .default)["counts"]?["running"] == 2)
                for id in slow + others { harness.script.open(id) }
                for id in others { try await harness.until(id, "completed") }
                try await harness.until { harness.script.runs.count == 13 }
                clock.advance(by: .seconds(10))
                harness.database.signals.wakeHere([.jobs, .jobsDue])
                for id in slow { try await harness.until(id, "completed") }
            }
            #expect(harness.script.runningMax == 4)
        }
    }

    @Test("A paused queue starts nothing, says by whom, and goes on", arguments: TestDatabase.engines)
    func paused(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            _ = try await harness.scheduler.pauseQueue("default", as: .localOperator)
            let limit: JSONValue = ["key": "k", "concurrency": 1]
            let paused = try await harness.create(script([:], ["limit": limit]))
            let free = try await harness.create(script([:], ["limit": limit, "queue": "free"]))
            try await harness.running {
                try await harness.until(free, "completed")
                #expect(try await harness.explanation(of: paused) == ["queue_paused"])
                #expect(try await harness.state(paused) == "ready")
                let queue = try await harness.scheduler.resumeQueue("default", as: .localOperator)
                #expect(queue["paused"] == false)
                try await harness.until(paused, "completed")
            }
            #expect(try await harness.events().map(\.type) == ["queue.paused", "queue.resumed", "job.completed"])
        }
    }

    @Test(
        "A critical job takes the slot of a background job, whose attempt does not count",
        arguments: TestDatabase.engines)
    func preemption(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine, queueConcurrency: 2) { harness in
            let background = try await harness.enqueue([
                script(["do": "wait"], ["priority": "background", "preemptible": false]),
                script(["do": "wait"], ["priority": "background"]),
            ])
            try await harness.running {
                try await harness.until { harness.script.running == 2 }
                let critical = try await harness.create(script([:], ["priority": "critical"]))
                try await harness.until(critical, "completed")
                #expect(try await harness.state(background[0]) == "running")
                try await harness.until(background[1], "running")
                #expect(try await harness.job(background[1])["attempt"] == 1)
                for id in background {
                    harness.script.open(id)
                    try await harness.until(id, "completed")
                }
            }
        }
    }
}

extension SchedulerHarness {
    /// One of the jobs that waits for its key.
    func firstWaiting(of ids: [String]) async throws -> String {
        for id in ids where try await state(id) == "blocked" { return id }
        throw NotSo()
    }
}
