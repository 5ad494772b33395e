import CognitionCore
import Testing

extension ServerTests {
    @Suite("Idempotency keys") struct IdempotencyTests {
        private func execute(
            _ user: APIUser, header: String? = nil, member: String? = nil, input: JSONValue = [:], wait: Int = 0
        ) async throws -> HTTPAnswer {
            var body: JSONObject = ["workflow_id": "once", "input": input, "wait_seconds": .integer(Int64(wait))]
            if let member { body["idempotency_key"] = .string(member) }
            return try await user.post(
                "workflows/execute", .object(body), headers: header.map { [("Idempotency-Key", $0)] } ?? [])
        }

        private func newUser() async throws -> APIUser {
            let user = try await LiveServer.current.newUser()
            try await user.store("once", do: "[{a: {wait: {milliseconds: 5}}}]")
            return user
        }

        @Test("The same key is the same execution, in the header or in the body, before and after its end")
        func same() async throws {
            let user = try await newUser()
            let first = try await execute(user, header: "key-1").json.text("execution_id")
            #expect(try await execute(user, member: "key-1").json.text("execution_id") == first)
            #expect(try await execute(user, header: "key-1", member: "key-1").json.text("execution_id") == first)
            let ended = try await execute(user, header: "key-1", wait: 30)
            #expect(ended.status == 200 && ended.json["execution_id"] == .string(first), "\(ended)")
            #expect(try await execute(user, member: "key-1").json.text("execution_id") == first)
            #expect(try await execute(user, header: "key-2").json.text("execution_id") != first)
            #expect(try await user.all("workflows/executions", limit: 50).count == 2)
        }

        @Test("Of 32 requests at once with one key, one starts the execution and all answer it")
        func parallel() async throws {
            let user = try await newUser()
            let ids = try await withThrowingTaskGroup(of: String.self) { group in
                for n in 0..<32 {
                    group.addTask {
                        let isHeader = n.isMultiple(of: 2)
                        let answer = try await execute(
                            user, header: isHeader ? "race" : nil, member: isHeader ? nil : "race",
                            wait: n % 3 == 0 ? 30 : 0)
                        #expect(answer.status < 300, "\(answer)")
                        return try answer.json.text("execution_id")
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(ids.count == 32 && Set(ids).count == 1)
            #expect(try await user.all("workflows/executions", limit: 50).count == 1)
        }

        @Test("A key that stands for something else is refused")
        func reused() async throws {
            let user = try await newUser()
            #expect(try await execute(user, header: "key", input: ["a": 1]).status == 202)
            #expect(try await execute(user, header: "key", input: ["a": 1.0]).status == 202)
            (try await execute(user, header: "key", input: ["a": 2])).expectProblem(
                409, "workflow.idempotency_key_reused")
            (try await execute(user, member: "key")).expectProblem(409, "workflow.idempotency_key_reused")
            try await user.store("other", do: "[{a: {set: {x: 1}}}]")
            let other = try await user.post(
                "workflows/execute", ["workflow_id": "other", "input": ["a": 1], "idempotency_key": "key"])
            other.expectProblem(409, "workflow.idempotency_key_reused")
        }

        @Test("A key belongs to its workspace")
        func workspaces() async throws {
            let (one, other) = (try await newUser(), try await newUser())
            let first = try await execute(one, header: "key")
            let second = try await execute(other, header: "key", input: ["a": 1])
            #expect(first.status == 202 && second.status == 202, "\(second)")
            #expect(try first.json.text("execution_id") != second.json.text("execution_id"))
        }

        @Test("A key is 1 to 255 visible characters, and the same in both places")
        func malformed() async throws {
            let user = try await newUser()
            for key in ["", "a b", "ä", String(repeating: "k", count: 256)] {
                (try await execute(user, header: key)).expectProblem(400, "request.parameter_invalid", "\(key)")
            }
            for key in ["", String(repeating: "k", count: 256)] {
                (try await execute(user, member: key)).expectProblem(400, "request.body_invalid", "\(key)")
            }
            (try await execute(user, header: "one", member: "two")).expectProblem(400, "request.parameter_invalid")
            #expect(try await execute(user, header: String(repeating: "k", count: 255)).status == 202)
            #expect(try await user.all("workflows/executions", limit: 50).count == 1)
        }
    }
}
