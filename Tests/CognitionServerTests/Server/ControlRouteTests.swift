import CognitionCore
import Testing

extension ServerTests {
    @Suite("Approvals, signals, events and suspension over HTTP") struct ControlRouteTests {
        /// Starts an execution of a document, and answers its path.
        private static func start(_ user: APIUser, _ name: String, _ body: String) async throws -> String {
            try await user.store(name, do: body)
            let started = try await user.post(
                "workflows/execute", ["workflow_id": .string(name), "input": ["amount": 7]])
            #expect(started.status == 202)
            return "workflows/executions/\(try #require(started.json["execution_id"]?.stringValue))"
        }

        private static func eventually(
            _ user: APIUser, _ path: String, _ holds: (JSONValue) -> Bool
        ) async throws -> JSONValue {
            for _ in 0..<1_000 {
                let execution = try await user.get(path).json
                if holds(execution) { return execution }
                try await Task.sleep(for: .milliseconds(10))
            }
            Issue.record("it does not come to hold")
            return .null
        }

        @Test("A question is listed, answered once with its digest, and the execution goes on")
        func approval() async throws {
            let user = try await LiveServer.current.newUser()
            let path = try await Self.start(
                user, "approving",
                "[{ask: {call: approval, with: {title: 'Pay?', subject: '${ . }'}}}, {b: {set: {said: '${ .choice }'}}}]"
            )
            let waiting = try await Self.eventually(user, path) { $0["status"] == "waiting" }
            #expect(waiting["reason"] == "approval")
            let list = try await user.get(path + "/approvals")
            let approval = try #require(list.json["items"]?.arrayValue?.first)
            #expect(approval["subject"] == ["amount": 7])
            #expect(approval["state"] == "open")
            let id = try #require(approval["id"]?.stringValue)
            let digest = try #require(approval["digest"])
            let answer = path + "/approvals/\(id)"
            #expect(try await user.post(answer, ["choice": "approve"]).status == 400)
            #expect(
                try await user.post(answer, ["choice": "perhaps", "digest": digest]).json["code"]
                    == "workflow.choice_invalid")
            #expect(
                try await user.post(path + "/approvals/99-1", ["choice": "approve", "digest": digest])
                    .status == 404)
            let first = try await user.post(answer, ["choice": "approve", "digest": digest])
            #expect(first.status == 200)
            #expect(first.json["applied"] == true)
            let second = try await user.post(answer, ["choice": "reject", "digest": digest])
            #expect(second.status == 200)
            #expect(second.json["applied"] == false)
            #expect(second.json["approval"]?["choice"] == "approve")
            let ended = try await Self.eventually(user, path) { $0["status"] == "completed" }
            #expect(ended["output"] == ["said": "approve"])
        }

        @Test("Another workspace sees and answers nothing")
        func confined() async throws {
            let user = try await LiveServer.current.newUser()
            let other = try await LiveServer.current.newUser()
            let path = try await Self.start(user, "asking", "[{ask: {call: approval}}]")
            _ = try await Self.eventually(user, path) { $0["status"] == "waiting" }
            for (method, end) in [("GET", "approvals"), ("POST", "suspend"), ("POST", "resume")] {
                #expect(
                    try await (method == "GET" ? other.get("\(path)/\(end)") : other.post("\(path)/\(end)")).status
                        == 404)
            }
            #expect(try await other.post(path + "/signals/x", 1).status == 404)
            #expect(
                try await other.post(path + "/tasks/1/reconcile", ["outcome": "retry"]).status == 404)
        }

        @Test("Signals and published events reach those that listen")
        func events() async throws {
            let user = try await LiveServer.current.newUser()
            let path = try await Self.start(
                user, "listening",
                "[{a: {listen: {to: {one: {with: {type: go}}}}}}, {b: {listen: {to: {one: {with: {type: done}}}}}}]")
            _ = try await Self.eventually(user, path) { $0["status"] == "waiting" }
            #expect(try await user.post(path + "/signals/done", ["n": 2]).status == 202)
            let event: JSONValue = ["source": "/test", "type": "go", "data": ["n": 1]]
            let published = try await user.post("events", event)
            #expect(published.status == 202)
            #expect(published.json["listeners"] == 1)
            #expect(try await user.post("events", ["type": "go"]).status == 400)
            let ended = try await Self.eventually(user, path) { $0["status"] == "completed" }
            #expect(ended["output"] == [["n": 2]])
            #expect(try await user.post(path + "/signals/done", 1).status == 409)
        }

        @Test("An execution is suspended, and goes on when it is resumed")
        func suspension() async throws {
            let user = try await LiveServer.current.newUser()
            let path = try await Self.start(user, "pausing", "[{a: {wait: PT0.3S}}, {b: {set: {done: true}}}]")
            let suspended = try await user.post(path + "/suspend")
            #expect([200, 202].contains(suspended.status))
            _ = try await Self.eventually(user, path) { $0["status"] == "suspended" }
            try await Task.sleep(for: .milliseconds(400))
            #expect(try await user.get(path).json["status"] == "suspended")
            #expect(try await user.post(path + "/resume").status == 200)
            let ended = try await Self.eventually(user, path) { $0["status"] == "completed" }
            #expect(ended["output"] == ["done": true])
            #expect(try await user.post(path + "/suspend").status == 409)
        }
    }
}
