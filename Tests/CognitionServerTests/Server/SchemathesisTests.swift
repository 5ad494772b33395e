import CognitionCore
import Foundation
import Testing

/// On a server of its own, whose users and workflows it changes as it likes.
@Suite("By the judgment of schemathesis", .liveServer(), .timeLimit(.minutes(3))) struct SchemathesisTests {
    /// All phases together; most requests are made in the first few seconds.
    private static let seconds = 60
    private static let seed = 20_260_101

    @Test("No server error, no undocumented status, no answer against its schema")
    func conforms() async throws {
        let server = try LiveServer.current
        let program = try server.sandbox.start(
            [
                "-m", "schemathesis.cli", "--config-file",
                Binary.repository() + "/Tests/CognitionServerTests/Peer/schemathesis.toml", "run",
                "http://127.0.0.1:\(server.port)/openapi.json", "--header",
                "Authorization: Bearer \(try await server.operatorToken())", "--max-time", "\(Self.seconds)",
                // Python parses its own sources while it tests, which before 3.13 two threads must not do at once.
                "--seed", "\(Self.seed)", "--workers", "1",
            ], executable: PeerPython.path)
        let ending = await program.ending()
        let report = ending.output.suffix(20_000)
        #expect(ending.exitCode == 0, "\(report)\(ending.errors.suffix(2_000))")
        let tested = report.firstMatch(of: /Tested: ([0-9]+)/).flatMap { Int($0.output.1) }
        // All but the document itself, and the two that the settings leave out.
        #expect(tested ?? 0 >= server.contract.operations.count - 3, "\(report)")
    }
}
