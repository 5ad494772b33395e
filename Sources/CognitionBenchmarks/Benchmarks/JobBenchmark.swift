import CognitionCore
import CognitionPostgresServer
import CognitionScheduler
import CognitionStorage

/// Jobs that do nothing: how many are enqueued, and go the whole way, in a second; and how soon one is started.
struct JobBenchmark: Benchmark {
    static let name = "jobs"

    func run(_ bench: Bench) async throws -> [Measurement] {
        var measurements = try await run(bench, on: .sqlite(path: bench.folder + "/jobs.db"))
        measurements +=
            try await bench.withPostgres { server in
                try await PostgresServer.withDatabase(at: server.address) { url in
                    try await run(bench, on: .postgres(url: url))
                }
            } ?? []
        return measurements
    }

    private func run(_ bench: Bench, on engine: BenchEngine) async throws -> [Measurement] {
        [
            try await enqueued(bench, on: engine, batch: 1_000, callers: 1, least: 20_000),
            try await enqueued(bench, on: engine, batch: 1, callers: 64, least: 8_000),
            try await wholeWay(bench, on: engine), try await latency(bench, on: engine),
        ]
    }

    private func enqueued(
        _ bench: Bench, on engine: BenchEngine, batch: Int, callers: Int, least: Double
    ) async throws -> Measurement {
        let count = bench.size(40_000)
        let rates = try await JobNode.with(engine) { node in
            var rates: [Double] = []
            for _ in 0..<bench.repetitions {
                let seconds = try await concurrently(count / batch, inFlight: callers) { _ in
                    try await node.enqueue(batch)
                }
                rates.append(Double(count / batch * batch) / seconds)
                try bench.disk.sample(20)
                try await empty(node.database)
            }
            return rates
        }
        let how = batch == 1 ? "one by one, \(callers) callers" : "\(batch.grouped) at a time, 1 caller"
        return Measurement(
            subject: engine.prefix + "jobs enqueued \(how)", figure: "\(rates.median.grouped)/s",
            floors: [.atLeast(least, rates.median, ">= \(least.grouped)/s")])
    }

    /// From the first call to the end of the last job.
    private func wholeWay(_ bench: Bench, on engine: BenchEngine) async throws -> Measurement {
        let count = bench.size(40_000)
        let rates = try await JobNode.with(engine) { node in
            try await node.running {
                var rates: [Double] = []
                for repetition in 1...bench.repetitions {
                    let seconds = try await seconds {
                        _ = try await concurrently(count / 10, inFlight: 64) { _ in try await node.enqueue(10) }
                        try await node.untilStarted(count * repetition)
                        while try await node.unfinished() > 0 { try await Task.sleep(for: .milliseconds(1)) }
                    }
                    rates.append(Double(count) / seconds)
                    try bench.disk.sample(20)
                }
                return rates
            }
        }
        return Measurement(
            subject: engine.prefix + "jobs enqueued, claimed, run and completed, 64 callers",
            figure: "\(rates.median.grouped)/s", beside: peers(bench, on: engine).joined(separator: ", "),
            floors: [.atLeast(8_000, rates.median, ">= 8,000/s")])
    }

    /// What others do in the same run; with a durable queue, and of those on Redis with one that is not.
    private func peers(_ bench: Bench, on engine: BenchEngine) -> [String] {
        guard let peers = JobPeers(bench) else { return [] }
        let count = bench.size(8_000)
        switch engine {
        case .sqlite: return peers.onSQLite(count: count) + peers.onRedis(count: count)
        case .postgres(let url): return peers.onPostgres(url: url, count: count)
        }
    }

    /// From the call that enqueues one job to its start, nothing else going on.
    private func latency(_ bench: Bench, on engine: BenchEngine) async throws -> Measurement {
        let times = try await JobNode.with(engine) { node in
            try await node.running {
                var times: [Double] = []
                for number in 1...bench.size(800) {
                    let start = ContinuousClock.now
                    try await node.enqueue(1)
                    try await node.untilStarted(number)
                    times.append((node.lastStart - start).seconds * 1_000)
                    if number % 40 == 0 { try bench.disk.sample(2) }
                }
                return times
            }
        }
        let most = 2 * bench.disk.figures.median + 1
        return Measurement(
            subject: engine.prefix + "a job's start after its enqueueing, nothing else going on",
            figure: "p50 \(times.median.digits(2)) ms, p99 \(times.percentile(0.99).digits(2)) ms",
            beside: "two commits are in it",
            floors: [.atMost(most, times.median, "<= 2 x fsync + 1 ms = \(most.digits(2)) ms")])
    }

    private func empty(_ database: any Database) async throws {
        try await database.write { tx in try tx.execute("DELETE FROM jobs") }
    }
}

extension Int {
    fileprivate var grouped: String { Double(self).grouped }
}
