import CognitionPostgresServer
import Foundation

/// What a second server on the same PostgreSQL adds.
struct TwoNodeBenchmark: Benchmark {
    static let name = "two-nodes"

    private static let subject = "PostgreSQL: executions of an effect task that waits 0.5 s, on two servers"
    /// Effects at once on a server, so that the tasks and not the processors are what it waits for.
    private static let concurrency = 64
    private static let connections = 8
    private static let workflow = """
        document: {dsl: '1.0.0', namespace: default, name: waiting-effect, version: '1.0.0'}
        do:
          - a: {call: rehearse, with: {pause: PT0.5S}}
        """
    private static let completed = #"workflow_execution_ended_total{status="completed"}"#

    func run(_ bench: Bench) async throws -> [Measurement] {
        guard let program = ServerProcess.program else { return [.missing(Self.subject, Measurement.missingServer)] }
        let measurement = try await bench.withPostgres { server in
            try await PostgresServer.withDatabase(at: server.address) { url in try measure(bench, program, url) }
        }
        return [measurement ?? .missing(Self.subject, "PostgreSQL's server is not installed")]
    }

    private func measure(_ bench: Bench, _ program: URL, _ url: String) throws -> Measurement {
        let settings = ServerProcess.standardSettings.merging([
            "DATABASE_URL": url, "WORKFLOWS_CONCURRENCY": "\(Self.concurrency)",
        ]) { $1 }
        let first = try ServerProcess(program, folder: bench.folder + "/node-1", settings)
        defer { first.stop() }
        try first.awaitReady()
        let user = try ServerUser(on: first)
        try user.store(Self.workflow)
        let second = try ServerProcess(program, folder: bench.folder + "/node-2", settings)
        defer { second.stop() }
        try second.awaitReady()
        let count = bench.size(600)
        var (alone, together, ratios) = ([Double](), [Double](), [Double]())
        for _ in 0..<min(3, bench.repetitions) {
            try bench.disk.sample(20)
            let one = try rate(count, posting: [first], to: [first, second], user.token)
            let both = try rate(2 * count, posting: [first, second], to: [first, second], user.token)
            alone.append(one)
            together.append(both)
            ratios.append(both / one)
        }
        return Measurement(
            subject: Self.subject, figure: "\(together.median.grouped)/s",
            beside: "\(ratios.median.digits(2)) x one server that is asked alone (\(alone.median.grouped)/s)",
            floors: [.atLeast(1.5, ratios.median, ">= 1.5 x")])
    }

    /// Executions a second from the first request until the last has ended, wherever it ran.
    private func rate(
        _ count: Int, posting targets: [ServerProcess], to servers: [ServerProcess], _ token: String
    ) throws -> Double {
        let before = try servers.reduce(0) { try $0 + $1.metric(Self.completed) }
        let body = ServerUser.executeBody("waiting-effect")
        let took = try seconds {
            let connections = try (0..<Self.connections).map { number in
                try HTTPConnection(port: targets[number % targets.count].port)
            }
            for _ in 0..<(count / Self.connections) {
                for connection in connections {
                    try connection.send(
                        "POST", ServerUser.executePath, token: token, type: "application/json", body: body)
                }
                for connection in connections {
                    let answer = try connection.answer()
                    guard answer.status == 202 else { throw ServerUser.failure("starting an execution", answer) }
                }
            }
            let posted = count / Self.connections * Self.connections
            while try servers.reduce(0, { try $0 + $1.metric(Self.completed) }) - before < posted { usleep(20_000) }
        }
        return Double(count / Self.connections * Self.connections) / took
    }
}
