import CognitionCore
import CognitionStorage

/// Whose rows tell the tasks of an execution: its own, then those of the executions it was forked from, each up to where
/// it was left.
///
/// A fork shares what had ended; what ran then has a row of its own in the fork, under the same number, which hides the
/// source's.
struct Lineage: Sendable {
    /// Forks of forks at most.
    static let depthMax = 64

    struct Segment: Sendable {
        let key: Int64
        /// The last task of it that belongs to the execution.
        let last: Int
    }

    /// The execution itself first.
    private(set) var segments: [Segment]

    /// Of an execution that was not forked from another.
    init(alone key: Int64) {
        segments = [Segment(key: key, last: TaskKey.number(of: TaskKey.range(of: key).upperBound))]
    }

    init(of key: Int64, _ tx: borrowing Transaction) throws {
        self.init(alone: key)
        var last = segments[0].last
        var next = try Self.source(of: key, tx)
        while let source = next {
            last = min(last, source.last)
            segments.append(Segment(key: source.key, last: last))
            next = try Self.source(of: source.key, tx)
        }
    }

    private static func source(of key: Int64, _ tx: borrowing Transaction) throws -> Segment? {
        let found = try tx.first("SELECT fork_key, fork_number FROM executions WHERE key = \(key)") { row in
            (key: try row[0] as Int64?, last: try row[1] as Int?)
        }
        guard let key = found?.key, let last = found?.last else { return nil }
        return Segment(key: key, last: last)
    }

    /// What is true of the rows of tasks `t` that a segment contributes, behind task `number`.
    private func condition(of place: Int, after number: Int) -> SQL {
        let segment = segments[place]
        var condition: SQL = """
            t.id > \(TaskKey(segment.key, number)) AND t.id <= \(TaskKey(segment.key, segment.last))
            """
        for nearer in segments.prefix(place) {
            let distance = (nearer.key - segment.key) << 20
            condition = "\(condition) AND NOT EXISTS (SELECT 1 FROM tasks o WHERE o.id = t.id + \(distance))"
        }
        return condition
    }

    /// Runs one statement for each segment and puts the results together.
    ///
    /// - Parameter statement: Is given the condition that tells which rows `t` to look at.
    func collect<Value>(
        after number: Int = 0, _ tx: borrowing Transaction, _ statement: (_ condition: SQL) -> SQL,
        as decode: (borrowing Row) throws -> Value
    ) throws -> [Value] {
        var values: [Value] = []
        for place in segments.indices where segments[place].last > number {
            values += try tx.query(statement(condition(of: place, after: number)), as: decode)
        }
        return values
    }

    /// The first `limit` rows behind task `number`, in the order of the numbers.
    /// - Parameters:
    ///   - columns: Of tasks `t`.
    ///   - filter: What must be true besides, beginning with AND.
    func page<Value>(
        _ columns: SQL, where filter: SQL = "", after number: Int = 0, limit: Int, _ tx: borrowing Transaction,
        as decode: (borrowing Row) throws -> Value, number of: (Value) -> Int
    ) throws -> [Value] {
        let found = try collect(after: number, tx) { condition in
            "SELECT \(columns) FROM tasks t WHERE \(condition)\(filter) ORDER BY t.id LIMIT \(limit)"
        } as: { row in
            try decode(row)
        }
        guard segments.count > 1 else { return found }
        return Array(found.sorted { of($0) < of($1) }.prefix(limit))
    }

    /// One task by its number.
    func first<Value>(
        _ columns: SQL, number: Int, _ tx: borrowing Transaction, as decode: (borrowing Row) throws -> Value
    ) throws -> Value? {
        for segment in segments where number <= segment.last {
            let found = try tx.first(
                "SELECT \(columns) FROM tasks t WHERE t.id = \(TaskKey(segment.key, number))", as: decode)
            if let found { return found }
        }
        return nil
    }
}
