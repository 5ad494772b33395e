import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Synchronization
import Testing

/// Notes every event, and takes none twice.
private struct Marks: Projection {
    let name = "marks"
    let foldVersion = 1
    let trouble: Trouble

    static let migration = Migration(
        "test.marks",
        [
            """
            CREATE TABLE marks (
                generation \(fragment: .int64) NOT NULL, position \(fragment: .int64) NOT NULL,
                PRIMARY KEY (generation, position)
            ) \(fragment: .strict)
            """
        ])

    func apply(_ events: [Event], to generation: Generation, in tx: borrowing Transaction) throws {
        for event in events {
            try tx.execute(
                "INSERT INTO marks (generation, position) VALUES (\(generation.number), \(event.position))")
        }
        try trouble.strike(in: tx)
    }

    func delete(_ generation: Int64, limit: Int, in tx: borrowing Transaction) throws -> Int { 0 }
}

/// What goes wrong with a batch, each time another runner comes to its first.
private final class Trouble: Sendable {
    enum Kind: CaseIterable {
        /// The runner is ended while the handler runs.
        case during
        /// It is ended when the batch has committed.
        case after
        /// The transaction is undone, and tried again.
        case undone
        /// The server ends the connection under the transaction.
        case cut
    }

    private let kind: Kind
    private let end = Mutex<(@Sendable () -> Void)?>(nil)

    init(_ kind: Kind) { self.kind = kind }

    func prepare(_ end: @escaping @Sendable () -> Void) { self.end.withLock { $0 = end } }

    func strike(in tx: borrowing Transaction) throws {
        guard let end = end.withLock({ $0.take() }) else { return }
        switch kind {
        case .during: end()
        case .after: tx.afterCommit { end() }
        case .undone: throw EventError(ErrorCode("test.later", category: .unavailable), "later")
        case .cut: _ = try tx.first("SELECT pg_terminate_backend(pg_backend_pid())") { try $0[0] as Bool }
        }
    }
}

@Suite("Projections that are ended", .timeLimit(.minutes(2))) struct ProjectionCrashTests {
    /// More than two batches.
    private static let count = 600

    @Test(
        "No event counts twice or never, at whichever batch it is ended, also while it is made anew",
        arguments: TestDatabase.engines, Trouble.Kind.allCases)
    fileprivate func crashes(on engine: TestDatabase.Engine, by kind: Trouble.Kind) async throws {
        guard kind != .cut || engine == .postgres else { return }
        try await withTestDatabase(engine, migrations: EventLog.migrations + [Marks.migration]) { database in
            let log = EventLog(database)
            let projections = Projections(database, clock: SystemWallClock())
            try await log.append(
                (1...Self.count).map { .counted($0) }, to: StreamName("order", "1"), context: .test())
            var runs = try await run(until: 1, projections, database, kind)
            try await projections.rebuild("marks")
            runs += try await run(until: 2, projections, database, kind)
            if kind == .during || kind == .after { #expect(runs >= 6) }
            for generation in 1...2 {
                let found = try await database.read {
                    try $0.query("SELECT position FROM marks WHERE generation = \(generation) ORDER BY position") {
                        try $0[0] as Int
                    }
                }
                #expect(found.count == Self.count && found == Array(1...Self.count), "generation \(generation)")
            }
            #expect(try await projections.state(of: "marks").failure == nil)
        }
    }

    /// Runs the projection, again and again, until that generation is read and has everything.
    /// - Returns: How many runs it took.
    private func run(
        until generation: Int64, _ projections: Projections, _ database: any Database, _ kind: Trouble.Kind
    ) async throws -> Int {
        @Sendable func isDone() async -> Bool {
            let state = try? await projections.state(of: "marks")
            return state.map { $0.generation == generation && $0.position == Self.count } ?? false
        }
        let trouble = Trouble(kind)
        var runs = 0
        while await !isDone() {
            runs += 1
            let runner = ProjectionRunner(Marks(trouble: trouble), database: database, polling: .milliseconds(20))
            let run = Task { try await runner.run() }
            trouble.prepare { run.cancel() }
            // One that its trouble does not end is ended once there is nothing more to do.
            while await !isDone(), !run.isCancelled { try await Task.sleep(for: .milliseconds(2)) }
            run.cancel()
            try await run.value
        }
        return runs
    }
}
