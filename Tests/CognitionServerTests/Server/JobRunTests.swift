import CognitionCore
import Synchronization
import Testing

/// Fails the first time, and then keeps what was sent.
private final class MoodyPeer: Sendable {
    private struct State {
        var keys: [String] = []
        var bodies: [String] = []
    }
    private let state = Mutex(State())

    var keys: [String] { state.withLock { $0.keys } }
    var bodies: [String] { state.withLock { $0.bodies } }

    func serve(_ connection: inout PeerConnection) async throws {
        while let request = try await connection.request() {
            let isFirst = state.withLock { state in
                state.keys.append(request.headers["idempotency-key"] ?? "")
                state.bodies.append(request.body)
                return state.keys.count == 1
            }
            if isFirst {
                try await connection.answer("503 Service Unavailable", json: #"{"try": "again"}"#)
            } else {
                try await connection.answer(json: #"{"ok": true}"#)
            }
        }
    }
}

/// What was acknowledged.
private final class JobLedger: Sendable {
    private let state = Mutex<[String]>([])

    var ids: [String] { state.withLock { $0 } }
    func add(_ ids: [String]) { state.withLock { $0 += ids } }
}

extension APIUser {
    /// Waits until a job is in one of these states.
    func job(_ id: String, isIn states: String...) async throws -> JSONValue {
        for _ in 0..<3_000 {
            let job = try await get("jobs/\(id)").json
            if let state = job["state"]?.stringValue, states.contains(state) { return job }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw JobNotSo(id: id)
    }

    private struct JobNotSo: Error {
        let id: String
    }
}

extension ServerTests {
    @Suite("Jobs that run") struct JobRunTests {
        @Test("A workflow is executed, and its end is the job's")
        func workflow() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("double", do: "[{d: {set: {n: '${ .n * 2 }'}}}]")
            try await user.store(
                "refuse", do: "[{r: {raise: {error: {type: 'https://example.com/no', status: 400, title: No}}}}]")
            let good = try await user.post("jobs", ["target": ["workflow": ["id": "double", "input": ["n": 21]]]])
            let bad = try await user.post(
                "jobs", ["target": ["workflow": ["id": "refuse"]], "retry": ["attempts": 2, "delay_seconds": 0]])
            let after = try await user.post(
                "jobs",
                [
                    "target": ["workflow": ["id": "double", "input": ["n": 1]]],
                    "depends_on": [["job": good.json["id"] ?? .null, "on": "success"]],
                ])
            let done = try await user.job(good.json["id"]?.stringValue ?? "", isIn: "completed")
            #expect(done["result"]?["output"] == ["n": 42], "\(done)")
            let execution = try await user.get(
                "workflows/executions/\(done["result"]?["execution_id"]?.stringValue ?? "")")
            #expect(execution.json["status"] == "completed")
            let failed = try await user.job(bad.json["id"]?.stringValue ?? "", isIn: "dead")
            #expect(failed["error"]?["code"] == "workflow.execution_faulted" && failed["attempt"] == 2, "\(failed)")
            // A failed attempt is another execution than the next.
            #expect(try await user.all("workflows/executions?workflow=refuse", limit: 10).count == 2)
            let child = try await user.job(after.json["id"]?.stringValue ?? "", isIn: "completed")
            #expect(child["depends_on"]?[0]?["state"] == "completed", "\(child)")
        }

        @Test("A call is made again after an error that may pass, under another key; its answer is the result")
        func call() async throws {
            let world = MoodyPeer()
            try await withPeer { connection in
                try await world.serve(&connection)
            } _: { peer in
                let user = try await LiveServer.current.newUser()
                let job = try await user.post(
                    "queues/notification/jobs",
                    [
                        "jobs": [
                            [
                                "target": ["http": ["url": .string("\(peer.base)/hook"), "body": ["n": 1]]],
                                "retry": ["delay_seconds": 0],
                            ]
                        ]
                    ])
                let id = job.json["ids"]?[0]?.stringValue ?? ""
                let done = try await user.job(id, isIn: "completed")
                #expect(done["result"] == ["status": 200, "body": ["ok": true]], "\(done)")
                #expect(world.bodies == [#"{"n":1}"#, #"{"n":1}"#])
                #expect(world.keys == ["job:\(id):1.1", "job:\(id):1.2"])
                let runs = try await user.get("jobs/\(id)/runs").json["items"]?.arrayValue ?? []
                #expect(runs.map { $0["state"] } == ["failed", "completed"], "\(runs)")
                #expect(runs.first?["error"]?["code"] == "http.status.503", "\(runs)")
            }
        }

        @Test("A workflow's schedule stands among the jobs, runs there, and ends with the workflow")
        func scheduled() async throws {
            let user = try await LiveServer.current.newUser()
            let document = APIUser.document("ticker", "1.0.0", "[{a: {set: {n: 1}}}]")
            let stored = try await user.post("workflows", yaml: "schedule: {every: PT1S}\n" + document)
            #expect(stored.status == 201, "\(stored)")
            let schedule = try await user.get("workflows/ticker/schedule")
            let id = schedule.json["job_id"]?.stringValue ?? ""
            #expect(id == "workflow.default.ticker" && schedule.json["is_active"] == true, "\(schedule)")
            for _ in 0..<1_000 where try await user.get("jobs/\(id)").json["runs_completed"] == 0 {
                try await Task.sleep(for: .milliseconds(10))
            }
            let listed = try await user.get("jobs?tag=workflow:default.ticker").json["items"]?.arrayValue ?? []
            #expect(listed.map { $0["owner"] } == ["workflow default.ticker"], "\(listed)")
            try await user.patch("jobs/\(id)", ["schedule": ["every": "1h"]]).expectProblem(409, "scheduler.job_owned")
            try await user.delete("jobs/\(id)").expectProblem(409, "scheduler.job_owned")
            #expect(try await user.post("jobs/\(id)/pause").json["state"] == "paused")
            let run = try #require(try await user.get("jobs/\(id)/runs").json["items"]?.arrayValue?.last)
            #expect(run["result"]?["output"] == ["n": 1], "\(run)")
            let last = try await user.job(
                user.post("jobs/\(id)/trigger").json["id"]?.stringValue ?? "", isIn: "completed")
            #expect(last["schedule_id"] == .string(id), "\(last)")
            let deleted = try await user.delete("workflows/ticker/1.0.0")
            #expect(deleted.status == 204, "\(deleted)")
            #expect(try await user.get("jobs/\(id)").json["state"] == "cancelled")
        }

        @Test("An event is told once, and runs what waits for it")
        func event() async throws {
            let user = try await LiveServer.current.newUser()
            let waiting = try await user.post(
                "jobs",
                [
                    "name": "on order", "schedule": ["on": "order.placed"],
                    "target": ["emit": ["type": "order.seen", "stream": "seen/1"]],
                ])
            let job = try await user.post(
                "jobs", ["target": ["emit": ["type": "order.placed", "stream": "order/1", "data": ["n": 7]]]])
            _ = try await user.job(job.json["id"]?.stringValue ?? "", isIn: "completed")
            let id = waiting.json["id"]?.stringValue ?? ""
            for _ in 0..<1_000 where try await user.get("jobs/\(id)").json["runs_completed"] != 1 {
                try await Task.sleep(for: .milliseconds(10))
            }
            let seen = try await user.get("streams/seen/1").json["items"]?.arrayValue ?? []
            #expect(seen.map { $0["data"]?["data"] } == [["n": 7]], "\(seen)")
        }
    }
}

/// The server is killed while jobs run; what was acknowledged, and what is in the log, tell whether it kept its word.
@Suite("Jobs and server crashes", .timeLimit(.minutes(3))) struct JobCrashTests {
    private static let kills = 5
    private static let perCall = 20

    @Test("Every job that was acknowledged tells its event exactly once, however often the server is killed")
    func killed() async throws {
        try await withSandbox { sandbox in
            var server = try await LiveServer.start(in: sandbox)
            let user = try await server.newUser()
            let ledger = JobLedger()
            for kill in 0...Self.kills {
                let (port, token) = (server.port, user.token)
                let sending = Task { await Self.send(to: port, token, part: kill, ledger) }
                let before = ledger.ids.count
                while ledger.ids.count < before + 2 * Self.perCall { await Task.yield() }
                for _ in 0..<Int.random(in: 0...2_000) { await Task.yield() }
                if kill == Self.kills { sending.cancel() }
                guard kill < Self.kills else {
                    await sending.value
                    break
                }
                server.program.kill()
                #expect(await server.program.ending().signal == 9)
                sending.cancel()
                await sending.value
                server = try await LiveServer.start(in: sandbox)
            }
            let survivor = APIUser(
                server: server, email: user.email, id: user.id, home: user.home, token: user.token,
                refreshToken: user.refreshToken)
            let acknowledged = ledger.ids
            for id in acknowledged { _ = try await survivor.job(id, isIn: "completed") }
            var told: [String: Int] = [:]
            for event in try await survivor.all("events?type=ledger.entry", limit: 200) {
                told[event["data"]?["key"]?.stringValue ?? "", default: 0] += 1
            }
            #expect(told.values.allSatisfy { $0 == 1 }, "\(told.filter { $0.value != 1 })")
            #expect(acknowledged.allSatisfy { told[$0] == 1 })
            _ = await server.stop()
        }
    }

    /// Enqueues job after job until the task is cancelled or the server is gone.
    private static func send(to port: Int, _ token: String, part: Int, _ ledger: JobLedger) async {
        var number = 0
        while !Task.isCancelled {
            let ids = (0..<perCall).map { "k\(part)-\(number)-\($0)" }
            number += 1
            let jobs = ids.map { id -> JSONValue in
                [
                    "id": .string(id),
                    "target": [
                        "emit": [
                            "type": "ledger.entry", "stream": .string("ledger/\(id)"), "data": ["key": .string(id)],
                        ]
                    ],
                ]
            }
            let request = LiveServer.request(
                "POST", "/api/v3/queues/default/jobs", token: token, type: "application/json",
                body: (["jobs": .array(jobs)] as JSONValue).jsonBytes)
            let answer = try? await withSocket(to: port) { socket in
                try await socket.write(request)
                return try await socket.answer()
            }
            guard let answer, answer.status == 201 else { return }
            ledger.add(ids)
        }
    }
}
