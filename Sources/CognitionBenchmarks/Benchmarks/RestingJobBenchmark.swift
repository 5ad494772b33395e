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
        measurements +=
            try await bench.withPostgres { server in
                try await PostgresServer.withDatabase(at: server.address) { url in
                    try await run(bench, on: .postgres(url: url))
                }
            } ?? []
        return measurements
    }

    private func run(_ bench: Bench, on engine: BenchEngine) async throws -> [Measurement] {
        try await JobNode.with(engine) { node in
            try await node.running {
                let count = bench.size(1_000_000)
                let before = try await starts(of: bench.size(1_000), on: node)
                let memory = Self.residentBytes
                for _ in 0..<count / 5_000 { try await node.enqueue(5_000, delay: .seconds(86_400)) }
                let grown = Self.residentBytes - memory
                let after = try await starts(of: bench.size(1_000), on: node)
                let ratio = after.percentile(0.99) / before.percentile(0.99)
                return [
                    Measurement(
                        subject: engine.prefix + "a job's start with \(Double(count).grouped) delayed jobs at rest",
                        figure: "p99 \(after.percentile(0.99).digits(2)) ms",
                        beside:
                            "\(ratio.digits(2)) x that of an empty table (\(before.percentile(0.99).digits(2)) ms); memory \((Double(grown) / 1_048_576).digits(1)) MiB more",
                        floors: [.atMost(2, ratio, "<= 2 x")]),
                    try await schedules(bench, on: engine, node),
                ]
            }
        }
    }

    /// Milliseconds from the call that enqueues a job to its start.
    private func starts(of count: Int, on node: JobNode) async throws -> [Double] {
        var times: [Double] = []
        for _ in 0..<count {
            let (start, number) = (ContinuousClock.now, node.started + 1)
            try await node.enqueue(1)
            try await node.untilStarted(number)
            times.append((node.lastStart - start).seconds * 1_000)
        }
        return times
    }

    /// Schedules of every day, of which a few fire while the processor time is measured.
    private func schedules(_ bench: Bench, on engine: BenchEngine, _ node: JobNode) async throws -> Measurement {
        let count = bench.size(10_000)
        for number in 0..<count {
            var job = JobNode.nothing
            let text = "\(number % 60) \(number / 60 % 24) * * *"
            job.schedule = try JobSchedule(["cron": .string(text), "timezone": "Europe/Berlin"])
            _ = try await node.scheduler.create(job, as: .localOperator)
        }
        try await Task.sleep(for: .seconds(1))
        let length = bench.isQuick ? 5.0 : 30.0
        let start = Self.processorSeconds
        try await Task.sleep(for: .seconds(length))
        let share = (Self.processorSeconds - start) / length
        return Measurement(
            subject: engine.prefix + "processor time of \(Double(count).grouped) daily schedules",
            figure: "\((share * 100).digits(2)) % of a core", floors: [.atMost(0.01, share, "< 1 %")])
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
