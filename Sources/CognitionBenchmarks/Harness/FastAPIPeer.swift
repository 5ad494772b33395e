import CognitionCore
import Foundation

/// FastAPI on uvicorn with uvloop and httptools, which answers the same request as the server: `Scripts/bench_peer.py`.
final class FastAPIPeer {
    private static let script = "Scripts/bench_peer.py"

    let port: Int
    private let child: Child

    /// The Python that is named, else the one that `Scripts/install-dependencies bench` prepares; `nil` without one.
    static var python: String? {
        let named = ProcessInfo.processInfo.environment["COGNITIONOS_BENCH_PYTHON"] ?? ""
        return [named, ".build/bench-peers/bin/python"].first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Starts it with this execution as its only row, and waits until it answers what the server does.
    ///
    /// - Parameters:
    ///   - workers: Processes that take requests.
    ///   - body: What the server answers to the request.
    init(python: String, workers: Int, database: String, id: String, body: [UInt8], token: String) throws {
        port = try Socket.freePort()
        var environment = ProcessInfo.processInfo.environment
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment["PYTHONPATH"] = (Self.script as NSString).deletingLastPathComponent
        environment["PEER_DATABASE"] = database
        environment["PEER_SECRET"] = ServerProcess.tokenSecret
        try Data(body).write(to: URL(fileURLWithPath: database + ".json"))
        let row = [Self.script, id, try Self.workspace(of: token), database + ".json"]
        _ = try Child(python, row, environment: environment).outputAtEnd()
        child = try Child(
            python,
            [
                "-m", "uvicorn", "bench_peer:app", "--host", "127.0.0.1", "--port", String(port), "--workers",
                String(workers), "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error",
            ], environment: environment)
        try awaitAnswer(ServerUser.path(of: id), token: token, body)
    }

    func stop() { child.stop() }

    private func awaitAnswer(_ path: String, token: String, _ body: [UInt8]) throws {
        for _ in 0..<300 where child.isRunning {
            // Nobody listens yet.
            guard let connection = try? HTTPConnection(port: port) else {
                usleep(100_000)
                continue
            }
            let answer = try connection.get(path, token: token)
            guard answer.status == 200, answer.body == body else {
                throw BenchmarkFailure("FastAPI does not answer what the server does: \(answer.status)")
            }
            return
        }
        throw BenchmarkFailure("FastAPI does not start")
    }

    /// The claim `ws` of a token.
    private static func workspace(of token: String) throws -> String {
        let part = token.split(separator: ".").dropFirst().first ?? ""
        let base64 = part.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
        let padding = String(repeating: "=", count: (4 - base64.count % 4) % 4)
        guard let claims = Data(base64Encoded: String(base64) + padding),
            let workspace = try JSONValue(parsing: Array(claims))["ws"]?.stringValue
        else { throw BenchmarkFailure("a token names no workspace") }
        return workspace
    }
}
