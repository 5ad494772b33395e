import Foundation
import Testing

/// `Clients/javascript`, by its own tests. What it does is the same with every database.
@Suite("The JavaScript client", .enabled(if: Sandbox.isEmbedded), .timeLimit(.minutes(5)))
struct JavaScriptClientTests {
    @Test(
        "Alone, in Node.js against a server that is killed and frozen, and with React in a browser",
        arguments: ["client", "server", "browser"])
    func passes(_ name: String) async throws {
        try await withSandbox { sandbox in
            let node = try #require(
                ["/usr/bin/node", "/usr/local/bin/node"].first { FileManager.default.isExecutableFile(atPath: $0) },
                "Scripts/install-dependencies test installs nodejs")
            let program = try sandbox.start(
                ["--test", Binary.repository() + "/Clients/javascript/test/\(name).test.mjs"], executable: node,
                environment: ["COGNITIONOS_BINARY": try Binary.path(), "TMPDIR": sandbox.folder])
            let ending = await program.ending()
            #expect(ending.exitCode == 0, "\(ending.output)\(ending.errors)")
            // A file without tests would pass as well.
            #expect(ending.output.firstMatch(of: /pass [1-9]/) != nil && ending.output.contains("skipped 0"))
        }
    }
}
