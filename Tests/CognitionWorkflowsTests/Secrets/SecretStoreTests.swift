import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

@Suite("Secrets of a workspace") struct SecretStoreTests {
    private let other = Principal(actor: "user:2", workspace: WorkspaceID("other"))

    @Test("A secret is set, replaced, listed by name and deleted, each with an event", arguments: TestDatabase.engines)
    func life(on engine: TestDatabase.Engine) async throws {
        try await withSecrets(on: engine, [:]) { harness in
            let workflows = harness.workflows
            let first = try await workflows.setSecret("mySecret", to: "hunter2-hunter2", as: .localOperator)
            #expect(first.isNew && first.secret.name == "mySecret")
            let second = try await workflows.setSecret("mySecret", to: ["a": 1], as: .localOperator)
            #expect(!second.isNew && second.secret.createdAt == first.secret.createdAt)
            _ = try await workflows.setSecret("b-2", to: [1, 2], as: .localOperator)
            _ = try await workflows.setSecret("theirs", to: "x", as: other)
            let page = try await workflows.secrets(limit: 1, in: .default)
            #expect(page.items.map(\.name) == ["mySecret"])
            let rest = try await workflows.secrets(after: try #require(page.next), limit: 1, in: .default)
            #expect(rest.items.map(\.name) == ["b-2"] && rest.next == nil)
            try await workflows.deleteSecret("mySecret", as: .localOperator)
            await expect(.secretNotFound) { try await workflows.deleteSecret("mySecret", as: .localOperator) }
            await expect(.secretNotFound) { try await workflows.deleteSecret("theirs", as: .localOperator) }
            let events = try await harness.events(of: StreamName("secret", "mySecret"))
            #expect(events.map(\.type) == ["secret.created", "secret.replaced", "secret.deleted"])
            #expect(events.allSatisfy { $0.data == ["name": "mySecret"] })
        }
    }

    @Test("Names and values are bounded", arguments: [TestDatabase.Engine.sqliteMemory])
    func bounds(on engine: TestDatabase.Engine) async throws {
        try await withSecrets(on: engine, [:]) { harness in
            let workflows = harness.workflows
            for name in ["", "-a", "_a", "a.b", "a b", "ä", "a\0", String(repeating: "a", count: 64)] {
                await expect(.secretNameInvalid) {
                    try await workflows.setSecret(name, to: "x", as: .localOperator)
                }
            }
            _ = try await workflows.setSecret(String(repeating: "a", count: 63), to: "x", as: .localOperator)
            await expect(.secretValueInvalid) { try await workflows.setSecret("a", to: .null, as: .localOperator) }
            let long = String(repeating: "x", count: Workflows.secretBytesMax - 2)
            _ = try await workflows.setSecret("a", to: .string(long), as: .localOperator)
            await expect(.secretValueInvalid) {
                try await workflows.setSecret("a", to: .string(long + "x"), as: .localOperator)
            }
            try await harness.database.write { tx in
                for number in 0..<1_000 {
                    try tx.execute(
                        """
                        INSERT INTO secrets (workspace_id, name, key_id, sealed, created_at, updated_at)
                        VALUES (\(WorkspaceID("full")), \("n\(number)"), 'k', \([1] as [UInt8]), 0, 0)
                        """)
                }
            }
            let full = Principal(actor: "user:1", workspace: WorkspaceID("full"))
            await expect(.tooManySecrets) { try await workflows.setSecret("one-more", to: "x", as: full) }
            #expect(try await !workflows.setSecret("n7", to: "x", as: full).isNew)
        }
    }

    @Test("What is stored is not the value, and opens nowhere else", arguments: TestDatabase.engines)
    func sealed(on engine: TestDatabase.Engine) async throws {
        let http = ScriptedHTTP { _ in (200, [], ["ok": true]) }
        try await withSecrets(on: engine, ["a": "hunter2-hunter2", "b": "other-value"], http: http) { harness in
            let sealed = try await harness.database.read { tx in
                try tx.query("SELECT sealed FROM secrets") { try $0[0] as [UInt8] }
            }
            #expect(sealed.count == 2)
            #expect(!sealed.contains { String(decoding: $0, as: UTF8.self).contains("hunter2") })
            try await harness.database.write { tx in
                _ = try tx.execute(
                    "UPDATE secrets SET sealed = (SELECT s.sealed FROM secrets s WHERE s.name = 'a') WHERE name = 'b'")
            }
            let ended = try await harness.running {
                try await harness.end(of: harness.execute(Self.sends("b")))
            }
            #expect(ended.status == .faulted && ended.fault?.type == WorkflowFault.Standard.runtime.type)
            #expect(ended.fault?.detail?.contains("no key of this server opens the secret 'b'") == true)
            #expect(http.requests.isEmpty)
        }
    }

    @Test("A write that comes along commits with it, or neither does", arguments: TestDatabase.engines)
    func also(on engine: TestDatabase.Engine) async throws {
        try await withSecrets(on: engine, [:]) { harness in
            await expect(.executionEnded) {
                try await harness.workflows.setSecret("a", to: "x", as: .localOperator) { _ in
                    throw WorkflowError(.executionEnded, "no")
                }
            }
            let page = try await harness.workflows.secrets(limit: 10, in: .default)
            let events = try await harness.events(of: StreamName("secret", "a"))
            #expect(page.items.isEmpty && events.isEmpty)
        }
    }

    static func sends(_ name: String) -> String {
        workflow(
            "sends", "1.0.0",
            """
            - send:
                input: {from: '{key: $secrets["\(name)"]}'}
                call: http
                with: {method: post, endpoint: 'http://peer/x', body: {key: '${ .key }'}}
            """
        ).replacing("do:\n", with: "use: {secrets: [\(name)]}\ndo:\n")
    }
}
