import CognitionCore
import Foundation
import Testing

/// The program of `make demo`.
@Suite("Demo", .timeLimit(.minutes(2))) struct DemoTests {
    private let example = Binary.repository() + "/Examples/digest"

    @Test("In a pipe it prints plain lines, writes the digest, and says what to do next; again, it runs again")
    func demo() async throws {
        try await withSandbox { sandbox in
            let first = try await sandbox.run("demo", "--example", example)
            #expect(first.exitCode == 0, "\(first.errors)")
            #expect(!(first.output + first.errors).contains("\u{1B}"), "no control characters in a pipe")
            let lines = first.errors.split(separator: "\n")
            #expect(lines.contains { $0.contains("failed") && $0.contains("trying again") }, "\(first.errors)")
            #expect(lines.contains { $0.contains("execution completed") })
            let count = try FileManager.default.contentsOfDirectory(atPath: example + "/documents").count
            #expect(lines.contains { $0.contains("started, \(count) items") })
            let path = sandbox.dataFolder + "/digest.md"
            let digest = try String(contentsOfFile: path, encoding: .utf8)
            #expect(first.output.contains(digest) && digest.hasPrefix("# Digest of \(count) documents"))
            #expect(first.errors.contains("The digest is in \(path)."))
            for next in ["execution show", "demo --input folder=PATH", "workflow validate"] {
                #expect(first.errors.contains(next), "\(next)")
            }

            let second = try await sandbox.run("demo", "--example", example)
            #expect(second.exitCode == 0 && second.output == first.output)
            let list = try await sandbox.json("execution", "list", "--json")
            let items = try #require(list["items"]?.arrayValue)
            #expect(items.count == 2 && items.allSatisfy { $0["status"] == "completed" })
        }
    }

    @Test("Killed half-way and started again, it goes on with what it has")
    func killed() async throws {
        try await withSandbox { sandbox in
            let first = try sandbox.start("demo", "--example", example)
            _ = try await first.errors.line { $0.contains("askModel completed") }
            first.kill()
            #expect(await first.ending().signal == 9)
            let list = try await sandbox.json("execution", "list", "--json")
            let id = try #require(list["items"]?[0]?["id"]?.stringValue)
            func models() async throws -> [Int64: JSONValue] {
                let tasks = try await sandbox.json("execution", "show", id, "--json")["tasks"]?.arrayValue ?? []
                return Dictionary(
                    uniqueKeysWithValues: tasks.filter { $0["name"] == "askModel" && $0["status"] == "completed" }.map {
                        ($0["number"]?.integerValue ?? 0, $0)
                    })
            }
            let before = try await models()
            #expect(!before.isEmpty)
            let second = try await sandbox.run("demo", "--example", example)
            #expect(second.exitCode == 0 && second.errors.contains("going on with execution \(id)"), "\(second.errors)")
            let after = try await models()
            for (number, task) in before { #expect(after[number] == task, "task \(number) was run again") }
        }
    }

    @Test("A folder of one's own is digested; one that is missing or empty is said to be")
    func folders() async throws {
        try await withSandbox { sandbox in
            let folder = sandbox.folder + "/mine"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            let empty = try await sandbox.run("demo", "--example", example, "--input", "folder=\(folder)")
            #expect(
                empty.exitCode == 1 && empty.errors.contains("There are no Markdown or text files"), "\(empty.errors)")
            _ = try sandbox.file(
                "mine/note.md", "# A note\n\nThe oysters of the north grow slowly. They are worth it.\n")
            let one = try await sandbox.run("demo", "--example", example, "--input", "folder=\(folder)")
            #expect(one.exitCode == 0 && one.output.contains("# Digest of 1 document\n"), "\(one)")
            #expect(one.output.contains("## A note"))
            let missing = try await sandbox.run("demo", "--example", example, "--input", "folder=nowhere")
            #expect(missing.exitCode == 1 && missing.errors.contains("there is no folder nowhere"))
            let elsewhere = try await sandbox.run("demo")
            #expect(elsewhere.exitCode == 1 && elsewhere.errors.contains("is not there"))
        }
    }
}
