import CognitionCore
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The server is ended under load; what clients and the world outside have seen tells whether it kept its word.
@Suite("Server crashes", .timeLimit(.minutes(3))) struct ServerCrashTests {
    private static let kills = 5
    private static let clients = 6
    /// Acknowledged executions between two kills, at most.
    private static let spacing = 12

    private static func tasks(_ base: String) -> String {
        """
        [{first: {call: http, with: {method: post, endpoint: '${ "\(base)/first/" + .id }', body: '${ . }'}}},
         {pause: {wait: {milliseconds: 3}}},
         {second: {call: http, with: {method: post, endpoint: '${ "\(base)/second/" + .id }', body: '${ . }'}}}]
        """
    }

    @Test("Every execution that was acknowledged completes, once for its key, however often the server is killed")
    func killed() async throws {
        let seed = UInt64.random(in: .min ... .max)
        let ledger = WorldLedger()
        try await withPeer { connection in
            try await ledger.serve(&connection)
        } _: { peer in
            try await withSandbox { sandbox in
                do {
                    try await killAgainAndAgain(sandbox, peer, ledger, SplitMix64(seed: seed), "seed \(seed)")
                } catch {
                    Issue.record("seed \(seed): \(error)")
                }
            }
        }
    }

    private func killAgainAndAgain(
        _ sandbox: Sandbox, _ peer: Peer, _ ledger: WorldLedger, _ random: SplitMix64, _ note: Comment
    ) async throws {
        var random = random
        var server = try await LiveServer.start(in: sandbox)
        let user = try await server.newUser()
        try await user.store("ledger", do: Self.tasks(peer.base))
        let desk = Desk(port: server.port)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<Self.clients {
                group.addTask { try await Self.execute(as: client, desk, token: user.token) }
            }
            for _ in 0..<Self.kills {
                try await desk.wait(forMore: Int.random(in: 1...Self.spacing, using: &random))
                for _ in 0..<Int.random(in: 0...500, using: &random) { await Task.yield() }
                server.program.kill()
                #expect(await server.program.ending().signal == 9, note)
                server = try await LiveServer.start(in: sandbox)
                desk.move(to: server.port)
            }
            try await desk.wait(forMore: Self.spacing)
            desk.close()
            try await group.waitForAll()
        }
        let survivor = APIUser(
            server: server, email: user.email, id: user.id, home: user.home, token: user.token,
            refreshToken: user.refreshToken)
        try await check(desk, ledger, survivor, note)
        _ = await server.stop()
    }

    /// One client: each key is sent until it is acknowledged.
    private static func execute(as client: Int, _ desk: Desk, token: String) async throws {
        var number = 0
        while desk.isOpen {
            number += 1
            let id = "\(client)-\(number)"
            let body: JSONValue = ["workflow_id": "ledger", "input": ["id": .string(id)]]
            while true {
                let request = LiveServer.request(
                    "POST", "/api/v3/workflows/execute", token: token,
                    headers: [("Idempotency-Key", "key-\(id)"), ("X-Request-ID", "try-\(id)")],
                    type: "application/json",
                    body: body.jsonBytes)
                // A killed server answers nothing, or half an answer; then it is asked again.
                let answer = try? await withSocket(to: desk.port) { socket in
                    try await socket.write(request)
                    return try await socket.answer()
                }
                if let answer, [200, 202].contains(answer.status),
                    let execution = answer.json["execution_id"]?.stringValue
                {
                    desk.acknowledge(id, execution)
                    break
                }
                if let answer { #expect(answer.status == 503, "\(answer)") }
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    private func check(_ desk: Desk, _ ledger: WorldLedger, _ user: APIUser, _ note: Comment) async throws {
        let acknowledged = desk.acknowledged
        #expect(acknowledged.count >= Self.kills + Self.spacing, note)
        for (id, execution) in acknowledged {
            let ended = try await user.status(of: execution) { ["completed", "faulted", "cancelled"].contains($0) }
            #expect(ended["status"] == "completed", "\(note): \(ended)")
            #expect(ended["input"]?["id"] == .string(id), "\(note): another execution was acknowledged")
            let again = try await user.post(
                "workflows/execute", ["workflow_id": "ledger", "input": ["id": .string(id)]],
                headers: [("Idempotency-Key", "key-\(id)")])
            #expect(
                again.json["execution_id"] == .string(execution), "\(note): the key has another execution: \(again)")
        }
        let stored = try await user.all("workflows/executions", limit: 200)
        #expect(
            stored.count == acknowledged.count, "\(note): \(stored.count) executions for \(acknowledged.count) keys")
        let calls = ledger.calls
        for id in acknowledged.keys {
            let (first, second) = (calls["/first/\(id)"] ?? [], calls["/second/\(id)"] ?? [])
            #expect(
                Set(first).count == 1 && Set(second).count == 1, "\(note): \(id) was called with \(first), \(second)")
            #expect(first.first != second.first && first.first != "", note)
        }
        #expect(calls.count == 2 * acknowledged.count, note)
        let keys = calls.values.compactMap(\.first)
        #expect(Set(keys).count == keys.count, "\(note): two calls have one key")
    }

    @Test("Asked to end, the server answers what it has taken, ends with 0, and the executions go on with the next")
    func graceful() async throws {
        let ledger = WorldLedger(isHeld: true)
        try await withPeer { connection in
            try await ledger.serve(&connection)
        } _: { peer in
            try await withSandbox { sandbox in
                let server = try await LiveServer.start(in: sandbox)
                let user = try await server.newUser()
                try await user.store("ledger", do: Self.tasks(peer.base))
                let answers = try await withThrowingTaskGroup(of: HTTPAnswer.self) { group in
                    for n in 0..<8 {
                        group.addTask {
                            try await user.post(
                                "workflows/execute",
                                ["workflow_id": "ledger", "input": ["id": .string("\(n)")], "wait_seconds": 60])
                        }
                    }
                    try await ledger.wait(forCalls: 8)
                    server.program.send(SIGTERM)
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(answers.map(\.status) == Array(repeating: 202, count: 8), "\(answers)")
                let ending = await server.program.ending()
                #expect(ending.exitCode == 0, "\(ending)")
                #expect(ending.took < .seconds(40))
                ledger.release()
                let next = try await LiveServer.start(in: sandbox)
                let survivor = APIUser(
                    server: next, email: user.email, id: user.id, home: user.home, token: user.token,
                    refreshToken: user.refreshToken)
                for answer in answers {
                    let id = try answer.json.text("execution_id")
                    #expect(
                        try await survivor.status(of: id) { $0 == "completed" || $0 == "faulted" }["status"]
                            == "completed")
                }
                for (path, keys) in ledger.calls { #expect(Set(keys).count == 1, "\(path): \(keys)") }
                #expect(ledger.calls.count == 16)
                _ = await next.stop()
            }
        }
    }
}

/// Where clients ask for the server, and leave what it has acknowledged.
private final class Desk: Sendable {
    private struct State {
        var port: Int
        var isOpen = true
        var acknowledged: [String: String] = [:]
    }

    private let state: Mutex<State>

    init(port: Int) { state = Mutex(State(port: port)) }

    var port: Int { state.withLock { $0.port } }
    var isOpen: Bool { state.withLock { $0.isOpen } }
    /// Executions by the id in their input.
    var acknowledged: [String: String] { state.withLock { $0.acknowledged } }

    func move(to port: Int) { state.withLock { $0.port = port } }
    func close() { state.withLock { $0.isOpen = false } }
    func acknowledge(_ id: String, _ execution: String) { state.withLock { $0.acknowledged[id] = execution } }

    func wait(forMore count: Int) async throws {
        let goal = acknowledged.count + count
        while acknowledged.count < goal { try await Task.sleep(for: .milliseconds(2)) }
    }
}

/// The world outside: it notes the path and the idempotency key of every call.
private final class WorldLedger: Sendable {
    private struct State {
        var calls: [String: [String]] = [:]
        var isHeld: Bool
    }

    private let state: Mutex<State>

    /// - Parameter isHeld: Calls are noted, but not answered before ``release()``.
    init(isHeld: Bool = false) { state = Mutex(State(isHeld: isHeld)) }

    /// Keys by path, in the order of the calls.
    var calls: [String: [String]] { state.withLock { $0.calls } }

    func release() { state.withLock { $0.isHeld = false } }

    func wait(forCalls count: Int) async throws {
        while calls.count < count { try await Task.sleep(for: .milliseconds(5)) }
    }

    func serve(_ connection: inout PeerConnection) async throws {
        while let request = try await connection.request() {
            state.withLock { $0.calls[request.path, default: []].append(request.headers["idempotency-key"] ?? "") }
            while state.withLock({ $0.isHeld }) { try await Task.sleep(for: .milliseconds(5)) }
            try await connection.answer(json: request.body)
        }
    }
}
