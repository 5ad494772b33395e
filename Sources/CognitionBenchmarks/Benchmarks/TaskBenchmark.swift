import CognitionCore
import CognitionStorage
import CognitionWorkflows

/// What a task costs in executions of 100, 1,000 and 10,000 of them: when time and storage grow with the number of tasks
/// alone, every line says the same.
struct TaskBenchmark: Benchmark {
    static let name = "tasks"

    private static let sizes = [100, 1_000, 10_000]

    /// A kind of execution with as many tasks as its document, or its input, says.
    private struct Kind: Sendable {
        let tasks: String
        /// Microseconds that a task may take; `nil` for those that the disk decides about.
        var most: Double?
        let document: @Sendable (_ tasks: Int) -> String
    }

    private static let kinds = [
        Kind(tasks: "pure tasks in a list", most: 50) { count in
            document("pure-\(count)", (0..<count).map { "{t\($0): {set: {number: '${ .number + 1 }'}}}" })
        },
        Kind(tasks: "pure tasks in a loop", most: 50) { count in
            document(
                "loop-\(count)",
                ["{l: {for: {in: '${ [range(\(count))] }'}, do: [{t: {set: {number: '${ $item }'}}}]}}"])
        },
        Kind(tasks: "effect tasks in a loop") { count in
            document("effects-\(count)", ["{l: {for: {in: '${ [range(\(count))] }'}, do: [{t: {call: noop}}]}}"])
        },
        Kind(tasks: "branches of a fork that sleep") { count in
            document(
                "fork-\(count)", ["{f: {fork: {branches: [\(list((0..<count).map { "{b\($0): {wait: PT1S}}" }))]}}}"])
        },
    ]

    private static func list(_ parts: [String]) -> String { parts.joined(separator: ", ") }

    private static func document(_ name: String, _ tasks: [String]) -> String {
        """
        document: {dsl: '1.0.0', namespace: default, name: \(name), version: '1.0.0'}
        do: [\(list(tasks))]
        """
    }

    func run(_ bench: Bench) async throws -> [Measurement] {
        var measurements: [Measurement] = []
        for (number, kind) in Self.kinds.enumerated() {
            measurements += try await EngineNode.with(.sqlite(path: bench.folder + "/tasks-\(number).db")) { node in
                var lines: [Measurement] = []
                for size in Self.sizes { lines.append(try await line(kind, bench.size(size), node, bench)) }
                return lines
            }
        }
        return measurements
    }

    private func line(_ kind: Kind, _ count: Int, _ node: EngineNode, _ bench: Bench) async throws -> Measurement {
        let command = try await node.create(kind.document(count))
        try await node.complete(command)
        let before = try await Self.bytes(node)
        // As many executions as have some thousand tasks together, so that small ones can be told from nothing.
        let executions = max(bench.repetitions, 2_000 / count)
        var times: [Double] = []
        for _ in 0..<executions {
            times.append(try await seconds { try await node.complete(command) })
        }
        let bytes = Double(try await Self.bytes(node) - before) / Double(executions * count)
        let each = times.median * 1e6 / Double(count)
        return Measurement(
            subject: "an execution of \(Double(count).grouped) \(kind.tasks)",
            figure: "\((times.median * 1e3).digits(1)) ms, \(each.digits(1)) µs for each task",
            beside: "\(bytes.digits(0)) B of the file for each task",
            floors: kind.most.map { [.atMost($0, each, "<= \($0.digits(0)) µs")] } ?? [])
    }

    /// Bytes of the file that hold something.
    private static func bytes(_ node: EngineNode) async throws -> Int {
        try await node.database.read { tx in
            let pages = try tx.first("SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count")
            {
                try $0[0] as Int
            }
            let size = try tx.first("SELECT page_size FROM pragma_page_size") { try $0[0] as Int }
            return (pages ?? 0) * (size ?? 0)
        }
    }
}
