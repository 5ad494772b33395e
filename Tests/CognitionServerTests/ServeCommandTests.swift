import CognitionCore
import Foundation
import Testing

/// How the server starts, and why it does not.
@Suite("serve", .timeLimit(.minutes(2))) struct ServeCommandTests {
    @Test("An address on which nothing can listen is named with its setting")
    func address() async throws {
        try await withSandbox { sandbox in
            let server = try await sandbox.serve()
            let port = try #require(server.url.split(separator: ":").last.map(String.init))
            for (arguments, words) in [
                (["--port", port], ["API_PORT", "port \(port) on 127.0.0.1 is taken"]),
                (["--host", "192.0.2.1", "--port", "0"], ["API_HOST", "192.0.2.1 is no address of this machine"]),
                (["--host", "no such name", "--port", "0"], ["API_HOST", "no such name is no address"]),
                (["--port", "70000"], ["API_PORT"]),
            ] {
                let ending = try await sandbox.start(["serve"] + arguments, data: sandbox.folder + "/other").ending()
                #expect(ending.exitCode == 1 && ending.output.isEmpty, "\(arguments): \(ending)")
                for word in words { #expect(ending.errors.contains(word), "\(arguments): \(ending.errors)") }
                #expect(!ending.errors.contains("errno"), "\(ending.errors)")
            }
            try await server.stop()
        }
    }

    @Test("On a terminal it says where it is; in a pipe standard output stays empty")
    func terminal() async throws {
        try await withSandbox { sandbox in
            // `script` gives the program a terminal; its log goes elsewhere.
            let command = "TERM=xterm exec '\(try Binary.path())' serve --port 0 2> log"
            let data = sandbox.folder + "/terminal"
            let program = try sandbox.start(["-qefc", command, "/dev/null"], executable: "/usr/bin/script", data: data)
            let first = try await program.output.line { $0.contains("answers on http://127.0.0.1:") }
            let url = try #require(first.split(separator: " ").last?.trimmingCharacters(in: .whitespacesAndNewlines))
            _ = try await program.output.line { $0.contains(url + "/docs") }
            #expect(try String(contentsOfFile: data + "/server.url", encoding: .utf8) == url + "\n")
            program.kill()
            _ = await program.ending()
            let server = try await sandbox.serve()
            server.program.send(SIGTERM)
            let ending = await server.program.ending()
            #expect(ending.exitCode == 0 && ending.output.isEmpty, "\(ending)")
        }
    }

    @Test("Settings that cannot work together are all named by check, and serve does not start with them")
    func conflicts() async throws {
        try await withSandbox { sandbox in
            for (settings, word) in [
                (["LLM_DEFAULT_PROVIDER": "openai"], "openai"), (["LLM_FALLBACKS": "anthropic"], "anthropic"),
                (["EGRESS_DENY": "not a host!"], "not a host!"),
                (["ENVIRONMENT": "production", "SECURITY_SECRET_KEY": "short"], "SECURITY_SECRET_KEY"),
            ] {
                let check = try await sandbox.run("check", environment: settings)
                #expect(check.exitCode == 1 && check.errors.contains(word), "\(settings): \(check)")
                #expect(check.output.contains("API_PORT = 8100"), "the settings are printed all the same")
                let serve = try await sandbox.run("serve", "--port", "0", environment: settings)
                #expect(serve.exitCode == 1 && serve.errors.contains(word), "\(settings): \(serve)")
            }
            let several = try await sandbox.run(
                "check",
                environment: [
                    "WS_HEARTBEAT_INTERVAL": "2m", "WS_TIMEOUT": "1m", "SECURITY_SECRET_KEY": "one",
                    "JWT_SECRET_KEY": "other",
                ])
            #expect(several.exitCode == 1 && several.errors.contains("WS_*: WS_HEARTBEAT_INTERVAL (2m)"), "\(several)")
            #expect(several.errors.contains("JWT_SECRET_KEY") && !several.errors.contains("other"), "\(several)")
        }
    }
}
