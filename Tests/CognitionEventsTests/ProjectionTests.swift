import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Metrics
import MetricsTestKit
import Synchronization
import Testing

/// Sums up the numbers of events by stream.
private struct Sums: Projection {
    let name = "sums"
    var foldVersion = 1
    var failurePolicy = FailurePolicy.stop
    /// What each number counts.
    var factor: Int64 = 1
    /// A number that cannot be handled, while it is there.
    let refused: Refused

    final class Refused: Sendable {
        private let number: Mutex<Int?>
        init(_ number: Int? = nil) { self.number = Mutex(number) }
        func callAsFunction(_ other: Int?) -> Bool { number.withLock { $0 != nil && $0 == other } }
        func forget() { number.withLock { $0 = nil } }
    }

    init(
        foldVersion: Int = 1, factor: Int64 = 1, refusing refused: Refused = Refused(), _ policy: FailurePolicy = .stop
    ) {
        self.foldVersion = foldVersion
        self.factor = factor
        self.refused = refused
        failurePolicy = policy
    }

    static let migration = Migration(
        "test.sums",
        [
            """
            CREATE TABLE sums (
                generation \(fragment: .int64) NOT NULL, stream \(fragment: .text) NOT NULL,
                total \(fragment: .int64) NOT NULL, PRIMARY KEY (generation, stream)
            ) \(fragment: .strict)
            """
        ])

    func apply(_ events: [Event], to generation: Generation, in tx: borrowing Transaction) throws {
        for event in events {
            if refused(event.number) { throw Refusal() }
            try tx.execute(
                """
                INSERT INTO sums (generation, stream, total)
                VALUES (\(generation.number), \(event.stream.description), \(Int64(event.number ?? 0) * factor))
                ON CONFLICT (generation, stream) DO UPDATE SET total = sums.total + excluded.total
                """)
        }
    }

    func delete(_ generation: Int64, limit: Int, in tx: borrowing Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM sums WHERE generation = \(generation) AND stream IN (
                SELECT stream FROM sums WHERE generation = \(generation) LIMIT \(limit))
            """)
    }
}

@Suite("Projections", .timeLimit(.minutes(2))) struct ProjectionTests {
    private func withSums(
        _ engine: TestDatabase.Engine, _ body: (EventLog, Projections) async throws -> Void
    ) async throws {
        try await withTestDatabase(engine, migrations: EventLog.migrations + [Sums.migration]) { database in
            try await body(EventLog(database), Projections(database, clock: SystemWallClock()))
        }
    }

    private func running(
        _ projections: [any Projection], _ log: EventLog, _ body: () async throws -> Void
    ) async throws {
        let runs = projections.map { projection in
            Task { try await ProjectionRunner(projection, database: log.database, polling: .milliseconds(50)).run() }
        }
        do { try await body() } catch {
            for run in runs { run.cancel() }
            throw error
        }
        for run in runs { run.cancel() }
        for run in runs { try await run.value }
    }

    /// Waits until the projection is as `fits` wants it; the time limit of the suite ends what never comes.
    private func state(
        _ projections: Projections, until fits: (ProjectionState) -> Bool
    ) async throws -> ProjectionState {
        while true {
            if let state = try? await projections.state(of: "sums"), fits(state) { return state }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func total(_ log: EventLog, generation: Int64) async throws -> Int {
        try await log.count(
            "SELECT CAST(COALESCE(SUM(total), 0) AS \(fragment: .int64)) FROM sums WHERE generation = \(generation)")
    }

    private func append(_ numbers: ClosedRange<Int>, _ log: EventLog) async throws {
        for number in numbers {
            try await log.append([.counted(number)], to: StreamName("order", "\(number % 3)"), context: .test())
        }
    }

    @Test(
        "It is rebuilt while it is read and written to, on two nodes, and the old rows go",
        arguments: TestDatabase.engines)
    func rebuild(on engine: TestDatabase.Engine) async throws {
        try await withSums(engine) { log, projections in
            try await append(1...50, log)
            try await running([Sums(), Sums()], log) {
                _ = try await state(projections) { $0.position == 50 && $0.rebuild == nil }
                #expect(try await total(log, generation: 1) == 1_275)
                // Paused, so that it is not ready at once.
                try await projections.pause("sums")
                try await projections.rebuild("sums")
                await #expect(throws: EventError.self) { try await projections.rebuild("sums") }
                try await projections.resume("sums")
                try await append(51...100, log)
                let end = try await state(projections) { $0.generation == 2 && $0.position == 100 }
                #expect(end.status == .running && end.lag == 0)
                #expect(try await total(log, generation: 2) == 5_050)
                while try await total(log, generation: 1) != 0 { try await Task.sleep(for: .milliseconds(5)) }
            }
            #expect(await code { try await projections.rebuild("other") } == "event.projection_unknown")
        }
    }

    @Test("Rebuilt again and again on two nodes it has everything once", arguments: TestDatabase.engines)
    func rebuildAgain(on engine: TestDatabase.Engine) async throws {
        try await withSums(engine) { log, projections in
            try await append(1...30, log)
            try await running([Sums(), Sums()], log) {
                _ = try await state(projections) { $0.position == 30 }
                for generation in Int64(2)...12 {
                    try await projections.rebuild("sums")
                    _ = try await state(projections) { $0.generation == generation && $0.lag == 0 }
                    #expect(try await total(log, generation: generation) == 465)
                }
            }
        }
    }

    @Test(
        "A release that folds otherwise rebuilds by itself, and one of before changes nothing",
        arguments: TestDatabase.engines)
    func newFold(on engine: TestDatabase.Engine) async throws {
        try await withSums(engine) { log, projections in
            try await append(1...10, log)
            try await running([Sums()], log) { _ = try await state(projections) { $0.position == 10 } }
            try await running([Sums(foldVersion: 2, factor: 10)], log) {
                _ = try await state(projections) { $0.generation == 2 && $0.position == 10 }
            }
            #expect(try await total(log, generation: 2) == 550)
            try await running([Sums()], log) {
                try await Task.sleep(for: .milliseconds(100))
                #expect(try await projections.state(of: "sums").generation == 2)
            }
        }
    }

    @Test("It stands still while it is paused, and at an event that it cannot handle", arguments: TestDatabase.engines)
    func stops(on engine: TestDatabase.Engine) async throws {
        try await withSums(engine) { log, projections in
            let refused = Sums.Refused(5)
            try await running([Sums(refusing: refused)], log) {
                try await append(1...8, log)
                let stopped = try await state(projections) { $0.status == .stopped }
                #expect(stopped.position == 4 && stopped.failure?.position == 5 && stopped.lag == 4)
                refused.forget()
                try await projections.resume("sums")
                _ = try await state(projections) { $0.position == 8 && $0.status == .running }
                try await projections.pause("sums")
                try await append(9...10, log)
                try await Task.sleep(for: .milliseconds(150))
                let paused = try await projections.state(of: "sums")
                #expect(paused.status == .paused && paused.position == 8)
                try await projections.resume("sums")
                _ = try await state(projections) { $0.position == 10 && $0.status == .running }
            }
            #expect(try await total(log, generation: 1) == 55)
        }
    }

    @Test("With the policy skip it goes on, and the event is retried or discarded", arguments: TestDatabase.engines)
    func parks(on engine: TestDatabase.Engine) async throws {
        try await withSums(engine) { log, projections in
            let (five, seven) = (Sums.Refused(5), Sums.Refused(7))
            let projection = Sums(refusing: five, .skip)
            try await running([projection], log) {
                try await append(1...6, log)
                _ = try await state(projections) { $0.position == 6 }
            }
            try await append(7...8, log)
            let other = Sums(refusing: seven, .skip)
            try await running([other], log) {
                let state = try await state(projections) { $0.position == 8 }
                #expect(state.parked == 2 && state.status == .running)
            }
            #expect(try await projections.parked("sums").map(\.position) == [5, 7])
            #expect(try await projections.parked("sums", after: 5, limit: 1).map(\.position) == [7])
            await #expect(throws: Refusal.self) { try await projections.retry(5, of: projection) }
            five.forget()
            try await projections.retry(5, of: projection)
            try await projections.discard(7, of: "sums")
            #expect(await code { try await projections.discard(7, of: "sums") } == "event.parked_unknown")
            #expect(try await projections.state(of: "sums").parked == 0)
            #expect(try await total(log, generation: 1) == 36 - 7)
        }
    }

    @Test(
        "What was put aside is retried through the upcasters, and not while it is paused",
        arguments: TestDatabase.engines)
    func retries(on engine: TestDatabase.Engine) async throws {
        try await withSums(engine) { log, projections in
            let refused = Sums.Refused(2)
            try await running([Sums(refusing: refused, .skip)], log) {
                try await append(1...2, log)
                _ = try await state(projections) { $0.parked == 1 }
            }
            refused.forget()
            let upcasters = try Upcasters([
                Upcaster("test.happened", from: 1) { ["number": .integer(($0["number"]?.integerValue ?? 0) * 100)] }
            ])
            let later = Projections(log.database, clock: SystemWallClock(), upcasters: upcasters)
            try await later.pause("sums")
            #expect(await code { try await later.retry(2, of: Sums()) } == "event.projection_paused")
            #expect(try await later.state(of: "sums").parked == 1)
            try await later.resume("sums")
            try await later.retry(2, of: Sums())
            #expect(try await total(log, generation: 1) == 201)
        }
    }

    @Test(
        "A node that has not noticed an exchange brings nothing back, and names in reports have no generations",
        arguments: TestDatabase.engines)
    func abandoned(on engine: TestDatabase.Engine) async throws {
        try await withSums(engine) { log, projections in
            try await append(1...5, log)
            let metrics = TestMetrics()
            let node = Task {
                try await ProjectionRunner(
                    Sums(), database: log.database, polling: .milliseconds(20), metrics: metrics
                ).run()
            }
            _ = try await state(projections) { $0.position == 5 }
            try await projections.rebuild("sums")
            #expect(try await log.followers().map(\.name).contains("projection.sums.rebuild"))
            _ = try await state(projections) { $0.generation == 2 }
            while try await log.subscriptions().count > 1 { try await Task.sleep(for: .milliseconds(5)) }
            // As a node does that still serves the first generation.
            let old = SubscriptionRunner(
                try Subscription("projection.sums.1", startAt: .existing), database: log.database, clock: StillClock(),
                metrics: NOOPMetricsHandler.instance
            ) { _, _ in Issue.record("there is nothing to be handled") }
            let lagging = Task { try await old.run() }
            try await append(6...10, log)
            _ = try await state(projections) { $0.position == 10 }
            lagging.cancel()
            try await lagging.value
            node.cancel()
            try await node.value
            #expect(try await log.subscriptions().map(\.name) == ["projection.sums.2"])
            #expect(try await log.followers().map(\.name) == ["projection.sums"])
            let labels = metrics.recorders.filter { $0.label == "events.subscription.lag" }
                .compactMap { $0.dimensions.first?.1 }
            #expect(Set(labels) == ["projection.sums", "projection.sums.rebuild"])
            let rebuild = try metrics.expectGauge(
                "events.subscription.lag", [("subscription", "projection.sums.rebuild")])
            #expect(rebuild.lastValue == 0)
        }
    }

    @Test("The types of events are counted by workspace and version", arguments: TestDatabase.engines)
    func types(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let stream = StreamName("order", "1")
            for number in 1...3 { try await log.append([.counted(number)], to: stream, context: .test()) }
            try await log.append([NewEvent("order.paid", typeVersion: 2)], to: stream, context: .test())
            try await log.append([NewEvent("order.paid")], to: stream, context: .test(workspace: "other"))
            try await running([EventTypesProjection()], log) {
                while try await log.types(in: WorkspaceID("other")).isEmpty {
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            let types = try await log.types(in: .default)
            #expect(types.map(\.type) == ["test.happened", "order.paid"] && types.map(\.count) == [3, 1])
            #expect(types.map(\.typeVersion) == [1, 2] && types.map(\.first.position) == [1, 4])
            #expect(types.map(\.last.position) == [3, 4])
            #expect(try await log.types(in: .default, after: 1).map(\.type) == ["order.paid"])
        }
    }
}
