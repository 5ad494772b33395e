import CognitionCore
import CognitionEvents
import CognitionRealtime
import CognitionSQLite
import CognitionStorage
import Foundation
import Synchronization

/// How fast messages are written into many small rooms, and how soon a thousand clients of one room have them.
struct RoomBenchmark: Benchmark {
    static let name = "rooms"

    private static let publishing =
        "messages published into 10,000 rooms, 4,096 in flight, each durable before its answer"
    private static let telling = "one message to 1,000 clients of a room, 50 a second: until the last has it"

    func run(_ bench: Bench) async throws -> [Measurement] {
        [try await publish(bench), try tell(bench)]
    }

    // MARK: Publishing

    private func publish(_ bench: Bench) async throws -> Measurement {
        let folder = bench.folder + "/rooms"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let database = try await SQLiteDatabase.open(at: folder + "/rooms.sqlite")
        let ids = UUIDGenerator()
        try await database.migrate(
            NodeLease.migrations + EventLog.migrations + Rooms.migrations, now: SystemWallClock().now)
        let hub = try await RealtimeHub.open(database, source: NoExecutions(), authenticator: NoTokens(), ids: ids)
        let permissions: Set<Permission> = [.readRooms, .publishToRooms, .manageRooms]
        let caller = RoomCaller(
            user: "ada",
            principal: Principal(actor: "user:ada", workspace: WorkspaceID("bench"), permissions: permissions))
        let rooms = (0..<10_000).compactMap { RoomName("room-\($0)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for part in 0..<64 {
                group.addTask {
                    for room in rooms.indices where room % 64 == part {
                        _ = try await hub.rooms.create(rooms[room].text, RoomSettings(), as: caller)
                    }
                }
            }
            try await group.waitForAll()
        }
        let content: JSONValue = ["text": "Shall we go on with what we have, or wait for the others?"]
        let count = bench.size(400_000)
        let took = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hub.run() }
            let flight = Flight(max: 4_096)
            let start = ContinuousClock.now
            for number in 0..<count {
                await flight.begin()
                // The rooms in an order that no page of the database has.
                let room = rooms[number &* 7_919 % rooms.count]
                hub.publish(try Publication(to: room, content, from: caller)) { result in
                    flight.end(isFailed: (try? result.get()) == nil)
                }
            }
            await flight.drain()
            let took = ContinuousClock.now - start
            guard flight.failures == 0 else { throw BenchmarkFailure("\(flight.failures) messages were refused") }
            group.cancelAll()
            return took
        }
        await database.close()
        let rate = Double(count) / took.seconds
        return Measurement(
            subject: Self.publishing, figure: "\(rate.grouped)/s",
            beside: "SQLite, FULL; \(Double(count).grouped) messages",
            floors: [.atLeast(50_000, rate, ">= 50,000/s")])
    }

    private struct NoExecutions: ExecutionSource {
        func execution(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
            TopicSnapshot(data: [:], position: 0)
        }
        func workflow(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
            TopicSnapshot(data: [:], position: 0)
        }
        func canonicalWorkflowID(_ id: String) -> String { id }
        func workflowID(ofExecution id: String, in workspace: WorkspaceID) async throws -> String? { nil }
    }

    private struct NoTokens: RealtimeAuthenticator {
        func caller(token: String, from address: String?) async throws -> RealtimeCaller {
            throw BenchmarkFailure("nobody connects here")
        }
        func isValid(_ caller: RealtimeCaller) -> Bool { false }
    }

    /// So many at a time.
    private final class Flight: Sendable {
        private struct State {
            var count = 0
            var failures = 0
            var waiter: CheckedContinuation<Void, Never>?
            var limit: Int
        }

        private let state: Mutex<State>
        private let max: Int

        init(max: Int) {
            self.max = max
            state = Mutex(State(limit: max))
        }

        var failures: Int { state.withLock { $0.failures } }

        func begin() async {
            await wait(below: max)
            state.withLock { $0.count += 1 }
        }

        func drain() async { await wait(below: 1) }

        private func wait(below limit: Int) async {
            await withCheckedContinuation { continuation in
                let isFree = state.withLock { state in
                    guard state.count >= limit else { return true }
                    state.limit = limit
                    state.waiter = continuation
                    return false
                }
                if isFree { continuation.resume() }
            }
        }

        func end(isFailed: Bool) {
            state.withLock { state in
                state.count -= 1
                state.failures += isFailed ? 1 : 0
                return state.count < state.limit ? state.waiter.take() : nil
            }?.resume()
        }
    }

    // MARK: Telling

    private func tell(_ bench: Bench) throws -> Measurement {
        let measurement = try ServerProcess.with(bench.folder + "/rooms-server") { server in
            let user = try ServerUser(on: server)
            let connection = try HTTPConnection(port: server.port)
            guard
                try connection.post("/api/v3/rooms", token: user.token, body: Array(#"{"id":"hall"}"#.utf8)).status
                    == 201
            else { throw BenchmarkFailure("a room was refused") }
            let sockets = try (0..<1_000).map { _ in try WebSocketClient(port: server.port, token: user.token) }
            for socket in sockets { try socket.subscribe("room", "hall") }
            let descriptors = sockets.map(\.socket.descriptor)
            let count = bench.size(500)
            var last: [Double] = []
            let body = Array(#"{"content":{"text":"Shall we go on with what we have?"}}"#.utf8)
            var due = ContinuousClock.now
            for _ in 0..<count {
                while ContinuousClock.now < due { usleep(100) }
                due += .milliseconds(20)
                let start = ContinuousClock.now
                try connection.send("POST", "/api/v3/rooms/hall/messages", token: user.token, body: body)
                var left = sockets.count
                while left > 0 {
                    for place in try readable(descriptors) {
                        try sockets[place].receive()
                        while let text = sockets[place].next() {
                            if text.starts(with: Self.beginning) { left -= 1 }
                        }
                    }
                }
                last.append((ContinuousClock.now - start).seconds * 1e3)
                guard try connection.answer().status == 201 else { throw BenchmarkFailure("a message was refused") }
            }
            return Measurement(
                subject: Self.telling,
                figure: "p50 \(last.median.digits(1)) ms, p99 \(last.percentile(0.99).digits(1)) ms",
                beside: "from the request that sends it, its commit among it; the client reads on the same cores")
        }
        return measurement ?? .missing(Self.telling, Measurement.missingServer)
    }

    private static let beginning = Array(#"{"type":"message""#.utf8)
}
