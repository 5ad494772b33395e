import CognitionCore
import Testing

extension ServerTests {
    /// Secrets over HTTP: in, and never out.
    @Suite("Secrets over HTTP") struct SecretTests {
        private static let value = "correct-horse-battery-staple"

        private func put(
            _ user: APIUser, _ name: String, _ value: JSONValue, workspace: String? = nil
        ) async throws -> HTTPAnswer {
            try await user.server.send(
                "PUT", "/api/v3/secrets/\(name)", token: user.token,
                headers: workspace.map { [("X-Workspace-ID", $0)] } ?? [], type: "application/json",
                body: (["value": value] as JSONValue).jsonBytes)
        }

        @Test("A secret is set, replaced, listed and deleted, and the audit trail says by whom")
        func life() async throws {
            let user = try await LiveServer.current.newUser()
            let made = try await put(user, "mySecret", .string(Self.value))
            #expect(made.status == 201 && made.json["name"] == "mySecret" && made.json["value"] == nil, "\(made)")
            let replaced = try await put(user, "mySecret", ["a": .string(Self.value)])
            #expect(replaced.status == 200 && replaced.json["created_at"] == made.json["created_at"])
            for name in ["a-1", "b_2"] { #expect(try await put(user, name, 7).status == 201) }
            let names = try await user.all("secrets", limit: 2).compactMap { $0["name"]?.stringValue }
            #expect(names == ["mySecret", "a-1", "b_2"])
            #expect(try await user.delete("secrets/mySecret").status == 204)
            (try await user.delete("secrets/mySecret")).expectProblem(404, "secret.not_found")
            let entries = try await user.all("auth/audit", limit: 50).filter {
                $0["target"] == "secret:mySecret"
            }
            #expect(entries.map { $0["action"] } == ["secret.delete", "secret.set", "secret.set"])
            #expect(entries.allSatisfy { $0["actor"] == .string("user:\(user.id)") })
            #expect(!entries.contains { $0.jsonText.contains(Self.value) })
        }

        @Test("Names, values and bodies are checked, and what is wrong does not repeat the value")
        func invalid() async throws {
            let user = try await LiveServer.current.newUser()
            for name in ["-a", "a.b", "%20", String(repeating: "a", count: 64)] {
                let answer = try await put(user, name, .string(Self.value))
                #expect(answer.status == 400 && !"\(answer)".contains(Self.value), "\(name): \(answer)")
            }
            (try await put(user, "a", .null)).expectProblem(400, "secret.value_invalid")
            (try await put(user, "a", .string(String(repeating: "x", count: 70_000))))
                .expectProblem(400, "secret.value_invalid")
            for body: JSONValue in [
                [:], ["value": .string(Self.value), "x": .string(Self.value)], [.string(Self.value)],
            ] {
                let answer = try await user.server.send(
                    "PUT", "/api/v3/secrets/a", token: user.token, type: "application/json", body: body.jsonBytes)
                #expect(answer.status == 400 && !"\(answer)".contains(Self.value), "\(answer)")
            }
            #expect(try await user.all("secrets", limit: 50).isEmpty)
        }

        @Test("Admins set and delete, others see names alone, strangers nothing")
        func roles() async throws {
            let server = try LiveServer.current
            let owner = try await server.newUser()
            #expect(try await put(owner, "shared", .string(Self.value)).status == 201)
            for role in ["viewer", "user", "admin"] {
                let member = try await server.newUser()
                let added = try await owner.post(
                    "workspaces/\(owner.home)/members", ["email": .string(member.email), "role": .string(role)])
                #expect(added.status == 201)
                let list = try await member.get("secrets", headers: [("X-Workspace-ID", owner.home)])
                #expect(list.status == 200 && list.json["items"]?[0]?["name"] == "shared", "\(role): \(list)")
                let set = try await put(member, "by-\(role)", "x", workspace: owner.home)
                #expect(set.status == (role == "admin" ? 201 : 403), "\(role): \(set)")
                #expect(try await member.all("secrets", limit: 50).isEmpty)
                (try await member.delete("secrets/shared")).expectProblem(404, "secret.not_found")
            }
        }

        @Test("A workflow that needs a secret which is missing faults, and runs when it is there")
        func use() async throws {
            let user = try await LiveServer.current.newUser()
            let document = """
                document: {dsl: 1.0.0, namespace: default, name: uses, version: 1.0.0}
                use: {secrets: [login]}
                do:
                  - a:
                      input: {from: '{n: ($secrets.login | length)}'}
                      call: rehearse
                      with: {key: '${ . }'}
                """
            let stored = try await user.post("workflows", yaml: document)
            guard stored.status == 201 else { throw TestFailure("\(stored)") }
            let faulted = try await user.run("uses")
            #expect(faulted["status"] == "faulted" && faulted["error"]?["status"] == 403, "\(faulted.jsonText)")
            #expect(
                faulted["error"]?["type"] == "https://serverlessworkflow.io/spec/1.0.0/errors/authorization")
            _ = try await put(user, "login", .string(Self.value))
            let ended = try await user.run("uses", input: ["again": 1])
            #expect(ended["status"] == "completed", "\(ended.jsonText)")
        }
    }
}
