import CognitionPostgresServer
import CognitionWorkflows

/// Durable executions a second, many at once.
struct ExecutionBenchmark: Benchmark {
    static let name = "executions"

    private static let inFlight = 256
    /// DBOS on SQLite with WAL, executions of three steps a second; measured elsewhere, see DESIGN §8.
    private static let dbos = 71.0

    func run(_ bench: Bench) async throws -> [Measurement] {
        let embedded = try await rates(bench, on: .sqlite(path: bench.folder + "/executions.db"))
        let shared = try await bench.withPostgres { server in
            try await PostgresServer.withDatabase(at: server.address) { url in
                try await rates(bench, on: .postgres(url: url))
            }
        }
        var measurements = [
            line(
                "", embedded,
                beside: "\((embedded.median / Self.dbos).digits(0)) x DBOS (71/s, a constant measured elsewhere)",
                floors: [.atLeast(20 * Self.dbos, embedded.median, ">= 20 x DBOS on SQLite/WAL")])
        ]
        if let shared {
            let ratio = "\((shared.median / embedded.median).percent) of SQLite"
            measurements.append(line("PostgreSQL: ", shared, beside: ratio, floors: []))
        }
        return measurements
    }

    private func line(_ prefix: String, _ rates: [Double], beside: String, floors: [Floor]) -> Measurement {
        Measurement(
            subject: "\(prefix)durable executions of 3 effect tasks, \(Self.inFlight) in flight",
            figure: "\(rates.median.grouped)/s (\(rates.percentile(0).grouped) to \(rates.percentile(1).grouped))",
            beside: beside, floors: [.atLeast(1_500, rates.median, ">= 1,500/s")] + floors)
    }

    private func rates(_ bench: Bench, on engine: BenchEngine) async throws -> [Double] {
        let count = bench.size(6_000)
        return try await EngineNode.with(engine) { node in
            let command = try await node.create(EngineNode.threeTasks)
            _ = try await concurrently(count / 3, inFlight: Self.inFlight) { _ in try await node.complete(command) }
            var rates: [Double] = []
            for _ in 0..<bench.repetitions {
                try bench.disk.sample(50)
                let seconds = try await concurrently(count, inFlight: Self.inFlight) { _ in
                    try await node.complete(command)
                }
                rates.append(Double(count) / seconds)
            }
            return rates
        }
    }
}
