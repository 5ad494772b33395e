import Foundation

/// wrk, which sends the same request over many connections as fast as it is answered.
struct LoadGenerator {
    struct Result {
        let requestsPerSecond: Double
        /// How many were answered.
        let requests: Int
        /// Milliseconds.
        let median: Double
        let percentile99: Double
    }

    static let connections = 64
    private let program: String

    /// - Returns: `nil` when wrk is not installed.
    init?() {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        guard let path = folders.map({ $0 + "/wrk" }).first(where: FileManager.default.isExecutableFile) else {
            return nil
        }
        program = path
    }

    /// - Parameter script: A Lua file that makes other requests than GET.
    /// - Throws: `BenchmarkFailure` when a request failed, or was answered otherwise than with success.
    func run(
        port: Int, path: String, token: String, seconds: Int, connections: Int = Self.connections, script: String? = nil
    ) throws -> Result {
        let child = try start(
            port: port, path: path, token: token, seconds: seconds, connections: connections, script: script)
        return try Self.result(try child.outputAtEnd())
    }

    /// Starts as ``run(port:path:token:seconds:connections:script:)`` does, and does not wait.
    func start(
        port: Int, path: String, token: String, seconds: Int, connections: Int = Self.connections, script: String? = nil
    ) throws -> Child {
        try Child(
            program,
            ["-t1", "-c\(connections)", "-d\(seconds)s", "--latency", "-H", "Authorization: Bearer \(token)"]
                + (script.map { ["-s", $0] } ?? []) + ["http://127.0.0.1:\(port)\(path)"],
            environment: [:], catchesOutput: true)
    }

    /// The text of a script that posts the same JSON again and again.
    static func script(posting body: [UInt8]) -> String {
        """
        wrk.method = "POST"
        wrk.body = [[\(String(decoding: body, as: UTF8.self))]]
        wrk.headers["Content-Type"] = "application/json"

        """
    }

    private static func result(_ text: String) throws -> Result {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
        func words(_ start: String...) -> [Substring]? { lines.first { $0.map(String.init).starts(with: start) } }
        if words("Non-2xx") != nil || words("Socket", "errors:") != nil { throw BenchmarkFailure("wrk says: \(text)") }
        guard let rate = words("Requests/sec:")?.last.flatMap({ Double($0) }),
            let count = lines.first(where: { $0.dropFirst().first == "requests" })?.first.flatMap({ Int($0) }),
            let median = words("50%")?.last.flatMap(milliseconds),
            let percentile99 = words("99%")?.last.flatMap(milliseconds)
        else { throw BenchmarkFailure("wrk says: \(text)") }
        return Result(requestsPerSecond: rate, requests: count, median: median, percentile99: percentile99)
    }

    /// Reads `1.23ms`.
    private static func milliseconds(_ text: Substring) -> Double? {
        let unit = text.drop { $0.isNumber || $0 == "." }
        guard let number = Double(text.dropLast(unit.count)) else { return nil }
        return switch unit {
        case "us": number / 1e3
        case "ms": number
        case "s": number * 1e3
        case "m": number * 60e3
        default: nil
        }
    }
}

extension Measurement {
    /// What stands in the report when something that a benchmark needs is not there.
    static func missing(_ subject: String, _ what: String) -> Measurement {
        Measurement(subject: subject, figure: "not measured: \(what)")
    }

    static let missingServer = "cognitionos is not built beside cognitionos-bench"
    static let missingLoadGenerator = "wrk is not installed (Debian: wrk)"
}
