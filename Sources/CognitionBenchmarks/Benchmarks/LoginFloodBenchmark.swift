import CognitionCore
import Foundation

/// What a flood of logins, with passwords at their full cost, does to other requests: on a server that has room, and on one
/// that is asked for as much as it can do.
struct LoginFloodBenchmark: Benchmark {
    static let name = "login-flood"

    private static let perSecond = 500
    private static let connections = 8
    private static let floodConnections = 48
    private static let logins = #"auth_logins_total{outcome="ok"}"#
    private static let subject = "p99 of a GET of an execution, while \(floodConnections) connections log in"

    func run(_ bench: Bench) async throws -> [Measurement] {
        guard let load = LoadGenerator() else { return [.missing(Self.subject, Measurement.missingLoadGenerator)] }
        var settings = ServerProcess.standardSettings
        settings["SECURITY_BCRYPT_COST"] = "12"
        let script = bench.folder + "/login.lua"
        // Somebody else, as who has too many sessions loses the oldest.
        let intruder: JSONValue = ["email": "flood@example.com", "password": .string(ServerUser.password)]
        try LoadGenerator.script(posting: intruder.jsonBytes).write(toFile: script, atomically: true, encoding: .utf8)
        let lines = try ServerProcess.with(bench.folder + "/login-flood", settings) { server in
            let user = try ServerUser(on: server)
            try ServerUser.register(intruder, on: server)
            try user.store(ServerUser.threeTasks)
            let path = ServerUser.path(of: try user.start("three-tasks", waitSeconds: 30))
            let paced = PacedRequests(port: server.port, path: path, token: user.token, perSecond: Self.perSecond)
            let flood = Flood(server: server, load: load, script: script, token: user.token)
            return [
                try Self.line("\(Self.perSecond) a second", flood, bench, floor: 2) { seconds in
                    try paced.latencies(seconds: seconds).percentile(0.99)
                },
                try Self.line("as fast as \(Self.connections) connections can", flood, bench, floor: nil) { seconds in
                    try load.run(
                        port: server.port, path: path, token: user.token, seconds: seconds,
                        connections: Self.connections
                    ).percentile99
                },
            ]
        }
        return lines ?? [.missing(Self.subject, Measurement.missingServer)]
    }

    private struct Flood {
        let server: ServerProcess
        let load: LoadGenerator
        let script: String
        let token: String

        /// - Returns: With what `body` returns, how many logins a second have succeeded meanwhile.
        func during(seconds: Int, _ body: () throws -> Double) throws -> (result: Double, loginRate: Double) {
            let before = try server.metric(LoginFloodBenchmark.logins)
            let child = try load.start(
                port: server.port, path: "/api/v3/auth/login", token: token, seconds: seconds + 5,
                connections: LoginFloodBenchmark.floodConnections, script: script)
            defer { child.stop() }
            usleep(500_000)
            let result = try body()
            return (result, Double(try server.metric(LoginFloodBenchmark.logins) - before) / (Double(seconds) + 0.5))
        }
    }

    /// With the flood and without it, in turns.
    /// - Parameter ask: Takes seconds, and returns the 99th percentile in milliseconds.
    private static func line(
        _ load: String, _ flood: Flood, _ bench: Bench, floor: Double?, _ ask: (Int) throws -> Double
    ) throws -> Measurement {
        let seconds = bench.size(8)
        var pairs: [(alone: Double, flooded: Double)] = []
        var loginRates: [Double] = []
        _ = try ask(1)
        for _ in 0..<bench.repetitions {
            let alone = try ask(seconds)
            let (flooded, loginRate) = try flood.during(seconds: seconds) { try ask(seconds) }
            pairs.append((alone, flooded))
            loginRates.append(loginRate)
            // Until the last passwords are checked.
            sleep(1)
        }
        let ratio = pairs.map { $0.flooded / $0.alone }.median
        return Measurement(
            subject: "\(load): \(subject)", figure: "\(pairs.map(\.flooded).median.digits(2)) ms",
            beside: "\(ratio.digits(2)) x that without (\(pairs.map(\.alone).median.digits(2)) ms); "
                + "\(loginRates.median.digits(1)) logins a second at cost 12",
            floors: floor.map { [.atMost($0, ratio, "< \($0.digits(0)) x that without")] } ?? [])
    }
}
