import CognitionCore
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

@Suite("Repeated requests for executions") struct RepeatedRequestTests {
    private static let ann = Principal(actor: "user:ann", workspace: .default)

    @Test(
        "The answer is the first execution, whatever was stored or deleted since", arguments: TestDatabase.engines)
    func repetition(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let workflows = harness.workflows
            let stored = try await harness.store("w")
            let other = try await harness.store("other")
            func command(version: String = "latest", input: JSONValue = [:]) -> ExecuteCommand {
                ExecuteCommand(workflow: stored.id, version: version, input: input, idempotencyKey: "k")
            }
            let first = try await workflows.execute(command(), as: Self.ann)
            _ = try await harness.store("w", "1.1.0")
            #expect(try await workflows.execute(command(), as: Self.ann).id == first.id)
            #expect(try await workflows.execute(command(version: "1.0.0"), as: Self.ann).id == first.id)
            await expect(.keyReused) { try await workflows.execute(command(version: "1.1.0"), as: Self.ann) }
            await expect(.keyReused) { try await workflows.execute(command(input: ["n": 1]), as: Self.ann) }
            await expect(.keyReused) {
                try await workflows.execute(ExecuteCommand(workflow: other.id, idempotencyKey: "k"), as: Self.ann)
            }
            try await harness.running {
                #expect(try await workflows.execute(command(), as: Self.ann, on: harness.engine).id == first.id)
                _ = try await harness.end(of: first.id)
            }
            try await workflows.delete(stored.id, version: "1.0.0", as: Self.ann)
            let ended = try await workflows.execute(command(version: "1.0.0"), as: Self.ann)
            #expect(ended.id == first.id && ended.status == .completed && ended.version == "1.0.0")
            #expect(try await workflows.executions(limit: 10, in: .default).items.count == 1)
        }
    }

    @Test("A task finds its child again when a higher version was stored meanwhile", arguments: TestDatabase.engines)
    func children(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let first = EngineHarness(
                database,
                script: ScriptedFunction { _ in
                    await gate.pass()
                    try Task.checkCancellation()
                })
            let child = try await first.store("child", body: "- a: {call: script, with: {n: 1}}")
            let id = try await first.running {
                let id = try await first.execute(
                    workflow(
                        "parent", "1.0.0", "- run: {run: {workflow: {namespace: test, name: child, version: latest}}}"))
                await gate.arrival(of: 1)
                return id
            }
            _ = try await first.store("child", "2.0.0", body: "- a: {set: {n: 2}}")
            let second = EngineHarness(database)
            let parent = try await second.running { try await second.end(of: id) }
            #expect(parent.status == .completed && parent.output == ["n": 1])
            let children = try await second.workflows.executions(
                ExecutionFilter(workflow: child.id), limit: 10, in: .default
            ).items
            #expect(children.map(\.version) == ["1.0.0"])
        }
    }

    @Test("A key is bounded, and none that the engine gives to children", arguments: TestDatabase.engines)
    func keys(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let id = try await harness.store("w").id
            let longest = String(repeating: "k", count: 255)
            for wrong in ["", "a\nb", "a\u{7F}", longest + "k", "task:", "task:\(UUIDGenerator().next()):1"] {
                await expect(.commandInvalid) {
                    try await harness.workflows.execute(
                        ExecuteCommand(workflow: id, idempotencyKey: wrong), as: Self.ann)
                }
            }
            for right in [longest, "tasks:1", "Task:1", "ü"] {
                _ = try await harness.workflows.execute(
                    ExecuteCommand(workflow: id, idempotencyKey: right), as: Self.ann)
            }
        }
    }

    @Test(
        "A child is not deleted while the task that waits for it would start it again", arguments: TestDatabase.engines)
    func awaitedChild(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let workflows = harness.workflows
            let stored = try await harness.store("child")
            let parent = try await harness.running {
                let id = try await harness.execute(
                    workflow(
                        "parent", "1.0.0", "- run: {run: {workflow: {namespace: test, name: child, version: latest}}}"))
                _ = try await harness.end(of: id)
                return id
            }
            let child = try #require(
                try await workflows.executions(ExecutionFilter(workflow: stored.id), limit: 1, in: .default).items.first
            )
            // As it is between the end of the child and the commit of its parent.
            try await database.write { tx in
                try tx.execute("UPDATE executions SET ended_at = NULL WHERE id = \(parent)")
                try tx.execute("UPDATE tasks SET ended_at = NULL WHERE name = \("run")")
            }
            await expect(.executionLive) { try await workflows.deleteExecution(child.id, as: Self.ann) }
            #expect(try await workflows.execution(child.id, in: .default).tasks.count == 1)
            // A parent that goes on after the task asks no more.
            try await database.write { tx in
                try tx.execute("UPDATE tasks SET ended_at = 1 WHERE name = \("run")")
            }
            try await workflows.deleteExecution(child.id, as: Self.ann)
        }
    }
}
