import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Synchronization
import Testing

@Suite struct SubscriptionTests {
    private let stream = StreamName("order", "1")

    @Test(
        "Each event is handled once, in the transaction that moves the place, over restarts",
        arguments: TestDatabase.engines)
    func exactlyOnce(on engine: TestDatabase.Engine) async throws {
        try await withHandled(engine) { log in
            try await log.append((1...30).map { .counted($0) }, to: stream, context: .test())
            let subscription = try Subscription("copy", batchMax: 4)
            for restart in 1...3 {
                let seen = Counter()
                let running = start(subscription, log, seen: seen)
                try await log.append(
                    (1...7).map { .counted(30 + 7 * (restart - 1) + $0) }, to: stream, context: .test())
                await seen.reached(restart == 1 ? 20 : 7)
                running.cancel()
                try await running.value
                #expect(
                    try await log.handled()
                        == Array(1...(try await log.subscription(named: "copy").position)).map(Int.init))
            }
            let rest = Counter()
            let running = start(subscription, log, seen: rest)
            await log.reached(51)
            running.cancel()
            try await running.value
            #expect(try await log.handled() == Array(1...51))
            #expect(try await log.subscriptions().map(\.name) == ["copy"])
        }
    }

    @Test("Two runners of one subscription never handle an event twice", arguments: TestDatabase.engines)
    func twoRunners(on engine: TestDatabase.Engine) async throws {
        try await withHandled(engine) { log in
            let subscription = try Subscription("copy", batchMax: 3)
            let running = (0..<3).map { _ in start(subscription, log, seen: Counter()) }
            for number in 1...100 { try await log.append([.counted(number)], to: stream, context: .test()) }
            await log.reached(100)
            for running in running {
                running.cancel()
                try await running.value
            }
            #expect(try await log.handled() == Array(1...100))
        }
    }

    @Test("A subscription sees what matches, from where it starts", arguments: TestDatabase.engines)
    func filterAndStart(on engine: TestDatabase.Engine) async throws {
        try await withHandled(engine) { log in
            try await log.append((1...3).map { .counted($0) }, to: stream, context: .test())
            let subscription = try Subscription(
                "late", filter: EventFilter(types: ["test.happened"]), startAt: .end, batchMax: 2)
            let clock = StillClock()
            let running = start(subscription, log, seen: Counter(), clock: clock)
            while clock.sleeps.isEmpty { await Task.yield() }
            try await log.append(Array(repeating: NewEvent("a.b"), count: 2_500), to: stream, context: .test())
            try await log.append([.counted(4), NewEvent("a.b"), .counted(5)], to: stream, context: .test())
            await log.reached(2)
            running.cancel()
            try await running.value
            #expect(try await log.handled() == [4, 5])
            #expect(try await log.subscription(named: "late").position == 2_506)
        }
    }

    @Test("The place is stored now and then also when nothing matches", arguments: TestDatabase.engines)
    func silentProgress(on engine: TestDatabase.Engine) async throws {
        try await withHandled(engine) { log in
            try await log.append(Array(repeating: NewEvent("a.b"), count: 999), to: stream, context: .test())
            let clock = StillClock()
            let subscription = try Subscription("quiet", filter: EventFilter(types: ["test.happened"]))
            let running = start(subscription, log, seen: Counter(), clock: clock)
            while clock.sleeps.isEmpty { await Task.yield() }
            #expect(try await log.subscription(named: "quiet").position == 0)
            try await log.append([NewEvent("a.b")], to: stream, context: .test())
            while try await log.subscription(named: "quiet").position == 0 { await Task.yield() }
            #expect(try await log.subscription(named: "quiet").position == 1_000)
            running.cancel()
            try await running.value
        }
    }

    @Test("It is stored after a while as well, so that old events can leave", arguments: TestDatabase.engines)
    func silentTime(on engine: TestDatabase.Engine) async throws {
        try await withHandled(engine) { log in
            let (clock, wallClock) = (StillClock(), ManualClock())
            let subscription = try Subscription("quiet", filter: EventFilter(types: ["test.happened"]))
            let running = start(subscription, log, seen: Counter(), clock: clock, wallClock: wallClock)
            while clock.sleeps.isEmpty { await Task.yield() }
            for place in 1...2 as ClosedRange<Int64> {
                wallClock.advance(by: .seconds(60))
                try await log.append([NewEvent("a.b")], to: stream, context: .test())
                while try await log.subscription(named: "quiet").position < place { await Task.yield() }
            }
            running.cancel()
            try await running.value
        }
    }

    @Test("After a batch it rests, and then handles together what has come", arguments: TestDatabase.engines)
    func rest(on engine: TestDatabase.Engine) async throws {
        try await withHandled(engine) { log in
            let clock = TickedClock()
            let batches = Counter()
            let runner = SubscriptionRunner(
                try Subscription("copy"), database: log.database, wallClock: ManualClock(), clock: clock,
                rest: .milliseconds(200)
            ) { events, tx in
                try EventLog.insert(events, in: tx)
                let count = events.count
                tx.afterCommit { batches.add([count]) }
            }
            try await log.append([.counted(1)], to: stream, context: .test())
            let running = Task { try await runner.run() }
            await batches.reached(1)
            try await clock.endNextSleep {
                for number in 2...5 { try await log.append([.counted(number)], to: stream, context: .test()) }
            }
            await batches.reached(2)
            #expect(batches.values == [1, 4])
            running.cancel()
            try await running.value
        }
    }

    @Test("A failure that may pass is tried again after growing delays", arguments: TestDatabase.engines)
    func transientFailure(on engine: TestDatabase.Engine) async throws {
        try await withHandled(engine) { log in
            try await log.append((1...4).map { .counted($0) }, to: stream, context: .test())
            let clock = StillClock()
            let attempts = Counter()
            let runner = SubscriptionRunner(
                try Subscription("copy"), database: log.database, wallClock: ManualClock(), clock: clock,
                retry: RetryPolicy(delay: .milliseconds(100), backoff: .exponential(), delayMax: .milliseconds(300))
            ) { events, tx in
                try EventLog.insert(events, in: tx)
                attempts.add([1])
                if attempts.values.count <= 4 {
                    throw EventError(ErrorCode("test.later", category: .unavailable), "later")
                }
            }
            let running = Task { try await runner.run() }
            await log.reached(4)
            running.cancel()
            try await running.value
            #expect(try await log.handled() == [1, 2, 3, 4])
            #expect(
                clock.sleeps.prefix(4) == [
                    .milliseconds(100), .milliseconds(200), .milliseconds(300), .milliseconds(300),
                ])
            #expect(try await log.subscription(named: "copy").failure == nil)
        }
    }

    @Test(
        "An event that cannot be handled stops the subscription right before it, until it is resumed",
        arguments: TestDatabase.engines)
    func parks(on engine: TestDatabase.Engine) async throws {
        try await withHandled(engine) { log in
            try await log.append((1...20).map { .counted($0) }, to: stream, context: .test())
            let refused = Mutex<Set<Int>>([7, 12])
            let runner = SubscriptionRunner(
                try Subscription("copy", batchMax: 8), database: log.database, wallClock: ManualClock(),
                clock: StillClock()
            ) { events, tx in
                try EventLog.insert(events, in: tx)
                if events.contains(where: { event in refused.withLock { $0.contains(event.number ?? 0) } }) {
                    throw EventError(ErrorCode("test.refused", category: .invalid), "no")
                }
            }
            let running = Task { try await runner.run() }
            let first = try await log.stopped("copy")
            #expect(first.error == "test.refused: no" && first.time == ManualClock().now && first.position == 7)
            #expect(try await log.subscription(named: "copy").position == 6)
            #expect(try await log.handled() == Array(1...6))

            // Resumed without a remedy it stops again; then it is skipped; the other is remedied.
            try await log.resumeSubscription(named: "copy", now: ManualClock().now)
            #expect(try await log.stopped("copy").position == 7)
            try await log.resumeSubscription(named: "copy", skippingFailed: true, now: ManualClock().now)
            #expect(try await log.stopped("copy").position == 12)
            refused.withLock { $0 = [] }
            try await log.resumeSubscription(named: "copy", now: ManualClock().now)
            await log.reached(19)
            running.cancel()
            try await running.value
            #expect(try await log.handled() == (1...20).filter { $0 != 7 })
            #expect(try await log.subscription(named: "copy").failure == nil)
            let unknown = await code { try await log.resumeSubscription(named: "other", now: ManualClock().now) }
            #expect(unknown == "event.subscription_unknown")
        }
    }

    @Test(
        "A damaged event stops the subscription, and one that is stopped stays so for a new runner",
        arguments: TestDatabase.engines)
    func damagedEvent(on engine: TestDatabase.Engine) async throws {
        try await withHandled(engine) { log in
            try await log.append((1...6).map { .counted($0) }, to: stream, context: .test())
            try await log.execute("UPDATE events SET data = \(Array("{".utf8)) WHERE position = 4")
            let running = start(try Subscription("copy"), log, seen: Counter())
            let failure = try await log.stopped("copy")
            #expect(failure.position == 4 && failure.error.hasPrefix("event.damaged"))
            running.cancel()
            try await running.value
            #expect(try await log.handled() == [1, 2, 3])

            let clock = StillClock()
            let second = start(try Subscription("copy"), log, seen: Counter(), clock: clock)
            while clock.sleeps.isEmpty { await Task.yield() }
            #expect(try await log.handled() == [1, 2, 3])
            try await log.resumeSubscription(named: "copy", skippingFailed: true, now: ManualClock().now)
            await log.reached(5)
            second.cancel()
            try await second.value
            #expect(try await log.handled() == [1, 2, 3, 5, 6])
        }
    }

    @Test("A handler may append events of its own", arguments: TestDatabase.engines)
    func appends(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let runner = SubscriptionRunner(
                try Subscription("echo", filter: EventFilter(types: ["test.happened"])), database: log.database,
                wallClock: ManualClock(), clock: StillClock()
            ) { events, tx in
                for event in events {
                    var context = EventContext.test()
                    context.causationID = event.id.description
                    try tx.append([NewEvent("test.echoed")], to: StreamName("echo", "1"), context: context)
                }
            }
            let running = Task { try await runner.run() }
            for number in 1...10 { try await log.append([.counted(number)], to: stream, context: .test()) }
            var causes: [String?] = []
            for try await event in log.tail(after: 0, filter: EventFilter(types: ["test.echoed"])) {
                causes.append(event.causationID)
                if causes.count == 10 { break }
            }
            running.cancel()
            try await running.value
            let events = try await log.all(filter: EventFilter(types: ["test.happened"]))
            #expect(causes == events.map(\.id.description))
            #expect(try await log.head() == 20)
        }
    }

    @Test("A runner ends with an error when the database is closed", arguments: TestDatabase.engines)
    func databaseClosed(on engine: TestDatabase.Engine) async throws {
        try await withHandled(engine) { log in
            await log.database.close()
            let running = start(try Subscription("copy"), log, seen: Counter())
            #expect(await code { try await running.value } == "storage.closed")
        }
    }

    @Test("Names and batch sizes have bounds")
    func bounds() async throws {
        for name in ["", "A", "-a", "a b", String(repeating: "a", count: 64)] {
            #expect(await code { _ = try Subscription(name) } == "event.invalid", "\(name)")
        }
        for name in ["a", "0", "search.index-1_v2", String(repeating: "a", count: 63)] { _ = try Subscription(name) }
        for batch in [0, 1_001] {
            #expect(await code { _ = try Subscription("a", batchMax: batch) } == "event.invalid")
        }
    }

    /// A log with a table that `EventLog.insert` fills, which refuses what comes twice.
    private func withHandled(_ engine: TestDatabase.Engine, _ body: (EventLog) async throws -> Void) async throws {
        try await withLog(engine) { log in
            try await log.execute("CREATE TABLE handled (number \(fragment: .int64) NOT NULL PRIMARY KEY)")
            try await body(log)
        }
    }

    private func start(
        _ subscription: Subscription, _ log: EventLog, seen: Counter, clock: any Clock<Duration> = StillClock(),
        wallClock: any WallClock = ManualClock()
    ) -> Task<Void, any Error> {
        let runner = SubscriptionRunner(
            subscription, database: log.database, wallClock: wallClock, clock: clock
        ) { events, tx in
            try EventLog.insert(events, in: tx)
            let numbers = events.compactMap(\.number)
            tx.afterCommit { seen.add(numbers) }
        }
        return Task { try await runner.run() }
    }
}

extension EventLog {
    static func insert(_ events: [Event], in tx: borrowing Transaction) throws {
        for event in events { try tx.execute("INSERT INTO handled (number) VALUES (\(event.number ?? 0))") }
    }

    func handled() async throws -> [Int] {
        try await database.read { try $0.query("SELECT number FROM handled ORDER BY number") { try $0[0] as Int } }
    }

    /// Waits until so many events are handled.
    func reached(_ count: Int) async {
        while (try? await handled().count) ?? count < count { await Task.yield() }
    }

    /// Waits until the subscription stands still, and says why.
    func stopped(_ name: String) async throws -> SubscriptionState.Failure {
        while true {
            let states = try await subscriptions()
            if let failure = states.first(where: { $0.name == name })?.failure { return failure }
            await Task.yield()
        }
    }
}
