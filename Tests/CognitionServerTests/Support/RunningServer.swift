import CognitionCore
import Foundation
import Testing

/// `cognitionos serve` in a process of its own, on a free port.
struct RunningServer: Sendable {
    let program: Program
    let url: String

    /// Ends it in good order.
    func stop() async throws {
        program.send(SIGTERM)
        let ending = await program.ending()
        guard ending.exitCode == 0 else { throw TestFailure("the server has ended badly: \(ending)") }
    }

    /// Ends it as a power cut would.
    func kill() async {
        program.kill()
        _ = await program.ending()
    }
}

extension Sandbox {
    /// Starts the server and waits until commands find it.
    func serve(environment: [String: String] = [:]) async throws -> RunningServer {
        let program = try start(
            "serve", environment: ["API_PORT": "0", "SECURITY_BCRYPT_COST": "4"].merging(environment) { $1 })
        _ = try await program.errors.line { $0.contains("Server is ready") }
        let url = try String(contentsOfFile: dataFolder + "/server.url", encoding: .utf8)
        return RunningServer(program: program, url: url.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Sends a request as a stranger to this program would.
    /// - Returns: The status and the JSON of the answer.
    func curl(_ url: String, json body: JSONValue? = nil) async throws -> (status: Int, json: JSONValue) {
        var arguments = ["-sS", "-w", "\n%{http_code}", url]
        if let body { arguments += ["-H", "Content-Type: application/json", "-d", body.jsonText] }
        let ending = try await start(arguments, executable: "/usr/bin/curl").ending()
        guard ending.exitCode == 0 else { throw TestFailure("curl \(url): \(ending.errors)") }
        let lines = ending.output.split(separator: "\n", omittingEmptySubsequences: false)
        let text = lines.dropLast().joined(separator: "\n")
        return (Int(lines.last ?? "") ?? 0, text.isEmpty ? .null : try JSONValue(parsing: text))
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: dataFolder + "/" + name) }
}
