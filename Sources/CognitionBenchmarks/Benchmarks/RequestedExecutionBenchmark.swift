import CognitionCore
import Foundation

/// Durable executions a second, each started by a request.
struct RequestedExecutionBenchmark: Benchmark {
    static let name = "http-executions"

    private static let subject =
        "executions of 3 effect tasks, started over \(LoadGenerator.connections) HTTP connections"
    private static let completed = #"workflow_execution_ended_total{status="completed"}"#
    /// How long after the last request the last execution may end.
    private static let patience = Duration.seconds(120)

    private struct Rates {
        /// Executions that were acknowledged, and that had ended, a second.
        var acknowledged: [Double] = []
        var completed: [Double] = []
        /// Milliseconds until a request was acknowledged.
        var medians: [Double] = []
        var percentiles99: [Double] = []
        var count = 0
    }

    func run(_ bench: Bench) async throws -> [Measurement] {
        guard let load = LoadGenerator() else { return [.missing(Self.subject, Measurement.missingLoadGenerator)] }
        let script = bench.folder + "/execute.lua"
        try LoadGenerator.script(posting: ServerUser.executeBody("three-tasks")).write(
            toFile: script, atomically: true, encoding: .utf8)
        let rates = try ServerProcess.with(bench.folder + "/http-executions") { server in
            let user = try ServerUser(on: server)
            try user.store(ServerUser.threeTasks)
            var rates = Rates()
            _ = try repetition(user, load, script, seconds: 1)
            for _ in 0..<bench.repetitions {
                try bench.disk.sample(50)
                let (result, seconds) = try repetition(user, load, script, seconds: bench.size(8))
                rates.acknowledged.append(result.requestsPerSecond)
                rates.completed.append(Double(result.requests) / seconds)
                rates.medians.append(result.median)
                rates.percentiles99.append(result.percentile99)
                rates.count += result.requests
            }
            return rates
        }
        return [rates.map(line) ?? .missing(Self.subject, Measurement.missingServer)]
    }

    /// - Returns: The seconds until as many executions had ended as requests were acknowledged. Those whose acknowledgement
    ///   wrk did not wait for have ended as well before the next repetition.
    private func repetition(
        _ user: ServerUser, _ load: LoadGenerator, _ script: String, seconds: Int
    ) throws -> (LoadGenerator.Result, seconds: Double) {
        let before = try user.server.metric(Self.completed)
        let start = ContinuousClock.now
        let result = try load.run(
            port: user.server.port, path: ServerUser.executePath, token: user.token, seconds: seconds, script: script)
        let lastRequest = ContinuousClock.now
        while try user.server.metric(Self.completed) - before < result.requests {
            guard ContinuousClock.now - lastRequest < Self.patience else {
                throw BenchmarkFailure("of \(result.requests) executions that were acknowledged some have not ended")
            }
            usleep(5_000)
        }
        let took = (ContinuousClock.now - start).seconds
        usleep(200_000)
        return (result, took)
    }

    private func line(_ rates: Rates) -> Measurement {
        Measurement(
            subject: Self.subject,
            figure:
                "\(rates.acknowledged.median.grouped)/s acknowledged, \(rates.completed.median.grouped)/s completed",
            beside: "acknowledged after p50 \(rates.medians.median.digits(1)) ms, "
                + "p99 \(rates.percentiles99.median.digits(1)) ms; each of \(Double(rates.count).grouped) has completed"
        )
    }
}
