import CognitionCore
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import Logging
import Testing

@Suite("Processes that end") struct CrashTests {
    /// Leaves a job as one is whose process was killed while it ran.
    private func strand(_ id: String, on harness: SchedulerHarness) async throws {
        let nobody = UUIDGenerator().next() as UUIDv7
        try await harness.database.write { tx in
            try tx.execute(
                """
                UPDATE jobs SET state = 2, owner = \(nobody), epoch = epoch + 1, attempt = attempt + 1, started_at = 1
                WHERE id = \(id)
                """)
        }
    }

    @Test("A job whose process ended is run again; the second time it is set aside", arguments: TestDatabase.engines)
    func quarantine(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let ids = try await harness.enqueue([script(["n": 1]), script(["n": 2])])
            _ = try await harness.scheduler.pauseQueue("default", as: .localOperator)
            try await strand(ids[0], on: harness)
            try await strand(ids[1], on: harness)
            try await harness.running {
                try await harness.until(ids[0], "ready")
                try await harness.until(ids[1], "ready")
            }
            try await strand(ids[1], on: harness)
            _ = try await harness.scheduler.resumeQueue("default", as: .localOperator)
            try await harness.running {
                try await harness.until(ids[0], "completed")
                try await harness.until(ids[1], "dead")
            }
            #expect(try await harness.job(ids[1])["error"]?["code"] == "scheduler.quarantined")
            // The crash is an attempt, and no failure.
            #expect(try await harness.job(ids[0])["attempt"] == 2)
            #expect(harness.script.runs.map(\.idempotencyKey) == ["job:\(ids[0]):1.1"])
            let attempts = try await harness.scheduler.runs(of: ids[0], in: .default, before: nil, limit: 10).items
            #expect(attempts.map { $0["outcome"] } == ["lost", "completed"])
        }
    }

    @Test(
        "Without a lease jobs are stopped at once, and are run again once there is one", arguments: TestDatabase.engines
    )
    func lapsed(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let node = UUIDGenerator().next() as UUIDv7
            var life = NodeLease.Settings()
            life.duration = .milliseconds(500)
            let lease = NodeLease(harness.database, node: node, settings: life)
            var settings = JobRunner.Settings()
            settings.polling = .milliseconds(50)
            settings.heartbeat = .milliseconds(50)
            settings.grace = .milliseconds(200)
            let runner = JobRunner(
                harness.scheduler, handlers: [harness.script.handler], node: node, lease: lease, settings: settings,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let id = try await harness.create(script(["do": "wait"]))
            try await lease.renew()
            let run = Task { try await runner.run() }
            try await harness.until(id, "running")
            // Nobody renews the lease.
            try await harness.until { runner.running == 0 }
            #expect(try await harness.state(id) != "completed")
            harness.script.open(id)
            try await harness.until {
                try await lease.renew()
                return try await harness.state(id) == "completed"
            }
            #expect(try await harness.job(id)["attempt"] == 1 && harness.script.runs.count == 2)
            run.cancel()
            try await run.value
        }
    }

    @Test("Whose claim was taken over writes nothing of it", arguments: [TestDatabase.Engine.postgres])
    func fenced(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine, configure: { $0.heartbeat = .milliseconds(50) }) { harness in
            let id = try await harness.create(script(["do": "wait"]))
            try await harness.running {
                try await harness.until(id, "running")
                // Another node has taken it for dead and runs the job itself.
                try await strand(id, on: harness)
                let other = UUIDGenerator().next() as UUIDv7
                try await harness.database.write { tx in
                    try tx.execute(
                        "INSERT INTO nodes (id, lease_until, joined_at) VALUES (\(other), \(Int64.max), 0)")
                    try tx.execute("UPDATE jobs SET owner = \(other) WHERE id = \(id)")
                }
                harness.script.open(id)
                try await harness.until { harness.script.running == 0 }
            }
            #expect(try await harness.state(id) == "running")
            #expect(try await harness.events().isEmpty)
        }
    }

    @Test("Whatever the database's clock says, a node keeps its jobs while it is one; then they are freed at once")
    func clockThatJumps() async throws {
        try await withTestNodes(2, migrations: SchedulerHarness.migrations) { nodes in
            let jobs = ScriptedJobs()
            let harnesses = nodes.map { SchedulerHarness($0, script: jobs) { $0.heartbeat = .seconds(600) } }
            let (living, other) = (harnesses[0], harnesses[1])
            for harness in harnesses {
                let node = harness.runner.node
                // What its row is like after the database's clock has jumped ahead.
                try await harness.database.write { tx in
                    try tx.execute("INSERT INTO nodes (id, lease_until, joined_at) VALUES (\(node), 1, 1)")
                }
            }
            let id = try await living.create(script(["do": "wait"]))
            try await living.running {
                try await living.until(id, "running")
                try await other.running {
                    try await other.runner.beat()
                    try await other.runner.beat()
                    let job = try await other.job(id)
                    #expect(job["attempt"] == 1 && job["state"] == "running")
                    // Whoever has seen nothing of it for long enough has cleared it away.
                    let node = living.runner.node
                    try await other.until {
                        try await other.database.write { tx in try NodeLease.clear([node], in: tx) }
                        return try await other.job(id)["attempt"] == 2
                    }
                    jobs.open(id)
                    try await other.until(id, "completed")
                }
            }
            let attempts = try await other.scheduler.runs(of: id, in: .default, before: nil, limit: 10).items
            #expect(attempts.map { $0["outcome"] } == ["lost", "completed"])
        }
    }

    @Test("Two nodes share the work, and each job is run once")
    func nodes() async throws {
        try await withTestNodes(2, migrations: SchedulerHarness.migrations) { nodes in
            let jobs = ScriptedJobs()
            let harnesses = nodes.map { SchedulerHarness($0, script: jobs, queueConcurrency: 20) }
            for harness in harnesses {
                let node = harness.runner.node
                try await harness.database.write { tx in
                    try tx.execute("INSERT INTO nodes (id, lease_until, joined_at) VALUES (\(node), \(Int64.max), 0)")
                }
            }
            _ = try await harnesses[0].enqueue((0..<1_000).map { script(["n": .integer($0)]) })
            try await harnesses[0].running {
                try await harnesses[1].running {
                    try await harnesses[0].until {
                        try await harnesses[0].count("SELECT COUNT(*) FROM jobs WHERE state = 3") == 1_000
                    }
                }
            }
            #expect(jobs.numbers.sorted() == (0..<1_000).map(Int64.init))
            #expect(jobs.runningMax <= 20)
        }
    }
}
