import CognitionCore

/// Refresh tokens exchanged for new ones; each exchange is durable before it is answered.
struct RefreshBenchmark: Benchmark {
    static let name = "refresh"

    private static let connections = 64
    private static let subject = "refresh tokens exchanged over \(connections) connections, each with its own session"

    func run(_ bench: Bench) async throws -> [Measurement] {
        let line = try ServerProcess.with(bench.folder + "/refresh") { server in
            let user = try ServerUser(on: server)
            var sessions = try (0..<Self.connections).map { _ in try Session(user) }
            var rates: [Double] = []
            var latencies: [Double] = []
            for repetition in 0...bench.repetitions {
                try bench.disk.sample(50)
                let run = try Self.exchange(&sessions, rounds: bench.size(100))
                // The first warms up.
                guard repetition > 0 else { continue }
                rates.append(run.rate)
                latencies += run.milliseconds
            }
            let rate = rates.median
            return Measurement(
                subject: Self.subject, figure: "\(rate.grouped)/s",
                beside: "answered after p50 \(latencies.median.digits(2)) ms, "
                    + "p99 \(latencies.percentile(0.99).digits(2)) ms; the client is this one thread",
                floors: [.atLeast(1_500, rate, ">= 1,500/s")])
        }
        return [line ?? .missing(Self.subject, Measurement.missingServer)]
    }

    private struct Session {
        let connection: HTTPConnection
        var refreshToken: String

        init(_ user: ServerUser) throws {
            connection = try HTTPConnection(port: user.server.port)
            refreshToken = try user.login().refresh
        }
    }

    /// In each round every session asks, then every answer is read.
    private static func exchange(
        _ sessions: inout [Session], rounds: Int
    ) throws -> (rate: Double, milliseconds: [Double]) {
        var latencies: [Double] = []
        let took = try seconds {
            for _ in 0..<rounds {
                var asked: [ContinuousClock.Instant] = []
                for session in sessions {
                    asked.append(.now)
                    let body: JSONValue = ["refresh_token": .string(session.refreshToken)]
                    try session.connection.send(
                        "POST", "/api/v3/auth/refresh", type: "application/json", body: body.jsonBytes)
                }
                for place in sessions.indices {
                    let answer = try sessions[place].connection.answer()
                    guard answer.status == 200, let next = try answer.json["refresh_token"]?.stringValue else {
                        throw ServerUser.failure("refreshing", answer)
                    }
                    latencies.append((ContinuousClock.now - asked[place]).seconds * 1e3)
                    sessions[place].refreshToken = next
                }
            }
        }
        return (Double(rounds * sessions.count) / took, latencies)
    }
}
