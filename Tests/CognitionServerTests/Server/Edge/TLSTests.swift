import CognitionCore
import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite("TLS", .timeLimit(.minutes(2))) struct TLSTests {
    /// Makes a certificate that signs itself.
    private func makeCertificate(_ name: String, in sandbox: Sandbox, commonName: String = "localhost") async throws
        -> (
            certificate: String, key: String
        )
    {
        let (certificate, key) = (sandbox.folder + "/\(name).pem", sandbox.folder + "/\(name)-key.pem")
        let ending = try await sandbox.start(
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=\(commonName)", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key,
                "-out", certificate,
            ], executable: "/usr/bin/openssl"
        ).ending()
        try #require(ending.exitCode == 0, "\(ending.errors)")
        return (certificate, key)
    }

    private func curl(_ sandbox: Sandbox, _ arguments: String...) async throws -> Program.Ending {
        try await sandbox.start(["-sS"] + arguments, executable: "/usr/bin/curl").ending()
    }

    /// Lends a server with a certificate of its own.
    private func withServer(
        _ body: (Sandbox, RunningServer, _ certificate: String, _ key: String) async throws -> Void
    ) async throws {
        try await withSandbox { sandbox in
            let (certificate, key) = try await makeCertificate("one", in: sandbox)
            let server = try await sandbox.serve(
                environment: ["API_TLS_CERTIFICATE": certificate, "API_TLS_KEY": key])
            #expect(server.url.hasPrefix("https://127.0.0.1:"))
            try await body(sandbox, server, certificate, key)
        }
    }

    @Test("Clients that know the certificate are served, and told to come back so")
    func serves() async throws {
        try await withServer { sandbox, server, certificate, _ in
            let answer = try await curl(sandbox, "-i", "--cacert", certificate, server.url + "/api/v3/health/live")
            #expect(answer.output.contains("200 OK") && answer.output.contains("alive"), "\(answer)")
            #expect(answer.output.lowercased().contains("strict-transport-security: max-age="), "\(answer.output)")
            let untrusting = try await curl(sandbox, server.url + "/api/v3/health/live")
            #expect(untrusting.exitCode == 60, "\(untrusting)")
            let old = try await curl(sandbox, "-k", "--tls-max", "1.1", server.url + "/api/v3/health/live")
            #expect(old.exitCode == 35, "\(old)")
            let plain = try await curl(
                sandbox, server.url.replacing("https://", with: "http://") + "/api/v3/health/live")
            #expect(plain.exitCode != 0, "\(plain)")
            try await server.stop()
        }
    }

    @Test("Commands on the same machine find it and talk to it")
    func commands() async throws {
        try await withServer { sandbox, server, _, _ in
            let made = try await sandbox.run("user", "create", "--email", "tls@example.com", "--json")
            #expect(made.exitCode == 0 && made.output.contains("tls@example.com"), "\(made)")
            let list = try await sandbox.run("execution", "list", "--json")
            #expect(list.exitCode == 0 && list.output.contains("\"items\""), "\(list)")
            try await server.stop()
        }
    }

    @Test("A WebSocket works over it")
    func webSocket() async throws {
        try await withServer { sandbox, server, certificate, _ in
            let token = try String(contentsOfFile: sandbox.dataFolder + "/operator.token", encoding: .utf8)
                .trimmingCharacters(in: .newlines)
            let script = Binary.repository() + "/Tests/CognitionServerTests/Peer/secure_websocket.py"
            let program = try sandbox.start(
                [script, server.url.replacing("https://", with: "wss://") + "/ws/connect", certificate, token],
                executable: PeerPython.path)
            _ = try await program.output.line { $0.contains("pong") }
            // A goodbye on the way out.
            server.program.send(SIGTERM)
            let ending = await program.ending()
            #expect(ending.output.contains("closed 1001"), "\(ending)")
            #expect(await server.program.ending().exitCode == 0)
        }
    }

    @Test(
        "Who connects and never finishes the handshake is given up",
        arguments: ["", "\u{16}\u{03}\u{01}", "GET / HTTP/1.1\r\n\r\n"])
    func silence(start: String) async throws {
        try await withSandbox { sandbox in
            let (certificate, key) = try await makeCertificate("one", in: sandbox)
            let server = try await sandbox.serve(
                environment: [
                    "API_TLS_CERTIFICATE": certificate, "API_TLS_KEY": key, "API_REQUEST_TIMEOUT": "2s",
                ])
            let port = try #require(server.url.split(separator: ":").last.flatMap { Int($0) })
            let took = try await ContinuousClock().measure {
                try await withSocket(to: port) { socket in
                    if !start.isEmpty { try await socket.write(start) }
                    _ = await socket.rest()
                }
            }
            #expect(took < .seconds(10))
            #expect(try await curl(sandbox, "--cacert", certificate, server.url + "/health").exitCode == 0)
            try await server.stop()
        }
    }

    @Test("On SIGHUP the files are read again; what is wrong with them ends nothing")
    func reload() async throws {
        try await withServer { sandbox, server, certificate, key in
            let (other, otherKey) = try await makeCertificate("two", in: sandbox, commonName: "renewed")
            func copy(_ from: String, _ to: String) throws {
                try Data(contentsOf: URL(fileURLWithPath: from)).write(to: URL(fileURLWithPath: to), options: .atomic)
            }
            let first = sandbox.folder + "/first.pem"
            try copy(certificate, first)
            try copy(other, certificate)
            server.program.send(SIGHUP)
            _ = try await server.program.errors.line { $0.contains("Certificate not read again") }
            #expect(try await curl(sandbox, "--cacert", first, server.url + "/health").exitCode == 0)
            try copy(otherKey, key)
            server.program.send(SIGHUP)
            _ = try await server.program.errors.line { $0.contains("Certificate read again") }
            #expect(try await curl(sandbox, "--cacert", first, server.url + "/health").exitCode == 60)
            #expect(try await curl(sandbox, "--cacert", other, server.url + "/health").exitCode == 0)
            try await server.stop()
        }
    }

    @Test("Files that are wrong are told before anything is served")
    func faults() async throws {
        try await withSandbox { sandbox in
            let (certificate, key) = try await makeCertificate("one", in: sandbox)
            let (_, otherKey) = try await makeCertificate("two", in: sandbox)
            let text = try sandbox.file("text.pem", "no certificate\n")
            for (certificate, key, words) in [
                (certificate, "", "go together"), ("", key, "go together"),
                (certificate, otherKey, "tls.key_mismatch"), (text, key, "tls.file_invalid"),
                (certificate, text, "tls.file_invalid"), (sandbox.folder + "/nix.pem", key, "tls.file_invalid"),
                (certificate, sandbox.folder + "/nix.pem", "tls.file_invalid"),
            ] {
                for command in ["check", "serve"] {
                    let ending = try await sandbox.run(
                        command,
                        environment: ["API_TLS_CERTIFICATE": certificate, "API_TLS_KEY": key, "API_PORT": "0"])
                    #expect(ending.exitCode == 1 && ending.errors.contains(words), "\(command) \(words): \(ending)")
                }
            }
        }
    }

    @Test("A request in flight is finished when the server ends, and kept connections are closed")
    func shutdown() async throws {
        try await withServer { sandbox, server, certificate, _ in
            let token = try String(contentsOfFile: sandbox.dataFolder + "/operator.token", encoding: .utf8)
                .trimmingCharacters(in: .newlines)
            let document = APIUser.document("slow", "1.0.0", "[{a: {wait: {seconds: 20}}}]")
            let stored = try await curl(
                sandbox, "--cacert", certificate, "-H", "Authorization: Bearer \(token)", "-H",
                "Content-Type: application/yaml", "-d", document, server.url + "/api/v3/workflows")
            #expect(stored.output.contains("\"default.slow\""), "\(stored)")
            // A connection that is kept, and one on which a request waits for its answer.
            let idle = try sandbox.start(
                ["s_client", "-quiet", "-connect", String(server.url.dropFirst("https://".count))],
                executable: "/usr/bin/openssl")
            let waiting = try sandbox.start(
                [
                    "-sS", "-i", "--cacert", certificate, "-H", "Authorization: Bearer \(token)", "-H",
                    "Content-Type: application/json", "-d", #"{"workflow_id": "slow", "wait_seconds": 30}"#,
                    server.url + "/api/v3/workflows/execute",
                ], executable: "/usr/bin/curl")
            // It has been begun once the server shows it.
            for _ in 0..<200 {
                let list = try await sandbox.run("execution", "list", "--json")
                if list.output.contains("slow") { break }
                try await Task.sleep(for: .milliseconds(20))
            }
            server.program.send(SIGTERM)
            let answer = await waiting.ending()
            #expect(answer.exitCode == 0, "\(answer)")
            #expect(answer.output.contains("202") && answer.output.contains("execution_id"), "\(answer)")
            let ending = await server.program.ending()
            #expect(ending.exitCode == 0 && ending.took < .seconds(60), "\(ending)")
            idle.kill()
            _ = await idle.ending()
            // It goes on where it was.
            let list = try await sandbox.run("execution", "list", "--json")
            #expect(list.output.contains("slow"), "\(list)")
        }
    }
}
