import CognitionCore
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite("Unique jobs") struct UniqueTests {
    @Test("64 callers at once make one job, and all are told which", arguments: TestDatabase.engines)
    func race(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine, writers: 4) { harness in
            let ids = try await withThrowingTaskGroup(of: [String].self) { group in
                for caller in 0..<64 {
                    group.addTask {
                        try await harness.enqueue([
                            script([:], ["unique_key": "same"]),
                            script([:], ["unique_key": .string("other-\(caller % 4)")]),
                        ])
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(ids.map { $0[0] }).count == 1)
            #expect(Set(ids.map { $0[1] }).count == 4)
            #expect(try await harness.count("SELECT COUNT(*) FROM jobs") == 5)
        }
    }

    @Test("A key is free again in other states, queues and after its time", arguments: TestDatabase.engines)
    func scope(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await withScheduler(engine, clock: clock) { harness in
            let first = try await harness.create(script(["n": 1], ["unique": ["key": "k"]]))
            #expect(try await harness.create(script(["n": 2], ["unique": ["key": "k"]])) == first)
            #expect(try await harness.create(script([:], ["unique": ["key": "k"], "queue": "other"])) != first)
            try await harness.running { try await harness.until(first, "completed") }
            let second = try await harness.create(script(["n": 3], ["unique": ["key": "k"]]))
            #expect(second != first)

            let lasting: JSONValue = ["key": "w", "window_seconds": 60]
            let third = try await harness.create(script([:], ["unique": lasting]))
            try await harness.running { try await harness.until(third, "completed") }
            #expect(try await harness.create(script([:], ["unique": lasting])) == third)
            clock.advance(by: .seconds(60))
            #expect(try await harness.create(script([:], ["unique": lasting])) != third)
        }
    }

    @Test("A dead letter whose key another has stays dead", arguments: TestDatabase.engines)
    func redrive(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let job = script(["do": "fail"], ["unique": ["key": "k"], "retry": ["attempts": 1]])
            let dead = try await harness.create(job)
            try await harness.running { try await harness.until(dead, "dead") }
            let next = try await harness.create(job)
            #expect(next != dead)
            #expect(try await harness.scheduler.redrive("default", [:], as: .localOperator) == 0)
            #expect(try await harness.state(dead) == "dead")
        }
    }
}
