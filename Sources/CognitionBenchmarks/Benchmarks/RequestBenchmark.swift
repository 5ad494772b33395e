/// Authenticated reads of an execution over HTTP, beside FastAPI that does the same.
struct RequestBenchmark: Benchmark {
    static let name = "http"

    private static let subject =
        "GET of an execution of 3 tasks with a token, \(LoadGenerator.connections) connections"
    /// One process of FastAPI, and as many as the floor's machine has cores.
    private static let workers = [1, 2]

    private struct Rates {
        var ours: [LoadGenerator.Result] = []
        /// By place in ``workers``.
        var peers: [[LoadGenerator.Result]] = RequestBenchmark.workers.map { _ in [] }
    }

    func run(_ bench: Bench) async throws -> [Measurement] {
        guard let load = LoadGenerator() else { return [.missing(Self.subject, Measurement.missingLoadGenerator)] }
        let measurements = try ServerProcess.with(bench.folder + "/http") { server in
            let user = try ServerUser(on: server)
            try user.store(ServerUser.threeTasks)
            let id = try user.start("three-tasks", waitSeconds: 30)
            return try measure(user, id, load, bench)
        }
        return measurements ?? [.missing(Self.subject, Measurement.missingServer)]
    }

    /// Ours and the peers take turns; while one is asked the others are idle.
    private func measure(
        _ user: ServerUser, _ id: String, _ load: LoadGenerator, _ bench: Bench
    ) throws -> [Measurement] {
        var peers: [FastAPIPeer] = []
        defer { for peer in peers { peer.stop() } }
        let missing = try startPeers(&peers, user, id, bench)
        let ask = { (port: Int, seconds: Int) in
            try load.run(port: port, path: ServerUser.path(of: id), token: user.token, seconds: seconds)
        }
        for port in [user.server.port] + peers.map(\.port) { _ = try ask(port, 1) }
        var rates = Rates()
        for _ in 0..<bench.repetitions {
            try bench.disk.sample(20)
            rates.ours.append(try ask(user.server.port, bench.size(8)))
            for (place, peer) in peers.enumerated() {
                rates.peers[place].append(try ask(peer.port, bench.size(8)))
            }
        }
        return [line(rates, missing: missing)]
    }

    /// - Returns: Why there are none.
    private func startPeers(
        _ peers: inout [FastAPIPeer], _ user: ServerUser, _ id: String, _ bench: Bench
    ) throws -> String? {
        guard let python = FastAPIPeer.python else { return "run Scripts/install-dependencies bench" }
        let body = try user.execution(id)
        do {
            for workers in Self.workers {
                peers.append(
                    try FastAPIPeer(
                        python: python, workers: workers, database: bench.folder + "/fastapi-\(workers).db", id: id,
                        body: body, token: user.token))
            }
            return nil
        } catch let failure as BenchmarkFailure {
            for peer in peers { peer.stop() }
            peers = []
            return failure.description
        }
    }

    private func line(_ rates: Rates, missing: String?) -> Measurement {
        let rate = rates.ours.map(\.requestsPerSecond).median
        var line = Measurement(
            subject: Self.subject, figure: Self.figures(rates.ours),
            floors: [.atLeast(8_000, rate, ">= 8,000/s")])
        if let missing {
            line.beside = "FastAPI not measured: \(missing)"
            return line
        }
        let ratios = rates.peers.map { peer in
            zip(rates.ours, peer).map { $0.requestsPerSecond / $1.requestsPerSecond }.median
        }
        line.beside = zip(Self.workers, zip(ratios, rates.peers)).map { workers, peer in
            let name = workers == 1 ? "FastAPI" : "FastAPI with \(workers) workers"
            return "\(peer.0.digits(1)) x \(name) (\(Self.figures(peer.1)))"
        }.joined(separator: "; ")
        line.floors.append(.atLeast(5, ratios[0], ">= 5 x FastAPI"))
        return line
    }

    private static func figures(_ results: [LoadGenerator.Result]) -> String {
        let (median, percentile99) = (results.map(\.median).median, results.map(\.percentile99).median)
        return "\(results.map(\.requestsPerSecond).median.grouped)/s, p50 \(median.digits(2)) ms, "
            + "p99 \(percentile99.digits(2)) ms"
    }
}
