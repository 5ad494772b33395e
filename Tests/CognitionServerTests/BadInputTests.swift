import CognitionCore
import CognitionStorage
import Foundation
import Testing

/// Files, folders and databases that no program should have to meet: each is refused in a sentence, and nothing hangs.
@Suite("Bad input", .timeLimit(.minutes(2))) struct BadInputTests {
    private static let echo = """
        document: {dsl: 1.0.3, namespace: tests, name: echo, version: 0.1.0}
        do:
          - echo: {set: '${ {kept: (. | tojson | length)} }'}
        """

    /// The command fails in good order: exit code 1, its reason on standard error, nothing else.
    private func expectRefusal(
        _ ending: Program.Ending, _ words: String..., location: SourceLocation = #_sourceLocation
    ) {
        #expect(ending.exitCode == 1 && ending.output.isEmpty, "\(ending)", sourceLocation: location)
        for word in words { #expect(ending.errors.contains(word), "\(ending)", sourceLocation: location) }
        #expect(ending.errors.hasSuffix("\n") && ending.errors.count < 2_000, sourceLocation: location)
        #expect(ending.took < .seconds(20), "\(ending.took)", sourceLocation: location)
    }

    // MARK: Documents

    @Test(
        "A document that is none is refused by validate and run, with its place",
        arguments: [
            ("do: [", "line 2"), ("{\"document\": ", "line 1"), ("a: 1\na: 2", "comes again"), ("- [}", "line 1"),
            ("", "the document"), ("just text", "the document"), ("document: &a [*a]", "line 1"),
            (
                "document: {dsl: 1.0.3, namespace: t, name: n, version: 0.1.0}\ndo:\n  - a: {set: {b: 1}, unknown: 2}",
                "line 3"
            ),
            (
                "document: {dsl: 1.0.3, namespace: t, name: n, version: 0.1.0}\ndo:\n  - a: {call: grpc, with: {}}",
                "line 3"
            ),
        ])
    func documents(_ text: String, _ word: String) async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("document.yaml", text)
            expectRefusal(try await sandbox.run("workflow", "validate", "document.yaml"), word)
            expectRefusal(try await sandbox.run("workflow", "run", "document.yaml"), word)
            let json = try await sandbox.run("workflow", "validate", "document.yaml", "--json")
            #expect(try json.exitCode == 1 && JSONValue(parsing: json.output)["valid"] == false)
        }
    }

    @Test("A document that is not UTF-8, too large, or nested without end is refused")
    func hostileDocuments() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("latin.yaml", Array("document: {title: ".utf8) + [0xFC, 0xFF] + Array("}".utf8))
            expectRefusal(try await sandbox.run("workflow", "validate", "latin.yaml"), "latin.yaml is no UTF-8 text")
            _ = try sandbox.file("deep.yaml", String(repeating: "[", count: 10_000))
            expectRefusal(try await sandbox.run("workflow", "validate", "deep.yaml"), "deep")
            try sandbox.emptyFile("large.yaml", bytes: 100 << 20)
            expectRefusal(
                try await sandbox.run("workflow", "run", "large.yaml", memoryBytesMax: 256 << 20),
                "large.yaml is larger than 8 MiB")
            _ = try sandbox.file(
                "bomb.yaml",
                "a: &a [1,1,1,1,1,1,1,1,1]\n"
                    + zip("abcdefgh", "bcdefghi").map {
                        "\($1): &\($1) [\(repeatElement("*\($0)", count: 9).joined(separator: ","))]"
                    }
                    .joined(separator: "\n"))
            expectRefusal(try await sandbox.run("workflow", "validate", "bomb.yaml"), "aliases")
        }
    }

    // MARK: Inputs

    @Test("An input that is no JSON, too deep, not UTF-8 or too large is refused, quickly and in little memory")
    func inputs() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("echo.yaml", Self.echo)
            let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
            _ = try sandbox.file("deep.json", deep)
            _ = try sandbox.file("deep-object.json", "{\"a\": \(deep)}")
            _ = try sandbox.file("latin.json", Array("{\"name\": \"".utf8) + [0xFC] + Array("\"}".utf8))
            _ = try sandbox.file("broken.json", "{\"a\": 1,\n \"b\": }")
            try sandbox.emptyFile("large.json", bytes: 100 << 20)
            for (input, word) in [
                ("@deep.json", "512"), ("@deep-object.json", "512"), ("deep=@deep.json", "512"),
                ("@latin.json", "UTF-8"),
                ("@broken.json", "line 2"), ("{\"a\": ", "line 1"), ("@missing.json", "missing.json cannot be read"),
                ("@large.json", "large.json is larger than 32 MiB"), ("x=@large.json", "32 MiB"),
                ("pair", "NAME=VALUE"),
                ("@.", "cannot be read"),
            ] {
                expectRefusal(
                    try await sandbox.run(
                        "workflow", "run", "echo.yaml", "--json", "--input", input, memoryBytesMax: 256 << 20), word)
            }
            #expect(try await sandbox.run("expression", "eval", ".", "--input", "@deep.json").errors.contains("512"))
            #expect(try await sandbox.json("execution", "list", "--json")["items"] == [], "nothing was started")
        }
    }

    // MARK: Folders and databases

    @Test("A data folder that is a file, or cannot be made, is named")
    func folders() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("echo.yaml", Self.echo)
            let file = try sandbox.file("file", "")
            expectRefusal(try await sandbox.run("workflow", "run", "echo.yaml", data: file), "data folder \(file)")
            expectRefusal(try await sandbox.run("execution", "list", data: file + "/data"), "data folder \(file)/data")
            expectRefusal(
                try await sandbox.run("workflow", "run", "echo.yaml", data: "/proc/data"), "data folder /proc/data")
            guard Sandbox.isEmbedded else { return }
            try FileManager.default.createDirectory(
                atPath: sandbox.dataFolder + "/cognition.db", withIntermediateDirectories: true)
            expectRefusal(try await sandbox.run("workflow", "run", "echo.yaml"), "is not a file")
        }
    }

    @Test(
        "A data folder without the right to write is named",
        .disabled(if: geteuid() == 0, "root may write everywhere; the folder under /proc above stands for it"))
    func readOnlyFolder() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("echo.yaml", Self.echo)
            try FileManager.default.createDirectory(
                atPath: sandbox.dataFolder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o500])
            expectRefusal(try await sandbox.run("workflow", "run", "echo.yaml"), "cannot be written")
        }
    }

    @Test("A database of a newer build is left alone")
    func newerDatabase() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("echo.yaml", Self.echo)
            #expect(try await sandbox.run("workflow", "run", "echo.yaml").exitCode == 0)
            try await sandbox.changeDatabase(
                "INSERT INTO schema_migrations (name, fingerprint, applied_at) VALUES ('workflows.999_future', 'f', 0)")
            for command in [
                ["workflow", "run", "echo.yaml"], ["execution", "list"], ["migrate"], ["events", "verify"],
            ] {
                let ending = try await sandbox.start(command).ending()
                expectRefusal(ending, "newer release", "workflows.999_future", "storage.newer_database")
            }
            try await sandbox.changeDatabase("DELETE FROM schema_migrations WHERE name = 'workflows.999_future'")
            #expect(try await sandbox.json("execution", "list", "--json")["items"]?.arrayValue?.count == 1)
        }
    }

    @Test("A damaged database file is refused, and not made worse", .enabled(if: Sandbox.isEmbedded))
    func damagedDatabase() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("echo.yaml", Self.echo)
            #expect(try await sandbox.run("workflow", "run", "echo.yaml").exitCode == 0)
            let path = sandbox.dataFolder + "/cognition.db"
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            let ruins = [
                ("text", Data(repeating: 0x61, count: 10_000)),
                ("head", Data(repeating: 0xFF, count: 100) + whole.dropFirst(100)),
                ("pages", whole.prefix(100) + Data(repeating: 0xFF, count: whole.count - 100)),
            ]
            for (name, ruin) in ruins {
                try ruin.write(to: URL(fileURLWithPath: path))
                for command in [["workflow", "run", "echo.yaml"], ["execution", "list"]] {
                    let ending = try await sandbox.start(command).ending()
                    expectRefusal(ending, "storage.")
                }
                #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == ruin, "\(name): the evidence was changed")
            }
        }
    }
}
