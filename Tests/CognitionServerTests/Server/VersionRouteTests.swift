import CognitionCore
import Testing

extension ServerTests {
    /// Priorities, archived versions, retention and moves with nothing but HTTP.
    @Suite("Versions over HTTP") struct VersionRouteTests {
        @Test("Priorities are taken from the request, and those that are none are refused")
        func priority() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("first", do: "[{a: {set: {x: 1}}}]")
            let body: JSONValue = ["workflow_id": "first", "priority": 8, "wait_seconds": 30]
            let ended = try await user.post("workflows/execute", body)
            #expect(ended.status == 200 && ended.json["priority"] == 8, "\(ended)")
            let listed = try await user.get("workflows/executions")
            #expect(listed.json["items"]?[0]?["priority"] == 8, "\(listed)")
            for wrong: JSONValue in [10, -1, 1.5, "high"] {
                (try await user.post("workflows/execute", ["workflow_id": "first", "priority": wrong]))
                    .expectProblem(400, "request.body_invalid")
            }
        }

        @Test("A version is archived alone, and a retention is read in all its forms")
        func versions() async throws {
            let user = try await LiveServer.current.newUser()
            for version in ["1.0.0", "2.0.0"] {
                let yaml = APIUser.document("two", version, "[{a: {set: {x: 1}}}]")
                #expect(try await user.post("workflows", yaml: yaml).status == 201)
            }
            let archived = try await user.patch("workflows/two/2.0.0", ["state": "archived"])
            #expect(archived.status == 200 && archived.json["state"] == "archived", "\(archived)")
            let states = try await user.get("workflows/two/versions").json["items"]?.arrayValue?.map { $0["state"] }
            #expect(states == ["archived", "active"])
            let started = try await user.post("workflows/execute", ["workflow_id": "two"])
            #expect(started.json["version"] == "1.0.0", "\(started)")
            (try await user.post("workflows/execute", ["workflow_id": "two", "version": "2.0.0"]))
                .expectProblem(409, "workflow.archived")
            (try await user.patch("workflows/two/3.0.0", ["state": "active"])).expectProblem(404, "workflow.not_found")
            (try await user.patch("workflows/two/2.0.0", [:])).expectProblem(400, "request.body_invalid")

            for (given, shown): (JSONValue, JSONValue) in [
                (
                    "P1D",
                    [
                        "completed": ["seconds": 86_400], "faulted": ["seconds": 86_400],
                        "cancelled": ["seconds": 86_400],
                    ]
                ),
                (["faulted": ["hours": 1]], ["completed": .null, "faulted": ["seconds": 3_600], "cancelled": .null]),
                (.null, .null),
            ] {
                let changed = try await user.patch("workflows/two", ["retention": given])
                #expect(changed.status == 200 && changed.json["retention"] == shown, "\(changed)")
            }
            (try await user.patch("workflows/two", ["retention": "PT1S"]))
                .expectProblem(400, "workflow.retention_invalid")
        }

        @Test("A waiting execution is moved to a version that has later tasks, and to no other")
        func move() async throws {
            let user = try await LiveServer.current.newUser()
            let wait = "{hold: {listen: {to: {one: {with: {type: go}}}}}}"
            for (version, tasks) in [
                ("1.0.0", "[\(wait)]"), ("1.1.0", "[\(wait), {later: {set: {later: true}}}]"),
                ("2.0.0", "[{hold: {wait: {hours: 1}}}]"),
            ] {
                let yaml = APIUser.document("moving", version, tasks)
                #expect(try await user.post("workflows", yaml: yaml).status == 201)
            }
            let started = try await user.post("workflows/execute", ["workflow_id": "moving", "version": "1.0.0"])
            let path = "workflows/executions/\(try started.json.text("execution_id"))"
            var status: JSONValue? = nil
            while status != "waiting" {
                status = try await user.get(path).json["status"]
                try await Task.sleep(for: .milliseconds(5))
            }
            let refused = try await user.post("\(path)/move", ["version": "2.0.0"])
            refused.expectProblem(409, "workflow.versions_differ")
            #expect(refused.json["detail"]?.stringValue?.contains("/do/0/hold is another") == true, "\(refused)")
            let moved = try await user.post("\(path)/move", ["version": "1.1.0"])
            #expect(moved.status == 200 && moved.json["version"] == "1.1.0", "\(moved)")
            #expect(try await user.post("\(path)/signals/go", [:]).status == 202)
            while status != "completed" {
                status = try await user.get(path).json["status"]
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(try await user.get(path).json["output"] == ["later": true])
        }
    }
}
