import CognitionCore
import Synchronization
import Testing

/// A hotel and a bank that refuses; cancellations of bookings take until the test lets them through.
private final class TravelPeer: Sendable {
    private let requests = Mutex<[String]>([])
    private let keys = Mutex<Set<String>>([])
    private let gate = AsyncStream<Void>.makeStream()

    /// Method and path of each request.
    var ledger: [String] { requests.withLock { $0 } }
    /// The `Idempotency-Key`s of what came.
    var idempotencyKeys: Set<String> { keys.withLock { $0 } }

    func letThrough() { gate.continuation.yield() }

    func serve(_ connection: inout PeerConnection) async throws {
        while let request = try await connection.request() {
            requests.withLock { $0.append("\(request.method) \(request.path)") }
            if let key = request.headers["idempotency-key"] { keys.withLock { _ = $0.insert(key) } }
            switch request.path {
            case "/bookings": try await connection.answer(json: #"{"id": 17}"#)
            case "/payments": try await connection.answer("402 Payment Required", json: #"{"no": "money"}"#)
            default:
                for await _ in gate.stream { break }
                try await connection.answer(json: "{}")
            }
        }
    }

    /// The list below `do`.
    static func tasks(_ base: String, then last: String) -> String {
        """
        [{book: {call: http, with: {method: post, endpoint: '\(base)/bookings'},
          metadata: {compensate: [{cancel: {call: http, with: {method: post, endpoint: '\(base)/bookings/{id}/cancel'}}}]}}},
         \(last)]
        """
    }
}

extension ServerTests {
    @Suite("Compensation over HTTP") struct CompensationTests {
        @Test("A booking is cancelled when the payment is refused; everybody who looks sees it")
        func story() async throws {
            let world = TravelPeer()
            try await withPeer { connection in
                try await world.serve(&connection)
            } _: { peer in
                let user = try await LiveServer.current.newUser()
                try await user.store(
                    "trip",
                    do: TravelPeer.tasks(
                        peer.base, then: "{pay: {call: http, with: {method: post, endpoint: '\(peer.base)/payments'}}}")
                )
                let id = try await user.start("trip")
                let between = try await user.status(of: id) { status in status == "running" || status == "waiting" }
                #expect(between["ended_at"] == .null)
                while world.ledger.count < 3 { try await Task.sleep(for: .milliseconds(10)) }
                let undoing = try await user.get("workflows/executions/\(id)").json
                #expect(undoing["status"] == "running" && undoing["reason"] == "compensating", "\(undoing)")
                #expect(undoing["error"]?["status"] == 402 && undoing["progress"] == 50)
                let listed = try await user.all("workflows/executions?status=running", limit: 10)
                #expect(listed.map { $0["reason"] } == ["compensating"])
                let cancelled = try await user.post("workflows/executions/\(id)/cancel")
                #expect(cancelled.status == 202 && cancelled.json["reason"] == "compensating", "\(cancelled)")
                world.letThrough()
                let end = try await user.status(of: id) { $0 == "faulted" }
                #expect(end["reason"] == "compensated" && end["error"]?["status"] == 402, "\(end)")
                let tasks = try await user.all("workflows/executions/\(id)/tasks", limit: 10)
                #expect(tasks.map { $0["name"] } == ["book", "pay", "compensate book", "cancel"])
                #expect(tasks[2]["reference"] == "/do/0/book/metadata/compensate" && tasks[2]["scope"] == 1)
                #expect(tasks[2]["input"]?["id"] == 17)
                let events = try await user.all("workflows/executions/\(id)/events", limit: 50)
                #expect(
                    events.compactMap { $0["type"]?.stringValue }.suffix(5) == [
                        "execution.compensating", "task.started", "task.completed", "task.compensated",
                        "execution.faulted",
                    ])
                #expect(events.last?["data"]?["reason"] == "compensated")
            }
            #expect(world.ledger == ["POST /bookings", "POST /payments", "POST /bookings/17/cancel"])
            #expect(world.idempotencyKeys.count == 3)
        }
    }
}

@Suite("Compensation by commands", .timeLimit(.minutes(2))) struct CompensationCommandTests {
    @Test("Cancelled where nothing runs, an execution says that it will be undone, and the next run undoes it")
    func cancelWithoutProcess() async throws {
        let world = TravelPeer()
        try await withPeer { connection in
            try await world.serve(&connection)
        } _: { peer in
            try await withSandbox { sandbox in
                _ = try sandbox.file(
                    "trip.yaml",
                    "document: {dsl: 1.0.3, namespace: tests, name: trip, version: 0.1.0}\ndo: "
                        + TravelPeer.tasks(peer.base, then: "{rest: {wait: PT1H}}"))
                let program = try sandbox.start("workflow", "run", "trip.yaml", "--json")
                var execution = ""
                // By then the program has brought the database up to date.
                while world.ledger.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
                while execution.isEmpty {
                    try await Task.sleep(for: .milliseconds(50))
                    let list = try await sandbox.json("execution", "list", "--json", "--status", "waiting")
                    execution = list["items"]?[0]?["id"]?.stringValue ?? ""
                }
                program.kill()
                #expect(await program.ending().signal == 9)
                let cancelled = try await sandbox.run("execution", "cancel", execution)
                #expect(cancelled.exitCode == 0 && cancelled.errors.contains("undone before it ends"), "\(cancelled)")
                let text = try await sandbox.run("execution", "show", execution)
                #expect(text.output.contains("running (compensating)"), "\(text)")
                world.letThrough()
                let next = try await sandbox.run("workflow", "run", "trip.yaml")
                #expect(next.exitCode == 1 && next.errors.contains("book undone"), "\(next)")
                #expect(next.errors.contains("execution cancelled (compensated)"), "\(next)")
                let shown = try await sandbox.json("execution", "show", execution, "--json")
                #expect(shown["status"] == "cancelled" && shown["reason"] == "compensated", "\(shown)")
                let listed = try await sandbox.run("execution", "list")
                #expect(listed.output.contains("compensated"), "\(listed)")
            }
        }
        #expect(world.ledger == ["POST /bookings", "POST /bookings/17/cancel"])
    }
}
