import CognitionCore
import CognitionTestSupport
import CognitionWorkflows
import Synchronization
import Testing

/// Functions of catalogs, and schemas: fetched once when a document is created, stored with it, used without the network.
@Suite("Documents kept elsewhere") struct CatalogTests {
    private static let greet = "input: {from: .name}\nset: {text: '${ \"Hello \\(.)\" }'}"

    private static func document(_ call: String, _ catalogs: String = "{endpoint: 'https://catalog.example/base/'}")
        -> String
    {
        """
        document: {dsl: 1.0.3, namespace: test, name: greets, version: 1.0.0}
        use: {catalogs: {global: \(catalogs)}}
        do:
          - greet: {call: '\(call)', with: {name: '${ .who }'}}
        """
    }

    private func with(
        _ answer: @escaping @Sendable (StandInServer.Request) -> StandInServer.Reply,
        on engine: TestDatabase.Engine = .sqliteMemory,
        _ body: (EngineHarness, StandInServer) async throws -> Void
    ) async throws {
        try await StandInServer.with(answer) { server in
            try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
                try await body(EngineHarness(database, http: server.http), server)
            }
        }
    }

    private func messages(_ harness: EngineHarness, _ text: String) async throws -> [String] {
        do {
            _ = try await harness.workflows.read(text, as: .localOperator)
            return []
        } catch let error as DefinitionError {
            return error.faults.map { "\($0.pointer): \($0.message)" }
        }
    }

    @Test(
        "A function is fetched once, and an execution of another process needs no network",
        arguments: TestDatabase.engines)
    func pinned(on engine: TestDatabase.Engine) async throws {
        let version = Mutex(Self.greet)
        try await with({ _ in StandInServer.Reply(body: version.withLock { $0 }) }, on: engine) { harness, server in
            let text = Self.document("greet:1.2.0@global")
            let stored = try await harness.workflows.create(
                try await harness.workflows.read(text, as: .localOperator), as: .localOperator)
            #expect(server.requests.map(\.path) == ["/base/functions/greet/1.2.0/function.yaml"])
            #expect(server.requests.map(\.host) == ["catalog.example"])

            // The catalog changes; the document does not, and so neither does the stored version.
            version.withLock { $0 = "set: {text: changed}" }
            let again = try await harness.workflows.create(
                try await harness.workflows.read(text, as: .localOperator), as: .localOperator)
            #expect(!again.isNew && again.key == stored.key)
            #expect(server.requests.count == 1)

            let other = EngineHarness(harness.database)
            let execution = try await other.running {
                let command = ExecuteCommand(workflow: stored.id, version: "1.0.0", input: ["who": "you"])
                return try await other.end(
                    of: other.workflows.execute(command, as: .localOperator, on: other.engine).id)
            }
            #expect(execution.output == ["text": "Hello you"])
            #expect(execution.tasks.map(\.reference) == ["/do/0/greet", "/use/functions/greet:1.2.0@global"])
            let same = try await harness.running {
                try await harness.end(of: harness.execute(text, input: ["who": "me"]))
            }
            #expect(same.output == ["text": "Hello me"])
        }
    }

    @Test(
        "Pages of GitHub and GitLab stand for the files behind them",
        arguments: [
            (
                "greet:1.0.0@global", "https://github.com/owner/repo/tree/main",
                "raw.githubusercontent.com/owner/repo/refs/heads/main/functions/greet/1.0.0/function.yaml"
            ),
            (
                "greet:1.0.0@global", "https://github.com/owner/repo",
                "raw.githubusercontent.com/owner/repo/HEAD/functions/greet/1.0.0/function.yaml"
            ),
            (
                "greet:1.0.0@global", "https://gitlab.com/group/sub/repo/-/tree/main/catalog",
                "gitlab.com/group/sub/repo/-/raw/main/catalog/functions/greet/1.0.0/function.yaml"
            ),
            (
                "https://github.com/owner/repo/blob/main/f/function.yaml", "https://x.example",
                "raw.githubusercontent.com/owner/repo/refs/heads/main/f/function.yaml"
            ),
            ("https://x.example/greet", "https://x.example", "x.example/greet/function.yaml"),
            ("https://x.example/greet.json", "https://x.example", "x.example/greet.json"),
        ])
    func addresses(_ call: String, _ root: String, _ asked: String) async throws {
        try await with({ _ in StandInServer.Reply(body: Self.greet) }) { harness, server in
            _ = try await harness.workflows.read(Self.document(call, "{endpoint: '\(root)'}"), as: .localOperator)
            #expect(server.requests.map { $0.host + $0.path } == [asked])
        }
    }

    @Test("Functions may call functions of catalogs; a circle is a fault")
    func nested() async throws {
        let answer: @Sendable (StandInServer.Request) -> StandInServer.Reply = { request in
            switch request.path {
            case "/base/functions/outer/1.0.0/function.yaml":
                StandInServer.Reply(body: "do: [{in: {call: 'greet:1.0.0@global', with: {name: '${ .name }'}}}]")
            case "/base/functions/circle/1.0.0/function.yaml":
                StandInServer.Reply(body: "do: [{in: {call: 'circle:1.0.0@global'}}]")
            case "/base/functions/greet/1.0.0/function.yaml": StandInServer.Reply(body: Self.greet)
            default: .nothing
            }
        }
        try await with(answer) { harness, server in
            let text = Self.document("outer:1.0.0@global")
            let execution = try await harness.running {
                try await harness.end(of: harness.execute(text, input: ["who": "you"]))
            }
            #expect(execution.output == ["text": "Hello you"])
            let circle = try await messages(harness, Self.document("circle:1.0.0@global"))
            #expect(circle.contains { $0.contains("in a circle") }, "\(circle)")
        }
    }

    @Test("A catalog is asked with its credentials, and nobody else is")
    func credentials() async throws {
        let endpoint = """
            {endpoint: {uri: 'https://catalog.example', authentication: {basic: {username: u, password: p}}}}
            """
        try await with({ _ in StandInServer.Reply(body: Self.greet) }) { harness, server in
            _ = try await harness.workflows.read(Self.document("greet:1.0.0@global", endpoint), as: .localOperator)
            _ = try await harness.workflows.read(
                Self.document("https://other.example/f.yaml", endpoint), as: .localOperator)
            #expect(server.requests.map { $0.header("Authorization") } == ["Basic dTpw", nil])
        }
    }

    @Test(
        "What cannot be had, or is no function, is a fault of the document",
        arguments: [
            ("greet:1.0.0@nowhere", "'nowhere' is not in 'use.catalogs'"),
            ("greet@global", "NAME:VERSION@CATALOG"),
            ("greet:one@global", "NAME:VERSION@CATALOG"),
            ("ftp://x.example/f.yaml", "over http or https"),
            ("missing:1.0.0@global", "the answer is 404"),
            ("broken:1.0.0@global", "line"),
            ("list:1.0.0@global", "a task must be an object"),
            ("large:1.0.0@global", "cannot be had"),
            ("wrong:1.0.0@global", "sett"),
        ])
    func faults(_ call: String, _ says: String) async throws {
        let answer: @Sendable (StandInServer.Request) -> StandInServer.Reply = { request in
            switch request.path.split(separator: "/").dropFirst(2).first {
            case "broken": StandInServer.Reply(body: "set: {a: [")
            case "list": StandInServer.Reply(body: "- a\n- b\n")
            case "large": StandInServer.Reply(body: "# " + String(repeating: "x", count: DocumentFetcher.bytesMax))
            case "wrong": StandInServer.Reply(body: "sett: {a: 1}")
            default: .nothing
            }
        }
        try await with(answer) { harness, _ in
            let found = try await messages(harness, Self.document(call))
            #expect(found.count == 1 && found[0].contains(says), "\(found)")
        }
    }

    @Test("Nothing is fetched for a document that has other faults, and none without a way out")
    func bounds() async throws {
        try await with({ _ in StandInServer.Reply(body: Self.greet) }) { harness, server in
            let text = Self.document("greet:1.0.0@global") + "\n  - b: {sett: {}}"
            #expect(try await messages(harness, text).count == 1)
            #expect(server.requests.isEmpty)
            #expect(throws: DefinitionError.self) {
                try harness.workflows.validate(Self.document("greet:1.0.0@global"))
            }
            let many = (0..<33).map { "  - t\($0): {call: 'f\($0):1.0.0@global'}" }.joined(separator: "\n")
            let found = try await messages(harness, Self.document("greet:1.0.0@global") + "\n" + many)
            #expect(found.contains { $0.contains("at most 32 documents") })
            #expect(server.requests.isEmpty)
        }
    }

    @Test("Who may not store a document makes the server fetch nothing for it")
    func permission() async throws {
        let viewer = Principal(actor: "user:v", workspace: .default, permissions: [.readWorkflows])
        try await with({ _ in StandInServer.Reply(body: Self.greet) }) { harness, server in
            let text = Self.document("greet:1.0.0@global")
            await expect(.definitionInvalid) { try await harness.workflows.read(text, as: viewer) }
            #expect(server.requests.isEmpty)
            _ = try await harness.workflows.create(
                harness.workflows.read(text, as: .localOperator), as: .localOperator)
            #expect(try await harness.workflows.read(text, as: viewer).taskCount == 2)
            #expect(server.requests.count == 1)
        }
    }

    @Test("A schema kept elsewhere is fetched, and checks as one that is written in place")
    func schema() async throws {
        let answer: @Sendable (StandInServer.Request) -> StandInServer.Reply = { request in
            request.path == "/in.json"
                ? .json(["type": "object", "required": ["n"]]) : .json(["type": "nothing"])
        }
        func text(_ file: String) -> String {
            """
            document: {dsl: 1.0.3, namespace: test, name: checked, version: 1.0.0}
            input: {schema: {resource: {name: in, endpoint: {uri: 'https://schemas.example/\(file)'}}}}
            do: [{a: {set: {n: '${ .n + 1 }'}}}]
            """
        }
        try await with(answer) { harness, server in
            try await harness.running {
                let fits = try await harness.end(of: harness.execute(text("in.json"), input: ["n": 1]))
                #expect(fits.output == ["n": 2])
                let other = try await harness.end(of: harness.execute(text("in.json"), input: ["m": 1]))
                #expect(other.fault?.type == WorkflowFault.Standard.validation.type)
            }
            #expect(server.requests.map(\.path) == ["/in.json"])
            let found = try await messages(harness, text("wrong.json"))
            #expect(found.count == 1 && found[0].contains("invalid JSON Schema at https://schemas.example/wrong.json"))
        }
    }
}
