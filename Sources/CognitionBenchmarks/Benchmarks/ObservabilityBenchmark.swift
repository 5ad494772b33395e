/// What metrics, logs and tracing cost together: the same reads of two servers, one with all of them and one without.
struct ObservabilityBenchmark: Benchmark {
    static let name = "observability"

    private static let subject =
        "GET of an execution with metrics, logs and tracing of every request, \(LoadGenerator.connections) connections"

    func run(_ bench: Bench) async throws -> [Measurement] {
        guard let load = LoadGenerator() else { return [.missing(Self.subject, Measurement.missingLoadGenerator)] }
        let sink = try TraceSink()
        defer { sink.stop() }
        let on = ServerProcess.standardSettings.merging([
            "OBSERVABILITY_LOG_LEVEL": "warning", "OBSERVABILITY_ENABLE_METRICS": "true",
            "OBSERVABILITY_ENABLE_TRACING": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(sink.port)",
        ]) { $1 }
        let off = ServerProcess.standardSettings.merging([
            "OBSERVABILITY_LOG_LEVEL": "critical", "OBSERVABILITY_ENABLE_METRICS": "false",
        ]) { $1 }
        let line = try ServerProcess.with(bench.folder + "/on", on) { watched in
            try ServerProcess.with(bench.folder + "/off", off) { plain in
                try measure(Asked(watched), Asked(plain), sink, load, bench)
            }
        }
        return [(line ?? nil) ?? .missing(Self.subject, Measurement.missingServer)]
    }

    /// A server, and what it is asked for.
    private struct Asked {
        let user: ServerUser
        let id: String

        init(_ server: ServerProcess) throws {
            user = try ServerUser(on: server)
            try user.store(ServerUser.threeTasks)
            id = try user.start("three-tasks", waitSeconds: 30)
        }

        func rate(_ load: LoadGenerator, seconds: Int) throws -> Double {
            try load.run(
                port: user.server.port, path: ServerUser.path(of: id), token: user.token, seconds: seconds
            ).requestsPerSecond
        }
    }

    /// The servers take turns; while one is asked the other is idle.
    private func measure(
        _ watched: Asked, _ plain: Asked, _ sink: TraceSink, _ load: LoadGenerator, _ bench: Bench
    ) throws -> Measurement {
        for asked in [watched, plain] { _ = try asked.rate(load, seconds: 1) }
        var rates: (on: [Double], off: [Double]) = ([], [])
        for _ in 0..<bench.repetitions {
            try bench.disk.sample(20)
            rates.on.append(try watched.rate(load, seconds: bench.size(8)))
            rates.off.append(try plain.rate(load, seconds: bench.size(8)))
        }
        let ratio = zip(rates.on, rates.off).map { $0 / $1 }.median
        let exported = try watched.user.server.metric(#"tracing_spans_total{outcome="exported"}"#)
        let dropped = try watched.user.server.metric(#"tracing_spans_total{outcome="queue_full"}"#)
        guard exported > 0, sink.bytes > 0 else { throw BenchmarkFailure("no span has reached the sink") }
        return Measurement(
            subject: Self.subject,
            figure: "\(rates.on.median.grouped)/s, \(Double(exported).grouped) spans exported, "
                + "\(Double(dropped).grouped) dropped",
            beside: "\(ratio.percent) of a server without (\(rates.off.median.grouped)/s)",
            floors: [.atLeast(0.9, ratio, ">= 90 % of a server without")])
    }
}
