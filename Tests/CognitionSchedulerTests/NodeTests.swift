import CognitionCore
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite("Several nodes") struct NodeTests {
    /// Lends nodes that share a database and a script, each known to live.
    private func withNodes(
        _ count: Int, queueConcurrency: Int = 10, workspaceConcurrency: Int? = nil,
        configure: @escaping (_ node: Int, inout JobRunner.Settings) -> Void = { _, _ in },
        _ body: ([SchedulerHarness]) async throws -> Void
    ) async throws {
        try await withTestNodes(count, migrations: SchedulerHarness.migrations) { databases in
            let jobs = ScriptedJobs()
            let nodes = databases.enumerated().map { number, database in
                SchedulerHarness(
                    database, script: jobs, queueConcurrency: queueConcurrency,
                    workspaceConcurrency: workspaceConcurrency
                ) { configure(number, &$0) }
            }
            for harness in nodes {
                let node = harness.runner.node
                try await harness.database.write { tx in
                    try tx.execute("INSERT INTO nodes (id, lease_until, joined_at) VALUES (\(node), \(Int64.max), 0)")
                }
            }
            try await body(nodes)
        }
    }

    @Test("A critical job that one node cannot start has a background job on another yield")
    func preemption() async throws {
        // The first is full with what it runs, and claims nothing: only the second sees that a critical job waits.
        try await withNodes(2, queueConcurrency: 2, configure: { $1.slots = $0 == 0 ? 2 : 8 }) { nodes in
            let (one, other) = (nodes[0], nodes[1])
            try await one.running {
                let background = try await one.enqueue(
                    (0..<2).map { _ in script(["do": "wait"], ["priority": "background"]) })
                try await one.until { one.script.running == 2 }
                _ = try await one.scheduler.pauseQueue("default", as: .localOperator)
                let critical = try await other.create(script([:], ["priority": "critical"]))
                try await other.running {
                    _ = try await other.scheduler.resumeQueue("default", as: .localOperator)
                    try await other.until(critical, "completed")
                    try await other.until { other.script.running == 2 }
                    for id in background {
                        #expect(try await other.job(id)["attempt"] == 1)
                        other.script.open(id)
                        try await other.until(id, "completed")
                    }
                }
                let released = try await one.count("SELECT COUNT(*) FROM job_attempts WHERE outcome = 'released'")
                #expect(released == 1)
            }
        }
    }

    @Test("No more jobs of a workspace run at once than it may, whatever their queues and nodes")
    func workspaces() async throws {
        try await withNodes(2, queueConcurrency: 5, workspaceConcurrency: 4) { nodes in
            for queue in ["a", "b", "c"] {
                _ = try await nodes[0].enqueue((0..<40).map { _ in script(["do": "brief"]) }, to: queue)
            }
            try await nodes[0].running {
                try await nodes[1].running {
                    try await nodes[0].until {
                        try await nodes[0].count("SELECT COUNT(*) FROM jobs WHERE state = 3") == 120
                    }
                }
            }
            #expect(nodes[0].script.runs.count == 120)
            #expect(nodes[0].script.runningMax == 4)
        }
    }

    @Test("64 callers at once for one key, on two nodes that run: never more than it allows, and all of them")
    func keyRace() async throws {
        try await withNodes(2, queueConcurrency: 50) { nodes in
            let limit: JSONValue = ["key": "customer", "concurrency": 2]
            try await nodes[0].running {
                try await nodes[1].running {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for caller in 0..<64 {
                            group.addTask {
                                _ = try await nodes[caller % 2].enqueue(
                                    [script(["do": "brief"], ["limit": limit])], to: "q\(caller % 3)")
                            }
                        }
                        try await group.waitForAll()
                    }
                    try await nodes[0].until {
                        try await nodes[0].count("SELECT COUNT(*) FROM jobs WHERE state = 3") == 64
                    }
                }
            }
            #expect(nodes[0].script.runs.count == 64)
            #expect(nodes[0].script.limitedMax["customer"] == 2)
        }
    }

    @Test(
        "A claim of which nobody could say whether it was committed is given back, uncounted",
        arguments: TestDatabase.engines)
    func unknownClaims(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine, configure: { $0.heartbeat = .milliseconds(50) }) { harness in
            _ = try await harness.scheduler.pauseQueue("default", as: .localOperator)
            let ids = try await harness.enqueue([script(), script()])
            try await harness.running {
                let node = harness.runner.node
                // As the rows are when the claim has taken effect, and its answer was lost.
                try await harness.database.write { tx in
                    try tx.execute(
                        """
                        UPDATE jobs SET state = 2, owner = \(node), epoch = epoch + 1, attempt = attempt + 1, started_at = 1
                        WHERE id = \(ids[0])
                        """)
                }
                try await harness.until(ids[0], "ready")
                #expect(try await harness.job(ids[0])["attempt"] == 0)
                _ = try await harness.scheduler.resumeQueue("default", as: .localOperator)
                for id in ids { try await harness.until(id, "completed") }
            }
            #expect(harness.script.runs.count == 2)
            #expect(try await harness.job(ids[0])["attempt"] == 1)
        }
    }

    @Test(
        "What only waits takes no slot of its node, and goes back at once when the process ends",
        arguments: TestDatabase.engines)
    func resting(on engine: TestDatabase.Engine) async throws {
        let waiting = NamedHandler("rest") { job in
            job.onlyWaits()
            try await Task.sleep(for: .seconds(3_600))
            return .completed([:])
        }
        try await withScheduler(
            engine, handlers: [waiting],
            configure: {
                $0.slots = 1
                $0.grace = .seconds(20)
            }
        ) { harness in
            let rest: JSONValue = ["target": ["handler": ["name": "rest", "input": [:]]]]
            let resting = try await harness.enqueue([rest, rest, rest])
            let start = try await harness.running {
                for id in resting { try await harness.until(id, "running") }
                let other = try await harness.create(script())
                try await harness.until(other, "completed")
                return ContinuousClock.now
            }
            #expect(ContinuousClock.now - start < .seconds(10))
            for id in resting {
                let job = try await harness.job(id)
                #expect(job["state"] == "ready" && job["attempt"] == 0)
            }
        }
    }
}
