import CognitionCore
import CognitionStorage
import Foundation
import Testing

/// What commands take, print and end with.
@Suite("Commands", .timeLimit(.minutes(3))) struct CommandTests {
    private static let document = """
        document: {dsl: 1.0.3, namespace: tests, name: double, version: 0.2.0, title: Doubles a number}
        input: {schema: {document: {type: object, required: [n], properties: {n: {type: number}}}}}
        do:
          - double: {set: {n: '${ .n * 2 }'}}
          - rest: {wait: {milliseconds: 1}}
        """

    @Test("Every command has help, and the program a version")
    func help() async throws {
        try await withSandbox { sandbox in
            let tree = try await sandbox.json("--experimental-dump-help")
            var commands: [[String]] = []
            func collect(_ command: JSONValue, _ path: [String]) {
                commands.append(path)
                for child in command["subcommands"]?.arrayValue ?? [] {
                    if let name = child["commandName"]?.stringValue, name != "help" { collect(child, path + [name]) }
                }
            }
            collect(try #require(tree["command"]), [])
            #expect(commands.count >= 20)
            for command in commands {
                let ending = try await sandbox.start(command + ["--help"]).ending()
                #expect(ending.exitCode == 0 && ending.errors.isEmpty, "\(command)")
                #expect(
                    ending.output.contains("USAGE: " + (["cognitionos"] + command).joined(separator: " ")), "\(command)"
                )
            }
            let version = try await sandbox.run("--version")
            #expect(version.exitCode == 0 && version.output == Release.version + "\n")
            #expect(!FileManager.default.fileExists(atPath: sandbox.dataFolder), "help touches no data")
        }
    }

    @Test(
        "A command line that cannot be understood ends with 2 and says why",
        arguments: [
            ["no-such-command"], ["workflow", "run"], ["workflow", "validate", "a.yaml", "--no-such-option"],
            ["execution", "show", "not-an-id"], ["expression", "eval"],
            ["expression", "eval", ".", "--batch", "--input", "1"],
            ["execution", "list", "--limit", "many"], ["execution", "list", "--limit", "0"],
            ["workflow", "list", "--limit=-1"], ["backup"], ["user", "create"], ["user", "lock"],
            ["token", "--life", "never"],
        ])
    func usage(_ arguments: [String]) async throws {
        try await withSandbox { sandbox in
            let ending = try await sandbox.start(arguments).ending()
            #expect(ending.exitCode == 2, "\(ending)")
            #expect(ending.output.isEmpty && ending.errors.contains("Error: "), "\(ending)")
        }
    }

    @Test(
        "An output that is full, or whose reader is gone, ends the program in good order",
        arguments: [
            ("> /dev/full", "standard output: No space"), (">&-", "standard output: Bad file"), ("> >(true)", ""),
        ])
    func brokenOutput(_ target: String, _ words: String) async throws {
        try await withSandbox { sandbox in
            // Lines enough to fill a pipe, so that the reader's end is noticed.
            let lines = String(repeating: "{\"expression\": \"[range(1000)]\"}\n", count: 100)
            let ending = try await sandbox.start(
                ["-c", "\"$0\" expression eval --batch \(target)", try Binary.path()], executable: "/bin/bash",
                input: lines
            ).ending()
            #expect(ending.exitCode == 1 && ending.output.isEmpty, "\(ending)")
            #expect(words.isEmpty ? ending.errors.isEmpty : ending.errors.contains(words), "\(ending)")
        }
    }

    @Test("A run goes on when nobody reads about it")
    func brokenNotes() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("double.yaml", Self.document)
            let ending = try await sandbox.start(
                ["-c", "\"$0\" workflow run double.yaml --input n=4 2> /dev/full", try Binary.path()],
                executable: "/bin/bash"
            ).ending()
            #expect(ending.exitCode == 0, "\(ending)")
            #expect(try JSONValue(parsing: ending.output) == ["n": 8])
        }
    }

    // MARK: workflow

    @Test("validate accepts a document, from a file and from standard input")
    func valid() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("double.yaml", Self.document)
            let text = try await sandbox.run("workflow", "validate", "double.yaml")
            #expect(text.exitCode == 0 && text.output.contains("tests.double 0.2.0"))
            let json = try await sandbox.json("workflow", "validate", "double.yaml", "--json")
            #expect(json["valid"] == true && json["faults"] == [] && json["tasks"] == 2)
            #expect(json["hash"]?.stringValue?.count == 64)
            let input = try await sandbox.run("workflow", "validate", "-", "--json", input: Self.document)
            #expect(try input.exitCode == 0 && JSONValue(parsing: input.output) == json)
        }
    }

    @Test("validate names every fault with its place")
    func invalid() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file(
                "faulty.yaml",
                """
                document: {dsl: 1.0.3, namespace: tests, name: faulty, version: 0.1.0}
                do:
                  - one: {set: {n: 1}, then: nowhere}
                  - two: {set: {n: '${ .a + }'}}
                """)
            let text = try await sandbox.run("workflow", "validate", "faulty.yaml")
            #expect(text.exitCode == 1 && text.output.isEmpty)
            #expect(
                text.errors.contains("faulty.yaml:line 3, column") && text.errors.contains("nowhere"), "\(text.errors)")
            #expect(text.errors.contains("faulty.yaml:line 4, column"))
            let ending = try await sandbox.run("workflow", "validate", "faulty.yaml", "--json")
            #expect(ending.exitCode == 1 && ending.errors.isEmpty)
            let json = try JSONValue(parsing: ending.output)
            let faults = try #require(json["faults"]?.arrayValue)
            #expect(json["valid"] == false && faults.map { $0["line"] } == [3, 4], "\(json)")
            #expect(faults.map { $0["pointer"] } == ["/do/0/one/then", "/do/1/two/set/n"])
            #expect(
                faults.allSatisfy {
                    ($0["column"]?.integerValue ?? 0) > 0 && $0["message"]?.stringValue?.isEmpty == false
                })
            let missing = try await sandbox.run("workflow", "validate", "missing.yaml")
            #expect(missing.exitCode == 1 && missing.errors.contains("missing.yaml cannot be read: No such file"))
        }
    }

    @Test("run prints the finished execution, list the definition")
    func runAndList() async throws {
        try await withSandbox { sandbox in
            let empty = try await sandbox.run("workflow", "list")
            #expect(empty.exitCode == 0 && empty.output.isEmpty && empty.errors.contains("no workflows"))
            _ = try sandbox.file("double.yaml", Self.document)
            _ = try sandbox.file("input.json", #"{"n": 21}"#)
            let execution = try await sandbox.json("workflow", "run", "double.yaml", "--input", "@input.json", "--json")
            let members = Set(try #require(execution.objectValue).keys)
            #expect(
                members.isSuperset(of: [
                    "id", "workflow_id", "version", "status", "progress", "input", "output", "error", "tasks", "cost",
                    "created_at", "started_at", "ended_at",
                ]))
            #expect(execution["workflow_id"] == "tests.double" && execution["version"] == "0.2.0")
            #expect(execution["status"] == "completed" && execution["progress"] == 100 && execution["error"] == .null)
            #expect(execution["input"] == ["n": 21] && execution["output"] == ["n": 42])
            let tasks = try #require(execution["tasks"]?.arrayValue)
            #expect(tasks.map { $0["name"] } == ["double", "rest"])
            #expect(tasks.map { $0["reference"] } == ["/do/0/double", "/do/1/rest"])
            #expect(tasks.allSatisfy { $0["status"] == "completed" && $0["attempt"] == 1 && $0["ended_at"] != .null })

            let list = try await sandbox.json("workflow", "list", "--json")
            #expect(list["items"]?.arrayValue?.map { $0["title"] } == ["Doubles a number"])
            let text = try await sandbox.run("workflow", "list")
            #expect(text.output.contains("tests.double  0.2.0") && text.exitCode == 0)
        }
    }

    @Test("run shows plain lines in a pipe and the output alone on standard output")
    func runInAPipe() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("double.yaml", Self.document)
            let ending = try await sandbox.run("workflow", "run", "double.yaml", "--input", "n=4")
            #expect(ending.exitCode == 0, "\(ending.errors)")
            #expect(try JSONValue(parsing: ending.output) == ["n": 8])
            #expect(ending.errors.contains("rest completed") && ending.errors.contains("execution completed"))
            #expect(!ending.errors.contains("\u{1B}"), "no control characters in a pipe")
        }
    }

    @Test("A faulted run ends with 1 and shows the error")
    func faulted() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("double.yaml", Self.document)
            let ending = try await sandbox.run("workflow", "run", "double.yaml", "--input", "n=four", "--json")
            #expect(ending.exitCode == 1)
            let execution = try JSONValue(parsing: ending.output)
            #expect(execution["status"] == "faulted" && execution["output"] == .null)
            #expect(execution["error"]?["type"]?.stringValue?.hasSuffix("/errors/validation") == true)
            #expect(execution["error"]?["status"] == 400)
            let text = try await sandbox.run("workflow", "run", "double.yaml", "--input", "n=four")
            #expect(text.exitCode == 1 && text.output.isEmpty && text.errors.contains("/errors/validation"))
        }
    }

    @Test("A document that was changed without a new version runs as what it is now")
    func revision() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("double.yaml", Self.document)
            #expect(try await sandbox.run("workflow", "run", "double.yaml", "--input", "n=1").exitCode == 0)
            _ = try sandbox.file("other.yaml", Self.document.replacing("* 2", with: "* 3"))
            let execution = try await sandbox.json("workflow", "run", "other.yaml", "--input", "n=1", "--json")
            #expect(execution["output"] == ["n": 3])
            #expect(execution["version"]?.stringValue?.hasPrefix("0.2.0+") == true, "\(execution)")
            let list = try await sandbox.json("workflow", "list", "--json")
            #expect(list["items"]?.arrayValue?.map { $0["version"] } == [execution["version"]])
        }
    }

    // MARK: execution

    @Test("Unknown executions and statuses are refused, and lists are paged")
    func executions() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("double.yaml", Self.document)
            for n in 1...3 {
                #expect(try await sandbox.run("workflow", "run", "double.yaml", "--input", "n=\(n)").exitCode == 0)
            }
            let first = try await sandbox.json("execution", "list", "--json", "--limit", "2")
            let cursor = try #require(first["next_cursor"]?.stringValue)
            let second = try await sandbox.json("execution", "list", "--json", "--limit", "2", "--cursor", cursor)
            #expect(first["items"]?.arrayValue?.count == 2 && second["items"]?.arrayValue?.count == 1)
            #expect(second["next_cursor"] == .null)
            let unknown = "01999999-9999-7999-8999-999999999999"
            for verb in ["show", "watch", "cancel"] {
                let ending = try await sandbox.run("execution", verb, unknown)
                #expect(ending.exitCode == 1 && ending.errors.contains("there is no execution \(unknown)"), "\(ending)")
            }
            let status = try await sandbox.run("execution", "list", "--status", "sleepy")
            #expect(status.exitCode == 1 && status.errors.contains("sleepy is no status"))
            let id = try #require(second["items"]?[0]?["id"]?.stringValue)
            let watched = try await sandbox.run("execution", "watch", id)
            #expect(watched.exitCode == 0 && watched.output.contains("execution completed"))
        }
    }

    // MARK: events, backup, check

    @Test("events tail prints JSON lines, and verify finds what was changed behind its back")
    func events() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("double.yaml", Self.document)
            #expect(try await sandbox.run("workflow", "run", "double.yaml", "--input", "n=1").exitCode == 0)
            let all = try await sandbox.run("events", "tail", "--once", "--after", "0")
            let events = try all.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
            #expect(events.map { $0["position"]?.integerValue } == events.indices.map { Int64($0) + 1 })
            #expect(events.first?["type"] == "workflow.created" && events.last?["type"] == "execution.completed")
            let some = try await sandbox.run("events", "tail", "--once", "--type", "execution.completed")
            #expect(some.output.split(separator: "\n").count == 1)
            #expect(try await sandbox.run("events", "tail", "--once", "--after", "\(events.count)").output.isEmpty)
            let verified = try await sandbox.run("events", "verify")
            #expect(verified.exitCode == 0 && verified.output.contains("\(events.count) events in 2 streams"))
            try await sandbox.changeDatabase(
                "UPDATE events SET data = \(Array("{\"lie\":true}".utf8)) WHERE position = 2")
            let damaged = try await sandbox.run("events", "verify")
            #expect(damaged.exitCode == 1 && damaged.errors.contains("damaged in 1 place"), "\(damaged)")
        }
    }

    @Test("A backup goes back, and nothing is overwritten", .enabled(if: Sandbox.isEmbedded))
    func backup() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("double.yaml", Self.document)
            let first = try await sandbox.json("workflow", "run", "double.yaml", "--input", "n=1", "--json")
            let backup = try await sandbox.run("backup", "copy.db")
            #expect(backup.exitCode == 0 && backup.output.contains("keys are not part of it"))
            let again = try await sandbox.run("backup", "copy.db")
            #expect(again.exitCode == 1 && again.errors.contains("copy.db exists already"), "\(again.errors)")
            let second = try await sandbox.json("workflow", "run", "double.yaml", "--input", "n=2", "--json")
            #expect(try await sandbox.run("restore", "copy.db").exitCode == 0)
            let list = try await sandbox.json("execution", "list", "--json")
            #expect(list["items"]?.arrayValue?.map { $0["id"] } == [first["id"]])
            let replaced = try #require(sandbox.replacedDatabases().first)
            #expect(try await sandbox.run("restore", replaced).exitCode == 0)
            let before = try await sandbox.json("execution", "list", "--json")
            #expect(before["items"]?.arrayValue?.map { $0["id"] } == [second["id"], first["id"]])
            _ = try sandbox.file("nonsense.db", "this is no database")
            let nonsense = try await sandbox.run("restore", "nonsense.db")
            #expect(nonsense.exitCode == 1 && nonsense.errors.contains("storage."), "\(nonsense.errors)")
            let missing = try await sandbox.run("restore", "missing.db")
            #expect(missing.exitCode == 1 && missing.errors.contains("missing.db"), "\(missing.errors)")
            #expect(try await sandbox.json("execution", "list", "--json") == before)
        }
    }

    @Test("A backup takes the place of a damaged database, which is kept as it lies", .enabled(if: Sandbox.isEmbedded))
    func restoreOverDamage() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("double.yaml", Self.document)
            #expect(try await sandbox.run("workflow", "run", "double.yaml", "--input", "n=1").exitCode == 0)
            #expect(try await sandbox.run("backup", "copy.db").exitCode == 0)
            let list = try await sandbox.json("execution", "list", "--json")
            let ruin = String(repeating: "ruin", count: 5_000)
            _ = try sandbox.file("data/cognition.db", ruin)
            #expect(try await sandbox.run("execution", "list").exitCode == 1)
            let restored = try await sandbox.run("restore", "copy.db")
            let kept = try #require(sandbox.replacedDatabases().first)
            #expect(restored.exitCode == 0 && restored.output.contains(kept), "\(restored)")
            #expect(try String(contentsOfFile: kept, encoding: .utf8) == ruin)
            #expect(try await sandbox.json("execution", "list", "--json") == list)
        }
    }

    @Test("check prints what is in force and refuses what is not valid")
    func check() async throws {
        try await withSandbox { sandbox in
            let plain = try await sandbox.run(
                "check", environment: ["WORKFLOWS_CONCURRENCY": "7", "COGNITIONOS_TYPO": "1"])
            #expect(plain.exitCode == 0 && plain.output.contains("WORKFLOWS_CONCURRENCY = 7   (set)"))
            #expect(plain.errors.contains("COGNITIONOS_TYPO is no setting"))
            let both = try await sandbox.run(
                "check", "--json",
                environment: ["WORKFLOWS_CONCURRENCY": "7", "COGNITIONOS_WORKFLOWS_CONCURRENCY": "8"])
            #expect(try JSONValue(parsing: both.output)["WORKFLOWS_CONCURRENCY"] == "8")
            for (name, value) in [
                ("WORKFLOWS_CONCURRENCY", "many"), ("WORKFLOWS_CONCURRENCY", "0"), ("ENVIRONMENT", "moon"),
                ("OBSERVABILITY_LOG_LEVEL", "loud"), ("DATABASE_URL", "mysql://host/db"),
            ] {
                let ending = try await sandbox.run("check", environment: [name: value])
                #expect(ending.exitCode == 1 && ending.errors.contains(name), "\(name)=\(value): \(ending)")
            }
        }
    }

    @Test("The configuration file sets what the environment leaves open; unknown names in it are refused")
    func configurationFile() async throws {
        try await withSandbox { sandbox in
            let file = try sandbox.file(
                "settings.yaml",
                "workflows_concurrency: 9\nEGRESS_DENY: [private, example.com]\nenvironment: production\n")
            let ending = try await sandbox.run(
                "check", "--json", environment: ["COGNITIONOS_CONFIG": file, "ENVIRONMENT": "development"])
            let json = try JSONValue(parsing: ending.output)
            #expect(json["WORKFLOWS_CONCURRENCY"] == "9" && json["EGRESS_DENY"] == "private,example.com")
            #expect(json["ENVIRONMENT"] == "development")
            for (text, word) in [
                ("NO_SUCH_NAME: 1", "NO_SUCH_NAME"), ("- a", "mapping"), ("WORKFLOWS_CONCURRENCY: {a: 1}", "one value"),
                ("WORKFLOWS_CONCURRENCY: -1", "whole number"), ("a: [", "faulty.yaml"),
            ] {
                let faulty = try sandbox.file("faulty.yaml", text)
                let ending = try await sandbox.run("check", environment: ["COGNITIONOS_CONFIG": faulty])
                #expect(ending.exitCode == 1 && ending.errors.contains(word), "\(text): \(ending)")
            }
            let missing = try await sandbox.run("check", environment: ["COGNITIONOS_CONFIG": "missing.yaml"])
            #expect(missing.exitCode == 1 && missing.errors.contains("missing.yaml cannot be read"))
        }
    }
}

extension Sandbox {
    /// What `restore` has kept.
    fileprivate func replacedDatabases() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: dataFolder).filter { $0.hasSuffix(".replaced") }.sorted()
            .map { dataFolder + "/" + $0 }
    }
}
