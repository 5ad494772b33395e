import CognitionCore
import CognitionStorage

/// The rows that a move to another version looks at and changes.
enum MoveStore {
    struct Held: Sendable {
        let id: ExecutionID
        let key: Int64
        let workflowKey: Int64
        let version: String
        let status: ExecutionStatus
        let progress: Int
        let isOwned: Bool
        let isEnding: Bool

        /// - Throws: `workflow.execution_ended`, `workflow.state_conflict`.
        func checkCanMove() throws {
            guard !status.hasEnded else { throw WorkflowError(.executionEnded, "execution \(id) has ended already") }
            guard !isEnding else {
                throw WorkflowError(.stateConflict, "execution \(id) undoes what it has done, and ends then")
            }
            guard [.waiting, .suspended].contains(status), !isOwned else {
                throw WorkflowError(
                    .stateConflict, "execution \(id) is \(status.name) on a node; suspend it, then move it")
            }
        }
    }

    /// Keeps an execution as it is until the commit.
    /// - Throws: `workflow.execution_not_found`.
    static func hold(
        _ id: ExecutionID, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> Held {
        _ = try tx.first("SELECT key FROM executions WHERE id = \(id) \(fragment: .forUpdate)") { try $0[0] as Int64 }
        let held = try tx.first(
            """
            SELECT e.key, e.workflow_key, w.version, e.status, e.progress, e.owner, e.ending, e.cancel_requested_at
            FROM executions e JOIN workflows w ON w.key = e.workflow_key
            WHERE e.id = \(id) AND e.workspace_id = \(workspace)
            """
        ) { row in
            Held(
                id: id, key: try row[0], workflowKey: try row[1], version: try row[2], status: try row[3],
                progress: try row[4], isOwned: try row[5] as String? != nil,
                isEnding: try row[6] as [UInt8]? != nil || row[7] as Timestamp? != nil)
        }
        guard let held else { throw WorkflowError.notFound(id) }
        return held
    }

    /// References of the tasks that have begun, and whether any of them has not ended.
    static func entered(
        _ key: Int64, _ tx: borrowing Transaction
    ) throws -> [(reference: String, isLive: Bool)] {
        let range = TaskKey.range(of: key)
        return try tx.query(
            """
            SELECT reference, COUNT(*) - COUNT(ended_at) FROM tasks
            WHERE id >= \(range.lowerBound) AND id <= \(range.upperBound) GROUP BY reference ORDER BY reference
            """
        ) { row in (reference: try row[0], isLive: try row[1] as Int64 > 0) }
    }

    /// - Throws: `workflow.archived`, `workflow.not_found` when the version was deleted meanwhile.
    static func move(_ key: Int64, to target: StoredWorkflow, _ tx: borrowing Transaction) throws {
        // The new row keeps others from deleting the version, and whoever did so before has been waited for.
        try tx.execute(
            "UPDATE executions SET workflow_key = \(target.key), epoch = epoch + 1 WHERE key = \(key) AND owner IS NULL"
        )
        try WorkflowStore.checkTakesExecutions(target, tx)
        try tx.settle()
    }
}
