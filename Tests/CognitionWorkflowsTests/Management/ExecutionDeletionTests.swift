import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

@Suite("Deletion of executions") struct ExecutionDeletionTests {
    @Test("Rows and payloads go, the log stays", arguments: TestDatabase.engines)
    func delete(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let ann = Principal(actor: "user:ann", workspace: .default)
            let large: JSONValue = ["text": .string(String(repeating: "z", count: 50_000))]
            let document = workflow(
                "large", "1.0.0",
                """
                - keep: {call: script, with: {text: '${ .text }'}, export: {as: '${ {all: .text} }'}}
                - each: {for: {each: i, in: '${ [.text, .text] }'}, do: [{a: {set: {text: '${ $i }'}}}]}
                """)
            let ids = try await harness.running {
                let ids = [
                    try await harness.execute(document, input: large, key: "k"),
                    try await harness.execute(document, input: large),
                ]
                for id in ids { _ = try await harness.end(of: id) }
                return ids
            }
            let payloads = try await harness.count("SELECT COUNT(*) FROM payloads")
            #expect(payloads > 1)
            try await harness.workflows.deleteExecution(ids[0], as: ann)
            #expect(try await harness.count("SELECT COUNT(*) FROM payloads") == payloads, "another has them too")
            #expect(try await harness.workflows.execution(ids[1], in: .default).output == large)
            await expect(.executionNotFound) { try await harness.workflows.execution(ids[0], in: .default) }
            await expect(.executionNotFound) { try await harness.workflows.deleteExecution(ids[0], as: ann) }
            let events = try await harness.events(of: StreamName("execution", ids[0].description))
            #expect(events.first?.type == "execution.started")
            #expect(events.last?.type == "execution.deleted" && events.last?.actor == "user:ann")
            #expect(events.last?.data["status"] == "completed")
            // The key starts another one.
            let next = EngineHarness(database)
            let third = try await next.running {
                let id = try await next.execute(document, input: large, key: "k")
                _ = try await next.end(of: id)
                return id
            }
            #expect(third != ids[0])

            try await harness.workflows.deleteExecution(ids[1], as: ann)
            try await harness.workflows.deleteExecution(third, as: ann)
            #expect(try await harness.count("SELECT COUNT(*) FROM tasks") == 0)
            #expect(try await harness.count("SELECT COUNT(*) FROM executions") == 0)
            #expect(try await harness.count("SELECT COUNT(*) FROM payloads") == 0)
        }
    }

    @Test("One that has not ended, or is another workspace's, is not deleted", arguments: TestDatabase.engines)
    func refused(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let id = try await harness.leave(harness.store("w"))
            await expect(.executionLive) { try await harness.workflows.deleteExecution(id, as: .localOperator) }
            try await harness.workflows.cancel(id, as: .localOperator)
            let stranger = Principal(actor: "user:eve", workspace: WorkspaceID("elsewhere"))
            await expect(.executionNotFound) { try await harness.workflows.deleteExecution(id, as: stranger) }
            try await harness.workflows.deleteExecution(id, as: .localOperator)
        }
    }

    @Test("Many tasks go in pieces, children stay", arguments: TestDatabase.engines)
    func pieces(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            _ = try await harness.store("child")
            let id = try await harness.running {
                let id = try await harness.execute(
                    workflow(
                        "parent", "1.0.0",
                        """
                        - run: {run: {workflow: {namespace: test, name: child, version: latest}}}
                        - all: {for: {each: i, in: '${ [range(2500)] }'}, do: [{a: {set: {n: 1}}}]}
                        """))
                _ = try await harness.end(of: id)
                return id
            }
            try await harness.workflows.deleteExecution(id, as: .localOperator)
            let left = try await harness.workflows.executions(limit: 10, in: .default).items
            #expect(left.map(\.workflow.name) == ["child"])
            #expect(try await harness.count("SELECT COUNT(*) FROM executions WHERE parent_key IS NOT NULL") == 0)
            #expect(try await harness.count("SELECT COUNT(*) FROM tasks") == 1)
        }
    }
}
