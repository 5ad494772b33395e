import CognitionWorkflows

/// Durable executions a second, many at once.
struct ExecutionBenchmark: Benchmark {
    static let name = "executions"

    private static let inFlight = 256
    /// DBOS on SQLite with WAL, executions of three steps a second; measured elsewhere, see DESIGN §8.
    private static let dbos = 71.0

    func run(_ bench: Bench) async throws -> [Measurement] {
        let count = bench.size(6_000)
        let rates = try await EngineNode.with(bench.folder + "/executions.db") { node in
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
        let rate = rates.median
        return [
            Measurement(
                subject: "durable executions of 3 effect tasks, \(Self.inFlight) in flight",
                figure: "\(rate.grouped)/s (\(rates.percentile(0).grouped) to \(rates.percentile(1).grouped))",
                beside: "\((rate / Self.dbos).digits(0)) x DBOS (71/s, a constant measured elsewhere)",
                floors: [
                    .atLeast(1_500, rate, ">= 1,500/s"), .atLeast(20 * Self.dbos, rate, ">= 20 x DBOS on SQLite/WAL"),
                ])
        ]
    }
}
