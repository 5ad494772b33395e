import CognitionCore
import Foundation
import Testing

/// One process runs an execution; what other processes see of it and can do to it meanwhile.
@Suite("Two terminals", .timeLimit(.minutes(2))) struct TwoTerminalTests {
    /// Tells from the peer's script to the test what has come to pass.
    private struct Signals: Sendable {
        let hasArrived = AsyncStream<Void>.makeStream()
        let hasClosed = AsyncStream<Void>.makeStream()
    }

    private static func workflow(_ base: String) -> String {
        """
        document: {dsl: 1.0.3, namespace: tests, name: slow, version: 0.1.0}
        do:
          - begin: {wait: {milliseconds: 1}}
          - slow: {call: http, with: {method: get, endpoint: '\(base)/slow'}}
        """
    }

    /// Runs `body` beside a process whose execution waits for an answer that never comes.
    private func withSlowRun(
        _ body: @escaping @Sendable (Sandbox, Program, _ execution: String, AsyncStream<Void>) async throws -> Void
    ) async throws {
        let signals = Signals()
        try await withPeer { connection in
            guard try await connection.request() != nil else { return }
            signals.hasArrived.continuation.yield()
            await connection.waitForEnd()
            signals.hasClosed.continuation.yield()
        } _: { peer in
            try await withSandbox { sandbox in
                _ = try sandbox.file("workflow.yaml", Self.workflow(peer.base))
                let program = try sandbox.start("workflow", "run", "workflow.yaml", "--json")
                for await _ in signals.hasArrived.stream { break }
                let list = try await sandbox.json("execution", "list", "--json", "--status", "running")
                let items = try #require(list["items"]?.arrayValue)
                #expect(items.count == 1 && list["next_cursor"] == .null)
                let execution = try #require(items.first?["id"]?.stringValue)
                try await body(sandbox, program, execution, signals.hasClosed.stream)
            }
        }
    }

    @Test("Others list, show, watch and cancel what runs; cancelling closes the running call at once")
    func watchAndCancel() async throws {
        try await withSlowRun { sandbox, program, execution, closed in
            let shown = try await sandbox.json("execution", "show", execution, "--json")
            #expect(shown["status"] == "running" && shown["ended_at"] == .null)
            #expect(shown["tasks"]?.arrayValue?.map { $0["status"] } == ["completed", "running"])
            let text = try await sandbox.run("execution", "show", execution)
            #expect(text.exitCode == 0 && text.output.contains("status     running"))
            let listed = try await sandbox.run("execution", "list")
            #expect(listed.exitCode == 0 && listed.output.contains(execution) && listed.output.contains("tests.slow"))
            #expect(try await sandbox.run("events", "verify").exitCode == 0)

            let watcher = try sandbox.start("execution", "watch", execution)
            _ = try await watcher.output.line { $0.contains("begin completed") }
            let start = ContinuousClock.now
            let cancelled = try await sandbox.run("execution", "cancel", execution)
            #expect(cancelled.exitCode == 0 && cancelled.errors == "cancelled\n", "\(cancelled)")
            for await _ in closed { break }
            let ending = await program.ending()
            #expect(start.duration(to: .now) < .seconds(10))
            #expect(ending.exitCode == 1 && ending.errors.isEmpty)
            let result = try JSONValue(parsing: ending.output)
            #expect(
                result["id"]?.stringValue == execution && result["status"] == "cancelled" && result["ended_at"] != .null
            )
            #expect(result["tasks"]?.arrayValue?.map { $0["status"] } == ["completed", "cancelled"])
            let watched = await watcher.ending()
            #expect(watched.exitCode == 0 && watched.output.contains("execution cancelled"))
        }
    }

    @Test("A second process cannot run on the same folder, and says who holds it")
    func secondRun() async throws {
        try await withSlowRun { sandbox, program, execution, _ in
            // A server's database is restored by tools of its own.
            let restore = Sandbox.isEmbedded ? [["restore", "copy.db"]] : []
            for arguments in [["workflow", "run", "workflow.yaml"], ["migrate"]] + restore {
                let second = try await sandbox.start(arguments).ending()
                #expect(second.exitCode == 1 && second.output.isEmpty, "\(arguments): \(second)")
                #expect(second.errors.contains("in use by process \(program.id)"), "\(arguments): \(second.errors)")
            }
            program.kill()
            #expect(await program.ending().signal == 9)
            // The lock of a killed process is gone with it; what it ran is cancelled by whoever comes.
            let cancelled = try await sandbox.run("execution", "cancel", execution)
            #expect(cancelled.exitCode == 0, "\(cancelled.errors)")
            #expect(try await sandbox.json("execution", "show", execution, "--json")["status"] == "cancelled")
        }
    }

    @Test("An interrupt ends the process in good order, and the next one goes on", arguments: [SIGINT, SIGTERM])
    func interrupt(_ signal: Int32) async throws {
        try await withSlowRun { sandbox, program, execution, closed in
            if Sandbox.isEmbedded {
                let backup = try await sandbox.run("backup", "copy.db")
                #expect(backup.exitCode == 0, "\(backup.errors)")
            }
            program.send(signal)
            let ending = await program.ending()
            #expect(ending.exitCode == 130 && ending.errors.contains("the same command goes on"), "\(ending)")
            for await _ in closed { break }
            let shown = try await sandbox.json("execution", "show", execution, "--json")
            #expect(shown["status"] == "running" && shown["tasks"]?[1]?["status"] == "running")
            guard Sandbox.isEmbedded else { return }
            let restored = try await sandbox.run("restore", "copy.db")
            #expect(restored.exitCode == 0, "\(restored.errors)")
            #expect(try await sandbox.json("execution", "show", execution, "--json")["status"] == "running")
        }
    }
}
