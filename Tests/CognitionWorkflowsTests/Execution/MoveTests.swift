import CognitionCore
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

/// Executions that go on with another version.
@Suite("Moves to another version", .timeLimit(.minutes(1))) struct MoveTests {
    private static let ann = Principal(actor: "user:ann", workspace: .default)

    /// Waits for an event in the second round of a loop.
    private static func body(first: Int = 1, wait: String = "go", inLoop: String = "", after: String = "") -> String {
        """
        - first: {set: {n: \(first)}}
        - loop:
            for: {each: item, in: "${ [1, 2] }"}
            do:
              - hold: {listen: {to: {one: {with: {type: \(wait)}}}}}\(inLoop)
        \(after)
        """
    }

    private static let laterInLoop = "\n      - inside: {set: {inside: true}}"

    private static func waiting(_ harness: EngineHarness, _ stored: StoredWorkflow) async throws -> ExecutionID {
        let id = try await harness.leave(stored)
        while try await harness.count("SELECT COUNT(*) FROM executions WHERE status = 2 AND owner IS NULL") == 0 {
            try await Task.sleep(for: .milliseconds(5))
        }
        return id
    }

    @Test("A moved execution goes on with what the new version has later", arguments: TestDatabase.engines)
    func moved(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let old = try await harness.store("moves", "1.0.0", body: Self.body())
            let new = try await harness.store(
                "moves", "2.0.0", body: Self.body(inLoop: Self.laterInLoop, after: "- last: {set: {last: 2}}"))
            try await harness.running {
                let id = try await Self.waiting(harness, old)
                #expect(try await harness.workflows.move(id, to: "latest", as: Self.ann).key == new.key)
                #expect(try await harness.workflows.move(id, to: "2.0.0", as: Self.ann).key == new.key)
                #expect(try await harness.workflows.execution(id, in: .default).version == "2.0.0")
                for _ in 1...2 {
                    try await harness.workflows.signal("go", data: [:], to: id, as: Self.ann)
                }
                let execution = try await harness.end(of: id)
                #expect(execution.status == .completed && execution.output == ["last": 2])
                #expect(
                    execution.tasks.map(\.name) == ["first", "loop", "hold", "inside", "hold", "inside", "last"])
                #expect(try await harness.types(of: id).filter { $0 == "execution.moved" }.count == 1)
                await expect(.executionEnded) { try await harness.workflows.move(id, to: "1.0.0", as: Self.ann) }
            }
        }
    }

    @Test("A version in which something entered differs is refused, and why is said", arguments: TestDatabase.engines)
    func refused(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let old = try await harness.store("moves", "1.0.0", body: Self.body())
            let others = [
                ("2.0.0", Self.body(first: 2), "/do/0/first is another, in set"),
                ("3.0.0", Self.body(wait: "other"), "/do/1/loop/do/0/hold is another, in listen"),
                ("4.0.0", "- zero: {set: {z: 0}}\n" + Self.body(), "/do/0/first is not in it"),
            ]
            for (version, body, _) in others { _ = try await harness.store("moves", version, body: body) }
            let archived = try await harness.store("moves", "5.0.0", body: Self.body(after: "- x: {set: {z: 0}}"))
            _ = try await harness.workflows.setState(.archived, of: archived.id, version: "5.0.0", as: Self.ann)
            try await harness.running {
                let id = try await Self.waiting(harness, old)
                for (version, _, reason) in others {
                    do {
                        _ = try await harness.workflows.move(id, to: version, as: Self.ann)
                        Issue.record("version \(version) was taken")
                    } catch let error as WorkflowError {
                        #expect(error.code == .versionsDiffer && error.message.contains(reason), "\(error.message)")
                    }
                }
                await expect(.workflowArchived) { try await harness.workflows.move(id, to: "5.0.0", as: Self.ann) }
                await expect(.workflowNotFound) { try await harness.workflows.move(id, to: "9.0.0", as: Self.ann) }
                #expect(try await harness.workflows.execution(id, in: .default).version == "1.0.0")
                let eve = Principal(actor: "user:eve", workspace: WorkspaceID("elsewhere"))
                await expect(.executionNotFound) { try await harness.workflows.move(id, to: "2.0.0", as: eve) }
                try await harness.workflows.cancel(id, as: Self.ann)
            }
        }
    }
}
