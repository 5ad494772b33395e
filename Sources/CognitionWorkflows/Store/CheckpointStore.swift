import CognitionCore
import CognitionEvents
import CognitionStorage

/// Checkpoints in the database.
enum CheckpointStore {
    /// - Throws: `workflow.checkpoint_taken`, `workflow.checkpoints_full`.
    static func insert(_ checkpoint: Checkpoint, of key: Int64, _ tx: borrowing Transaction) throws {
        if let name = checkpoint.name {
            let taken = try tx.first("SELECT 1 FROM checkpoints WHERE execution_key = \(key) AND name = \(name)") {
                try $0[0] as Int
            }
            guard taken == nil else {
                throw WorkflowError(
                    .checkpointTaken, "execution \(checkpoint.execution) has a checkpoint \(name) already")
            }
        }
        let count = try tx.first("SELECT COUNT(*) FROM checkpoints WHERE execution_key = \(key)") { try $0[0] as Int }
        guard count ?? 0 < Checkpoint.countMax else {
            throw WorkflowError(
                .checkpointsFull,
                "execution \(checkpoint.execution) has \(Checkpoint.countMax) checkpoints; delete one first")
        }
        try tx.execute(
            """
            INSERT INTO checkpoints (id, execution_key, name, ends, taken_at, position, created_by)
            VALUES (\(checkpoint.id), \(key), \(checkpoint.name), \(checkpoint.ends), \(checkpoint.takenAt),
                \(checkpoint.position), \(checkpoint.createdBy))
            """)
    }

    /// - Parameter text: An id, or a name.
    /// - Throws: `workflow.checkpoint_not_found`.
    static func find(_ text: String, of key: Int64, _ tx: borrowing Transaction) throws -> Checkpoint {
        let condition: SQL = CheckpointID(text).map { "c.id = \($0)" } ?? "c.name = \(text)"
        let found = try tx.first(
            """
            SELECT \(columns: columns) FROM checkpoints c JOIN executions e ON e.key = c.execution_key
            WHERE c.execution_key = \(key) AND \(condition)
            """
        ) { try checkpoint($0) }
        guard let found else {
            throw WorkflowError(.checkpointNotFound, "the execution has no checkpoint \(text.prefix(80))")
        }
        return found
    }

    /// In the order they were taken.
    static func page(
        of execution: Int64, after key: Int64, limit: Int, _ tx: borrowing Transaction
    ) throws -> [(key: Int64, checkpoint: Checkpoint)] {
        try tx.query(
            """
            SELECT \(columns: columns), c.key FROM checkpoints c JOIN executions e ON e.key = c.execution_key
            WHERE c.execution_key = \(execution) AND c.key > \(key) ORDER BY c.key LIMIT \(limit)
            """
        ) { row in (key: try row[7], checkpoint: try checkpoint(row)) }
    }

    static func delete(_ id: CheckpointID, _ tx: borrowing Transaction) throws {
        try tx.execute("DELETE FROM checkpoints WHERE id = \(id)")
    }

    private static let columns: StaticString = "c.id, e.id, c.name, c.ends, c.taken_at, c.position, c.created_by"

    private static func checkpoint(_ row: borrowing Row) throws -> Checkpoint {
        Checkpoint(
            id: try row[0], execution: try row[1], name: try row[2], ends: try row[3], takenAt: try row[4],
            position: try row[5], createdBy: try row[6])
    }
}
