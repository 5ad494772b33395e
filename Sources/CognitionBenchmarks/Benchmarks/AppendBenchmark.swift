import CognitionCore
import CognitionEvents
import CognitionPostgresServer
import CognitionStorage
import Foundation

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
        var measurements = try await run(bench, on: .sqlite(path: bench.folder + "/events.db"))
        measurements +=
            try await bench.withPostgres { server in
                try await PostgresServer.withDatabase(at: server.address) { url in
                    var measurements = try await run(bench, on: .postgres(url: url))
                    measurements[0].beside += "; pgbench, 16 clients with a transaction each: "
                    measurements[0].beside += "\(try pgbench(server, url, count: bench.size(800)).grouped)/s"
                    return measurements
                }
            } ?? []
        return measurements
    }

    private func run(_ bench: Bench, on engine: BenchEngine) async throws -> [Measurement] {
        let database = try await engine.open()
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
        for load in loads { measurements.append(try await measure(load, on: engine, bench)) }
        return measurements
    }

    /// Ours and raw SQL take turns, each with the database for itself.
    private func measure(_ load: Load, on engine: BenchEngine, _ bench: Bench) async throws -> Measurement {
        var rates: [Double] = []
        var ratios: [Double] = []
        var rawRates: [Double] = []
        for _ in 0..<bench.repetitions {
            let raw = try rawRate(load, on: engine)
            let ours = try await rate(load, on: engine)
            try bench.disk.sample(20)
            rates.append(ours)
            rawRates.append(raw)
            ratios.append(ours / raw)
        }
        var floors = [Floor.atLeast(0.7, ratios.median, ">= 70 % of raw")]
        if let least = load.least { floors.append(.atLeast(least, rates.median, ">= \(least.grouped)/s")) }
        return Measurement(
            subject: engine.prefix + load.subject, figure: "\(rates.median.grouped)/s",
            beside: "\(ratios.median.percent) of raw SQL (\(rawRates.median.grouped)/s)",
            floors: floors)
    }

    private func rate(_ load: Load, on engine: BenchEngine) async throws -> Double {
        let database = try await engine.open()
        let log = EventLog(database)
        let clock = SystemWallClock()
        let ids = UUIDGenerator(clock: clock)
        let values = (0..<load.batch).map(BenchOrder.data)
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

    private func rawRate(_ load: Load, on engine: BenchEngine) throws -> Double {
        let raw = try engine.openRaw()
        defer { raw.close() }
        let events = (0..<load.batch).map { RawEvent(type: Self.type, data: BenchOrder.data($0)) }
        let appends = (0..<load.callers).map { RawAppend(stream: Self.stream($0), events: events) }
        let perRound = load.batch * load.callers
        let rounds = load.count / perRound
        for _ in 0..<rounds / 8 { try raw.append(appends) }
        let seconds = try seconds { for _ in 0..<rounds { try raw.append(appends) } }
        return Double(rounds * perRound) / seconds
    }

    /// Appends a second of clients that each run the log's statements in a transaction of their own.
    /// - Parameter count: Transactions of each of the 16 clients.
    private func pgbench(_ server: PostgresServer, _ url: String, count: Int) throws -> Double {
        // Its own language would read `:true` as a variable.
        let data = BenchOrder.data(0).jsonBytes.map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
        let script = """
            BEGIN;
            INSERT INTO streams (workspace_id, type, id, version) VALUES ('default', 'pgbench', :client_id, 1)
            ON CONFLICT (workspace_id, type, id) DO UPDATE SET version = streams.version + excluded.version
            RETURNING key, version \\gset
            SELECT pg_advisory_xact_lock(hashtextextended('events.head', 0));
            SELECT COALESCE(MAX(position), 0) + 1 AS position FROM events \\gset
            INSERT INTO events (
                position, stream_key, version, event_id, type, type_version, time, actor, data, data_hash
            ) VALUES (
                :position, :key, :version, uuid_send(gen_random_uuid()), '\(Self.type)', 1, 0, 'operator',
                decode('\(data)', 'hex'), sha256('a'));
            COMMIT;
            """
        let file = server.folder + "/append.sql"
        try script.write(toFile: file, atomically: true, encoding: .utf8)
        let output = try server.run(
            "pgbench", ["-n", "-M", "prepared", "-c", "16", "-j", "2", "-t", "\(count)", "-f", file, url])
        guard let rate = output.firstMatch(of: /tps = ([0-9.]+)/).flatMap({ Double($0.1) }) else {
            throw BenchmarkFailure("pgbench: \(output)")
        }
        return rate
    }

    private static let type = "order.placed"

    private static func stream(_ number: Int) -> String { "019385a0-0000-7000-8000-0000000000\(10 + number)" }
}
