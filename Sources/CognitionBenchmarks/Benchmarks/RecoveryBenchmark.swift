import CognitionCore
import CognitionSQLite
import CognitionStorage
import CognitionWorkflows

/// How long a start takes with many executions that wait.
struct RecoveryBenchmark: Benchmark {
    static let name = "recovery"

    func run(_ bench: Bench) async throws -> [Measurement] {
        let count = bench.size(10_000)
        let path = bench.folder + "/recovery.db"
        try await EngineNode.with(.sqlite(path: path)) { node in
            let command = try await node.create(EngineNode.waiting)
            _ = try await concurrently(count, inFlight: 256) { _ in
                _ = try await node.workflows.execute(command, as: EngineNode.principal, on: node.engine)
            }
        }
        var asleep: [Double] = []
        var afterCrash: [Double] = []
        var restored: [Double] = []
        for _ in 0..<bench.repetitions {
            asleep.append(try await start(path, untilRestored: false).ready)
            try await giveToDeadProcess(path)
            let times = try await start(path, untilRestored: true)
            afterCrash.append(times.ready)
            restored.append(times.restored)
        }
        let subject = "recovery of \(Double(count).grouped) waiting executions, until a new one has ended"
        return [
            Measurement(
                subject: subject, figure: "\(asleep.median.digits(3)) s",
                floors: [.atMost(2, asleep.median, "<= 2 s")]),
            Measurement(
                subject: subject + ", after a crash", figure: "\(afterCrash.median.digits(3)) s",
                beside: "all read again and asleep after \(restored.median.digits(2)) s",
                floors: [.atMost(2, afterCrash.median, "<= 2 s")]),
        ]
    }

    /// Seconds from opening the file until a new execution has ended, and until nothing is owned or due any more.
    private func start(_ path: String, untilRestored: Bool) async throws -> (ready: Double, restored: Double) {
        let start = ContinuousClock.now
        return try await EngineNode.with(.sqlite(path: path)) { node in
            try await node.complete(try await node.create(EngineNode.threeTasks))
            let ready = (ContinuousClock.now - start).seconds
            while untilRestored {
                let now = SystemWallClock().now
                let left = try await node.database.read { tx in
                    try tx.first("SELECT 1 FROM executions WHERE owner IS NOT NULL OR wake_at <= \(now) LIMIT 1") {
                        try $0[0] as Int
                    }
                }
                guard left != nil else { break }
                try await Task.sleep(for: .milliseconds(20))
            }
            return (ready, (ContinuousClock.now - start).seconds)
        }
    }

    /// Leaves the file as a killed process would that had all of them in its memory.
    private func giveToDeadProcess(_ path: String) async throws {
        let database = try await SQLiteDatabase.open(at: path)
        let node: UUIDv7 = UUIDGenerator().next()
        try await database.write { tx in
            try tx.execute("UPDATE executions SET owner = \(node) WHERE ended_at IS NULL")
        }
        await database.close()
    }
}
