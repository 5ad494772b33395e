import CognitionCore
import CognitionPostgresServer
import CognitionScheduler
import CognitionStorage
import Foundation

/// What is only waited for: a million delayed jobs, and ten thousand schedules.
struct RestingJobBenchmark: Benchmark {
    static let name = "resting-jobs"

    func run(_ bench: Bench) async throws -> [Measurement] {
        var measurements = try await run(bench, on: .sqlite(path: bench.folder + "/resting-jobs.db"))
        measurements.append(
            try await schedules(bench, on: .sqlite(path: bench.folder + "/resting-schedules.db"), beside: nil))
        measurements +=
            try await bench.withPostgres { server -> [Measurement] in
                // Before the million, which the server has to clear up behind.
                let scheduled = try await PostgresServer.withDatabase(at: server.address) { url in
                    try await schedules(bench, on: .postgres(url: url), beside: server)
                }
                return try await PostgresServer.withDatabase(at: server.address) { url in
                    try await run(bench, on: .postgres(url: url)) + [scheduled]
                }
            } ?? []
        return measurements
    }

    private func run(_ bench: Bench, on engine: BenchEngine) async throws -> [Measurement] {
        try await JobNode.with(engine) { node in
            try await node.running {
                let (count, samples) = (bench.size(1_000_000), bench.size(1_000))
                // Once without measuring, so that plans and caches are there.
                _ = try await starts(of: samples / 4, on: node, delay: Self.briefly)
                let before = try await starts(of: samples, on: node)
                let lookedBefore = try await starts(of: samples, on: node, delay: Self.briefly)
                var memory = [Self.residentBytes]
                for _ in 0..<2 {
                    for _ in 0..<count / 10_000 { try await node.enqueue(5_000, delay: .seconds(86_400)) }
                    memory.append(Self.residentBytes)
                }
                let after = try await starts(of: samples, on: node)
                let lookedAfter = try await starts(of: samples, on: node, delay: Self.briefly)
                func mebibytes(_ place: Int) -> String {
                    (Double(memory[place] - memory[place - 1]) / 1_048_576).digits(1)
                }
                let at = "with \(Double(count).grouped) delayed jobs at rest"
                return [
                    slowdown("a job's start \(at)", engine, after, before),
                    slowdown("the start of one that was due in 2 ms, \(at)", engine, lookedAfter, lookedBefore),
                    Measurement(
                        subject: engine.prefix + "memory of \(Double(count).grouped) delayed jobs",
                        figure: "\(mebibytes(2)) MiB for the second half",
                        beside: "\(mebibytes(1)) MiB for the first, with the database's cache"),
                ]
            }
        }
    }

    private func slowdown(
        _ subject: String, _ engine: BenchEngine, _ after: [Double], _ before: [Double]
    ) -> Measurement {
        let ratio = after.percentile(0.99) / before.percentile(0.99)
        return Measurement(
            subject: engine.prefix + subject,
            figure: "p50 \(after.median.digits(2)) ms, p99 \(after.percentile(0.99).digits(2)) ms",
            beside: """
                \(ratio.digits(2)) x the p99 of an empty table (p50 \(before.median.digits(2)) ms, p99 \
                \(before.percentile(0.99).digits(2)) ms)
                """, floors: [.atMost(2, ratio, "<= 2 x")])
    }

    /// So short a delay that the job is claimed by looking for what is ready, and not by its key as one that is ready at once.
    private static let briefly: Duration = .milliseconds(2)

    /// Milliseconds from the call that enqueues a job, or from the end of its delay, to its start.
    private func starts(of count: Int, on node: JobNode, delay: Duration = .zero) async throws -> [Double] {
        var times: [Double] = []
        for _ in 0..<count {
            let (start, number) = (ContinuousClock.now + delay, node.started + 1)
            try await node.enqueue(1, delay: delay == .zero ? nil : delay)
            try await node.untilStarted(number)
            times.append((node.lastStart - start).seconds * 1_000)
        }
        return times
    }

    /// Schedules of every day, of which a few fire while the processor time is measured; the same node without any is taken off.
    private func schedules(
        _ bench: Bench, on engine: BenchEngine, beside server: PostgresServer?
    ) async throws -> Measurement {
        try await JobNode.with(engine) { node in
            try await node.running {
                let count = bench.size(10_000)
                let idle = try await share(bench, beside: server)
                for number in 0..<count {
                    var job = JobNode.nothing
                    let text = "\(number % 60) \(number / 60 % 24) * * *"
                    job.schedule = try JobSchedule(["cron": .string(text), "timezone": "Europe/Berlin"])
                    _ = try await node.scheduler.create(job, as: .localOperator)
                }
                let busy = try await share(bench, beside: server)
                let server = server == nil ? "" : ", each with the server's own"
                return Measurement(
                    subject: engine.prefix + "processor time of \(Double(count).grouped) daily schedules",
                    figure: "\(((busy - idle) * 100).digits(2)) % of a core",
                    beside: "\((idle * 100).digits(2)) % without any\(server)",
                    floors: [.atMost(0.01, busy - idle, "< 1 %")])
            }
        }
    }

    /// The part of a core that this process, and the server beside it, take while nobody asks for anything.
    private func share(_ bench: Bench, beside server: PostgresServer?) async throws -> Double {
        // What went before is still cleared up behind.
        try await Task.sleep(for: .seconds(bench.isQuick ? 1 : 5))
        func taken() -> Double { Self.processorSeconds + (server?.processorSeconds ?? 0) }
        let (start, length) = (taken(), bench.isQuick ? 5.0 : 30.0)
        try await Task.sleep(for: .seconds(length))
        return (taken() - start) / length
    }

    private static var processorSeconds: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static var residentBytes: Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
