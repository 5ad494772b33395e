import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Synchronization
import Testing

@Suite("Archives and who follows the log", .timeLimit(.minutes(2))) struct ArchiveFollowerTests {
    private func fill(_ log: EventLog, _ count: Int = 30) async throws {
        for number in 0..<count {
            try await log.append([.counted(number)], to: StreamName("order", "\(number % 3)"), context: .test())
        }
    }

    @Test("Nothing leaves that a subscription has not passed, or has put aside", arguments: TestDatabase.engines)
    func subscriptions(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { plain in
            let log = plain.with(Shelf())
            try await fill(log)
            try await log.execute(
                "INSERT INTO subscriptions (name, position, updated_at) VALUES ('slow', 12, 0), ('fast', 30, 0)")
            #expect(try await log.passed() == (12, "slow"))
            #expect(try await log.archive() == 12)
            try await log.execute("UPDATE subscriptions SET position = 30")
            try await log.execute(
                "INSERT INTO parked_events (subscription, position, error, parked_at) VALUES ('fast', 21, 'x', 0)")
            #expect(try await log.passed() == (20, "fast"))
            #expect(try await log.archive() == 8)
            try await log.execute("DELETE FROM parked_events")
            #expect(try await log.passed() == (30, nil))
            #expect(try await log.archive() == 10)
            _ = try await log.whole()
        }
    }

    @Test(
        "A subscription that begins with the first event is handed what has left as well, each event once",
        arguments: TestDatabase.engines)
    func fromTheBeginning(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { plain in
            let log = plain.with(Shelf())
            try await fill(log)
            try await log.archive(eventsMax: 7)
            try await fill(log, 5)
            let handled = Counter()
            let runner = SubscriptionRunner(
                try Subscription("late", batchMax: 4), database: log.database, archives: log.archives,
                clock: StillClock()
            ) { events, tx in
                let positions = events.map { Int($0.position) }
                tx.afterCommit { handled.add(positions) }
            }
            await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runner.run() }
                await handled.reached(35)
                group.cancelAll()
            }
            #expect(handled.values == Array(1...35))
        }
    }

    @Test(
        "Who cannot reach the archive waits for it, and does not stop or go on without", arguments: TestDatabase.engines
    )
    func waiting(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { plain in
            let shelf = Shelf()
            let log = plain.with(shelf)
            try await fill(log)
            try await log.archive()
            let files = shelf.files.withLock { files in
                defer { files = [:] }
                return files
            }
            let (handled, tries) = (Counter(), Counter())
            shelf.before.withLock { $0 = { _ in tries.add([1]) } }
            let runner = SubscriptionRunner(
                try Subscription("late"), database: log.database, archives: log.archives, clock: StillClock(),
                retry: RetryPolicy(delay: .milliseconds(1)), failurePolicy: .skip
            ) { events, tx in
                let positions = events.map { Int($0.position) }
                tx.afterCommit { handled.add(positions) }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runner.run() }
                await tries.reached(3)
                #expect(handled.values == [])
                let state = try await log.subscription(named: "late")
                let parked = try await log.count("SELECT count(*) FROM parked_events")
                #expect(state.failure == nil && parked == 0)
                shelf.files.withLock { $0 = files }
                await handled.reached(30)
                group.cancelAll()
            }
            #expect(handled.values == Array(1...30))
        }
    }

    @Test("A projection that is made anew counts what has left", arguments: TestDatabase.engines)
    func rebuild(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { plain in
            let log = plain.with(Shelf())
            try await fill(log)
            try await log.archive(eventsMax: 11)
            let projections = Projections(log.database, clock: ManualClock())
            let runner = ProjectionRunner(
                EventTypesProjection(), database: log.database, archives: log.archives, polling: .milliseconds(20))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runner.run() }
                for generation in [Int64(1), 2] {
                    while true {
                        let state = try? await projections.state(of: "event_types")
                        if state?.generation == generation, state?.position == 30 { break }
                        try await Task.sleep(for: .milliseconds(5))
                    }
                    let count = try await log.count(
                        "SELECT CAST(sum(count) AS BIGINT) FROM event_types WHERE generation = \(generation)")
                    #expect(count == 30)
                    if generation == 1 { try await projections.rebuild("event_types") }
                }
                group.cancelAll()
            }
        }
    }

    /// Takes nothing of the third event while it may not.
    private struct Picky: Projection {
        let name = "picky"
        let foldVersion = 1
        let failurePolicy = FailurePolicy.skip
        let isMended: @Sendable () -> Bool
        let handled: Counter

        func apply(_ events: [Event], to generation: Generation, in tx: borrowing Transaction) throws {
            if events.contains(where: { $0.position == 3 }), !isMended() { throw Refusal() }
            let positions = events.map { Int($0.position) }
            tx.afterCommit { handled.add(positions) }
        }

        func delete(_ generation: Int64, limit: Int, in tx: borrowing Transaction) throws -> Int { 0 }
    }

    @Test("An event that was put aside after it had left is retried out of its file", arguments: TestDatabase.engines)
    func retry(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { plain in
            let log = plain.with(Shelf())
            try await fill(log, 6)
            #expect(try await log.archive() > 3)
            let isMended = Mutex(false)
            let handled = Counter()
            let picky = Picky(isMended: { isMended.withLock { $0 } }, handled: handled)
            let runner = ProjectionRunner(
                picky, database: log.database, archives: log.archives, polling: .milliseconds(20))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runner.run() }
                await handled.reached(5)
                group.cancelAll()
            }
            #expect(handled.values.sorted() == [1, 2, 4, 5, 6])
            isMended.withLock { $0 = true }
            let without = Projections(log.database, clock: ManualClock())
            #expect(await code { try await without.retry(3, of: picky) } == "event.archived")
            let projections = Projections(log.database, archives: log.archives, clock: ManualClock())
            #expect(try await projections.state(of: "picky").parked == 1)
            try await projections.retry(3, of: picky)
            #expect(handled.values.sorted() == [1, 2, 3, 4, 5, 6])
            #expect(try await projections.state(of: "picky").parked == 0)
        }
    }
}
