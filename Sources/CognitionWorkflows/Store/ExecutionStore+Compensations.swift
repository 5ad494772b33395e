import CognitionCore
import CognitionEvents
import CognitionStorage

extension Workflows {
    /// `ending` is how an execution ends once everything is undone, as ``PendingEnd/json``; NULL while it does not.
    static let compensationMigration = Migration(
        "workflows.005_compensation", ["ALTER TABLE executions ADD COLUMN ending \(fragment: .bytes)"])
}

/// What has to be undone, as the rows of the ended tasks tell it; see ``Compensation/mark``.
extension ExecutionStore {
    /// The tasks that would have to be undone, in the order of their starts, with their inputs and outputs.
    ///
    /// - Parameters:
    ///   - isCompensating: Compensations have begun. Then those that have ended are left out, and the one that has not is
    ///     the last.
    ///   - inputIsAsGiven: The document leaves the execution's input as it is.
    static func compensations(
        of claim: ExecutionClaim, isCompensating: Bool, inputIsAsGiven: Bool, _ tx: borrowing Transaction
    ) throws -> [Compensation] {
        let end = isCompensating ? try firstUndone(of: claim, tx) : nil
        var found = CompensationList()
        let range = TaskKey.range(of: claim.key)
        // One after the other, as many more than count may be attempts at the same.
        _ = try tx.query(
            """
            SELECT id, name, reference, progress FROM tasks
            WHERE id >= \(range.lowerBound) AND id <= \(range.upperBound) AND ended_at IS NOT NULL
                AND progress IS NOT NULL AND progress <> \(skippedBytes) ORDER BY id
            """
        ) { row in
            let number = TaskKey.number(of: try row[0])
            let mark = try json(row[3])
            if let entry = Compensation(task: number, name: try row[1], reference: try row[2], mark: mark) {
                found.add(entry)
            }
        }
        // What a fork has not done itself is its source's to undo; its tasks may have taken their input from there.
        let lineage = try Lineage(of: claim.key, tx)
        var reader = TaskDetailReader(
            key: claim.key, lineage: lineage, workspace: claim.workspace, inputIsAsGiven: inputIsAsGiven)
        return try found.all.filter { $0.task < end ?? .max }.map { entry in
            var entry = entry
            entry.input = try reader.inputValue(of: entry.task, tx)
            if entry.outcome == .completed {
                entry.output = try output(of: entry.task, in: lineage, claim, tx) ?? .null
            }
            return entry
        }
    }

    /// The number of the first task that has been undone, or of which that has been tried, behind which all others have
    /// been too; one that is being undone does not count.
    private static func firstUndone(of claim: ExecutionClaim, _ tx: borrowing Transaction) throws -> Int? {
        let range = TaskKey.range(of: claim.key)
        return try tx.first(
            """
            SELECT MIN(scope) FROM tasks
            WHERE id >= \(range.lowerBound) AND id <= \(range.upperBound) AND parent = 0 AND scope > 0
                AND ended_at IS NOT NULL
            """
        ) { try $0[0] as Int? } ?? nil
    }

    /// Whether an execution has done something that had to be undone, for one whose definition cannot be read.
    static func hasCompensations(_ claim: ExecutionClaim, _ tx: borrowing Transaction) throws -> Bool {
        let range = TaskKey.range(of: claim.key)
        return try tx.query(
            """
            SELECT progress FROM tasks
            WHERE id >= \(range.lowerBound) AND id <= \(range.upperBound) AND ended_at IS NOT NULL
                AND progress IS NOT NULL AND progress <> \(skippedBytes)
            """
        ) { try json($0[0])?["compensate"] != nil }.contains(true)
    }
}
