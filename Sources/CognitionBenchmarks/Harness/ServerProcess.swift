import CognitionCore
import Foundation

/// `cognitionos serve` in a process of its own, on a free port and with a data folder of its own.
final class ServerProcess {
    /// Signs the tokens of ``standardSettings``, so that a peer can check the very same.
    static let tokenSecret = "a secret of benchmarks, which protects nothing"

    private let child: Child
    private let folder: String
    private(set) var port = 0

    /// The program beside this one, as the same build makes it; `nil` when it was not built.
    static var program: URL? {
        guard let own = Bundle.main.executableURL else { return nil }
        let program = own.deletingLastPathComponent().appendingPathComponent("cognitionos")
        return FileManager.default.isExecutableFile(atPath: program.path) ? program : nil
    }

    /// Lends a server that is ready, and ends it.
    /// - Returns: `nil` when there is no program.
    static func with<Result>(
        _ folder: String, _ settings: [String: String] = standardSettings, _ body: (ServerProcess) throws -> Result
    ) throws -> Result? {
        guard let program else { return nil }
        let server = try ServerProcess(program, folder: folder, settings)
        defer { server.stop() }
        try server.awaitReady()
        return try body(server)
    }

    /// What measurements of requests run with: no bound that a real installation would have to raise as well, and
    /// passwords that cost little, as logging in is not what is measured.
    static let standardSettings = [
        "SECURITY_BCRYPT_COST": "4", "SECURITY_SECRET_KEY": tokenSecret, "WS_MAX_CONNECTIONS_PER_USER": "10000",
    ]

    /// Starts it, and does not wait.
    init(_ program: URL, folder: String, _ settings: [String: String] = [:]) throws {
        self.folder = folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        child = try Child(
            program.path, ["serve"],
            environment: [
                "API_PORT": "0", "DATA_DIR": folder, "OBSERVABILITY_LOG_LEVEL": "error",
                "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
            ].merging(settings) { $1 })
    }

    /// Waits until it takes requests and says that it is ready.
    func awaitReady() throws {
        let start = ContinuousClock.now
        var connection: HTTPConnection?
        while child.isRunning, ContinuousClock.now - start < .seconds(30) {
            usleep(500)
            if connection == nil {
                // Written once it listens.
                guard let text = try? String(contentsOfFile: folder + "/server.url", encoding: .utf8),
                    let port = text.split(separator: ":").last.flatMap({ Int($0.filter(\.isNumber)) })
                else { continue }
                self.port = port
                connection = try HTTPConnection(port: port)
            }
            if try connection?.get("/api/v3/health/ready").status == 200 { return }
        }
        throw BenchmarkFailure("the server in \(folder) was not ready within 30 seconds")
    }

    func stop() { child.stop() }

    /// The token that it has written for commands on the same machine.
    func operatorToken() throws -> String {
        try String(contentsOfFile: folder + "/operator.token", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Resident memory in bytes, shared libraries included.
    func residentBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(child.id)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        guard let kibibytes = line.flatMap({ Int($0.filter(\.isNumber)) }) else {
            throw BenchmarkFailure("the system does not tell the server's memory")
        }
        return kibibytes << 10
    }

    /// What it has taken of the processor.
    func processorSeconds() throws -> Double { try child.processorSecondsOfFamily() }

    /// The value of a metric; 0 for one that was never set.
    /// - Parameter series: Name and labels as `/metrics` writes them.
    func metric(_ series: String) throws -> Int {
        let text = String(decoding: try HTTPConnection(port: port).get("/metrics").body, as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix(series + " ") }
        return line.flatMap { Int($0.dropFirst(series.count + 1)) } ?? 0
    }
}
