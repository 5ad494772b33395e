import CognitionCore
import CognitionPostgresServer
import Foundation
import Synchronization
import Testing

/// Answers nobody until it is told to; then everybody. What it was asked is the ledger outside.
private final class HoldingPeer: Sendable {
    private struct State {
        var keys: [String: [String]] = [:]
        var isOpen = false
    }
    private let state = Mutex(State())

    /// The keys that came with the calls, by their paths.
    var keys: [String: [String]] { state.withLock { $0.keys } }
    func open() { state.withLock { $0.isOpen = true } }

    func serve(_ connection: inout PeerConnection) async throws {
        while let request = try await connection.request() {
            state.withLock {
                $0.keys[request.path, default: []].append(request.headers["idempotency-key"] ?? "")
            }
            while !state.withLock({ $0.isOpen }) { try await Task.sleep(for: .milliseconds(10)) }
            try await connection.answer(json: #"{"ok": true}"#)
        }
    }
}

@Suite("Jobs and nodes that stand still", .timeLimit(.minutes(3))) struct JobNodeTests {
    /// Everything that is written about jobs.
    private func written(_ url: String) throws -> String? {
        try PostgresServer.execute(
            """
            SELECT md5((SELECT string_agg(j::text, ',' ORDER BY key) FROM jobs j)
                || (SELECT string_agg(a::text, ',' ORDER BY job_key, epoch) FROM job_attempts a)
                || (SELECT count(*) FROM events WHERE type LIKE 'job.%'))
            """, at: url)
    }

    @Test(
        "A node that stood still past its lease writes nothing of jobs that another has taken over; each end is told once"
    )
    func standstill() async throws {
        let world = HoldingPeer()
        try await withPeer { connection in
            try await world.serve(&connection)
        } _: { peer in
            try await TwoNodes.with(["SCHEDULER_HEARTBEAT_INTERVAL": "1s"]) { nodes in
                let user = try await nodes.first.newUser()
                let beside = user.asking(nodes.second)
                let ids = (0..<10).map { "call-\($0)" }
                let jobs = ids.map { id -> JSONValue in
                    ["id": .string(id), "target": ["http": ["url": .string("\(peer.base)/\(id)"), "method": "POST"]]]
                }
                #expect(try await user.post("queues/default/jobs", ["jobs": .array(jobs)]).status == 201)
                while world.keys.count < ids.count { try await Task.sleep(for: .milliseconds(10)) }
                let owners = "SELECT count(DISTINCT owner) FROM jobs WHERE state = 2"
                let isShared = try PostgresServer.execute(owners, at: nodes.url) == "2"
                nodes.first.program.send(SIGSTOP)
                world.open()
                for id in ids { _ = try await beside.job(id, isIn: "completed") }
                let before = try written(nodes.url)
                // The answers to its own calls have come long ago, and are too late.
                nodes.first.program.send(SIGCONT)
                try await Task.sleep(for: .seconds(4))
                #expect(try written(nodes.url) == before)
                let ends = """
                    SELECT count(*) FROM events WHERE type = 'job.completed' AND convert_from(data, 'UTF8') LIKE '%call-%'
                    """
                #expect(try PostgresServer.execute(ends, at: nodes.url) == "10")
                // What was called twice was so under one key: the process that ended is no failed attempt.
                for id in ids {
                    let keys = world.keys["/\(id)"] ?? []
                    #expect(Set(keys) == ["job:\(id):1.1"] && (1...2).contains(keys.count), "\(keys)")
                }
                let lost = try PostgresServer.execute(
                    "SELECT count(*) FROM job_attempts WHERE outcome = 'lost'", at: nodes.url)
                #expect(lost != "0" || !isShared, "the node that stood still had jobs")
                // It has found back, and works again.
                let again = try await user.post(
                    "jobs", ["target": ["http": ["url": .string("\(peer.base)/again")]]])
                _ = try await user.job(again.json["id"]?.stringValue ?? "", isIn: "completed")
                _ = await nodes.first.stop()
                _ = await nodes.second.stop()
            }
        }
    }
}
