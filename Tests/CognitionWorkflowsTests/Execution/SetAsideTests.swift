import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

@Suite("Executions that cannot be gone on with", .timeLimit(.minutes(1))) struct SetAsideTests {
    private static func held(by gate: Gate) -> ScriptedFunction {
        ScriptedFunction { _ in
            await gate.pass()
            try Task.checkCancellation()
        }
    }

    @Test("The log tells of it, and its end is its children's end", arguments: TestDatabase.engines)
    func unreadableRows(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gates = (Gate(), Gate())
            let first = EngineHarness(database, script: Self.held(by: gates.0))
            let child = try await first.store("child", body: "- a: {call: script, with: {n: 1}}")
            let id = try await first.running {
                let id = try await first.execute(
                    workflow(
                        "parent", "1.0.0", "- run: {run: {workflow: {namespace: test, name: child, version: latest}}}"))
                await gates.0.arrival(of: 1)
                return id
            }
            try await database.write { tx in
                try tx.execute("UPDATE tasks SET reference = 'nowhere' WHERE name = \("run")")
            }
            let second = EngineHarness(database, script: Self.held(by: gates.1))
            try await second.running {
                let parked = try await second.workflows.waitForEnd(of: id, in: .default, orParked: true)
                #expect(parked.status == .suspended)
                await gates.1.arrival(of: 1)
                try await second.workflows.cancel(id, as: .localOperator)
                #expect(try await second.workflows.execution(id, in: .default).status == .cancelled)
                let summary = try #require(
                    try await second.workflows.executions(
                        ExecutionFilter(workflow: child.id), limit: 1, in: .default
                    ).items.first)
                #expect(try await second.end(of: summary.id).status == .cancelled)
            }
            let events = try await second.events(of: StreamName("execution", id.description)).suffix(2)
            #expect(events.map(\.type) == ["execution.suspended", "execution.cancelled"])
            #expect(events.map { $0.data["status"] } == ["suspended", "cancelled"])
            #expect(events.first?.data["reason"] == "quarantined" && events.first?.data["error"]?["type"] != nil)
            for event in events {
                #expect(event.data["workflow_id"] == "test.parent" && event.data["version"] == "1.0.0")
                #expect(event.data["execution_id"] == .string(id.description) && event.data["progress"] != nil)
                #expect(event.actor == "engine")
            }
        }
    }

    @Test(
        "One whose definition cannot be read any more can be ended, at once or by the engine",
        arguments: TestDatabase.engines)
    func unreadableDefinition(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let first = EngineHarness(database, functions: [PaidFunction()])
            let stored = try await first.store("w", body: "- a: {call: paid, with: {micros: 1}}")
            let ids = [try await first.leave(stored), try await first.leave(stored)]
            // A release that has the function no more.
            let second = EngineHarness(database)
            try await second.workflows.cancel(ids[0], as: .localOperator)
            #expect(try await second.workflows.execution(ids[0], in: .default).status == .cancelled)
            #expect(try await second.types(of: ids[0]) == ["execution.cancelled"])
            await expect(.executionEnded) { try await second.workflows.cancel(ids[0], as: .localOperator) }
            // As the end of a parent asks for its children's.
            try await database.write { tx in
                try tx.execute("UPDATE executions SET cancel_requested_at = 1 WHERE id = \(ids[1])")
            }
            let execution = try await second.running {
                try await second.workflows.waitForEnd(of: ids[1], in: .default, orParked: true)
            }
            #expect(execution.status == .cancelled)
        }
    }
}
