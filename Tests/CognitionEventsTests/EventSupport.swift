import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Synchronization

/// A log in an empty database.
func withLog<Value>(
    _ engine: TestDatabase.Engine, writers: Int = 2, _ body: (EventLog) async throws -> Value
) async throws -> Value {
    try await withTestDatabase(engine, migrations: EventLog.migrations, writers: writers) {
        try await body(EventLog($0))
    }
}

extension EventContext {
    static func test(
        workspace: String = "default", time: Timestamp = ManualClock().now, ids: UUIDGenerator = UUIDGenerator()
    ) -> EventContext {
        EventContext(Principal(actor: "tester", workspace: WorkspaceID(workspace)), time: time, ids: ids)
    }
}

extension NewEvent {
    static func counted(_ number: Int, id: UUIDv7? = nil) -> NewEvent {
        NewEvent("test.happened", data: ["number": .integer(Int64(number))], id: id)
    }
}

extension Event {
    var number: Int? { data["number"]?.integerValue.map(Int.init) }
}

extension EventLog {
    /// The whole log, read page by page.
    func all(filter: EventFilter = .all, limit: Int = 1_000) async throws -> [Event] {
        var events: [Event] = []
        var position: Int64 = 0
        while true {
            let page = try await readAll(after: position, limit: limit, filter: filter)
            events += page.events
            position = page.position
            if page.isAtEnd { return events }
        }
    }

    func execute(_ statement: SQL) async throws {
        try await database.write { try $0.execute(statement) }
    }

    func count(_ statement: SQL) async throws -> Int {
        try await database.read { try $0.first(statement) { try $0[0] as Int } } ?? -1
    }
}

struct Refusal: Error, Equatable {}

/// The code of the error that `body` throws; `nil` when it throws none.
func code(_ body: () async throws -> Void) async -> String? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? any CodedError)?.code.name ?? "\(error)"
    }
}

/// Sleeps of a second or more never end by themselves, but with the task; shorter ones end at once. All are recorded.
final class StillClock: Clock {
    typealias Duration = Swift.Duration
    typealias Instant = ContinuousClock.Instant

    private let start = ContinuousClock.now
    private let recorded = Mutex<[Duration]>([])

    var now: Instant { start }
    var minimumResolution: Duration { .zero }
    var sleeps: [Duration] { recorded.withLock { $0 } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let duration = start.duration(to: deadline)
        recorded.withLock { $0.append(duration) }
        guard duration >= .seconds(1) else { return try Task.checkCancellation() }
        // The stream lives as long as its continuation does.
        let (never, continuation) = AsyncStream.makeStream(of: Void.self)
        for await _ in never {}
        continuation.finish()
        throw CancellationError()
    }
}

/// Sleeps end when the test says so.
final class TickedClock: Clock {
    typealias Duration = Swift.Duration
    typealias Instant = ContinuousClock.Instant

    private let start = ContinuousClock.now
    private let sleeping = AsyncStream.makeStream(of: AsyncStream<Void>.Continuation.self)

    var now: Instant { start }
    var minimumResolution: Duration { .zero }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let (end, continuation) = AsyncStream.makeStream(of: Void.self)
        sleeping.continuation.yield(continuation)
        for await _ in end {}
        try Task.checkCancellation()
    }

    /// Ends the next sleep, once it has begun, after `body`.
    func endNextSleep(after body: () async throws -> Void) async rethrows {
        for await sleep in sleeping.stream {
            try await body()
            return sleep.finish()
        }
    }
}

/// Lets a test wait until something that another task counts has come far enough.
final class Counter: Sendable {
    private struct State {
        var values: [Int] = []
        var waiting: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var values: [Int] { state.withLock { $0.values } }

    func add(_ values: [Int]) {
        let ready = state.withLock { state in
            state.values += values
            let count = state.values.count
            let ready = state.waiting.filter { $0.count <= count }
            state.waiting.removeAll { $0.count <= count }
            return ready
        }
        for waiting in ready { waiting.continuation.resume() }
    }

    func reached(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isReached = state.withLock { state in
                if state.values.count < count { state.waiting.append((count, continuation)) }
                return state.values.count >= count
            }
            if isReached { continuation.resume() }
        }
    }
}
