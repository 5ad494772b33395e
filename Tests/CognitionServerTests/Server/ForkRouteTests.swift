import CognitionCore
import Testing

extension ServerTests {
    @Suite("Forks over HTTP") struct ForkRouteTests {
        private static let tasks = "[{a: {set: {n: '${ .n + 1 }'}}}, {b: {set: {n: '${ .n * 10 }'}}}]"

        @Test("A fork, its comparison, checkpoints and past states")
        func story() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("chain", do: Self.tasks)
            let source = try await user.post(
                "workflows/execute", ["workflow_id": "chain", "input": ["n": 1], "wait_seconds": 20])
            #expect(source.json["output"] == ["n": 20], "\(source)")
            let id = try source.json.text("id")

            let forked = try await user.post(
                "workflows/executions/\(id)/fork", ["task": "a", "input_patch": ["n": 5]])
            #expect(forked.status == 202 && forked.json["execution_id"] == forked.json["id"], "\(forked)")
            let fork = try forked.json.text("id")
            var shown = try await user.get("workflows/executions/\(fork)")
            while shown.json["status"] != "completed" { shown = try await user.get("workflows/executions/\(fork)") }
            #expect(shown.json["output"] == ["n": 50])
            #expect(shown.json["forked_from"] == ["execution_id": .string(id), "task": 1])
            #expect(shown.json["tasks"]?.arrayValue?.count == 2)

            let diff = try await user.get("workflows/executions/\(id)/diff?with=\(fork)&changes_only=true")
            #expect(diff.json["totals"]?["changed"] == 2 && diff.json["items"]?.arrayValue?.count == 2, "\(diff)")
            #expect(diff.json["right"]?["output"] == ["n": 50])

            let made = try await user.post("workflows/executions/\(id)/checkpoints", ["name": "end"])
            #expect(made.status == 201, "\(made)")
            let list = try await user.get("workflows/executions/\(id)/checkpoints")
            #expect(list.json["items"]?.arrayValue?.map { $0["name"] } == ["end"])
            let one = try await user.get("workflows/executions/\(id)/checkpoints/end")
            #expect(one.json["state"]?["status"] == "completed", "\(one)")
            #expect(try await user.delete("workflows/executions/\(id)/checkpoints/end").status == 204)
            try await user.get("workflows/executions/\(id)/checkpoints/end")
                .expectProblem(404, "workflow.checkpoint_not_found")

            let state = try await user.get("workflows/executions/\(id)/state")
            #expect(state.json["output"] == ["n": 20] && state.json["tasks"]?.arrayValue?.count == 2, "\(state)")
            try await user.get("workflows/executions/\(id)/state?position=9000000000")
                .expectProblem(404, "workflow.moment_outside")
            try await user.get("workflows/executions/\(id)/state?position=x").expectProblem(
                400, "request.parameter_invalid")
            try await user.get("workflows/executions/\(id)/diff").expectProblem(400, "request.parameter_invalid")
            try await user.post("workflows/executions/\(id)/retry").expectProblem(409, "workflow.not_faulted")
            try await user.delete("workflows/executions/\(id)").expectProblem(409, "workflow.execution_has_forks")
        }

        @Test("A faulted execution is tried again, and its events tell of it")
        func retry() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store(
                "fails", do: "[{a: {set: {n: 1}}}, {f: {raise: {error: {type: 'https://example.com/x', status: 418}}}}]"
            )
            let failed = try await user.post("workflows/execute", ["workflow_id": "fails", "wait_seconds": 20])
            #expect(failed.json["status"] == "faulted", "\(failed)")
            let id = try failed.json.text("id")
            let retried = try await user.post("workflows/executions/\(id)/retry")
            #expect(retried.status == 202 && retried.json["status"] == "running", "\(retried)")
            var shown = try await user.get("workflows/executions/\(id)")
            while shown.json["status"] == "running" { shown = try await user.get("workflows/executions/\(id)") }
            #expect(shown.json["status"] == "faulted")
            let events = try await user.all("workflows/executions/\(id)/events", limit: 50)
            let types = events.compactMap { $0["type"]?.stringValue }.filter { $0.hasPrefix("execution.") }
            #expect(types == ["execution.started", "execution.faulted", "execution.retried", "execution.faulted"])
        }
    }
}
