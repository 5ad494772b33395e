import CognitionCore
import Synchronization
import Testing

/// The server is ended while documents are written; what it acknowledged is found afterwards.
@Suite("Search crashes", .timeLimit(.minutes(3))) struct SearchCrashTests {
    private static let kills = 4
    private static let clients = 4

    @Test("Every document that was acknowledged is found, and every removal, however often the server is killed")
    func killed() async throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        try await withSandbox { sandbox in
            let settings = ["SEARCH_COMMIT_INTERVAL": "100ms"]
            var server = try await LiveServer.start(in: sandbox, settings)
            let user = try await server.newUser()
            let made = try await user.put("search/ledger", ["fields": ["text": ["type": "text"]]])
            #expect(made.status == 201, "\(made)")
            let ledger = DocumentLedger(port: server.port)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in 0..<Self.clients {
                    group.addTask { try await Self.write(as: client, ledger, token: user.token) }
                }
                for _ in 0..<Self.kills {
                    try await ledger.wait(forMore: Int.random(in: 20...120, using: &random))
                    server.program.kill()
                    #expect(await server.program.ending().signal == 9, "seed \(seed)")
                    server = try await LiveServer.start(in: sandbox, settings)
                    ledger.move(to: server.port)
                }
                try await ledger.wait(forMore: 40)
                ledger.close()
                try await group.waitForAll()
            }
            let survivor = APIUser(
                server: server, email: user.email, id: user.id, home: user.home, token: user.token,
                refreshToken: user.refreshToken)
            let (there, gone, sequence) = ledger.acknowledged
            #expect(there.count > 100, "seed \(seed)")
            var found: Set<String> = []
            var cursor: JSONValue = .null
            repeat {
                let page = try await survivor.post(
                    "search/ledger/query",
                    [
                        "query": "common", "limit": 200, "cursor": cursor, "wait_for_seq": .integer(sequence),
                        "return_fields": false,
                    ])
                #expect(page.status == 200, "seed \(seed): \(page)")
                found.formUnion(page.json["hits"]?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? [])
                cursor = page.json["next_cursor"] ?? .null
            } while !cursor.isNull
            #expect(
                there.subtracting(found).isEmpty, "seed \(seed): \(there.subtracting(found).sorted().prefix(5)) lost")
            #expect(gone.isDisjoint(with: found), "seed \(seed): removed, and there")
            let verdict = try await survivor.post("search/ledger/verify")
            #expect(verdict.json["ok"] == true, "seed \(seed): \(verdict)")
            _ = await server.stop()
        }
    }

    /// One client: puts documents, and removes some of them again.
    private static func write(as client: Int, _ ledger: DocumentLedger, token: String) async throws {
        var number = 0
        while ledger.isOpen {
            number += 1
            let ids = (0..<3).map { "\(client)-\(number)-\($0)" }
            let body: JSONValue = [
                "documents": .array(
                    ids.map { ["id": .string($0), "fields": ["text": .string("common word\(number)")]] })
            ]
            let sequence = try await send("POST", "documents", body, ledger, token)
            ledger.acknowledge(put: ids, sequence)
            if number.isMultiple(of: 4) {
                // A removal that was cut off may have been made: then there is nothing left to remove.
                let sequence = try await send("DELETE", "documents/\(ids[0])", nil, ledger, token)
                ledger.acknowledge(removed: ids[0], sequence)
            }
        }
    }

    /// Sends a request until it is answered.
    private static func send(
        _ method: String, _ path: String, _ body: JSONValue?, _ ledger: DocumentLedger, _ token: String
    ) async throws -> Int64 {
        while true {
            let request = LiveServer.request(
                method, "/api/v3/search/ledger/" + path, token: token, headers: [],
                type: body == nil ? nil : "application/json", body: body?.jsonBytes)
            // A killed server answers nothing, or half an answer; then it is asked again.
            let answer = try? await withSocket(to: ledger.port) { socket in
                try await socket.write(request)
                return try await socket.answer()
            }
            if let answer, answer.status == 200 { return answer.json["seq"]?.integerValue ?? 0 }
            if let answer, method == "DELETE", answer.status == 404 { return 0 }
            if let answer { #expect(answer.status == 503, "\(answer)") }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// Where clients ask for the server, and leave what it has acknowledged.
private final class DocumentLedger: Sendable {
    private struct State {
        var port: Int
        var isOpen = true
        var there: Set<String> = []
        var gone: Set<String> = []
        var sequence: Int64 = 0
    }

    private let state: Mutex<State>

    init(port: Int) { state = Mutex(State(port: port)) }

    var port: Int { state.withLock { $0.port } }
    var isOpen: Bool { state.withLock { $0.isOpen } }
    var acknowledged: (there: Set<String>, gone: Set<String>, sequence: Int64) {
        state.withLock { ($0.there, $0.gone, $0.sequence) }
    }

    func move(to port: Int) { state.withLock { $0.port = port } }
    func close() { state.withLock { $0.isOpen = false } }

    func acknowledge(put ids: [String], _ sequence: Int64) {
        state.withLock { state in
            state.there.formUnion(ids)
            state.sequence = max(state.sequence, sequence)
        }
    }

    func acknowledge(removed id: String, _ sequence: Int64) {
        state.withLock { state in
            state.there.remove(id)
            state.gone.insert(id)
            state.sequence = max(state.sequence, sequence)
        }
    }

    func wait(forMore count: Int) async throws {
        func done() -> Int { state.withLock { $0.there.count + $0.gone.count } }
        let goal = done() + count
        while done() < goal { try await Task.sleep(for: .milliseconds(2)) }
    }
}
