import CognitionCore
import CognitionPostgresServer
import CognitionWorkflows

/// What durability adds to one task when nothing else runs.
struct LatencyBenchmark: Benchmark {
    static let name = "latency"

    /// The start, and one after each task.
    private static let commits = 4

    /// Milliseconds.
    private struct Samples {
        var executions: [Double] = []
        var tasks: [Double] = []
        var fsyncs: [Double] = []
        /// Means of as many in a row as an execution has commits: of what is now fast and now slow, the median of
        /// sums is not the sum of medians.
        var fsyncMeans: [Double] = []
    }

    func run(_ bench: Bench) async throws -> [Measurement] {
        var measurements = lines("", try await samples(bench, on: .sqlite(path: bench.folder + "/latency.db")))
        let shared = try await bench.withPostgres { server in
            try await PostgresServer.withDatabase(at: server.address) { url in
                try await samples(bench, on: .postgres(url: url))
            }
        }
        if let shared {
            measurements += lines("PostgreSQL: ", shared).map { line in
                var line = line
                // The floor is that of the embedded database; here a server is on the way.
                line.floors = []
                return line
            }
        }
        return measurements
    }

    private func samples(_ bench: Bench, on engine: BenchEngine) async throws -> Samples {
        let count = bench.size(600)
        return try await EngineNode.with(engine) { node in
            let command = try await node.create(EngineNode.threeTasks)
            for _ in 0..<count / 4 { try await node.complete(command) }
            node.noop.remember()
            var samples = Samples()
            for _ in 0..<count {
                samples.executions.append(try await seconds { try await node.complete(command) } * 1e3)
                let calls = node.noop.takeCalls()
                samples.tasks += zip(calls, calls.dropFirst()).map { ($1 - $0).seconds * 1e3 }
                let fsyncs = try bench.disk.sample(Self.commits)
                samples.fsyncs += fsyncs
                samples.fsyncMeans.append(fsyncs.reduce(0, +) / Double(Self.commits))
            }
            return samples
        }
    }

    private func lines(_ prefix: String, _ samples: Samples) -> [Measurement] {
        [
            line(
                "\(prefix)one execution alone: its time / \(Self.commits) commits",
                samples.executions.map { $0 / Double(Self.commits) },
                "means of \(Self.commits) fsyncs", samples.fsyncMeans),
            line("\(prefix)one execution alone: between two calls", samples.tasks, "fsync", samples.fsyncs),
        ]
    }

    private func line(_ subject: String, _ times: [Double], _ disk: String, _ fsyncs: [Double]) -> Measurement {
        let most = 2 * fsyncs.median + 0.3
        return Measurement(
            subject: subject, figure: figures(times), beside: "\(disk): \(figures(fsyncs))",
            floors: [.atMost(most, times.median, "<= 2 x fsync p50 + 0.3 ms = \(most.digits(3)) ms")])
    }

    private func figures(_ times: [Double]) -> String {
        "p50 \(times.median.digits(3)) ms, p99 \(times.percentile(0.99).digits(3)) ms"
    }
}
