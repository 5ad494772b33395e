import CognitionCore
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import Testing

/// What would stop a node, or leave a job for ever, if nobody looked after it.
@Suite("Jobs in each other's way") struct ContentionTests {
    @Test(
        "A job that takes more than any bucket holds waits for a full one, and harms nobody",
        arguments: TestDatabase.engines)
    func hugeAmounts(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let limit: JSONValue = [
                "key": "k", "rate": ["amount": 1, "per_seconds": 2_592_000], "amount": 1_000_000_000_000,
            ]
            let ids = try await harness.enqueue([
                script([:], ["limit": limit]), script([:], ["limit": limit]), script(),
            ])
            try await harness.running {
                try await harness.until(ids[0], "completed")
                try await harness.until(ids[2], "completed")
                try await harness.until(ids[1], "blocked")
            }
            #expect(try await harness.explanation(of: ids[1]) == ["rate_exhausted"])
        }
    }

    @Test("A key that is to be unique in one state is so in all that lead there", arguments: TestDatabase.engines)
    func uniqueStates(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            for state in ["running", "ready", "blocked"] {
                let unique: JSONValue = ["key": .string(state), "states": [.string(state)]]
                let ids = try await harness.enqueue([
                    script([:], ["unique": unique, "delay_seconds": 0.01]),
                    script([:], ["unique": unique, "delay_seconds": 0.01]),
                ])
                #expect(ids[0] == ids[1])
            }
            let other = try await harness.create(script())
            try await harness.running { try await harness.until(other, "completed") }
        }
    }

    @Test("What a rate holds back comes by itself when its time has come", arguments: TestDatabase.engines)
    func ratesWake(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine, configure: { $0.polling = .seconds(60) }) { harness in
            let rate: JSONValue = ["amount": 20, "per_seconds": 1]
            _ = try await harness.scheduler.changeQueue("slow", by: ["rate": rate], as: .localOperator)
            let limited = try await harness.enqueue(
                (0..<30).map { _ in script([:], ["limit": ["key": "k", "rate": rate]]) })
            let slow = try await harness.enqueue((0..<30).map { _ in script() }, to: "slow")
            try await harness.running {
                for id in limited + slow { try await harness.until(id, "completed") }
            }
        }
    }

    @Test("A job that was let through and does not start gives its turn to another", arguments: TestDatabase.engines)
    func turns(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let limit: JSONValue = ["key": "k", "concurrency": 1]
            let ids = try await harness.enqueue((0..<4).map { _ in script(["do": "wait"], ["limit": limit]) })
            try await harness.running {
                try await harness.until { harness.script.running == 1 }
                try await harness.until { try await harness.count("SELECT COUNT(*) FROM jobs WHERE state = 7") == 3 }
                let first = harness.script.runs[0].id
                let others = ids.filter { $0 != first }
                _ = try await harness.scheduler.pause(others[0], as: .localOperator)
                try await harness.scheduler.cancel(others[1], as: .localOperator)
                harness.script.open(first)
                harness.script.open(others[2])
                try await harness.until(others[2], "completed")
            }
        }
    }

    @Test("Queues that stand still or are full hide no others", arguments: TestDatabase.engines)
    func manyQueues(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine, queueConcurrency: 1) { harness in
            for number in 0..<70 {
                let queue = "q\(number)"
                _ = try await harness.enqueue([script(["do": "wait"]), script(["do": "wait"])], to: queue)
                if number % 2 == 0 { _ = try await harness.scheduler.pauseQueue(queue, as: .localOperator) }
            }
            _ = try await harness.enqueue([script()], to: "zz")
            try await harness.running {
                try await harness.until { try await harness.count("SELECT COUNT(*) FROM jobs WHERE state = 3") == 1 }
                try await harness.until { harness.script.running == 35 }
            }
        }
    }

    @Test(
        "A parent that has failed already counts, and one that is named twice counts once",
        arguments: TestDatabase.engines)
    func parents(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let dead = try await harness.create(script(["do": "fail"], ["retry": ["attempts": 1]]))
            try await harness.running { try await harness.until(dead, "dead") }
            let ids = try await harness.enqueue([
                script([:], ["id": "one", "ref": "two"]), script([:], ["depends_on": ["one", "two"]]),
                script([:], ["depends_on": ["one", .string(dead)]]),
            ])
            #expect(try await harness.state(ids[2]) == "cancelled")
            try await harness.running { try await harness.until(ids[1], "completed") }
        }
    }

    @Test(
        "A cancellation that comes too late for the attempt keeps the next from coming", arguments: TestDatabase.engines
    )
    func lateCancel(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let id = try await harness.create(script(["do": "wait"], ["retry": ["delay_seconds": 0]]))
            try await harness.running {
                try await harness.until(id, "running")
                // As if the attempt had failed before its owner has heard of it.
                try await harness.database.write { tx in
                    try tx.execute("UPDATE jobs SET request = 1 WHERE state = 2")
                }
            }
            #expect(try await harness.state(id) == "cancelled")
        }
    }
}
