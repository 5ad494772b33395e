import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Synchronization
import Testing

@Suite("Who publishes to a bus", .timeLimit(.minutes(2))) struct BusPublisherTests {
    @Test("A node that cannot reach the broker lets another publish, and tells of it until it can")
    func unreachable() async throws {
        try await withTestNodes(2, migrations: EventLog.migrations + EventLog.busMigrations) { nodes in
            let (first, second) = (RecordingBus(), RecordingBus())
            first.isAway = true
            let logs = nodes.map { EventLog($0) }
            try await logs[0].append([.counted(1), .counted(2)], to: StreamName("order", "1"), context: .test())
            try await publishing(logs[0], to: first) { publisher in
                while publisher.failure == nil { try await Task.sleep(for: .milliseconds(5)) }
                #expect(publisher.failure?.code == "bus.unavailable")
                try await publishing(logs[1], to: second) { _ in
                    while second.positions.count < 2 { try await Task.sleep(for: .milliseconds(5)) }
                    while publisher.failure != nil { try await Task.sleep(for: .milliseconds(5)) }
                    guard case .down = first.connection else {
                        Issue.record("the connection is \(first.connection)")
                        return
                    }
                    first.isAway = false
                    while first.connection != .unused { try await Task.sleep(for: .milliseconds(5)) }
                    try await logs[0].append([.counted(3)], to: StreamName("order", "1"), context: .test())
                    while second.positions.count < 3 { try await Task.sleep(for: .milliseconds(5)) }
                }
            }
            #expect(first.positions.isEmpty && second.positions == [1, 2, 3])
        }
    }

    @Test("A node that lacks the file of an archive lets the one that has it publish")
    func archived() async throws {
        try await withTestNodes(2, migrations: EventLog.migrations + EventLog.busMigrations) { nodes in
            let (first, second) = (RecordingBus(), RecordingBus())
            let logs = [EventLog(nodes[0]), EventLog(nodes[1]).with(Shelf())]
            for number in 1...5 {
                try await logs[0].append([.counted(number)], to: StreamName("order", "1"), context: .test())
            }
            #expect(try await logs[1].archive() > 0)
            try await publishing(logs[0], to: first) { publisher in
                while publisher.failure == nil { try await Task.sleep(for: .milliseconds(5)) }
                #expect(publisher.failure?.code == "event.archived")
                try await publishing(logs[1], to: second) { _ in
                    while second.positions.count < 5 { try await Task.sleep(for: .milliseconds(5)) }
                    while publisher.failure != nil { try await Task.sleep(for: .milliseconds(5)) }
                }
            }
            #expect(first.positions.isEmpty && second.positions == [1, 2, 3, 4, 5])
        }
    }

    private func publishing(
        _ log: EventLog, to bus: RecordingBus, _ body: (BusPublisher) async throws -> Void
    ) async throws {
        var settings = BusPublisher.Settings()
        settings.start = .beginning
        let publisher = try BusPublisher(
            bus, database: log.database, archives: log.archives, owner: UUIDGenerator().next(), settings: settings,
            polling: .milliseconds(20), patience: .milliseconds(100), retry: RetryPolicy(delay: .milliseconds(10)))
        let running = Task { try await publisher.run() }
        defer { running.cancel() }
        try await body(publisher)
        running.cancel()
        try await running.value
    }
}

/// Keeps what it is given, in memory.
private final class RecordingBus: EventBus {
    private struct State {
        var connection = BusConnection.unused
        var isAway = false
        var positions: [Int64] = []
    }

    let name = "recording"
    private let state = Mutex(State())

    var connection: BusConnection { state.withLock(\.connection) }
    var positions: [Int64] { state.withLock(\.positions) }
    var isAway: Bool {
        get { state.withLock(\.isAway) }
        set { state.withLock { $0.isAway = newValue } }
    }

    func connect() async throws {
        try state.withLock { state in
            let error = EventError(.busUnavailable, "away")
            state.connection = state.isAway ? .down(EventBusFailure(error)) : .open
            if state.isAway { throw error }
        }
    }

    func publish(_ messages: [BusMessage]) async throws {
        state.withLock { $0.positions += messages.map(\.position) }
    }

    func release() async { state.withLock { $0.connection = .unused } }
}
