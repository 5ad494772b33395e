import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Metrics
import MetricsTestKit
import Synchronization
import Testing

/// Counts events and adds up their numbers; refuses some.
private struct Tally: Projection {
    let name = "tally"
    var foldVersion = 1
    var failurePolicy = FailurePolicy.stop
    var isInline = true
    var appends = false
    var filter = EventFilter.all
    let refused: Refused

    final class Refused: Sendable {
        let numbers: Mutex<Set<Int>>
        init(_ numbers: Set<Int> = []) { self.numbers = Mutex(numbers) }
    }

    init(refusing refused: Refused = Refused(), _ policy: FailurePolicy = .stop, appends: Bool = false) {
        self.refused = refused
        failurePolicy = policy
        self.appends = appends
    }

    static let migration = Migration(
        "test.tallies",
        [
            """
            CREATE TABLE tallies (
                generation \(fragment: .int64) NOT NULL PRIMARY KEY, count \(fragment: .int64) NOT NULL,
                total \(fragment: .int64) NOT NULL
            ) \(fragment: .strict)
            """
        ])

    func apply(_ events: [Event], to generation: Generation, in tx: borrowing Transaction) throws {
        for event in events {
            let number = event.number ?? 0
            try tx.execute(
                """
                INSERT INTO tallies (generation, count, total) VALUES (\(generation.number), 1, \(number))
                ON CONFLICT (generation) DO UPDATE SET count = tallies.count + 1, total = tallies.total + excluded.total
                """)
            if refused.numbers.withLock({ $0.contains(number) }) {
                throw EventError(ErrorCode("test.refused", category: .conflict), "no \(number)")
            }
        }
        if appends { try tx.append([.counted(0)], to: StreamName("echo", "1"), context: .test()) }
    }

    func delete(_ generation: Int64, limit: Int, in tx: borrowing Transaction) throws -> Int {
        try tx.execute("DELETE FROM tallies WHERE generation = \(generation)")
    }
}

@Suite("Projections in the transaction of the append", .timeLimit(.minutes(2))) struct InlineProjectionTests {
    private func withTally(
        _ engine: TestDatabase.Engine, _ tally: Tally = Tally(),
        metrics: any MetricsFactory = NOOPMetricsHandler.instance,
        _ body: (EventLog, Projections) async throws -> Void
    ) async throws {
        try await withTestDatabase(engine, migrations: EventLog.migrations + [Tally.migration]) { database in
            let inline = InlineDatabase.serving([tally], in: database, clock: SystemWallClock(), metrics: metrics)
            try await body(EventLog(inline), Projections(inline, clock: SystemWallClock()))
        }
    }

    private func running<Value>(
        _ tally: Tally, _ logs: [EventLog], _ body: () async throws -> Value
    ) async throws -> Value {
        let runs = logs.map { log in
            Task { try await ProjectionRunner(tally, database: log.database, polling: .milliseconds(20)).run() }
        }
        defer { for run in runs { run.cancel() } }
        let value = try await body()
        for run in runs {
            run.cancel()
            try await run.value
        }
        return value
    }

    private func state(
        _ projections: Projections, until fits: (ProjectionState) -> Bool
    ) async throws -> ProjectionState {
        while true {
            if let state = try? await projections.state(of: "tally"), fits(state) { return state }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Count and total of what is read, and the log's head, of one moment.
    private func found(_ log: EventLog) async throws -> (count: Int, total: Int, head: Int) {
        try await log.database.read { tx in
            let row = try tx.first(
                "SELECT t.count, t.total FROM projections p JOIN tallies t ON t.generation = p.live WHERE p.name = 'tally'"
            ) { (try $0[0] as Int, try $0[1] as Int) }
            return (row?.0 ?? 0, row?.1 ?? 0, Int(try EventLog.head(in: tx)))
        }
    }

    private func append(_ numbers: Int..., to log: EventLog, _ stream: String = "1") async throws {
        try await log.append(numbers.map { .counted($0) }, to: StreamName("order", stream), context: .test())
    }

    @Test(
        "Whoever was told of an append finds it there, whatever wrote it, also when no runner runs",
        arguments: TestDatabase.engines)
    func readYourWrites(on engine: TestDatabase.Engine) async throws {
        try await withTally(engine) { log, projections in
            try await append(1, 2, to: log)
            #expect(try await found(log).count == 0, "nobody has opened it yet")
            try await running(Tally(), [log]) {
                _ = try await state(projections) { $0.position == 2 }
                for number in 3...20 {
                    try await append(number, to: log)
                    #expect(try await found(log).total == (1...number).reduce(0, +))
                }
            }
            let appends = ["2", "3"].map { StreamAppend([.counted(100)], to: StreamName("order", $0)) }
            try await log.append(appends, context: .test())
            #expect(try await found(log).total == 410)
            try await log.database.write { tx in
                try tx.append([.counted(1)], to: StreamName("order", "4"), context: .test())
                try tx.append(
                    Array(repeating: .counted(1), count: 1_200), to: StreamName("order", "5"), context: .test())
            }
            #expect(try await found(log) == (1_223, 1_611, 1_223))
            let end = try await projections.state(of: "tally")
            #expect(end.position == 1_223 && end.lag == 0)
        }
    }

    @Test(
        "It is caught up and made anew while others append, and what is read always says what the log says",
        arguments: TestDatabase.engines)
    func rebuild(on engine: TestDatabase.Engine) async throws {
        try await withTally(engine) { log, projections in
            for _ in 1...3 {
                try await log.append(
                    Array(repeating: .counted(1), count: 500), to: StreamName("a", "1"), context: .test())
            }
            let writers = (0..<4).map { writer in
                Task {
                    while !Task.isCancelled { try await append(1, to: log, "\(writer)") }
                }
            }
            defer { for writer in writers { writer.cancel() } }
            try await running(Tally(), [log]) {
                _ = try await state(projections) { $0.lag == 0 }
                for generation in 2...3 {
                    try await projections.rebuild("tally")
                    while true {
                        let now = try await found(log)
                        #expect(now.count == now.head && now.total == now.head)
                        if try await projections.state(of: "tally").generation == generation { break }
                    }
                }
                for writer in writers {
                    writer.cancel()
                    // An append that has not begun ends with the task.
                    do { try await writer.value } catch is CancellationError {}
                }
            }
            let end = try await found(log)
            #expect(end.count == end.head && end.head > 1_500)
            #expect(try await log.subscriptions().map(\.name).contains("projection.tally.3"))
        }
    }

    @Test("What it cannot take is not appended, and what others append meanwhile is", arguments: TestDatabase.engines)
    func refuses(on engine: TestDatabase.Engine) async throws {
        let tally = Tally(refusing: Tally.Refused([5]))
        try await withTally(engine, tally) { log, projections in
            try await append(1, to: log)
            try await running(tally, [log]) { _ = try await state(projections) { $0.position == 1 } }
            var requests: [(Int, Task<AppendReceipt, any Error>)] = []
            try await log.database.holdingWriter {
                for number in 2...8 {
                    requests.append(
                        (
                            number,
                            log.database.startWrite { tx in
                                try tx.append([.counted(number)], to: StreamName("order", "1"), context: .test())
                            }
                        ))
                }
            }
            for (number, request) in requests {
                let refusal = await code { _ = try await request.value }
                #expect(refusal == (number == 5 ? "test.refused" : nil))
            }
            #expect(try await found(log) == (7, 31, 7))
            #expect(try await projections.state(of: "tally").status == .running)
        }
    }

    @Test("With the policy skip it is put aside, and retried later", arguments: TestDatabase.engines)
    func skips(on engine: TestDatabase.Engine) async throws {
        let refused = Tally.Refused([5, 7])
        let tally = Tally(refusing: refused, .skip)
        let metrics = TestMetrics()
        try await withTally(engine, tally, metrics: metrics) { log, projections in
            try await append(1, to: log)
            try await running(tally, [log]) { _ = try await state(projections) { $0.position == 1 } }
            try await append(4, 5, 6, 7, to: log)
            #expect(try await found(log) == (3, 11, 5))
            #expect(try await projections.parked("tally").map(\.error) == ["test.refused: no 5", "test.refused: no 7"])
            #expect(metrics.counterTotal(label: "events.parked") == 2)
            refused.numbers.withLock { $0 = [] }
            try await projections.retry(3, of: tally)
            try await projections.discard(5, of: "tally")
            #expect(try await found(log) == (4, 16, 5))
        }
    }

    @Test("While it is paused appends go on without it; then it is brought up to them", arguments: TestDatabase.engines)
    func pause(on engine: TestDatabase.Engine) async throws {
        try await withTally(engine) { log, projections in
            try await append(1, to: log)
            try await running(Tally(), [log]) {
                _ = try await state(projections) { $0.position == 1 }
                try await projections.pause("tally")
                try await append(2, 3, to: log)
                #expect(try await found(log) == (1, 1, 3))
                try await projections.resume("tally")
                _ = try await state(projections) { $0.position == 3 }
                try await append(4, to: log)
                #expect(try await found(log) == (4, 10, 4))
            }
        }
    }

    @Test(
        "Events that it does not want keep it neither from appends nor from a rebuild", arguments: TestDatabase.engines)
    func silence(on engine: TestDatabase.Engine) async throws {
        var tally = Tally()
        tally.filter = EventFilter(streamType: "order")
        try await withTally(engine, tally) { [tally] log, projections in
            func others(_ count: Int) async throws {
                try await log.append(
                    Array(repeating: NewEvent("a.b"), count: count), to: StreamName("other", "1"), context: .test())
            }
            try await others(500)
            try await running(tally, [log]) {
                _ = try await state(projections) { $0.position == 500 }
                try await append(1, to: log)
                #expect(try await found(log) == (1, 1, 501))
                try await projections.pause("tally")
                try await others(500)
                try await projections.resume("tally")
                _ = try await state(projections) { $0.lag == 0 }
                try await append(2, to: log)
                #expect(try await found(log) == (2, 3, 1_002))
                try await others(500)
                try await projections.rebuild("tally")
                _ = try await state(projections) { $0.generation == 2 }
                try await append(3, to: log)
                #expect(try await found(log) == (3, 6, 1_503))
            }
        }
    }

    @Test("A handler that appends is refused", arguments: TestDatabase.engines)
    func appending(on engine: TestDatabase.Engine) async throws {
        let tally = Tally(appends: true)
        try await withTally(engine, tally) { log, projections in
            try await running(Tally(), [log]) {
                while (try? await projections.state(of: "tally")) == nil { try await Task.sleep(for: .milliseconds(2)) }
            }
            #expect(await code { try await append(1, to: log) } == "event.invalid")
            #expect(try await found(log) == (0, 0, 0))
        }
    }

    @Test("Two nodes append, each to the same projection, which misses nothing")
    func nodes() async throws {
        try await withTestNodes(2, migrations: EventLog.migrations + [Tally.migration]) { databases in
            let logs = databases.map {
                EventLog(InlineDatabase.serving([Tally()], in: $0, clock: SystemWallClock()))
            }
            let projections = Projections(logs[0].database, clock: SystemWallClock())
            try await running(Tally(), logs) {
                while (try? await projections.state(of: "tally")) == nil { try await Task.sleep(for: .milliseconds(2)) }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for writer in 0..<8 {
                        group.addTask {
                            for _ in 1...50 { try await append(1, to: logs[writer % 2], "\(writer)") }
                        }
                    }
                    try await projections.rebuild("tally")
                    try await group.waitForAll()
                }
                _ = try await state(projections) { $0.generation == 2 && $0.lag == 0 }
                try await append(1, to: logs[1])
            }
            let end = try await found(logs[0])
            #expect(end == (401, 401, 401), "\(end)")
        }
    }
}
