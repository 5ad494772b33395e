import CognitionCore
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Foundation
import Synchronization
import Testing

/// A secret goes to the peer and nowhere else.
@Suite("Secrets in executions") struct SecretExecutionTests {
    private static let secret = "s3cr/et+v\"alue=ü"
    private static let document = workflow(
        "sends", "1.0.0",
        """
        - send:
            input: {from: '{key: $secrets.apiKey, id: .id}'}
            call: http
            with:
              method: post
              endpoint: 'http://peer/x'
              headers: {X-Key: '${ .key | @base64 }'}
              query: {k: '${ .key }'}
              body: {key: '${ .key }', id: '${ .id }'}
              output: response
            output: {as: '{answer: ., mine: $input}'}
            export: {as: '{kept: .answer.content, mine: $input}'}
        - after: {set: {seen: '${ . }', context: '${ $context }'}}
        """
    ).replacing("do:\n", with: "use: {secrets: [apiKey]}\ndo:\n")

    /// Spellings in which it might come back.
    private static var traces: [String] {
        let base64 = Data(secret.utf8).base64EncodedString()
        return [secret, "s3cr%2Fet", "s3cr/et+v\\\"alue", "s3cr", "alue=", base64, String(base64.prefix(8))]
    }

    @Test("The peer gets it; outputs, context, events and rows have it nowhere", arguments: TestDatabase.engines)
    func hidden(on engine: TestDatabase.Engine) async throws {
        let http = ScriptedHTTP { request in (200, [("X-Echo", request.text)], request.echo) }
        try await withSecrets(on: engine, ["apiKey": .string(Self.secret)], http: http) { harness in
            let id = try await harness.running {
                let id = try await harness.execute(Self.document, input: ["id": 7])
                #expect(try await harness.end(of: id).status == .completed)
                return id
            }
            let sent = try #require(http.requests.first)
            #expect(try JSONValue(parsing: sent.body ?? []) == ["key": .string(Self.secret), "id": 7])
            #expect(sent.url == "http://peer/x?k=s3cr%2Fet%2Bv%22alue%3D%C3%BC")
            #expect(sent.header("X-Key") == Data(Self.secret.utf8).base64EncodedString())
            let told = try await harness.everything(of: id) + harness.rows()
            for trace in Self.traces { #expect(!told.contains(trace), "\(trace)") }
            #expect(told.contains(Secret.mask))
            let tasks = try await harness.workflows.tasks(of: id, limit: 10, in: .default).items
            #expect(tasks.first?.input == ["id": 7])
            #expect(tasks.first?.output?["mine"] == ["id": 7])
        }
    }

    @Test("A fault that repeats it is told without it, also to 'catch'", arguments: TestDatabase.engines)
    func faults(on engine: TestDatabase.Engine) async throws {
        let http = ScriptedHTTP { request in (400, [], ["you sent": .string(request.text)]) }
        let document = workflow(
            "fails", "1.0.0",
            """
            - attempt:
                try:
                  - send:
                      input: {from: '{key: $secrets.apiKey}'}
                      call: http
                      with: {method: post, endpoint: 'http://peer/{key}', body: '${ .key }'}
                catch: {as: error, do: [{keep: {set: {detail: '${ $error.detail }'}}}]}
            - bad:
                input: {from: '$secrets.apiKey | tonumber'}
                call: http
                with: {method: get, endpoint: 'http://peer/x'}
            """
        ).replacing("do:\n", with: "use: {secrets: [apiKey]}\ndo:\n")
        try await withSecrets(on: engine, ["apiKey": .string(Self.secret)], http: http) { harness in
            let id = try await harness.running {
                let id = try await harness.execute(document)
                #expect(try await harness.end(of: id).status == .faulted)
                return id
            }
            #expect(http.requests.first?.text == Self.secret)
            let told = try await harness.everything(of: id) + harness.rows()
            for trace in Self.traces { #expect(!told.contains(trace), "\(trace)") }
            #expect(told.contains("answered 400") && told.contains(Secret.mask))
            #expect(try await harness.workflows.execution(id, in: .default).fault?.instance == "/do/1/bad")
        }
    }

    @Test("One that is missing faults the task as the DSL says, and can be caught", arguments: TestDatabase.engines)
    func missing(on engine: TestDatabase.Engine) async throws {
        let http = ScriptedHTTP { _ in (200, [], .null) }
        try await withSecrets(on: engine, [:], http: http) { harness in
            let ended = try await harness.running {
                try await harness.end(of: harness.execute(SecretStoreTests.sends("nowhere")))
            }
            #expect(ended.fault?.type == "https://serverlessworkflow.io/spec/1.0.0/errors/authorization")
            #expect(ended.fault?.status == 403 && ended.fault?.instance == "/do/0/send")
            #expect(ended.fault?.detail == "there is no secret 'nowhere' in this workspace")
            #expect(http.requests.isEmpty)
        }
    }

    @Test("Secrets of another workspace are not there")
    func workspaces() async throws {
        let http = ScriptedHTTP { _ in (200, [], ["ok": true]) }
        try await withSecrets(on: .sqliteMemory, ["apiKey": "of default"], http: http) { harness in
            let other = Principal(actor: "user:2", workspace: WorkspaceID("other"))
            let stored = try await harness.workflows.create(
                harness.workflows.validate(SecretStoreTests.sends("apiKey")), as: other)
            let ended = try await harness.running {
                let id = try await harness.workflows.execute(
                    ExecuteCommand(workflow: stored.id), as: other, on: harness.engine
                ).id
                return try await harness.workflows.waitForEnd(of: id, in: other.workspace)
            }
            #expect(ended.fault?.status == 403)
        }
    }

    @Test("A new value counts for the next attempt of an execution that runs", arguments: TestDatabase.engines)
    func rotation(on engine: TestDatabase.Engine) async throws {
        let rotate = Mutex<(@Sendable () async throws -> Void)?>(nil)
        let http = ScriptedHTTP { request in
            if request.text.contains("old-value") {
                try await rotate.withLock { $0 }?()
                return (503, [], [:])
            }
            return (200, [], ["ok": true])
        }
        let document = workflow(
            "retries", "1.0.0",
            """
            - attempt:
                try:
                  - send:
                      input: {from: '{key: $secrets.apiKey}'}
                      call: http
                      with: {method: post, endpoint: 'http://peer/x', body: '${ .key }'}
                catch: {retry: {delay: PT0.001S, limit: {attempt: {count: 3}}}}
            """
        ).replacing("do:\n", with: "use: {secrets: [apiKey]}\ndo:\n")
        try await withSecrets(on: engine, ["apiKey": "old-value"], http: http) { harness in
            let workflows = harness.workflows
            rotate.withLock { rotate in
                rotate = { _ = try await workflows.setSecret("apiKey", to: "new-value", as: .localOperator) }
            }
            let ended = try await harness.running { try await harness.end(of: harness.execute(document)) }
            #expect(ended.status == .completed && ended.output == ["ok": true])
            #expect(http.requests.map(\.text) == ["old-value", "new-value"])
        }
    }

    @Test("A task that ran when its process ended gets the same request again", arguments: TestDatabase.engines)
    func restart(on engine: TestDatabase.Engine) async throws {
        let gate = Gate()
        let http = ScriptedHTTP { request in
            await gate.pass()
            try Task.checkCancellation()
            return (200, [], request.echo)
        }
        try await withSecrets(on: engine, ["apiKey": .string(Self.secret)], http: http) { harness in
            let id = try await harness.running {
                let id = try await harness.execute(Self.document, input: ["id": 7])
                await gate.arrival(of: 1)
                return id
            }
            let rows = try await harness.rows()
            for trace in Self.traces { #expect(!rows.contains(trace), "\(trace)") }
            gate.open()
            let second = EngineHarness(harness.database, http: http, cipher: TestCipher())
            let ended = try await second.running { try await second.end(of: id) }
            #expect(ended.status == .completed)
            let sent = http.requests
            #expect(sent.count == 2 && sent[0].url == sent[1].url && sent[0].body == sent[1].body)
            #expect(sent[0].header("Idempotency-Key") == sent[1].header("Idempotency-Key"))
            let told = try await second.everything(of: id) + second.rows()
            for trace in Self.traces { #expect(!told.contains(trace), "\(trace)") }
        }
    }

    @Test("Functions of the server get secrets too, and what they give is told without them")
    func functions() async throws {
        let document = workflow(
            "function", "1.0.0",
            """
            - send:
                input: {from: '{key: $secrets.apiKey, all: ($secrets | keys)}'}
                call: script
                with: {key: '${ .key }', all: '${ .all }'}
            """
        ).replacing("do:\n", with: "use: {secrets: [apiKey]}\ndo:\n")
        try await withSecrets(on: .sqliteMemory, ["apiKey": .string(Self.secret)]) { harness in
            let ended = try await harness.running { try await harness.end(of: harness.execute(document)) }
            #expect(ended.output == ["key": .string(Secret.mask), "all": ["apiKey"]])
            #expect(harness.script.ledger.count == 1 && harness.script.ledger[0].contains("s3cr"))
        }
    }

    @Test("Authentication takes its members from a secret", arguments: ["basic", "bearer"])
    func authentication(_ scheme: String) async throws {
        let http = ScriptedHTTP { request in (200, [], request.echo) }
        let document = workflow(
            "authenticated", "1.0.0",
            """
            - send:
                call: http
                with:
                  method: get
                  endpoint: {uri: 'http://peer/x', authentication: {\(scheme): {use: login}}}
                  headers: {X-Said: '${ $authorization.parameter }'}
            """
        ).replacing("do:\n", with: "use: {secrets: [login]}\ndo:\n")
        let value: JSONValue = ["username": "ada", "password": "correct horse", "token": "a-token-of-ada"]
        try await withSecrets(on: .sqliteMemory, ["login": value], http: http) { harness in
            let id = try await harness.running {
                let id = try await harness.execute(document)
                #expect(try await harness.end(of: id).status == .completed)
                return id
            }
            let parameter =
                scheme == "basic" ? Data("ada:correct horse".utf8).base64EncodedString() : "a-token-of-ada"
            #expect(
                http.requests.first?.header("Authorization") == (scheme == "basic" ? "Basic " : "Bearer ") + parameter)
            #expect(http.requests.first?.header("X-Said") == parameter)
            let told = try await harness.everything(of: id) + harness.rows()
            #expect(!told.contains(parameter) && !told.contains("correct horse") && !told.contains("Y29ycmVjdCBo"))
        }
    }
}
