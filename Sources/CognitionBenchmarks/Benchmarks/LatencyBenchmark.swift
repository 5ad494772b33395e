import CognitionCore
import CognitionWorkflows

/// What durability adds to one task when nothing else runs.
struct LatencyBenchmark: Benchmark {
    static let name = "latency"

    /// The start, and one after each task.
    private static let commits = 4.0

    /// Milliseconds.
    private struct Samples {
        var executions: [Double] = []
        var tasks: [Double] = []
        var fsyncs: [Double] = []
    }

    func run(_ bench: Bench) async throws -> [Measurement] {
        let count = bench.size(600)
        let samples = try await EngineNode.with(bench.folder + "/latency.db") { node in
            let command = try await node.create(EngineNode.threeTasks)
            for _ in 0..<count / 4 { try await node.complete(command) }
            node.noop.remember()
            var samples = Samples()
            for _ in 0..<count {
                samples.executions.append(try await seconds { try await node.complete(command) } * 1e3)
                let calls = node.noop.takeCalls()
                samples.tasks += zip(calls, calls.dropFirst()).map { ($1 - $0).seconds * 1e3 }
                samples.fsyncs += try bench.disk.sample(2)
            }
            return samples
        }
        let fsync = samples.fsyncs.median
        let most = 2 * fsync + 0.3
        let commit = samples.executions.median / Self.commits
        let task = samples.tasks.median
        let floor = "<= 2 x fsync p50 + 0.3 ms = \(most.digits(3)) ms"
        return [
            Measurement(
                subject: "one execution alone: its time / 4 commits",
                figure: "p50 \(commit.digits(3)) ms, p99 \((samples.executions.percentile(0.99) / 4).digits(3)) ms",
                beside: "fsync p50 \(fsync.digits(3)) ms, p99 \(samples.fsyncs.percentile(0.99).digits(3)) ms",
                floors: [.atMost(most, commit, floor)]),
            Measurement(
                subject: "one execution alone: between two calls",
                figure: "p50 \(task.digits(3)) ms, p99 \(samples.tasks.percentile(0.99).digits(3)) ms",
                beside: "fsync p50 \(fsync.digits(3)) ms", floors: [.atMost(most, task, floor)]),
        ]
    }
}
