import CognitionCore
import CognitionPostgresServer
import Foundation

/// Ten minutes at an even pace on PostgreSQL: whether tables and indexes grow with what they hold, and requests stay as fast
/// as they were. In the middle a stranger leaves a transaction open for a minute, behind which nothing can be vacuumed:
/// tables grow by every version of a row meanwhile, and requests may not notice.
///
/// Not a part of a complete run, which it would make twice as long.
struct SoakBenchmark: Benchmark {
    static let name = "soak"

    private static let perSecond = 100
    /// Tables of a few rows that are written again and again.
    private static let hot = ["nodes", "subscriptions", "storage_writers"]
    /// Tables that have rows of each execution, which change until it ends.
    private static let growing = ["executions", "tasks", "streams"]

    /// How the database stood at the end of a minute.
    private struct Sample {
        let latencies: [Double]
        let executions: Int
        /// Bytes of tables with their indexes.
        let bytes: [String: Int]
        let deadRows: Int
    }

    func run(_ bench: Bench) async throws -> [Measurement] {
        let subject = "PostgreSQL: a soak of \(Self.perSecond) executions a second"
        guard let program = ServerProcess.program else { return [.missing(subject, Measurement.missingServer)] }
        let measurements = try await bench.withPostgres { server in
            try await PostgresServer.withDatabase(at: server.address) { try soak(bench, program, $0) }
        }
        return measurements ?? [.missing(subject, "PostgreSQL's server is not installed")]
    }

    private func soak(_ bench: Bench, _ program: URL, _ url: String) throws -> [Measurement] {
        let settings = ServerProcess.standardSettings.merging(["DATABASE_URL": url]) { $1 }
        let server = try ServerProcess(program, folder: bench.folder + "/soak", settings)
        defer { server.stop() }
        try server.awaitReady()
        let user = try ServerUser(on: server)
        try user.store(ServerUser.threeTasks)
        let minutes = bench.isQuick ? 3 : 10
        var samples: [Sample] = []
        var stranger: Stranger?
        for minute in 0..<minutes {
            if minute == Self.minuteOfStranger(minutes) { stranger = try Stranger(at: url) }
            if minute == Self.minuteOfStranger(minutes) + 1 { try stranger?.end() }
            samples.append(try sample(user, url))
            let last = samples[minute]
            Terminal.progress(
                "minute \(minute + 1): \(last.executions) executions, p99 \(last.latencies.percentile(0.99).digits(1)) ms, "
                    + "\(last.deadRows) dead rows, "
                    + (Self.hot + Self.growing).map { "\($0) \((last.bytes[$0] ?? 0) >> 10) KiB" }.joined(
                        separator: ", "))
        }
        return lines(samples, minutes)
    }

    private static func minuteOfStranger(_ minutes: Int) -> Int { minutes / 2 }

    /// A minute of requests, and how the database stands after it.
    private func sample(_ user: ServerUser, _ url: String) throws -> Sample {
        let paced = PacedRequests(
            port: user.server.port, path: ServerUser.executePath, token: user.token, perSecond: Self.perSecond)
        let latencies = try paced.latencies(seconds: 60, posting: ServerUser.executeBody("three-tasks"), status: 202)
        let sizes = try text(
            """
            SELECT string_agg(relname || '=' || pg_total_relation_size(relid), ' ') FROM pg_stat_user_tables
            """, url)
        var bytes: [String: Int] = [:]
        for size in sizes.split(separator: " ") {
            let parts = size.split(separator: "=")
            bytes[String(parts[0])] = Int(parts[1])
        }
        return Sample(
            latencies: latencies, executions: Int(try text("SELECT count(*) FROM executions", url)) ?? 0, bytes: bytes,
            deadRows: Int(try text("SELECT sum(n_dead_tup) FROM pg_stat_user_tables", url)) ?? 0)
    }

    private func text(_ statement: String, _ url: String) throws -> String {
        guard let text = try PostgresServer.execute(statement, at: url) else {
            throw BenchmarkFailure("PostgreSQL has nothing to say to: \(statement)")
        }
        return text
    }

    private func lines(_ samples: [Sample], _ minutes: Int) -> [Measurement] {
        guard let first = samples.first, let last = samples.last else { return [] }
        let perExecution = samples.map { sample in
            Double(Self.growing.reduce(0) { $0 + (sample.bytes[$1] ?? 0) }) / Double(max(1, sample.executions))
        }
        let largest = Self.hot.map { name in samples.map { $0.bytes[name] ?? 0 }.max() ?? 0 }.reduce(0, +)
        let (before, after) = (first.latencies.percentile(0.99), last.latencies.percentile(0.99))
        let middle = Self.minuteOfStranger(minutes)
        let (undisturbed, disturbed) = (
            samples[middle - 1].latencies.percentile(0.99), samples[middle].latencies.percentile(0.99)
        )
        return [
            Measurement(
                subject: "PostgreSQL: \(Double(last.executions).grouped) executions in \(minutes) minutes, "
                    + "until each is acknowledged, p99 of the last minute",
                figure: "\(after.digits(1)) ms", beside: "\(before.digits(1)) ms in the first"),
            Measurement(
                subject: "the same, p99 of the minute in which a stranger's transaction stays open",
                figure: "\(disturbed.digits(1)) ms", beside: "\(undisturbed.digits(1)) ms in the minute before",
                floors: [.atMost(2 * undisturbed, disturbed, "<= 2 x the minute before")]),
            Measurement(
                subject:
                    "the same: \(Self.growing.joined(separator: ", ")) with indexes, bytes an execution, at the end",
                figure: (perExecution.last ?? 0).grouped, beside: "\((perExecution.first ?? 0).grouped) after a minute",
                floors: [
                    .atMost(
                        1.3 * (perExecution.first ?? 0), perExecution.last ?? .infinity, "<= 1.3 x the first minute")
                ]),
            Measurement(
                subject: "the same: \(Self.hot.joined(separator: ", ")) with indexes, at their largest",
                figure: "\(largest >> 10) KiB",
                beside: "\(last.deadRows) dead rows in all tables at the end"),
        ]
    }
}

/// Somebody who has read, and left the transaction open.
private final class Stranger {
    private let child: Child
    private let url: String

    init(at url: String) throws {
        self.url = url
        child = try Child(
            "/usr/bin/env",
            [
                "psql", "--no-psqlrc", "--quiet", "-c",
                "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM executions; SELECT pg_sleep(600)", url,
            ], environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"])
    }

    /// The server does not notice by itself that nobody waits for its answer.
    func end() throws {
        try PostgresServer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", at: url)
        child.stop()
    }
}
