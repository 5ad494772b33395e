import CognitionCore
import Foundation
import Testing

/// Secrets from the command line, and where their bytes are afterwards.
@Suite("Secrets on the command line", .timeLimit(.minutes(3))) struct SecretCommandTests {
    private static let value = "correct/horse+battery staple"
    private static let password = "hunter2-hunter2-hunter2"

    @Test("A secret is set from standard input, listed and deleted", arguments: [false, true])
    func life(withServer: Bool) async throws {
        try await withSandbox { sandbox in
            let server = withServer ? try await sandbox.serve() : nil
            let set = try await sandbox.run("secret", "set", "mySecret", input: Self.value + "\n")
            #expect(set.exitCode == 0 && set.output == "secret mySecret is set\n", "\(set)")
            let json = try await sandbox.run(
                "secret", "set", "login", "--from-json", "--json", input: #"{"username":"ada","password":"x"}"#)
            #expect(json.exitCode == 0, "\(json)")
            #expect(
                try #require(JSONValue(parsing: json.output).objectValue).keys == ["name", "created_at", "updated_at"])
            let list = try await sandbox.json("secret", "list", "--json")
            #expect(list["items"]?.arrayValue?.map { $0["name"] } == ["mySecret", "login"])
            let page = try await sandbox.run("secret", "list", "--limit", "1")
            #expect(page.output.hasPrefix("mySecret ") && page.errors.contains("--cursor"))
            let deleted = try await sandbox.run("secret", "delete", "login")
            #expect(deleted.exitCode == 0 && deleted.output == "secret login is deleted\n", "\(deleted)")
            let again = try await sandbox.run("secret", "delete", "login")
            #expect(again.exitCode == 1 && again.errors.contains("[secret.not_found]"), "\(again)")
            for (name, input, says) in [
                ("a.b", "x", "[secret.name_invalid]"), ("a", "", "there is no secret on standard input"),
                ("a", String(repeating: "x", count: 70_000), "[secret.value_invalid]"),
            ] {
                let ending = try await sandbox.run("secret", "set", name, input: input)
                // Over HTTP a name that cannot be is a path that cannot be.
                #expect(
                    ending.exitCode == 1 && (withServer && name == "a.b" || ending.errors.contains(says)), "\(ending)")
            }
            let broken = try await sandbox.run("secret", "set", "a", "--from-json", input: "{\"k\": \(Self.password)}")
            #expect(broken.exitCode == 1 && !broken.errors.contains(Self.password), "\(broken)")
            try await server?.stop()
        }
    }

    @Test("Of a secret that was used, its bytes are in no file and no word of the program", arguments: [false, true])
    func bytes(withServer: Bool) async throws {
        let echo: @Sendable (inout PeerConnection) async throws -> Void = { connection in
            while let request = try await connection.request() {
                let said: JSONValue = [
                    "path": .string(request.path), "body": .string(request.body),
                    "authorization": .string(request.headers["authorization"] ?? ""),
                ]
                // A long answer is stored apart from its row.
                let long: JSONValue = ["said": said, "more": .string(String(repeating: "-", count: 40_000))]
                try await connection.answer(request.path.hasPrefix("/fail") ? "500 No" : "200 OK", json: long.jsonText)
            }
        }
        try await withPeer(echo) { peer in
            try await withSandbox { sandbox in
                let server =
                    withServer ? try await sandbox.serve(environment: ["OBSERVABILITY_LOG_LEVEL": "trace"]) : nil
                _ = try await sandbox.run("secret", "set", "apiKey", input: Self.value)
                _ = try await sandbox.run(
                    "secret", "set", "login", "--from-json",
                    input: #"{"username":"ada","password":"\#(Self.password)"}"#)
                let file = try sandbox.file(
                    "uses.yaml",
                    """
                    document: {dsl: 1.0.0, namespace: test, name: uses, version: 1.0.0}
                    use: {secrets: [apiKey, login]}
                    do:
                      - send:
                          input: {from: '{key: $secrets.apiKey}'}
                          call: http
                          with:
                            method: post
                            endpoint: {uri: '\(peer.base)/ok', authentication: {basic: {use: login}}}
                            query: {k: '${ .key }'}
                            body: '${ .key }'
                      - try:
                          try:
                            - fail:
                                input: {from: '{key: $secrets.apiKey}'}
                                call: http
                                with: {method: get, endpoint: '\(peer.base)/fail/{key}'}
                          catch: {as: error, do: [{keep: {set: {detail: '${ $error.detail }'}}}]}
                    """)
                let run = try await sandbox.run(
                    "workflow", "run", file, "--json", environment: ["OBSERVABILITY_LOG_LEVEL": "trace"])
                #expect(run.exitCode == 0, "\(run)")
                let execution = try JSONValue(parsing: run.output)
                let detail = try #require(execution["output"]?["detail"]?.stringValue)
                #expect(detail.contains("answered 500") && detail.contains(Secret.mask))
                let events = try await sandbox.run("events", "tail", "--after", "0", "--once")
                var told = [Data((run.output + run.errors + events.output + events.errors).utf8)]
                if let server {
                    server.program.send(SIGTERM)
                    let ending = await server.program.ending()
                    told.append(Data((ending.output + ending.errors).utf8))
                }
                let files = try FileManager.default.subpathsOfDirectory(atPath: sandbox.dataFolder)
                for name in files {
                    if let content = FileManager.default.contents(atPath: sandbox.dataFolder + "/" + name) {
                        told.append(content)
                    }
                }
                if Sandbox.isEmbedded { #expect(files.contains("cognition.db")) }
                let traces = [
                    Self.value, "correct%2Fhorse", "correct/horse", "battery staple", Self.password, "hunter2-",
                    Data("ada:\(Self.password)".utf8).base64EncodedString(),
                    Data(Self.password.utf8).base64EncodedString(),
                ]
                for (place, content) in told.enumerated() {
                    for trace in traces {
                        #expect(content.firstRange(of: Data(trace.utf8)) == nil, "\(trace) in \(place) of \(files)")
                    }
                }
            }
        }
    }

    @Test("A key in the settings opens what it has sealed, and what the file's key has; another key does not")
    func keys() async throws {
        try await withSandbox { sandbox in
            let file = try sandbox.file(
                "uses.yaml",
                """
                document: {dsl: 1.0.0, namespace: test, name: uses, version: 1.0.0}
                use: {secrets: [old, new]}
                do:
                  - use:
                      input: {from: '{old: $secrets.old, new: $secrets.new}'}
                      call: rehearse
                      with: {key: '${ . }'}
                """)
            let given = ["SECURITY_SECRET_KEY": String(repeating: "k", count: 40)]
            _ = try await sandbox.run("secret", "set", "old", input: "sealed with the file's")
            _ = try await sandbox.run("secret", "set", "new", environment: given, input: "sealed with the given one")
            let run = try await sandbox.run("workflow", "run", file, "--json", environment: given)
            #expect(run.exitCode == 0, "\(run)")
            let other = try await sandbox.run(
                "workflow", "run", file, "--json",
                environment: ["SECURITY_SECRET_KEY": String(repeating: "o", count: 40)])
            #expect(
                other.exitCode == 1 && other.output.contains("no key of this server opens the secret 'new'"), "\(other)"
            )
        }
    }
}
