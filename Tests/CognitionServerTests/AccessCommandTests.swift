import CognitionCore
import Foundation
import Testing

/// API keys, signing keys and the audit trail from the command line, with and without a server.
@Suite("Access commands", .timeLimit(.minutes(3))) struct AccessCommandTests {
    private static let email = "ada@example.com"

    private func withUser(_ withServer: Bool, _ body: (Sandbox, RunningServer?) async throws -> Void) async throws {
        try await withSandbox { sandbox in
            let server = withServer ? try await sandbox.serve() : nil
            let made = try await sandbox.run(
                "user", "create", "--email", Self.email, environment: ["SECURITY_BCRYPT_COST": "4"])
            try #require(made.exitCode == 0, "\(made)")
            try await body(sandbox, server)
        }
    }

    private func me(_ sandbox: Sandbox, _ server: RunningServer, _ key: String) async throws -> String {
        try await sandbox.start(
            [
                "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Authorization: Bearer \(key)",
                server.url + "/api/v3/auth/me",
            ],
            executable: "/usr/bin/curl"
        ).ending().output
    }

    @Test("An API key is made, listed and revoked", arguments: [false, true])
    func apiKeys(withServer: Bool) async throws {
        try await withUser(withServer) { sandbox, running in
            let made = try await sandbox.run(
                "apikey", "create", Self.email, "--name", "import", "--scope", "workflows:read", "--scope",
                "workflows:execute", "--life", "90d", "--json")
            #expect(made.exitCode == 0, "\(made)")
            let key = try JSONValue(parsing: made.output)
            #expect(key["scopes"] == ["workflows:execute", "workflows:read"] && key["expires_at"]?.stringValue != nil)
            let plain = try await sandbox.run("apikey", "create", Self.email, "--name", "all")
            #expect(plain.exitCode == 0 && plain.output.contains("key        cog_"), "\(plain)")
            #expect(plain.errors.contains("not shown again"))
            let list = try await sandbox.json("apikey", "list", Self.email, "--json")
            #expect(list["items"]?.arrayValue?.map { $0["name"] } == ["import", "all"])
            #expect(list["items"]?.arrayValue?.first?["key"] == nil)
            let lines = try await sandbox.run("apikey", "list", Self.email)
            let prefix = try key.text("prefix")
            #expect(lines.output.split(separator: "\n").count == 2 && lines.output.contains(prefix))

            var server = running
            if server == nil { server = try await sandbox.serve() }
            let live = try #require(server)
            #expect(try await me(sandbox, live, try key.text("key")) == "200")
            if !withServer { try await live.stop() }
            let revoked = try await sandbox.run("apikey", "revoke", try key.text("id"))
            #expect(revoked.exitCode == 0, "\(revoked)")
            let again = try await sandbox.run("apikey", "revoke", try key.text("id"))
            #expect(again.exitCode == 1 && again.errors.contains("[identity.api_key_not_found]"), "\(again)")
            let after = withServer ? live : try await sandbox.serve()
            #expect(try await me(sandbox, after, try key.text("key")) == "401")
        }
    }

    @Test("What cannot be is refused", arguments: [false, true])
    func refusals(withServer: Bool) async throws {
        try await withUser(withServer) { sandbox, _ in
            for (arguments, code, word) in [
                (["create", "nobody@example.com", "--name", "x"], 1, "[identity.user_not_found]"),
                (["create", Self.email, "--name", "x", "--workspace", "nix"], 1, "[identity.workspace_not_found]"),
                (["create", Self.email, "--name", "x", "--scope", "server:operate"], 1, "[identity.scope_exceeded]"),
                (["create", Self.email, "--name", "x", "--scope", "everything"], 2, "scope"),
                (["create", Self.email, "--name", "x", "--life", "1s"], 2, "life"),
                (["create", "nobody", "--name", "x"], 2, "neither"), (["create", Self.email], 2, "name"),
                (["list", "nobody@example.com"], 1, "[identity.user_not_found]"), (["revoke", "x"], 2, "no id"),
            ] as [([String], Int32, String)] {
                let ending = try await sandbox.start(["apikey"] + arguments).ending()
                #expect(ending.exitCode == code && ending.output.isEmpty, "\(arguments): \(ending)")
                #expect(ending.errors.contains(word), "\(arguments): \(ending.errors)")
            }
        }
    }

    @Test("The audit trail is listed and filtered", arguments: [false, true])
    func audit(withServer: Bool) async throws {
        try await withUser(withServer) { sandbox, _ in
            _ = try await sandbox.run("apikey", "create", Self.email, "--name", "import")
            let all = try await sandbox.json("audit", "list", "--json")
            let actions = all["items"]?.arrayValue?.compactMap { $0["action"]?.stringValue } ?? []
            #expect(actions.first == "apikey.create" && actions.contains("auth.register"), "\(actions)")
            let one = try await sandbox.json(
                "audit", "list", "--action", "apikey.create", "--actor", "operator", "--outcome", "success", "--json")
            #expect(one["items"]?.arrayValue?.count == 1)
            let first = try await sandbox.json("audit", "list", "--limit", "1", "--json")
            let second = try await sandbox.json(
                "audit", "list", "--limit", "1", "--cursor", try first.text("next_cursor"), "--json")
            #expect(first["items"]?.arrayValue != second["items"]?.arrayValue)
            let lines = try await sandbox.run("audit", "list", "--action", "apikey.create")
            #expect(lines.exitCode == 0 && lines.output.contains("operator") && lines.output.contains("apikey:"))
            let none = try await sandbox.run("audit", "list", "--since", "2100-01-01T00:00:00Z")
            #expect(none.exitCode == 0 && none.output.isEmpty && none.errors.contains("no entries"))
            #expect(try await sandbox.run("audit", "list", "--since", "yesterday").exitCode == 2)
            #expect(try await sandbox.run("audit", "list", "--action", "nix").exitCode == 2)
        }
    }

    @Test(
        "Signing keys are listed and exchanged; tokens from before stay good unless they are dropped",
        arguments: [false, true])
    func keys(withServer: Bool) async throws {
        try await withUser(withServer) { sandbox, running in
            let token = try await sandbox.run("token", "--life", "30d").output.trimmingCharacters(in: .newlines)
            #expect(try await sandbox.json("keys", "list", "--json")["items"]?.arrayValue?.count == 1)
            let rotated = try await sandbox.json("keys", "rotate", "--json")
            #expect(rotated["items"]?.arrayValue?.map { $0["state"] } == ["current", "previous"])
            let lines = try await sandbox.run("keys", "list")
            #expect(lines.output.contains("HS256  current") && lines.output.contains("retired"), "\(lines)")
            var server = running
            if server == nil { server = try await sandbox.serve() }
            let live = try #require(server)
            // Of the operator, who is no user: found good, and then not found.
            #expect(try await me(sandbox, live, token) == "404")
            #expect(
                try await sandbox.json("keys", "rotate", "--drop-previous", "--json")["items"]?.arrayValue?.count == 1)
            #expect(try await me(sandbox, live, token) == "401")
            try await live.stop()
            let given = try await sandbox.start(
                ["keys", "rotate"], environment: ["SECURITY_SECRET_KEY": "a key that is given and long enough for it"]
            ).ending()
            #expect(given.exitCode == 1 && given.errors.contains("[identity.keys_given]"), "\(given)")
        }
    }
}
