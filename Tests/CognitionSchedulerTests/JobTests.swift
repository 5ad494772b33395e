import CognitionCore
import CognitionEvents
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import Synchronization
import Testing

@Suite("Jobs") struct JobTests {
    @Test("A job is run once, its result is kept and its end is on the log", arguments: TestDatabase.engines)
    func once(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let id = try await harness.create(script(["n": 1], ["name": "One", "tags": ["team": "a"]]))
            #expect(try await harness.state(id) == "ready")
            try await harness.running { try await harness.until(id, "completed") }
            let job = try await harness.job(id)
            #expect(job["result"] == ["n": 1] && job["attempt"] == 1 && job["name"] == "One")
            #expect(job["tags"] == ["team": "a"] && job["runs_completed"] == 1 && job["error"] == .null)
            #expect(try await harness.events().map(\.type) == ["job.completed"])
            #expect(try await harness.events()[0].data["job_id"] == .string(id))
            #expect(harness.script.numbers == [1])
            let runs = try await harness.scheduler.runs(of: id, in: .default, before: nil, limit: 10)
            #expect(runs.items.map { $0["outcome"] } == ["completed"])
        }
    }

    @Test("Priorities go first, and every tenth place goes to the oldest", arguments: TestDatabase.engines)
    func priorities(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine, queueConcurrency: 1) { harness in
            _ = try await harness.enqueue([script(["n": 900], ["priority": "background"])])
            let names = ["low", "normal", "high", "critical"]
            for n in 0..<24 {
                _ = try await harness.enqueue([script(["n": .integer(Int64(n))], ["priority": .string(names[n % 4])])])
            }
            try await harness.running { try await harness.until { harness.script.runs.count == 25 } }
            let order = harness.script.numbers
            #expect(order.prefix(6).allSatisfy { $0 % 4 == 3 })
            // Behind all others it would be the last; the tenth job is the oldest of all.
            #expect(order.firstIndex(of: 900).map { $0 < 12 } == true)
            #expect(harness.script.runningMax == 1)
        }
    }

    @Test(
        "What fails is tried again after longer delays, and is a dead letter at last", arguments: TestDatabase.engines)
    func retries(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await withScheduler(engine, clock: clock) { harness in
            let retry: JSONValue = ["attempts": 3, "delay_seconds": 10, "multiplier": 3]
            let id = try await harness.create(script(["do": "fail"], ["retry": retry]))
            try await harness.running {
                for (attempt, delay) in [(1, 5.0...10.0), (2, 15.0...30.0)] {
                    try await harness.until {
                        let job = try await harness.job(id)
                        return job["attempt"] == .integer(Int64(attempt)) && job["state"] == "scheduled"
                    }
                    let due = try #require(try await harness.job(id)["run_at"]?.stringValue.flatMap { Timestamp($0) })
                    #expect(delay.contains((due - clock.now).seconds))
                    #expect(try await harness.explanation(of: id) == ["retry_delay"])
                    clock.set(due)
                    harness.database.signals.wakeHere([.jobs, .jobsDue])
                }
                try await harness.until(id, "dead")
            }
            #expect(try await harness.job(id)["error"]?["code"] == "test.failed")
            let dead = try await harness.scheduler.dead(in: "default", of: .default, before: nil, limit: 10).items
            #expect(dead.count == 1 && dead[0]["attempts"]?.arrayValue?.count == 3)
            #expect(try await harness.scheduler.redrive("default", [:], as: .localOperator) == 1)
            #expect(try await harness.state(id) == "ready")
            #expect(try await harness.events().map(\.type) == ["job.dead", "queue.redriven"])
        }
    }

    @Test("Rules of a retry decide by the error's code", arguments: [TestDatabase.Engine.sqliteMemory])
    func rules(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let rules: JSONValue = [
                ["error": "test.final.*", "action": "dead"], ["error": "test.gone", "action": "discard"],
            ]
            func job(_ code: String) -> JSONValue {
                script(["do": "fail", "code": .string(code)], ["retry": ["rules": rules]])
            }
            let ids = try await harness.enqueue([job("test.final.x"), job("test.gone"), job("test.other")])
            try await harness.running {
                try await harness.until(ids[0], "dead")
                try await harness.until(ids[1], "failed")
                try await harness.until(ids[2], "scheduled")
            }
        }
    }

    @Test("Snoozing does not count; a discarded job is no dead letter", arguments: TestDatabase.engines)
    func outcomes(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let ids = try await harness.enqueue([script(["do": "snooze"]), script(["do": "discard"])])
            try await harness.running {
                try await harness.until(ids[1], "failed")
                try await harness.until { try await harness.job(ids[0])["state"] == "scheduled" }
            }
            #expect(try await harness.job(ids[0])["attempt"] == 0)
            #expect(try await harness.scheduler.dead(in: "default", of: .default, before: nil, limit: 10).items.isEmpty)
        }
    }

    @Test("A running job is cancelled, and one that waits", arguments: TestDatabase.engines)
    func cancel(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine, queueConcurrency: 1) { harness in
            let ids = try await harness.enqueue([script(["do": "wait"]), script()])
            try await harness.running {
                try await harness.until(ids[0], "running")
                #expect(try await harness.explanation(of: ids[1]) == ["queue_full"])
                for id in ids.reversed() { try await harness.scheduler.cancel(id, as: .localOperator) }
                for id in ids { try await harness.until(id, "cancelled") }
            }
            #expect(harness.script.runs.count == 1)
            #expect(try await harness.events().map(\.type) == ["job.cancelled", "job.cancelled"])
        }
    }

    @Test("An attempt that takes too long fails", arguments: TestDatabase.engines)
    func timeout(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let id = try await harness.create(
                script(["do": "wait"], ["timeout_seconds": 0.05, "retry": ["attempts": 1]]))
            try await harness.running { try await harness.until(id, "dead") }
            #expect(try await harness.job(id)["error"]?["code"] == "scheduler.timeout")
        }
    }

    @Test("When the process ends, running jobs go back and the attempt does not count", arguments: TestDatabase.engines)
    func shutdown(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let id = try await harness.create(script(["do": "wait"]))
            try await harness.running { try await harness.until(id, "running") }
            #expect(try await harness.state(id) == "ready")
            #expect(try await harness.job(id)["attempt"] == 0)
        }
    }

    @Test("Many at once, each exactly once", arguments: TestDatabase.engines)
    func bulk(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine, queueConcurrency: 100) { harness in
            let ids = try await harness.enqueue((0..<2_000).map { script(["n": .integer($0)]) })
            #expect(Set(ids).count == 2_000)
            try await harness.running {
                try await harness.until {
                    try await harness.count("SELECT COUNT(*) FROM jobs WHERE state = 3") == 2_000
                }
            }
            #expect(harness.script.numbers.sorted() == (0..<2_000).map(Int64.init))
            #expect(try await harness.count("SELECT COUNT(*) FROM events WHERE type = 'job.completed'") == 2_000)
        }
    }

    @Test("A job of another's transaction is there with its commit alone", arguments: TestDatabase.engines)
    func transactional(on engine: TestDatabase.Engine) async throws {
        struct Refusal: Error {}
        try await withScheduler(engine) { harness in
            let enqueueing = try harness.scheduler.enqueueing([NewJob(script())], as: .localOperator)
            await #expect(throws: Refusal.self) {
                try await harness.database.write { tx in
                    _ = try enqueueing.write(in: tx)
                    throw Refusal()
                }
            }
            #expect(try await harness.count("SELECT COUNT(*) FROM jobs") == 0)
            let made = try await harness.database.write { tx in try enqueueing.write(in: tx) }
            #expect(try await harness.state(made[0].id) == "ready")
        }
    }

    @Test("An id is answered again for the same job, and refused for another", arguments: TestDatabase.engines)
    func ids(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let id = try await harness.create(script(["n": 1], ["id": "mine"]))
            #expect(id == "mine")
            #expect(try await harness.create(script(["n": 1], ["id": "mine"])) == "mine")
            await expect(.jobTaken) { try await harness.create(script(["n": 2], ["id": "mine"])) }
            await expect(.jobNotFound) { try await harness.job("other") }
        }
    }
}
