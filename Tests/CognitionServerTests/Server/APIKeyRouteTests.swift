import CognitionCore
import Foundation
import Testing

extension ServerTests {
    @Suite("API keys") struct APIKeyRouteTests {
        /// A new key of a user's, with the user's token exchanged for it.
        private func withKey(_ user: APIUser, _ body: JSONObject = [:]) async throws -> (user: APIUser, id: String) {
            var body = body
            body["name"] = "nightly import"
            let made = try await user.post("auth/api-keys", .object(body))
            try #require(made.status == 201, "\(made)")
            var program = user
            program.token = try made.json.text("key")
            return (program, try made.json.text("id"))
        }

        @Test("A key is shown once, works wherever a token does, and is refused once it is revoked")
        func life() async throws {
            let user = try await LiveServer.current.newUser()
            let (program, id) = try await withKey(user)
            #expect(program.token.hasPrefix("cog_") && program.token.utf8.count == 62)
            let listed = try await user.get("auth/api-keys")
            #expect(listed.json["items"]?.arrayValue?.first?["id"] == .string(id))
            #expect(!listed.text.contains(program.token.dropFirst(13)), "shown again")

            try await program.store("by-key", do: "[{a: {set: {x: 1}}}]")
            #expect(try await program.run("by-key")["output"] == ["x": 1])
            #expect(try await program.get("auth/me").json["id"] == .string(user.id))
            let socket = try await withSocket(to: user.server.port) { socket in
                var client = try await WebSocketClient(socket, token: program.token)
                try await client.send(["action": "ping"])
                return try await client.next()
            }
            #expect(socket["type"] == "pong")

            #expect(try await user.delete("auth/api-keys/\(id)").status == 204)
            let refused = try await program.get("auth/me")
            refused.expectProblem(401, "identity.api_key_invalid")
            #expect(refused["www-authenticate"] == "Bearer realm=\"cognitionos\", error=\"invalid_token\"")
            (try await user.delete("auth/api-keys/\(id)")).expectProblem(404, "identity.api_key_not_found")
            let actions = try await user.all("auth/audit", limit: 50).compactMap { $0["action"]?.stringValue }
            for action in ["apikey.create", "apikey.revoke", "apikey.use.denied"] { #expect(actions.contains(action)) }
        }

        @Test("A WebSocket is closed soon after its key is revoked")
        func webSocket() async throws {
            let user = try await LiveServer.current.newUser()
            let (program, id) = try await withKey(user)
            try await withSocket(to: user.server.port) { socket in
                var client = try await WebSocketClient(socket, token: program.token)
                #expect(try await user.delete("auth/api-keys/\(id)").status == 204)
                let revoked = ContinuousClock.now
                await #expect(throws: TestFailure.self) {
                    while true { _ = try await client.next() }
                }
                #expect(ContinuousClock.now - revoked < .seconds(3))
            }
        }

        @Test("A key permits its scopes and nothing else, and nothing personal")
        func scopes() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            let (reader, id) = try await withKey(user, ["scopes": ["workflows:read"]])
            #expect(try await reader.get("auth/me").json["permissions"] == ["workflows:read"])
            #expect(try await reader.get("workflows").status == 200)
            let yaml = APIUser.document("x", "1.0.0", "[{a: {set: {x: 1}}}]")
            let denied = try await reader.post("workflows", yaml: yaml)
            denied.expectProblem(403, "request.permission_denied")
            #expect(denied["www-authenticate"] == "Bearer realm=\"cognitionos\", error=\"insufficient_scope\"")
            (try await reader.get("auth/audit")).expectProblem(403, "identity.forbidden")
            for refused in [
                try await reader.get("auth/api-keys"), try await reader.post("auth/api-keys", ["name": "more"]),
                try await reader.delete("auth/api-keys/\(id)"), try await reader.post("auth/logout"),
                try await reader.post("workspaces", ["name": "by-a-key"]),
            ] {
                refused.expectProblem(403, "identity.session_required")
            }
            let name = "\(user.home)-other"
            #expect(try await user.post("workspaces", ["name": .string(name)]).status == 201)
            (try await reader.get("workflows", headers: [("X-Workspace-ID", name)]))
                .expectProblem(404, "identity.workspace_not_found")
            (try await reader.get("workspaces/\(name)")).expectProblem(404, "identity.workspace_not_found")
            // Through the façade, which looks at the members and not at the token's permissions.
            let other = try await server.newUser()
            (try await reader.post("workspaces/\(user.home)/members", ["email": .string(other.email), "role": "admin"]))
                .expectProblem(403, "identity.forbidden")
        }

        @Test("Keys that cannot be are refused")
        func refusals() async throws {
            let user = try await LiveServer.current.newUser()
            let bodies: [(JSONValue, Int, String)] = [
                (["name": ""], 400, "request.body_invalid"),
                (["name": "  "], 400, "identity.name_invalid"),
                (["name": "x", "scopes": ["workflows:write", "no:such"]], 400, "request.body_invalid"),
                (["name": "x", "scopes": []], 400, "identity.api_key_useless"),
                (["name": "x", "scopes": ["server:operate"]], 403, "identity.scope_exceeded"),
                (["name": "x", "expires_at": "2020-01-01T00:00:00Z"], 400, "identity.api_key_useless"),
                (["name": "x", "expires_at": "tomorrow"], 400, "request.body_invalid"),
                (["name": "x", "workspace_id": "default"], 404, "identity.workspace_not_found"),
                (["name": "x", "user": "somebody@example.com"], 403, "identity.forbidden"),
            ]
            for (body, status, code) in bodies {
                (try await user.post("auth/api-keys", body)).expectProblem(status, code, "\(body.jsonText)")
            }
            (try await user.get("auth/api-keys?user=somebody@example.com")).expectProblem(403, "identity.forbidden")
            for text in ["cog_", "cog_abc", "cog_aaaaaaaa_" + String(repeating: "a", count: 49)] {
                (try await user.server.send("GET", "/api/v3/auth/me", token: text))
                    .expectProblem(401, "identity.api_key_invalid", "\(text)")
            }
        }

        @Test("When a key was last used is told soon")
        func lastUse() async throws {
            let user = try await LiveServer.current.newUser()
            let (program, _) = try await withKey(user)
            #expect(try await program.get("workflows").status == 200)
            for _ in 0..<100 {
                let key = try await user.get("auth/api-keys").json["items"]?.arrayValue?.first
                if key?["last_used_at"]?.stringValue != nil {
                    #expect(key?["last_used_ip"] == "127.0.0.1")
                    return
                }
                try await Task.sleep(for: .milliseconds(100))
            }
            Issue.record("not told within 10 seconds")
        }
    }
}
