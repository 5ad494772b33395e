import CognitionCore
import CognitionEvents
import CognitionSQLite
import CognitionStorage

/// Events appended a second, beside raw SQL on the same tables.
struct AppendBenchmark: Benchmark {
    static let name = "events"

    /// How appends come.
    private struct Load {
        let subject: String
        /// Events of a repetition.
        let count: Int
        /// Events of one append.
        let batch: Int
        let callers: Int
        /// Events a second, where the design asks for so many.
        let least: Double?
    }

    func run(_ bench: Bench) async throws -> [Measurement] {
        let path = bench.folder + "/events.db"
        let database = try await SQLiteDatabase.open(at: path)
        try await database.migrate(EventLog.migrations, now: SystemWallClock().now)
        await database.close()
        // How many a single caller gets done is the disk's to say, so it has to keep up with raw SQL only.
        let loads = [
            Load(
                subject: "events appended one by one, 64 callers", count: bench.size(40_000), batch: 1, callers: 64,
                least: 8_000),
            Load(
                subject: "events appended in batches of 100, 1 caller", count: bench.size(40_000), batch: 100,
                callers: 1,
                least: nil),
            Load(
                subject: "events appended in batches of 100, 8 callers", count: bench.size(80_000), batch: 100,
                callers: 8,
                least: 30_000),
        ]
        var measurements: [Measurement] = []
        for load in loads { measurements.append(try await measure(load, at: path, bench)) }
        return measurements
    }

    /// Ours and raw SQL take turns, each with the file for itself.
    private func measure(_ load: Load, at path: String, _ bench: Bench) async throws -> Measurement {
        var rates: [Double] = []
        var ratios: [Double] = []
        var rawRates: [Double] = []
        for _ in 0..<bench.repetitions {
            let raw = try rawRate(load, at: path)
            let ours = try await rate(load, at: path)
            try bench.disk.sample(20)
            rates.append(ours)
            rawRates.append(raw)
            ratios.append(ours / raw)
        }
        var floors = [Floor.atLeast(0.7, ratios.median, ">= 70 % of raw")]
        if let least = load.least { floors.append(.atLeast(least, rates.median, ">= \(least.grouped)/s")) }
        return Measurement(
            subject: load.subject, figure: "\(rates.median.grouped)/s",
            beside: "\(ratios.median.percent) of raw SQL (\(rawRates.median.grouped)/s)",
            floors: floors)
    }

    private func rate(_ load: Load, at path: String) async throws -> Double {
        let database = try await SQLiteDatabase.open(at: path)
        let log = EventLog(database)
        let clock = SystemWallClock()
        let ids = UUIDGenerator(clock: clock)
        let values = (0..<load.batch).map(Self.data)
        let append: @Sendable (Int) async throws -> Void = { caller in
            let events = values.map { NewEvent(Self.type, data: $0) }
            let context = EventContext(.localOperator, time: clock.now, ids: ids)
            try await log.append(events, to: StreamName("bench", Self.stream(caller)), context: context)
        }
        _ = try await concurrently(load.count / load.batch / 8, inFlight: load.callers, append)
        let seconds = try await concurrently(load.count / load.batch, inFlight: load.callers, append)
        await database.close()
        return Double(load.count / load.batch * load.batch) / seconds
    }

    private func rawRate(_ load: Load, at path: String) throws -> Double {
        let raw = try RawLog(path)
        defer { raw.close() }
        let events = (0..<load.batch).map { RawLog.Event(type: Self.type, data: Self.data($0)) }
        let appends = (0..<load.callers).map { RawLog.Append(stream: Self.stream($0), events: events) }
        let perRound = load.batch * load.callers
        let rounds = load.count / perRound
        for _ in 0..<rounds / 8 { try raw.append(appends) }
        let seconds = try seconds { for _ in 0..<rounds { try raw.append(appends) } }
        return Double(rounds * perRound) / seconds
    }

    private static let type = "order.placed"

    private static func stream(_ number: Int) -> String { "019385a0-0000-7000-8000-0000000000\(10 + number)" }

    private static func data(_ number: Int) -> JSONValue {
        [
            "order_id": .string("A-\(1000 + number)"), "customer": "Ada Lovelace", "items": .integer(Int64(number % 7)),
            "total": ["micros": 12_340_000, "currency": "EUR"], "express": true,
        ]
    }
}
