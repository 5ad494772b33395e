import CognitionCore
import Testing

extension ServerTests {
    /// The main job with nothing but HTTP.
    @Suite("Main job") struct MainJobTests {
        @Test("Somebody registers, logs in, stores a workflow, runs it, looks at everything, tidies up and logs out")
        func story() async throws {
            let server = try LiveServer.current
            var user = try await server.newUser()
            let me = try await user.get("auth/me")
            #expect(me.status == 200 && me.json["email"] == .string(user.email), "\(me)")
            #expect(me.json["workspace_id"] == .string(user.home))

            let yaml = APIUser.document("greet", "1.0.0", "[{hello: {set: {greeting: '${ \"Hello, \" + .name }'}}}]")
            let created = try await user.post("workflows", yaml: yaml)
            #expect(created.status == 201, "\(created)")
            #expect(created.json["id"] == "default.greet")
            let versions = try await user.get("workflows/greet/versions")
            #expect(versions.json["items"]?[0]?["hash"] == created.json["hash"], "\(versions)")

            let body: JSONValue = ["workflow_id": "greet", "input": ["name": "Ada"], "wait_seconds": 30]
            let ended = try await user.post("workflows/execute", body)
            #expect(ended.status == 200, "\(ended)")
            #expect(ended.json["output"] == ["greeting": "Hello, Ada"])
            #expect(ended.json["status"] == "completed" && ended.json["progress"] == 100)
            let id = try ended.json.text("execution_id")

            let shown = try await user.get("workflows/executions/\(id)")
            #expect(shown.status == 200 && shown.json["id"] == .string(id), "\(shown)")
            #expect(shown.json["tasks"]?.arrayValue?.count == 1)
            #expect(shown.json["tasks"]?[0]?["reference"] == "/do/0/hello")
            let tasks = try await user.get("workflows/executions/\(id)/tasks")
            #expect(tasks.json["items"]?[0]?["output"] == ["greeting": "Hello, Ada"], "\(tasks)")
            let events = try await user.get("workflows/executions/\(id)/events")
            let types = events.json["items"]?.arrayValue?.map { $0["type"] }
            #expect(types == ["execution.started", "execution.completed"], "\(events)")

            (try await user.post("workflows/executions/\(id)/cancel")).expectProblem(409, "workflow.execution_ended")
            #expect(try await user.delete("workflows/executions/\(id)").status == 204)
            (try await user.get("workflows/executions/\(id)")).expectProblem(404, "workflow.execution_not_found")
            (try await user.delete("workflows/executions/\(id)")).expectProblem(404, "workflow.execution_not_found")
            #expect(try await user.delete("workflows/greet/1.0.0").status == 204)
            (try await user.get("workflows/greet/latest")).expectProblem(404, "workflow.not_found")

            let refreshed = try await server.post("/api/v3/auth/refresh", ["refresh_token": .string(user.refreshToken)])
            #expect(refreshed.status == 200, "\(refreshed)")
            user.token = try refreshed.json.text("access_token")
            #expect(try await user.post("auth/logout").status == 204)
            (try await user.get("auth/me")).expectProblem(401, "identity.token_invalid")
        }

        @Test("The same document is stored once, in whatever format it comes; another one needs another version")
        func versions() async throws {
            let user = try await LiveServer.current.newUser()
            let yaml = APIUser.document("same", "1.0.0", "[{one: {set: {x: 1}}}]")
            let json: JSONValue = [
                "do": [["one": ["set": ["x": 1]]]],
                "document": ["version": "1.0.0", "name": "same", "namespace": "default", "dsl": "1.0.0"],
            ]
            let first = try await user.post("workflows", json)
            let again = try await user.post("workflows", yaml: yaml)
            #expect(first.status == 201 && again.status == 200, "\(first) \(again)")
            #expect(first.json == again.json)
            let other = yaml.replacing("x: 1", with: "x: 2")
            (try await user.post("workflows", yaml: other)).expectProblem(409, "workflow.version_taken")
            for version in ["1.0.10", "1.0.2", "2.0.0-rc.1"] {
                let next = other.replacing("version: 1.0.0", with: "version: \(version)")
                #expect(try await user.post("workflows", yaml: next).status == 201)
            }
            #expect(try await user.all("workflows/same/versions", limit: 1).count == 4)
            #expect(try await user.all("workflows", limit: 1).map { $0["id"] } == ["default.same"])
            for name in ["same", "default.same"] {
                let shown = try await user.get("workflows/\(name)/1.0.0")
                #expect(shown.json["document"]?["do"] == json["do"], "\(shown)")
            }
            let executed = try await user.post("workflows/execute", ["workflow_id": "same", "version": "1.0.2"])
            #expect(executed.status == 202 && executed.json["version"] == "1.0.2", "\(executed)")
        }

        @Test("What is wrong with a definition is told with its place, and nothing is stored")
        func invalidDefinitions() async throws {
            let user = try await LiveServer.current.newUser()
            let yaml = """
                document: {dsl: 1.0.0, namespace: default, name: bad, version: one}
                do:
                  - broken: {set: {a: '${ .a + }'}}
                  - strange: {call: nothing}
                """
            let refused = try await user.post("workflows", yaml: yaml)
            refused.expectProblem(400, "workflow.definition_invalid")
            let checked = try await user.post("workflows/validate", yaml: yaml)
            #expect(checked.status == 200 && checked.json["valid"] == false, "\(checked)")
            #expect(checked.json["faults"] == refused.json["faults"])
            let faults = try #require(refused.json["faults"]?.arrayValue)
            #expect(faults.contains { $0["pointer"] == "/document/version" && $0["line"] == 1 }, "\(refused)")
            #expect(faults.contains { $0["pointer"]?.stringValue?.hasPrefix("/do/0/broken") == true }, "\(refused)")
            for text in ["", "a: [", "- 1", "{\"document\": ", "do: 1\ndo: 2", "a: &a [*a]", "a: !!binary x"] {
                (try await user.post("workflows", yaml: text)).expectProblem(400, nil, "\(text)")
                if text.isEmpty { continue }  // no document at all is a fault of the request
                let checked = try await user.post("workflows/validate", yaml: text)
                #expect(checked.status == 200 && checked.json["valid"] == false, "\(text): \(checked)")
            }
            let good = try await user.post(
                "workflows/validate", yaml: APIUser.document("good", "1.0.0", "[{a: {set: {x: 1}}}]"))
            #expect(good.status == 200 && good.json["valid"] == true && good.json["tasks"] == 1, "\(good)")
            #expect(try await user.all("workflows", limit: 50).isEmpty)
        }

        @Test("An execution goes on while nobody waits for it, and is cancelled on request")
        func cancel() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store(
                "slow", do: "[{first: {set: {n: 1}}}, {rest: {wait: {minutes: 10}}}, {last: {set: {n: 2}}}]")
            let body: JSONValue = ["workflow_id": "slow", "wait_seconds": 0.2]
            let started = try await user.post("workflows/execute", body)
            #expect(started.status == 202, "\(started)")
            let id = try started.json.text("execution_id")
            (try await user.delete("workflows/executions/\(id)")).expectProblem(409)
            (try await user.delete("workflows/slow/1.0.0")).expectProblem(409)
            let live = try await user.get("workflows/executions/\(id)")
            #expect(live.json["status"] == "waiting", "\(live)")
            #expect(live.json["ended_at"] == .null && live.json["output"] == .null)
            let progress = try #require(live.json["progress"]?.integerValue)
            #expect((1..<100).contains(progress))
            let cancelled = try await user.post("workflows/executions/\(id)/cancel")
            #expect([200, 202].contains(cancelled.status), "\(cancelled)")
            let end = try await user.status(of: id) { $0 != "waiting" && $0 != "running" }
            #expect(end["status"] == "cancelled", "\(end)")
            #expect((end["progress"]?.integerValue ?? 100) < 100)
            (try await user.post("workflows/executions/\(id)/cancel")).expectProblem(409, "workflow.execution_ended")
        }

        @Test("A workflow that fails answers the error of its task, as the DSL has it")
        func faulted() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store(
                "fails", do: "[{stop: {raise: {error: {type: 'https://example.com/no', status: 418, title: No}}}}]")
            let ended = try await user.run("fails")
            #expect(ended["status"] == "faulted" && ended["output"] == .null, "\(ended)")
            #expect(ended["error"]?["type"] == "https://example.com/no" && ended["error"]?["status"] == 418)
            #expect(ended["tasks"]?[0]?["error"]?["title"] == "No")
        }

        @Test("An archived workflow starts nothing, and is found by its state and tags")
        func archive() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("old", do: "[{a: {set: {x: 1}}}]")
            try await user.store("new", do: "[{a: {set: {x: 1}}}]")
            let changed = try await user.patch("workflows/old", ["state": "archived", "tags": ["x:1", "y"]])
            #expect(changed.status == 200 && changed.json["state"] == "archived", "\(changed)")
            let refused = try await user.post("workflows/execute", ["workflow_id": "old"])
            #expect(refused.status == 409 || refused.status == 404, "\(refused)")
            refused.expectProblem(refused.status)
            for (query, names) in [
                ("state=archived", ["default.old"]), ("state=active", ["default.new"]), ("tag=x:1", ["default.old"]),
                ("tag=z", []), ("owner=user:\(user.id)", ["default.new", "default.old"]), ("owner=user:nobody", []),
            ] {
                let found = try await user.all("workflows?\(query)", limit: 50).compactMap { $0["id"]?.stringValue }
                #expect(found.sorted() == names, "\(query)")
            }
            #expect(try await user.patch("workflows/old", ["state": "active"]).status == 200)
            #expect(try await user.post("workflows/execute", ["workflow_id": "old"]).status == 202)
            (try await user.patch("workflows/nix", ["state": "active"])).expectProblem(404, "workflow.not_found")
            (try await user.patch("workflows/old", ["state": "gone"])).expectProblem(400, "request.body_invalid")
            (try await user.patch("workflows/old", ["tags": ["Ä"]])).expectProblem(400, "request.body_invalid")
        }
    }
}

extension APIUser {
    /// Looks at an execution until its status fits.
    func status(of id: String, until fits: (String) -> Bool) async throws -> JSONValue {
        while true {
            let shown = try await get("workflows/executions/\(id)")
            try #require(shown.status == 200, "\(shown)")
            if fits(try shown.json.text("status")) { return shown.json }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
