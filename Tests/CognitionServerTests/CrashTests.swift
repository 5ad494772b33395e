import CognitionCore
import Synchronization
import Testing

/// The process is killed again and again; what the outside has seen tells whether anything was lost or done twice.
@Suite("Crashes", .timeLimit(.minutes(3))) struct CrashTests {
    private static let items = 36
    private static let killsMin = 20
    private static let killsMax = 50

    private static func workflow(_ base: String) -> String {
        """
        document: {dsl: 1.0.3, namespace: tests, name: crash, version: 0.1.0}
        do:
          - prepare:
              call: http
              with: {method: post, endpoint: '\(base)/prepare', body: {count: \(items)}}
          - each:
              for: {each: item, in: '${ [range(.count)] }', at: index}
              metadata: {concurrency: 3}
              do:
                - attempt:
                    try:
                      - order:
                          call: http
                          with: {method: post, endpoint: '${ "\(base)/order/\\($item)" }', body: {item: '${ $item }'}}
                    catch:
                      errors: {with: {status: 503}}
                      retry: {delay: {milliseconds: 5}, backoff: {constant: {}}, limit: {attempt: {count: 50}}}
                      do:
                        - giveUp: {raise: {error: {type: 'https://example.com/given-up', status: 503}}}
                - rest: {wait: {milliseconds: 5}}
                - confirm:
                    call: http
                    with: {method: post, endpoint: '${ "\(base)/confirm/\\($item)" }', body: '${ . }'}
          - pause: {wait: {milliseconds: 20}}
          - finish:
              call: http
              with: {method: post, endpoint: '\(base)/finish', body: '${ map(.value) }'}
        output:
          as: {values: '${ .received }', title: done}
        """
    }

    @Test("A workflow that is killed at random moments completes, and nothing that was stored is done again")
    func survives() async throws {
        let seed = UInt64.random(in: .min ... .max)
        let ledger = Ledger()
        do {
            try await withPeer { connection in
                try await ledger.serve(&connection)
            } _: { peer in
                try await withSandbox { sandbox in
                    _ = try sandbox.file("workflow.yaml", Self.workflow(peer.base))
                    try await killUntilItEnds(sandbox, ledger, seed: seed)
                }
            }
        } catch {
            Issue.record("seed \(seed): \(error)")
        }
    }

    private func killUntilItEnds(_ sandbox: Sandbox, _ ledger: Ledger, seed: UInt64) async throws {
        var random = SplitMix64(seed: seed)
        var kills = 0
        var execution: String?
        /// Keys of the calls that the database showed as completed, and how many requests had come until then.
        var completed: [String: Int] = [:]
        while true {
            let program = try sandbox.start("workflow", "run", "workflow.yaml", "--json")
            let moments = ledger.moments()
            let patience = kills < Self.killsMax ? Int.random(in: 0...9, using: &random) : Int.max
            let turns = Int.random(in: 0...300, using: &random)
            let killer = Task { await kill(program, after: patience, of: moments, turns: turns) }
            let ending = await program.ending()
            killer.cancel()
            try Task.checkCancellation()
            if ending.exitCode != nil {
                try #require(ending.exitCode == 0, "seed \(seed), \(kills) kills: \(ending.errors)\(ending.output)")
                #expect(kills >= Self.killsMin, "seed \(seed): it has ended before it could be killed often enough")
                return try await check(JSONValue(parsing: ending.output), completed, sandbox, ledger, seed: seed)
            }
            try #require(ending.signal == 9, "seed \(seed): it ended by signal \(ending.signal ?? 0): \(ending.errors)")
            kills += 1
            if execution == nil {
                let list = try await sandbox.json("execution", "list", "--json")
                execution = list["items"]?[0]?["id"]?.stringValue
            }
            guard let execution else { continue }
            let shown = try await sandbox.json("execution", "show", execution, "--json")
            try #require(shown["ended_at"] == .null, "seed \(seed): a killed run has ended")
            for task in shown["tasks"]?.arrayValue ?? [] where task["status"] == "completed" {
                let key = "\(execution):\(task["number"]?.integerValue ?? 0)"
                if completed[key] == nil { completed[key] = ledger.count }
            }
        }
    }

    @Test("A call that must not be repeated is not: the next run says that a person has to look")
    func once() async throws {
        let requests = AsyncStream<Void>.makeStream()
        let count = Mutex(0)
        try await withPeer { connection in
            guard try await connection.request() != nil else { return }
            count.withLock { $0 += 1 }
            requests.continuation.yield()
            await connection.waitForEnd()
        } _: { peer in
            try await withSandbox { sandbox in
                _ = try sandbox.file(
                    "once.yaml",
                    """
                    document: {dsl: 1.0.3, namespace: tests, name: once, version: 0.1.0}
                    do:
                      - pay: {call: http, with: {method: post, endpoint: '\(peer.base)/pay'}, metadata: {effect: once}}
                    """)
                let program = try sandbox.start("workflow", "run", "once.yaml", "--json")
                for await _ in requests.stream { break }
                program.kill()
                #expect(await program.ending().signal == 9)
                let json = try await sandbox.run("workflow", "run", "once.yaml", "--json")
                #expect(json.exitCode == 1 && json.output.contains("needs_reconcile"), "\(json)")
                let text = try await sandbox.run("workflow", "run", "once.yaml")
                #expect(text.exitCode == 1 && text.errors.contains("waits for a person"), "\(text)")
                let list = try await sandbox.json("execution", "list", "--json")
                #expect(list["items"]?.arrayValue?.map { $0["reason"] } == ["needs_reconcile"])
            }
        }
        #expect(count.withLock { $0 } == 1)
    }

    /// - Parameters:
    ///   - patience: Requests and answers that go by before the end.
    ///   - turns: How often others have their turn after the last of them, which moves the end by some microseconds.
    private func kill(_ program: Program, after patience: Int, of moments: AsyncStream<Void>, turns: Int) async {
        var left = patience
        if left > 0 {
            for await _ in moments {
                left -= 1
                if left == 0 { break }
            }
        }
        for _ in 0..<turns { await Task.yield() }
        if !Task.isCancelled { program.kill() }
    }

    private func check(
        _ execution: JSONValue, _ completed: [String: Int], _ sandbox: Sandbox, _ ledger: Ledger, seed: UInt64
    ) async throws {
        let note: Comment = "seed \(seed)"
        #expect(execution["status"] == "completed", note)
        #expect(execution["progress"] == 100, note)
        #expect(
            execution["output"]
                == ["values": .array((0..<Self.items).map { .integer(Int64($0 * $0)) }), "title": "done"], note)

        #expect(completed.count >= 10, "\(note): \(completed.count) calls were completed before a kill")
        let entries = ledger.entries
        for (index, entry) in entries.enumerated() {
            guard let since = entry.key.flatMap({ completed[$0] }) else { continue }
            #expect(index < since, "\(note): \(entry.path) was called again after its result was stored")
        }
        for (path, calls) in Dictionary(grouping: entries, by: \.path) {
            #expect(calls.allSatisfy { $0.key != nil }, "\(note): \(path) was called without a key")
            for (call, next) in zip(calls, calls.dropFirst()) where call.status != 503 {
                #expect(call.key == next.key, "\(note): \(path) was called again with another key")
            }
            #expect(Set(calls.filter { $0.status == 200 }.map(\.key)).count == 1, "\(note): \(path)")
        }
        let paths = Set(entries.map(\.path))
        #expect(paths.count == 2 + 2 * Self.items, "\(note): \(paths.sorted())")

        let verification = try await sandbox.run("events", "verify")
        #expect(verification.exitCode == 0, "\(note): \(verification.output)\(verification.errors)")
        #expect(try await sandbox.json("execution", "list", "--json")["items"]?.arrayValue?.count == 1, note)
        try await checkThatItStaysEnded(execution, sandbox, note)
    }

    private func checkThatItStaysEnded(_ execution: JSONValue, _ sandbox: Sandbox, _ note: Comment) async throws {
        let id = execution["id"]?.stringValue ?? ""
        let cancelled = try await sandbox.run("execution", "cancel", id)
        #expect(cancelled.exitCode == 1 && cancelled.errors.contains("workflow.execution_ended"), note)
        #expect(try await sandbox.json("execution", "show", id, "--json") == execution, note)
        let events = try await sandbox.run("events", "tail", "--once", "--after", "0").output
            .split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(events.last?["type"] == "execution.completed", note)
        #expect(events.count { $0["type"]?.stringValue?.hasPrefix("execution.") == true } == 2, note)
        #expect(events.map { $0["position"]?.integerValue } == events.indices.map { Int64($0 + 1) }, note)
    }
}

/// The world outside: it notes every request that comes, and what it has answered.
private final class Ledger: Sendable {
    struct Entry: Sendable {
        let path: String
        let key: String?
        let status: Int
    }

    private struct State {
        var entries: [Entry] = []
        var listener: AsyncStream<Void>.Continuation?
    }

    private let state = Mutex(State())

    var entries: [Entry] { state.withLock { $0.entries } }
    var count: Int { state.withLock { $0.entries.count } }

    /// One element for each request that comes and each answer that goes from now on; ends the stream before it.
    func moments() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { state in
            state.listener?.finish()
            state.listener = continuation
        }
        return stream
    }

    func serve(_ connection: inout PeerConnection) async throws {
        while let request = try await connection.request() {
            let status = note(request)
            if status == 200 {
                try await connection.answer(json: answer(to: request))
            } else {
                try await connection.answer("503 Service Unavailable", json: "{}")
            }
            tell()
        }
    }

    /// The first request for every fourth order fails.
    private func note(_ request: PeerRequest) -> Int {
        defer { tell() }
        return state.withLock { state in
            let number = request.path.hasPrefix("/order/") ? Int(request.path.dropFirst(7)) ?? 1 : 1
            let isFirst = !state.entries.contains { $0.path == request.path }
            let status = isFirst && number % 4 == 0 ? 503 : 200
            state.entries.append(Entry(path: request.path, key: request.headers["idempotency-key"], status: status))
            return status
        }
    }

    private func answer(to request: PeerRequest) throws -> String {
        if request.path.hasPrefix("/order/") {
            let item = try JSONValue(parsing: request.body)["item"]?.integerValue ?? -1
            return "{\"value\": \(item * item)}"
        }
        return request.path == "/finish" ? "{\"received\": \(request.body)}" : request.body
    }

    private func tell() { _ = state.withLock { $0.listener }?.yield() }
}
