import CognitionCore
import CognitionPostgresServer
import CognitionTestSupport
import Foundation
import Synchronization
import Testing

/// Answers everybody at once. What it was asked is the ledger outside.
private final class Ledger: Sendable {
    private let keys = Mutex<[String: [String]]>([:])

    /// How often something was called.
    func count(_ path: String) -> Int { keys.withLock { $0[path]?.count ?? 0 } }
    /// What was called more than once for one purpose.
    var repeated: [String] {
        keys.withLock { $0.filter { Set($0.value).count != $0.value.count }.map(\.key).sorted() }
    }

    func serve(_ connection: inout PeerConnection) async throws {
        while let request = try await connection.request() {
            let key = request.headers["idempotency-key"] ?? UUID().uuidString
            keys.withLock { $0[request.path, default: []].append(key) }
            try await connection.answer(json: #"{"ok": true}"#)
        }
    }

    func until(_ path: String, _ count: Int) async throws {
        while self.count(path) < count { try await Task.sleep(for: .milliseconds(10)) }
    }
}

/// The real program under a wall clock that somebody sets while everything runs.
@Suite("Clocks that jump", .timeLimit(.minutes(3)), .enabled(if: FakeClock.library != nil)) struct ClockJumpTests {
    private static let hour = 3_600

    private func store(_ user: APIUser, calling peer: Peer) async throws {
        func call(_ name: String) -> String {
            "{\(name): {call: http, with: {method: post, endpoint: '\(peer.base)/\(name)'}}}"
        }
        try await user.store("calls", do: "[\(call("before")), {pause: {wait: {seconds: 4}}}, \(call("after"))]")
    }

    private func job(_ peer: Peer, _ path: String, _ others: JSONObject = [:]) -> JSONValue {
        var job = others
        job["target"] = ["http": ["url": .string("\(peer.base)/\(path)"), "method": "POST"]]
        return .object(job)
    }

    /// Starts executions, and returns once each of them waits, so that no call is under way.
    private func start(_ count: Int, as user: APIUser) async throws -> [String] {
        var ids: [String] = []
        for _ in 0..<count { ids.append(try await user.start("calls")) }
        for id in ids { _ = try await user.status(of: id) { $0 == "waiting" } }
        return ids
    }

    private func untilCompleted(_ ids: [String], as user: APIUser) async throws {
        for id in ids { _ = try await user.status(of: id) { $0 == "completed" } }
    }

    @Test("By an hour, forward and back and forward again: nothing is done twice, and nothing is left")
    func alone() async throws {
        let ledger = Ledger()
        try await withPeer {
            try await ledger.serve(&$0)
        } _: { peer in
            try await withSandbox { sandbox in
                let clock = try FakeClock(in: sandbox)
                defer { clock.remove() }
                let server = try await LiveServer.start(
                    in: sandbox, clock.environment.merging(["SECURITY_ACCESS_TOKEN_EXPIRE_MINUTES": "1440"]) { $1 })
                let user = try await server.newUser()
                try await store(user, calling: peer)
                for (id, schedule) in [
                    ("often", ["cron": "* * * * * *"]), ("seldom", ["every": "10m"]),
                ] as [(String, JSONValue)] {
                    let made = try await user.post("jobs", job(peer, id, ["id": .string(id), "schedule": schedule]))
                    try #require(made.status == 201, "\(made)")
                }
                let later = job(peer, "later", ["schedule": ["after": "30m"]])
                let delayed = try await user.post("jobs", later).json.text("id")
                try await ledger.until("/often", 2)
                let early = try await start(6, as: user)

                try clock.set(Self.hour)
                _ = try await user.job(delayed, isIn: "completed")
                try await untilCompleted(early, as: user)
                // What was missed comes once.
                try await ledger.until("/seldom", 1)
                let fired = ledger.count("/often")
                try await ledger.until("/often", fired + 2)

                let middle = try await start(6, as: user)
                let ahead = try await user.post("jobs", job(peer, "ahead", ["schedule": ["after": "5s"]])).json.text(
                    "id")
                try clock.set(0)
                try await untilCompleted(middle, as: user)
                for number in 0..<5 {
                    let now = try await user.post("jobs", job(peer, "now-\(number)")).json.text("id")
                    _ = try await user.job(now, isIn: "completed")
                }
                try await untilCompleted(try await start(3, as: user), as: user)
                // It waits for the clock to be there again.
                #expect(ledger.count("/ahead") == 0)

                try clock.set(Self.hour)
                _ = try await user.job(ahead, isIn: "completed")
                let again = ledger.count("/often")
                try await ledger.until("/often", again + 2)
                #expect(ledger.count("/before") == 15 && ledger.count("/after") == 15)
                #expect(ledger.count("/seldom") == 1 && ledger.count("/later") == 1 && ledger.count("/ahead") == 1)
                #expect(ledger.repeated.isEmpty)
                let runs = try await user.all("jobs/often/runs", limit: 100).compactMap { $0["due_at"]?.stringValue }
                #expect(Set(runs).count == runs.count && runs.count > 5)
                let health = try await server.send("GET", "/api/v3/health/ready")
                #expect(health.status == 200, "\(health)")
                try clock.set(0)
                let ending = await server.stop()
                #expect(!ending.errors.contains("\"level\":\"error\""), "\(ending.errors)")
                let verified = try await sandbox.run("events", "verify")
                #expect(verified.exitCode == 0, "\(verified)")
            }
        }
    }

    @Test("Of one of two nodes: neither is taken for dead, and each piece of work is done once")
    func oneOfTwo() async throws {
        let ledger = Ledger()
        try await withPeer {
            try await ledger.serve(&$0)
        } _: { peer in
            try await TestPostgres.withDatabase { url in
                try await withSandbox(on: url) { one in
                    try await withSandbox(on: url) { other in
                        let clock = try FakeClock(in: one)
                        defer { clock.remove() }
                        let settings = TwoNodes.settings.merging(["SECURITY_ACCESS_TOKEN_EXPIRE_MINUTES": "1440"]) {
                            $1
                        }
                        let first = try await LiveServer.start(in: one, settings.merging(clock.environment) { $1 })
                        let second = try await LiveServer.start(in: other, settings)
                        let user = try await first.newUser()
                        try await store(user, calling: peer)
                        let often = job(peer, "often", ["id": "often", "schedule": ["cron": "* * * * * *"]])
                        try #require(try await user.post("jobs", often).status == 201)
                        var (started, jobs) = (0, 0)
                        for offset in [Self.hour, 0, -Self.hour, 0] {
                            let ids = try await start(5, as: user)
                            started += ids.count
                            try clock.set(offset)
                            for _ in 0..<10 {
                                jobs += 1
                                let made = try await user.post(
                                    "jobs", job(peer, "job-\(jobs)", ["id": .string("job-\(jobs)")]))
                                try #require(made.status == 201, "\(made)")
                            }
                            let beside = user.asking(second)
                            for number in (jobs - 9)...jobs {
                                _ = try await beside.job("job-\(number)", isIn: "completed")
                            }
                            try await untilCompleted(ids, as: beside)
                        }
                        #expect(ledger.count("/before") == started && ledger.count("/after") == started)
                        #expect((1...jobs).allSatisfy { ledger.count("/job-\($0)") == 1 })
                        #expect(ledger.repeated.isEmpty)
                        for (count, statement) in [
                            ("2", "SELECT count(*) FROM nodes"),
                            ("0", "SELECT count(*) FROM job_attempts WHERE outcome = 'lost'"),
                            ("0", "SELECT count(*) - count(DISTINCT due_at) FROM jobs WHERE due_at IS NOT NULL"),
                        ] {
                            let found = try PostgresServer.execute(statement, at: url)
                            #expect(found == count, "\(statement)")
                        }
                        for node in [first, second] {
                            let errors = await node.stop().errors
                            #expect(!errors.contains("run out") && !errors.contains("were freed"), "\(errors)")
                        }
                    }
                }
            }
        }
    }
}
