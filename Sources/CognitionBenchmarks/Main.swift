import ArgumentParser
import CognitionCore
import Foundation

/// `cognitionos-bench`: measures what the floors of the design speak of, on the machine at hand.
@main
struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cognitionos-bench",
        abstract: "Measures how fast this build is, with the disk's fsync beside it.",
        discussion: """
            A figure counts as a ratio within one run: machines, and above all disks, differ from hour to hour.

            Benchmarks: \(all.map { type(of: $0).name }.joined(separator: ", ")). With --only alone: \
            \(long.map { type(of: $0).name }.joined(separator: ", ")).
            """,
        version: Release.version)

    /// Every benchmark, in the order of the report.
    static let all: [any Benchmark] = [
        ExecutionBenchmark(), LatencyBenchmark(), TaskBenchmark(), AppendBenchmark(), LogBenchmark(),
        RecoveryBenchmark(), JobBenchmark(), RestingJobBenchmark(),
        WaitingBenchmark(), SearchBenchmark(), ExpressionBenchmark(),
        ParsingBenchmark(), RequestBenchmark(), RequestedExecutionBenchmark(), SearchRequestBenchmark(),
        WebSocketLatencyBenchmark(),
        TwoNodeBenchmark(), ObservabilityBenchmark(), RefreshBenchmark(), LoginFloodBenchmark(), UserCountBenchmark(),
        StartupBenchmark(),
    ]

    /// Those that run only when they are asked for.
    static let long: [any Benchmark] = [SoakBenchmark()]

    @Option(help: "Runs one benchmark only. May be repeated.") var only: [String] = []
    @Flag(help: "Fewer repetitions: to see that everything works, not how fast it is.") var quick = false
    @Option(help: "Folder for the databases, on the disk that is to be measured; emptied afterwards.")
    var folder = ".build/bench"
    @Option(help: "Markdown file that a complete run, without --only and --quick, writes its results to.")
    var record: String?

    func validate() throws {
        for name in only where !(Self.all + Self.long).contains(where: { type(of: $0).name == name }) {
            throw ValidationError("There is no benchmark named \(name).")
        }
    }

    func run() async throws {
        let folder = folder + "/run-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }  // what is left over harms nobody
        let bench = Bench(folder: folder, isQuick: quick)
        var report = Report(machine: Machine(), date: SystemWallClock().now, repetitions: bench.repetitions)
        let chosen = (Self.all + Self.long).filter { only.contains(type(of: $0).name) }
        for benchmark in only.isEmpty ? Self.all : chosen {
            Terminal.progress("\(type(of: benchmark).name) …")
            try bench.disk.sample(100)
            do {
                report.measurements += try await benchmark.run(bench)
            } catch let failure as BenchmarkFailure {
                // What the others have measured is not lost.
                report.measurements.append(.missing(type(of: benchmark).name, failure.description))
            }
        }
        try bench.disk.sample(100)
        report.disk = bench.disk.figures
        Terminal.write(report.text)
        guard let record else { return }
        if quick || !only.isEmpty {
            Terminal.progress("\(record) is left as it is: only a complete run is recorded")
        } else {
            try report.markdown.write(toFile: record, atomically: true, encoding: .utf8)
            Terminal.progress("recorded in \(record)")
        }
    }
}
