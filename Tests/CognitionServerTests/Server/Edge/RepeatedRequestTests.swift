import CognitionCore
import Testing

extension ServerTests {
    @Suite("Requests with a key") struct RepeatedRequestTests {
        private func key(_ key: String) -> [(String, String)] { [("Idempotency-Key", key)] }

        private func name() -> String { "w\(UInt64.random(in: .min ... .max))" }

        @Test("The same again is not done again, and is answered alike")
        func replayed() async throws {
            let user = try await LiveServer.current.newUser()
            let body: JSONValue = ["name": .string(name())]
            let first = try await user.post("workspaces", body, headers: key("k1"))
            try #require(first.status == 201 && first["idempotency-replayed"] == nil, "\(first)")
            for _ in 0..<3 {
                let again = try await user.post("workspaces", body, headers: key("k1"))
                #expect(again.status == 201 && again.body == first.body, "\(again)")
                #expect(again["idempotency-replayed"] == "true" && again.mediaType == "application/json", "\(again)")
                #expect(again["x-request-id"] != first["x-request-id"])
            }
            // Without the key it is another request.
            (try await user.post("workspaces", body)).expectProblem(409)
            // A key is one route's.
            try await user.store("any", do: "[{a: {set: {x: 1}}}]")
            #expect(try await user.post("workflows/validate", yaml: "x: 1").status == 200)
        }

        @Test("The key with another request is refused")
        func reused() async throws {
            let user = try await LiveServer.current.newUser()
            #expect(try await user.post("workspaces", ["name": .string(name())], headers: key("k")).status == 201)
            (try await user.post("workspaces", ["name": .string(name())], headers: key("k")))
                .expectProblem(422, "request.idempotency_key_reused")
            (try await user.post("workspaces", ["name": .string(name())], headers: key("a b")))
                .expectProblem(400, "request.parameter_invalid")
        }

        @Test("A key belongs to one principal in one workspace")
        func owners() async throws {
            let server = try LiveServer.current
            let (one, other) = (try await server.newUser(), try await server.newUser())
            #expect(try await one.post("workspaces", ["name": .string(name())], headers: key("k")).status == 201)
            #expect(try await other.post("workspaces", ["name": .string(name())], headers: key("k")).status == 201)
        }

        @Test("What was refused may be tried again under its key")
        func refused() async throws {
            let user = try await LiveServer.current.newUser()
            let body: JSONValue = ["email": "nobody@example.com", "role": "user"]
            let path = "workspaces/\(user.home)/members"
            for _ in 0..<2 { (try await user.post(path, body, headers: key("k"))).expectProblem(404) }
            let member = try await user.server.newUser()
            let added = try await user.post(path, ["email": .string(member.email), "role": "user"], headers: key("k"))
            #expect(added.status == 201, "\(added)")
        }

        @Test("Of 16 at once one is done, and the others are told to wait or get its answer")
        func parallel() async throws {
            let user = try await LiveServer.current.newUser()
            let body: JSONValue = ["name": .string(name())]
            let answers = try await withThrowingTaskGroup(of: HTTPAnswer.self) { group in
                for _ in 0..<16 { group.addTask { try await user.post("workspaces", body, headers: key("race")) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let done = answers.filter { $0.status == 201 }
            #expect(done.count { $0["idempotency-replayed"] == nil } == 1)
            #expect(Set(done.map(\.body)).count == 1)
            for answer in answers where answer.status != 201 {
                answer.expectProblem(409, "request.idempotency_key_in_progress")
                #expect(answer["retry-after"] == "1", "\(answer)")
            }
        }

        @Test("An answer with a secret is not kept: the same again is told that it was done")
        func secrets() async throws {
            let server = try LiveServer.current
            let boss = try await server.operatorToken()
            let body = JSONValue.object(["email": .string(LiveServer.newEmail())]).jsonBytes
            func make() async throws -> HTTPAnswer {
                try await server.send(
                    "POST", "/api/v3/users", token: boss,
                    headers: key("user-\(String(decoding: body, as: UTF8.self).count)"),
                    type: "application/json", body: body)
            }
            let first = try await make()
            try #require(first.status == 201 && first.json["password"]?.stringValue != nil, "\(first)")
            (try await make()).expectProblem(409, "request.idempotency_key_done")
        }
    }
}

@Suite("Keys outlive the server", .timeLimit(.minutes(2))) struct RepeatedRequestCrashTests {
    @Test("After a kill the answer is still known, and the key with another body still refused")
    func restart() async throws {
        try await withSandbox { sandbox in
            let headers = [("Idempotency-Key", "lasting")]
            let first = try await LiveServer.start(in: sandbox)
            var user = try await first.newUser()
            let made = try await user.post("workspaces", ["name": "kept"], headers: headers)
            try #require(made.status == 201, "\(made)")
            first.program.kill()
            _ = await first.program.ending()
            let second = try await LiveServer.start(in: sandbox)
            user = APIUser(
                server: second, email: user.email, id: user.id, home: user.home, token: user.token,
                refreshToken: user.refreshToken)
            let again = try await user.post("workspaces", ["name": "kept"], headers: headers)
            #expect(
                again.status == 201 && again.body == made.body && again["idempotency-replayed"] == "true", "\(again)")
            (try await user.post("workspaces", ["name": "other"], headers: headers))
                .expectProblem(422, "request.idempotency_key_reused")
            _ = await second.stop()
        }
    }
}
