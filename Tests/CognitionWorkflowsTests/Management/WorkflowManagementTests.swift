import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

@Suite("Management of workflows") struct WorkflowManagementTests {
    private static let ann = Principal(actor: "user:ann", workspace: .default)
    private static let bob = Principal(actor: "user:bob", workspace: .default)
    private static let elsewhere = Principal(actor: "user:eve", workspace: WorkspaceID("elsewhere"))

    private func with(
        _ engine: TestDatabase.Engine, _ body: (EngineHarness) async throws -> Void
    ) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            try await body(EngineHarness(database, clock: ManualClock()))
        }
    }

    @Test("The list has each workflow once, with its highest version", arguments: TestDatabase.engines)
    func list(on engine: TestDatabase.Engine) async throws {
        try await with(engine) { harness in
            for version in ["1.9.0", "1.10.0", "1.10.0-rc.1"] { _ = try await harness.store("first", version) }
            _ = try await harness.store("second", as: Self.bob)
            _ = try await harness.store("first", as: Self.elsewhere)
            let all = try await harness.workflows.list(limit: 10, in: .default)
            #expect(all.items.map(\.id.name) == ["first", "second"])
            #expect(all.items.map(\.latest.version) == ["1.10.0", "1.0.0"])
            #expect(all.items.map(\.owner) == ["operator", "user:bob"])
            #expect(all.next == nil)
            #expect(
                all.items[1].json == [
                    "id": "test.second", "version": "1.0.0", "hash": .string(all.items[1].latest.hash.description),
                    "title": .null, "state": "active", "tags": [], "owner": "user:bob", "retention": .null,
                    "created_at": "2026-01-01T00:00:00.000000Z", "updated_at": "2026-01-01T00:00:00.000000Z",
                ])
        }
    }

    @Test("Lists are paged and filtered", arguments: TestDatabase.engines)
    func filters(on engine: TestDatabase.Engine) async throws {
        try await with(engine) { harness in
            let workflows = harness.workflows
            for number in 1...5 {
                let stored = try await harness.store("w\(number)", as: number == 2 ? Self.bob : Self.ann)
                if number > 2 {
                    let change = WorkflowChange(state: number == 4 ? .archived : nil, tags: ["team:a", "n\(number)"])
                    _ = try await workflows.update(stored.id, change, as: Self.ann)
                }
            }
            func names(_ filter: WorkflowFilter) async throws -> [String] {
                var names: [String] = []
                var cursor: Int64? = 0
                while let after = cursor {
                    let page = try await workflows.list(filter, after: after, limit: 2, in: .default)
                    #expect(page.items.count <= 2)
                    names += page.items.map(\.id.name)
                    cursor = page.next
                }
                return names
            }
            #expect(try await names(WorkflowFilter()) == ["w1", "w2", "w3", "w4", "w5"])
            #expect(try await names(WorkflowFilter(tag: "team:a")) == ["w3", "w4", "w5"])
            #expect(try await names(WorkflowFilter(owner: "user:bob")) == ["w2"])
            #expect(try await names(WorkflowFilter(state: .archived)) == ["w4"])
            #expect(try await names(WorkflowFilter(tag: "team:a", owner: "user:ann", state: .active)) == ["w3", "w5"])
            #expect(try await names(WorkflowFilter(tag: "n6")).isEmpty)
            #expect(try await workflows.list(limit: 10, in: Self.elsewhere.workspace).items.isEmpty)
        }
    }

    @Test("Versions are paged, the last first, and documents read back", arguments: TestDatabase.engines)
    func versions(on engine: TestDatabase.Engine) async throws {
        try await with(engine) { harness in
            let workflows = harness.workflows
            for number in 1...3 {
                _ = try await harness.store("w", "\(number).0.0", body: "- a: {set: {n: \(number)}}")
            }
            let id = WorkflowID(namespace: "test", name: "w")
            let first = try await workflows.versions(of: id, limit: 2, in: .default)
            #expect(first.items.map(\.version) == ["3.0.0", "2.0.0"])
            let second = try await workflows.versions(of: id, before: try #require(first.next), limit: 2, in: .default)
            #expect(second.items.map(\.version) == ["1.0.0"])
            #expect(second.next == nil)
            let latest = try await workflows.definition(id, in: .default)
            #expect(latest.workflow.version == "3.0.0")
            #expect(latest.document["do"] == [["a": ["set": ["n": 3]]]])
            #expect(latest.json["document"] == latest.document && latest.json["version"] == "3.0.0")
            #expect(try await workflows.definition(id, version: "1.0.0", in: .default).workflow.version == "1.0.0")
            await expect(.workflowNotFound) { try await workflows.definition(id, version: "9.0.0", in: .default) }
            await expect(.workflowNotFound) { try await workflows.definition(id, in: Self.elsewhere.workspace) }
            await expect(.workflowNotFound) {
                try await workflows.versions(of: id, limit: 2, in: Self.elsewhere.workspace)
            }
        }
    }

    @Test("An archived workflow takes no executions until it is active again", arguments: TestDatabase.engines)
    func archive(on engine: TestDatabase.Engine) async throws {
        try await with(engine) { harness in
            let workflows = harness.workflows
            let stored = try await harness.store("w")
            let earlier = ExecuteCommand(workflow: stored.id, idempotencyKey: "k")
            let before = try await workflows.execute(earlier, as: Self.ann)
            let archived = try await workflows.update(stored.id, WorkflowChange(state: .archived), as: Self.bob)
            #expect(archived.state == .archived)
            await expect(.workflowArchived) { try await harness.leave(stored) }
            try await harness.running {
                await expect(.workflowArchived) {
                    try await workflows.execute(earlier.with(key: "other"), as: Self.ann, on: harness.engine)
                }
                let ended = try await harness.end(of: before.id)
                #expect(ended.status == .completed, "what was started goes on")
            }
            #expect(try await workflows.execute(earlier, as: Self.ann).id == before.id, "a repetition starts nothing")
            // A new version does not bring it back.
            _ = try await harness.store("w", "2.0.0")
            await expect(.workflowArchived) { try await harness.leave(stored) }
            // The same again is no event.
            _ = try await workflows.update(stored.id, WorkflowChange(state: .archived), as: Self.bob)
            #expect(
                try await workflows.update(stored.id, WorkflowChange(state: .active), as: Self.ann).state == .active)
            _ = try await harness.leave(stored)
            let events = try await harness.events(of: StreamName("workflow", "test.w"))
            #expect(
                events.map(\.type) == [
                    "workflow.created", "workflow.archived", "workflow.created", "workflow.activated",
                ])
            #expect(events.map(\.actor) == ["operator", "user:bob", "operator", "user:ann"])
            #expect(events[0].data["version"] == "1.0.0" && events[0].data["workflow_id"] == "test.w")
            await expect(.workflowNotFound) {
                try await workflows.update(stored.id, WorkflowChange(state: .archived), as: Self.elsewhere)
            }
        }
    }

    @Test("A child of an archived workflow is refused, which is its parent's fault", arguments: TestDatabase.engines)
    func archivedChild(on engine: TestDatabase.Engine) async throws {
        try await with(engine) { harness in
            let child = try await harness.store("child")
            let parent = try await harness.store(
                "parent", body: "- run: {run: {workflow: {namespace: test, name: child, version: latest}}}")
            _ = try await harness.workflows.update(child.id, WorkflowChange(state: .archived), as: Self.ann)
            let execution = try await harness.running { try await harness.end(of: harness.leave(parent)) }
            #expect(execution.status == .faulted)
            #expect(execution.fault?.status == 409)
        }
    }

    @Test("Tags are set as a whole, sorted, each once", arguments: TestDatabase.engines)
    func tags(on engine: TestDatabase.Engine) async throws {
        try await with(engine) { harness in
            let workflows = harness.workflows
            let id = try await harness.store("w").id
            func tag(_ tags: [String]) async throws -> [String] {
                try await workflows.update(id, WorkflowChange(tags: tags), as: Self.ann).tags
            }
            #expect(try await tag(["z", "a/b:c.d_e-f", "z"]) == ["a/b:c.d_e-f", "z"])
            #expect(try await tag(["z", "a/b:c.d_e-f"]) == ["a/b:c.d_e-f", "z"])
            #expect(try await tag([String(repeating: "x", count: 64)]).count == 1)
            #expect(try await tag([]).isEmpty)
            for wrong in ["", "-a", "A", "ä", "a b", String(repeating: "x", count: 65)] {
                await expect(.tagInvalid) { try await tag([wrong]) }
            }
            #expect(try await tag((1...32).map { "t\($0)" }).count == 32)
            await expect(.tagInvalid) { try await tag((1...33).map { "t\($0)" }) }
            let events = try await harness.events(of: StreamName("workflow", "test.w")).dropFirst()
            #expect(events.map(\.type) == Array(repeating: "workflow.tagged", count: 4))
            #expect(events.first?.data["tags"] == ["a/b:c.d_e-f", "z"])
        }
    }

    @Test(
        "A deleted version is gone, its executions stay, and its version stays taken", arguments: TestDatabase.engines)
    func delete(on engine: TestDatabase.Engine) async throws {
        try await with(engine) { harness in
            let workflows = harness.workflows
            let low = try await harness.store("w", "1.0.0")
            let high = try await harness.store("w", "2.0.0")
            let id = try await harness.leave(high)
            await expect(.workflowInUse) { try await workflows.delete(high.id, version: "2.0.0", as: Self.ann) }
            try await harness.running { _ = try await harness.end(of: id) }
            try await workflows.delete(high.id, version: "2.0.0", as: Self.ann)

            #expect(try await workflows.definition(high.id, in: .default).workflow.version == low.version)
            #expect(
                try await workflows.versions(of: high.id, limit: 10, in: .default).items.map(\.version) == ["1.0.0"])
            #expect(try await workflows.list(limit: 10, in: .default).items.map(\.latest.version) == ["1.0.0"])
            await expect(.workflowNotFound) { try await harness.leave(high) }
            await expect(.workflowNotFound) { try await workflows.delete(high.id, version: "2.0.0", as: Self.ann) }
            #expect(try await workflows.execution(id, in: .default).version == "2.0.0")
            #expect(try await workflows.tasks(of: id, limit: 10, in: .default).items.count == 1)

            await expect(.versionTaken) { try await harness.store("w", "2.0.0", body: "- b: {set: {n: 2}}") }
            let again = try await harness.store("w", "2.0.0")
            #expect(again.isNew && again.key == high.key)
            #expect(try await workflows.definition(high.id, in: .default).workflow.version == "2.0.0")
            #expect(
                try await harness.events(of: StreamName("workflow", "test.w")).map(\.type) == [
                    "workflow.created", "workflow.created", "workflow.deleted", "workflow.created",
                ])
        }
    }

    @Test("With its last version a workflow loses its state, tags and owner", arguments: TestDatabase.engines)
    func deleteLast(on engine: TestDatabase.Engine) async throws {
        try await with(engine) { harness in
            let workflows = harness.workflows
            let stored = try await harness.store("w", as: Self.ann)
            let id = try await harness.leave(stored)
            try await harness.running { _ = try await harness.end(of: id) }
            _ = try await workflows.update(stored.id, WorkflowChange(state: .archived, tags: ["a"]), as: Self.ann)
            await expect(.workflowNotFound) {
                try await workflows.delete(stored.id, version: "1.0.0", as: Self.elsewhere)
            }
            try await workflows.delete(stored.id, version: "1.0.0", as: Self.ann)
            #expect(try await workflows.list(limit: 10, in: .default).items.isEmpty)
            await expect(.workflowNotFound) {
                try await workflows.update(stored.id, WorkflowChange(state: .active), as: Self.ann)
            }
            let filter = ExecutionFilter(workflow: stored.id)
            #expect(try await workflows.executions(filter, limit: 10, in: .default).items.map(\.id) == [id])

            _ = try await harness.store("w", "2.0.0", as: Self.bob)
            let item = try #require(try await workflows.list(limit: 10, in: .default).items.first)
            #expect(item.state == .active && item.tags.isEmpty && item.owner == "user:bob")
        }
    }

    @Test("Workflows of the release before are there, with their highest version", arguments: TestDatabase.engines)
    func migration(on engine: TestDatabase.Engine) async throws {
        let before = NodeLease.migrations + EventLog.migrations + Workflows.migrations.prefix(1)
        try await withTestDatabase(engine, migrations: before) { database in
            let ids = UUIDGenerator()
            let execution: ExecutionID = ids.next()
            let document = try WorkflowDefinition(
                reading: workflow("old", "1.10.0", "- a: {set: {n: 1}}"), context: .init(of: [])
            ).document.jsonBytes
            try await database.write { tx in
                for (key, version) in [(1, "1.10.0"), (2, "1.9.0")] {
                    try tx.execute(
                        """
                        INSERT INTO workflows (key, workspace_id, namespace, name, version, hash, document, created_at,
                            created_by)
                        VALUES (\(key), 'default', 'test', 'old', \(version), \(SHA256Digest(of: document).bytes),
                            \(document), \(key), \("user:\(key)"))
                        """)
                }
                try tx.execute(
                    """
                    INSERT INTO executions (id, workspace_id, workflow_key, status, progress, input_hash, next_number,
                        created_by, epoch, claims, created_at, ended_at)
                    VALUES (\(execution), 'default', 1, 11, 0, \([1] as [UInt8]), 1, 'operator', 1, 0, 5, 6)
                    """)
            }
            try await database.migrate(EngineHarness.migrations, now: ManualClock().now)
            let harness = EngineHarness(database)
            let item = try #require(try await harness.workflows.list(limit: 10, in: .default).items.first)
            #expect(item.latest.version == "1.10.0" && item.owner == "user:1")
            #expect(item.createdAt.microseconds == 1 && item.updatedAt.microseconds == 2)
            let filter = ExecutionFilter(workflow: item.id, status: .faulted)
            let found = try await harness.workflows.executions(filter, limit: 10, in: .default).items
            #expect(found.map(\.id) == [execution])
            #expect(try await harness.workflows.execution(execution, in: .default).cost == .zero("USD"))
            _ = try await harness.store("old", "1.9.5")
            #expect(try await harness.workflows.definition(item.id, in: .default).workflow.version == "1.10.0")
        }
    }

    @Test("Names of workflows are read with or without a namespace")
    func names() {
        #expect(WorkflowID("a.b") == WorkflowID(namespace: "a", name: "b"))
        #expect(WorkflowID("b") == WorkflowID(namespace: "default", name: "b"))
        for wrong in ["", ".", "a.", ".b", "a.b.c", "a b", "a/b", "-a"] { #expect(WorkflowID(wrong) == nil) }
    }

    @Test("The faults of a definition are told to programs too")
    func faults() throws {
        do {
            _ = try WorkflowDefinition(reading: "do: 7\n", context: .init(of: []))
            Issue.record("the document was taken")
        } catch {
            #expect(error.json["valid"] == false)
            #expect(error.json["faults"]?[0]?["message"]?.stringValue?.isEmpty == false)
            #expect(error.json["faults"]?[0]?["line"] == 1)
            #expect(error.json["faults"]?[0]?["pointer"] != nil)
        }
    }
}

extension ExecuteCommand {
    fileprivate func with(key: String) -> ExecuteCommand {
        var command = self
        command.idempotencyKey = key
        return command
    }
}
