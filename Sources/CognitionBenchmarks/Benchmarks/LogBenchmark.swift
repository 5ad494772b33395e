import CognitionCore
import CognitionEvents
import CognitionPostgresServer
import CognitionStorage
import Synchronization

/// What is done with events that are there: read, folded into read models and states, told to those who follow.
struct LogBenchmark: Benchmark {
    static let name = "log"

    private static let ids = UUIDGenerator()

    private static func context() -> EventContext {
        EventContext(.localOperator, time: SystemWallClock().now, ids: ids)
    }

    func run(_ bench: Bench) async throws -> [Measurement] {
        var measurements = try await run(bench, on: .sqlite(path: bench.folder + "/log.db"))
        measurements +=
            try await bench.withPostgres { server in
                try await PostgresServer.withDatabase(at: server.address) {
                    try await run(bench, on: .postgres(url: $0))
                }
            } ?? []
        return measurements
    }

    private func run(_ bench: Bench, on engine: BenchEngine) async throws -> [Measurement] {
        let database = try await engine.open()
        try await database.migrate(EventLog.migrations, now: SystemWallClock().now)
        let log = EventLog(database)
        try await fill(log, bench.size(200_000))
        var measurements = [try await reads(bench, log, engine)]
        measurements.append(try await projection(bench, log, engine))
        measurements.append(try await replay(bench, log, engine))
        measurements += try await following(bench, log, engine)
        await database.close()
        return measurements
    }

    private func fill(_ log: EventLog, _ count: Int) async throws {
        _ = try await concurrently(count / 500, inFlight: 8) { caller in
            let events = (0..<500).map { NewEvent("order.placed", data: BenchOrder.data($0)) }
            try await log.append(events, to: StreamName("bench", "s\(caller)"), context: Self.context())
        }
    }

    // MARK: Reading

    private func reads(_ bench: Bench, _ log: EventLog, _ engine: BenchEngine) async throws -> Measurement {
        var (rates, ratios, rawRates) = ([Double](), [Double](), [Double]())
        let head = try await log.head()
        for _ in 0..<bench.repetitions {
            let raw = try engine.openRaw()
            let rawRate = Double(head) / (try seconds { try raw.readAll(to: head) })
            raw.close()
            let took = try await seconds {
                var position: Int64 = 0
                while position < head { position = try await log.readAll(after: position, limit: 1_000).position }
            }
            rates.append(Double(head) / took)
            rawRates.append(rawRate)
            ratios.append(Double(head) / took / rawRate)
        }
        return Measurement(
            subject: "\(engine.prefix)events read in the order of the log, in pages of 1,000",
            figure: "\(rates.median.grouped)/s",
            beside: "\(ratios.median.percent) of raw SQL that does not parse (\(rawRates.median.grouped)/s)",
            floors: [.atLeast(200_000, rates.median, ">= 200,000/s")])
    }

    // MARK: Projections

    /// From the first event to the last, as a rebuild does it.
    private func projection(_ bench: Bench, _ log: EventLog, _ engine: BenchEngine) async throws -> Measurement {
        let projections = Projections(log.database, clock: SystemWallClock())
        var rates: [Double] = []
        for repetition in 0..<bench.repetitions {
            let projection = OrderProjection(name: "orders_\(repetition)")
            try await log.database.write { tx in try tx.execute(OrderProjection.table) }
            let start = ContinuousClock.now
            let running = Task { try await ProjectionRunner(projection, database: log.database).run() }
            let head = try await log.head()
            while (try? await projections.state(of: projection.name).position) ?? 0 < head {
                try await Task.sleep(for: .milliseconds(2))
            }
            rates.append(Double(head) / (ContinuousClock.now - start).seconds)
            running.cancel()
            try await running.value
            try await log.database.write { tx in try tx.execute("DROP TABLE bench_orders") }
        }
        return Measurement(
            subject: "\(engine.prefix)events projected, each into a row of its own",
            figure: "\(rates.median.grouped)/s",
            floors: [.atLeast(20_000, rates.median, ">= 20,000/s")])
    }

    // MARK: Aggregates

    private func replay(_ bench: Bench, _ log: EventLog, _ engine: BenchEngine) async throws -> Measurement {
        let stream = StreamName(OrderTotal.streamType, "long")
        let count = bench.size(100_000)
        for _ in 0..<count / 500 {
            let events = (0..<500).map { NewEvent("order.placed", data: BenchOrder.data($0)) }
            try await log.append(events, to: stream, context: Self.context())
        }
        let whole = Aggregates<OrderTotal>(log, policy: SnapshotPolicy(events: .max, duration: .seconds(3_600)))
        let folding = try await seconds { _ = try await whole.load(stream, in: .default) }
        let kept = Aggregates<OrderTotal>(log)
        _ = try await kept.load(stream, in: .default)
        // As many as come before the next snapshot.
        let events = (0..<199).map { NewEvent("order.placed", data: BenchOrder.data($0)) }
        try await log.append(events, to: stream, context: Self.context())
        var times: [Double] = []
        for _ in 0..<bench.size(200) {
            times.append(try await seconds { _ = try await kept.load(stream, in: .default) } * 1e3)
        }
        return Measurement(
            subject:
                "\(engine.prefix)state of a stream of \(Double(count).grouped) events, by a snapshot and 199 events",
            figure: "p50 \(times.median.digits(2)) ms, p99 \(times.percentile(0.99).digits(2)) ms",
            beside: "without a snapshot \((folding * 1e3).digits(0)) ms",
            floors: [.atMost(50, times.median, "<= 50 ms")])
    }

    // MARK: Following

    /// One append after the other on a log that is idle but for them, and who follows it: on PostgreSQL another node.
    private func following(_ bench: Bench, _ log: EventLog, _ engine: BenchEngine) async throws -> [Measurement] {
        let other = try await engine.isShared ? engine.open() : log.database
        let arrivals = Mutex<[String: ContinuousClock.Instant]>([:])
        let runner = SubscriptionRunner(try Subscription("bench", startAt: .end), database: other) { events, _ in
            let now = ContinuousClock.now
            arrivals.withLock { for event in events { $0[event.stream.id] = $0[event.stream.id] ?? now } }
        }
        let running = Task { try await runner.run() }
        try await Task.sleep(for: .milliseconds(500))
        var (acknowledged, arrived, fsyncs) = ([Double](), [Double](), [Double]())
        for number in 0..<bench.size(800) {
            let start = ContinuousClock.now
            try await log.append(
                [NewEvent("order.placed", data: BenchOrder.data(number))], to: StreamName("followed", "\(number)"),
                context: Self.context())
            acknowledged.append((ContinuousClock.now - start).seconds * 1e3)
            while arrivals.withLock({ $0["\(number)"] }) == nil { try await Task.sleep(for: .microseconds(200)) }
            if let arrival = arrivals.withLock({ $0["\(number)"] }) { arrived.append((arrival - start).seconds * 1e3) }
            fsyncs += try bench.disk.sample(1)
        }
        running.cancel()
        try await running.value
        if engine.isShared { await other.close() }
        let most = 2 * fsyncs.median + 1
        return [
            Measurement(
                subject: "\(engine.prefix)one event appended on an idle log, until it is acknowledged",
                figure: "p50 \(acknowledged.median.digits(3)) ms, p99 \(acknowledged.percentile(0.99).digits(3)) ms",
                beside: "fsync p50 \(fsyncs.median.digits(3)) ms",
                floors: [.atMost(most, acknowledged.median, "<= 2 x fsync p50 + 1 ms = \(most.digits(3)) ms")]),
            Measurement(
                subject: "\(engine.prefix)one event, from its append to a subscriber"
                    + (engine.isShared ? " on another node" : ""),
                figure: "p50 \(arrived.median.digits(2)) ms, p99 \(arrived.percentile(0.99).digits(2)) ms",
                floors: [.atMost(20, arrived.percentile(0.99), "p99 <= 20 ms")]),
        ]
    }
}

/// What the events of the benchmarks tell.
enum BenchOrder {
    static func data(_ number: Int) -> JSONValue {
        [
            "order_id": .string("A-\(1000 + number)"), "customer": "Ada Lovelace", "items": .integer(Int64(number % 7)),
            "total": ["micros": 12_340_000, "currency": "EUR"], "express": true,
        ]
    }
}

/// A read model with a row for each order.
private struct OrderProjection: Projection {
    let name: String
    let foldVersion = 1

    static let table: SQL = """
        CREATE TABLE bench_orders (
            generation \(fragment: .int64) NOT NULL, position \(fragment: .int64) NOT NULL, customer \(fragment: .text) NOT NULL,
            micros \(fragment: .int64) NOT NULL, PRIMARY KEY (generation, position)
        ) \(fragment: .strict)
        """

    private static let rows = BulkTable(
        "bench_orders", ["generation": .integer, "position": .integer, "customer": .text, "micros": .integer])

    func apply(_ events: [Event], to generation: Generation, in tx: borrowing Transaction) throws {
        var values: [SQLValue] = []
        values.reserveCapacity(events.count * 4)
        for event in events {
            values += [
                .integer(generation.number), .integer(event.position),
                .text(event.data["customer"]?.stringValue ?? ""),
                .integer(event.data["total"]?["micros"]?.integerValue ?? 0),
            ]
        }
        try tx.insert(into: Self.rows, values)
    }

    func delete(_ generation: Int64, limit: Int, in tx: borrowing Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM bench_orders WHERE generation = \(generation) AND position IN
                (SELECT position FROM bench_orders WHERE generation = \(generation) LIMIT \(limit))
            """)
    }
}

/// What all orders of a stream come to.
private struct OrderTotal: Aggregate {
    static let streamType = "bench_long"
    static let foldVersion = 1
    private var micros: Int64 = 0

    init() {}

    mutating func apply(_ event: Event) { micros += event.data["total"]?["micros"]?.integerValue ?? 0 }

    var snapshot: JSONValue { .integer(micros) }

    init?(snapshot: JSONValue) {
        guard let micros = snapshot.integerValue else { return nil }
        self.micros = micros
    }
}
