import CognitionCore
import CognitionEvents
import CognitionRealtime
import CognitionSQLite
import CognitionStorage
import Foundation
import Synchronization

/// How fast messages are written into many small rooms. How soon many clients have them is ``WebSocketCrowdBenchmark``'s.
struct RoomBenchmark: Benchmark {
    static let name = "rooms"

    private static let publishing =
        "messages published into 10,000 rooms, 4,096 in flight, each durable before its answer"

    func run(_ bench: Bench) async throws -> [Measurement] {
        [try await publish(bench)]
    }

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
}
