import CognitionCore
import Foundation
import Testing

@Suite("Commands about the past of executions", .timeLimit(.minutes(4))) struct ForkCommandTests {
    private static let chain = """
        document: {dsl: 1.0.3, namespace: tests, name: chain, version: 0.1.0}
        do:
          - a: {set: {n: '${ .n + 1 }'}}
          - b: {set: {n: '${ .n * 10 }'}}
        """
    private static let failing = """
        document: {dsl: 1.0.3, namespace: tests, name: failing, version: 0.1.0}
        do:
          - a: {set: {n: 1}}
          - f: {raise: {error: {type: 'https://example.com/x', status: 418}}}
        """

    @Test("Fork, diff, checkpoints, show --at and retry work with and without a server", arguments: [false, true])
    func story(withServer: Bool) async throws {
        try await withSandbox { sandbox in
            if withServer { _ = try await sandbox.serve() }
            _ = try sandbox.file("chain.yaml", Self.chain)
            let run = try await sandbox.json("workflow", "run", "chain.yaml", "--input", "n=1", "--json")
            let id = try #require(run["id"]?.stringValue)
            let fork = try await sandbox.json("execution", "fork", id, "--task", "a", "--patch", "{\"n\": 5}", "--json")
            #expect(fork["output"] == ["n": 50] && fork["forked_from"]?["task"] == 1, "\(fork)")
            let other = try #require(fork["id"]?.stringValue)
            let shown = try await sandbox.run("execution", "show", other)
            #expect(shown.output.contains("forked     from \(id), behind task 1"), "\(shown)")

            let diff = try await sandbox.json("execution", "diff", id, other, "--json")
            #expect(diff["totals"]?["changed"] == 2, "\(diff)")
            let text = try await sandbox.run("execution", "diff", id, other)
            #expect(text.exitCode == 0 && text.output.contains("{\"n\":50}"), "\(text)")

            let taken = try await sandbox.json("execution", "checkpoints", id, "--take", "--name", "end", "--json")
            #expect(taken["name"] == "end")
            let again = try await sandbox.json("execution", "fork", id, "--checkpoint", "end", "--json")
            #expect(again["output"] == ["n": 20], "\(again)")
            #expect(try await sandbox.run("execution", "checkpoints", id, "--delete", "end").exitCode == 0)
            let list = try await sandbox.json("execution", "checkpoints", id, "--json")
            #expect(list["items"] == [])

            let position = try #require(taken["position"]?.integerValue)
            let past = try await sandbox.json("execution", "show", id, "--at", String(position), "--json")
            #expect(past["status"] == "completed" && past["tasks"]?.arrayValue?.count == 2, "\(past)")
            let plain = try await sandbox.run("execution", "show", id, "--at", String(position))
            #expect(plain.exitCode == 0 && plain.output.contains("output     {\"n\":20}"), "\(plain)")
            #expect(try await sandbox.run("execution", "show", id, "--at", "yesterday").exitCode == 1)

            _ = try sandbox.file("failing.yaml", Self.failing)
            let failed = try await sandbox.run("workflow", "run", "failing.yaml", "--json")
            #expect(failed.exitCode == 1)
            let failedID = try #require(try JSONValue(parsing: Array(failed.output.utf8))["id"]?.stringValue)
            let retried = try await sandbox.run("execution", "retry", failedID)
            #expect(retried.exitCode == 1, "\(retried)")
            let report = try await sandbox.json("execution", "show", failedID, "--json")
            #expect(report["tasks"]?.arrayValue?.last?["attempt"] == 2, "\(report)")
            #expect(try await sandbox.run("execution", "retry", id).exitCode == 1)
        }
    }
}
