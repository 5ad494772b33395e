import CognitionCore
import CognitionPostgresServer
import CognitionTestSupport
import Foundation
import Testing

/// What others hold up: a node that stands still, and strangers in the database.
@Suite("Nodes that stand still, and strangers", .timeLimit(.minutes(3))) struct NodeStandstillTests {
    /// Everything that the engine has written about executions.
    private func written(_ url: String) throws -> String? {
        try PostgresServer.execute(
            """
            SELECT md5((SELECT string_agg(e::text, ',' ORDER BY key) FROM executions e)
                || (SELECT string_agg(t::text, ',' ORDER BY id) FROM tasks t)
                || (SELECT max(position) FROM events WHERE type LIKE 'execution.%' OR type LIKE 'task.%'))
            """, at: url)
    }

    @Test("A node that stood still past its lease goes on and writes nothing of what another has taken over")
    func standstill() async throws {
        try await TwoNodes.with { nodes in
            let user = try await nodes.first.newUser()
            let beside = user.asking(nodes.second)
            try await user.store(
                "slow",
                do: "[{a: {set: {n: 1}}}, {b: {call: rehearse, with: {pause: PT3S}}}, {c: {set: {n: 3}}}]")
            var ids: [String] = []
            for _ in 0..<10 {
                let started = try await user.post("workflows/execute", ["workflow_id": "slow"])
                ids.append(try started.json.text("execution_id"))
            }
            nodes.first.program.send(SIGSTOP)
            for id in ids { _ = try await beside.status(of: id) { $0 == "completed" } }
            let before = try written(nodes.url)
            // Its own calls return now, and what they bring is too late.
            nodes.first.program.send(SIGCONT)
            try await Task.sleep(for: .seconds(4))
            #expect(try written(nodes.url) == before)
            #expect(
                try PostgresServer.execute(
                    "SELECT count(*) FROM events WHERE type = 'execution.completed'", at: nodes.url) == "10")
            // It has found back, and works again.
            let again = try await user.post("workflows/execute", ["workflow_id": "slow"])
            _ = try await user.status(of: again.json.text("execution_id")) { $0 == "completed" }
            _ = await nodes.first.stop()
            _ = await nodes.second.stop()
        }
    }

    @Test(
        "A stranger's transaction that stays open holds nobody up; one that holds the log's head, no longer than it lasts"
    )
    func strangers() async throws {
        try await TestPostgres.withDatabase { url in
            try await withSandbox(on: url) { first in
                let server = try await LiveServer.start(in: first, TwoNodes.settings)
                let user = try await server.newUser()
                try await user.store("quick", do: "[{a: {call: rehearse, with: {}}}]")
                func run(_ count: Int) async throws {
                    for _ in 0..<count {
                        let started = try await user.post("workflows/execute", ["workflow_id": "quick"])
                        _ = try await user.status(of: started.json.text("execution_id")) { $0 == "completed" }
                    }
                }
                // Read much, and went away without a word; ends with the test's database.
                let stranger = try Stranger(
                    "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM executions, events, tasks; "
                        + "SELECT pg_sleep(60)", at: url)
                try await run(20)
                try await withSandbox(on: url) { second in
                    // A node that comes now finds its tables as they are.
                    let late = try await LiveServer.start(in: second, TwoNodes.settings)
                    // Its engine takes up what was left before it is ready.
                    var ready = try await late.send("GET", "/api/v3/health/ready")
                    for _ in 0..<500 where ready.status != 200 {
                        try await Task.sleep(for: .milliseconds(20))
                        ready = try await late.send("GET", "/api/v3/health/ready")
                    }
                    #expect(ready.status == 200, "\(ready)")
                    _ = await late.stop()
                }
                let holder = try Stranger(
                    "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('events.head', 0)); SELECT pg_sleep(2); COMMIT",
                    at: url)
                try await run(1)
                #expect(holder.hasEnded, "its transaction was waited for")
                try await run(5)
                stranger.end()
                _ = await server.stop()
            }
        }
    }
}

/// A program of somebody else that runs statements on the database of a test.
private final class Stranger {
    private let process = Process()

    /// Returns once it is in its transaction.
    init(_ statements: String, at url: String) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let name = "stranger-\(UInt32.random(in: .min ... .max))"
        process.arguments = [
            "psql", "--no-psqlrc", "--quiet", "-c", "SET application_name = '\(name)'", "-c", statements, url,
        ]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let isIn = """
            SELECT count(*) FROM pg_stat_activity WHERE application_name = '\(name)' AND wait_event = 'PgSleep'
            """
        while try PostgresServer.execute(isIn, at: url) != "1" { usleep(5_000) }
    }

    var hasEnded: Bool { !process.isRunning }

    func end() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
