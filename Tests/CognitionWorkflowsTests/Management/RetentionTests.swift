import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

/// Versions that are archived alone, and executions that are deleted some time after their end.
@Suite("Versions and retention", .timeLimit(.minutes(1))) struct RetentionTests {
    private static let ann = Principal(actor: "user:ann", workspace: .default)

    @Test("An archived version starts nothing, and latest passes it over", arguments: TestDatabase.engines)
    func archivedVersion(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let workflows = harness.workflows
            let one = try await harness.store("versions", "1.0.0")
            let two = try await harness.store("versions", "2.0.0")
            let latest = ExecuteCommand(workflow: one.id)
            #expect(try await workflows.execute(latest, as: Self.ann).version == "2.0.0")
            let archived = try await workflows.setState(.archived, of: one.id, version: "latest", as: Self.ann)
            #expect(archived.version == "2.0.0" && archived.isArchived)
            #expect(try await workflows.execute(latest, as: Self.ann).version == "1.0.0")
            await expect(.workflowArchived) { try await harness.leave(two) }
            let states = try await workflows.versions(of: one.id, limit: 10, in: .default).items.map(\.isArchived)
            #expect(states == [true, false])
            // Of a workflow whose every version is archived the highest is shown, and none starts.
            _ = try await workflows.setState(.archived, of: one.id, version: "1.0.0", as: Self.ann)
            _ = try await workflows.setState(.archived, of: one.id, version: "1.0.0", as: Self.ann)
            await expect(.workflowArchived) { try await workflows.execute(latest, as: Self.ann) }
            #expect(try await workflows.list(limit: 1, in: .default).items.first?.latest.version == "2.0.0")
            // A new version is active, though it is lower.
            _ = try await harness.store("versions", "0.9.0")
            #expect(try await workflows.execute(latest, as: Self.ann).version == "0.9.0")
            _ = try await workflows.setState(.active, of: one.id, version: "2.0.0", as: Self.ann)
            #expect(try await workflows.execute(latest, as: Self.ann).version == "2.0.0")
            _ = try await harness.leave(two)
            let events = try await harness.events(of: StreamName("workflow", one.id.description))
            #expect(
                events.map(\.type).suffix(5) == [
                    "workflow.created", "workflow.archived", "workflow.archived", "workflow.created",
                    "workflow.activated",
                ])
            await expect(.workflowNotFound) {
                try await workflows.setState(.active, of: one.id, version: "3.0.0", as: Self.ann)
            }
        }
    }

    @Test("Executions are deleted once they have ended long enough ago, by status", arguments: TestDatabase.engines)
    func expiry(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database) { $0.retentionInterval = .milliseconds(20) }
            let workflows = harness.workflows
            let body = "- a: {if: \"${ .fails }\", raise: {error: {type: https://example.com/no, status: 500}}}"
            let stored = try await harness.store("kept", body: body)
            let other = try await harness.store("other", body: body)
            func run(_ stored: StoredWorkflow, fails: Bool) async throws -> ExecutionID {
                let command = ExecuteCommand(
                    workflow: stored.id, version: stored.version, input: ["fails": .bool(fails)])
                let id = try await workflows.execute(command, as: .localOperator).id
                _ = try await harness.end(of: id)
                return id
            }
            let retention = try Retention(json: ["completed": "P1D"])
            let changed = try await workflows.update(stored.id, WorkflowChange(retention: retention), as: Self.ann)
            #expect(changed.retention == retention)
            try await harness.running {
                let old = try await run(stored, fails: false)
                let (recent, faulted) = (try await run(stored, fails: false), try await run(stored, fails: true))
                let elsewhere = try await run(other, fails: false)
                try await database.write { tx in
                    _ = try tx.execute(
                        """
                        UPDATE executions SET ended_at = ended_at - 90000000000
                        WHERE id IN \(list: [old, faulted, elsewhere])
                        """)
                }
                while try await harness.count("SELECT COUNT(*) FROM executions") > 3 {
                    try await Task.sleep(for: .milliseconds(5))
                }
                await expect(.executionNotFound) { try await workflows.execution(old, in: .default) }
                for id in [recent, faulted, elsewhere] {
                    #expect(try await workflows.execution(id, in: .default).id == id)
                }
                #expect(try await harness.types(of: old).last == "execution.deleted")
                #expect(try await harness.count("SELECT COUNT(*) FROM tasks") == 3)
                // For all of them, and for ever again.
                let all = try Retention(json: ["hours": 2])
                _ = try await workflows.update(stored.id, WorkflowChange(retention: all), as: Self.ann)
                while try await harness.count("SELECT COUNT(*) FROM executions") > 2 {
                    try await Task.sleep(for: .milliseconds(5))
                }
                await expect(.executionNotFound) { try await workflows.execution(faulted, in: .default) }
                let forever = try await workflows.update(
                    stored.id, WorkflowChange(retention: .forever), as: Self.ann)
                #expect(forever.retention == .forever)
            }
        }
    }

    @Test("An execution that a task still waits for is kept", arguments: TestDatabase.engines)
    func awaited(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database) { $0.retentionInterval = .milliseconds(20) }
            let child = try await harness.store("child")
            let single = try await harness.leave(child)
            let kept = try await harness.leave(child)
            let parent = try await harness.store("parent", body: "- a: {wait: {hours: 1}}")
            let waiting = try await harness.leave(parent)
            _ = try await harness.workflows.update(
                child.id, WorkflowChange(retention: Retention(json: "PT1M")), as: Self.ann)
            try await harness.running {
                _ = try await harness.end(of: kept)
                _ = try await harness.end(of: single)
                while try await harness.workflows.execution(waiting, in: .default).status != .waiting {
                    try await Task.sleep(for: .milliseconds(5))
                }
                try await database.write { tx in
                    let parent = try tx.first("SELECT key FROM executions WHERE id = \(waiting)") { try $0[0] as Int64 }
                    _ = try tx.execute(
                        "UPDATE executions SET parent_key = \(parent), parent_task = 1 WHERE id = \(kept)")
                }
                try await database.write { tx in
                    _ = try tx.execute(
                        "UPDATE executions SET ended_at = ended_at - 90000000 WHERE id IN \(list: [kept, single])")
                }
                while try await harness.count("SELECT COUNT(*) FROM executions") > 2 {
                    try await Task.sleep(for: .milliseconds(5))
                }
                #expect(try await harness.workflows.execution(kept, in: .default).status == .completed)
                try await harness.workflows.cancel(waiting, as: Self.ann)
                while try await harness.count("SELECT COUNT(*) FROM executions") > 1 {
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
        }
    }

    @Test(
        "What is no retention is refused",
        arguments: ["soon", "PT59S", "P11Y", 5, ["completed": "x"], ["complete": "P1D"], ["days": -1], []]
            as [JSONValue])
    func invalid(json: JSONValue) async {
        await expect(.retentionInvalid) { try Retention(json: json) }
    }
}
