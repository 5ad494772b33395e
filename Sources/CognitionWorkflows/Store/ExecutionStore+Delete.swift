import CognitionCore
import CognitionEvents
import CognitionStorage

extension ExecutionStore {
    /// Tasks that one transaction deletes.
    static let tasksDeletedMax = 1_000

    /// Deletes a piece of an execution that has ended: its first tasks, and itself when none is left behind them.
    ///
    /// - Returns: What it was, once everything is gone; `nil` when more is left.
    /// - Throws: `workflow.execution_not_found`, `workflow.execution_live`.
    static func deletePiece(
        of id: ExecutionID, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> ExecutionSummary? {
        // One deletes at a time; who comes second goes on with what is left.
        _ = try tx.first(
            "SELECT key FROM executions WHERE id = \(id) AND workspace_id = \(workspace) \(fragment: .forUpdate)"
        ) { try $0[0] as Int64 }
        guard let (key, summary) = try summary(of: id, in: workspace, tx) else { throw WorkflowError.notFound(id) }
        guard summary.status.hasEnded else {
            throw WorkflowError(
                .executionLive, "execution \(id) is \(summary.status.name); only one that has ended can be deleted")
        }
        guard try !isAwaited(key, tx) else {
            throw WorkflowError(
                .executionLive,
                """
                a task of an execution that has not ended waits for execution \(id), and would run it again; \
                it can be deleted once that task has ended
                """)
        }
        try checkHasNoForks(key, id, tx)
        let isLast = try deleteTasks(of: key, workspace, tx)
        guard isLast else { return nil }
        try tx.execute("DELETE FROM checkpoints WHERE execution_key = \(key)")
        // The key may be given to another execution, which must not find this one's children.
        try tx.execute("UPDATE executions SET parent_key = NULL, parent_task = NULL WHERE parent_key = \(key)")
        try MailStore.deleteAll(of: key, in: workspace, tx)
        try ListenerStore.removeAll(of: key, tx)
        try ApprovalStore.deleteAll(of: key, tx)
        let payloads = try tx.query(
            """
            DELETE FROM executions WHERE key = \(key)
            RETURNING input, input_sha256, context, context_sha256, output, output_sha256
            """
        ) { row in try [0, 2, 4].compactMap { try StoredPayload(row, at: $0) } }
        try release(payloads, workspace, tx)
        return summary
    }

    /// Whether the task that has started an execution may still ask for it, by its key.
    private static func isAwaited(_ key: Int64, _ tx: borrowing Transaction) throws -> Bool {
        let parent = try tx.first("SELECT parent_key, parent_task FROM executions WHERE key = \(key)") { row in
            (key: try row[0] as Int64?, task: try row[1] as Int?)
        }
        guard let parentKey = parent?.key, let task = parent?.task else { return false }
        let live = try tx.first(
            """
            SELECT 1 FROM executions p JOIN tasks t ON t.id = \(TaskKey(parentKey, task))
            WHERE p.key = \(parentKey) AND p.ended_at IS NULL AND t.ended_at IS NULL
            """
        ) { try $0[0] as Int }
        return live != nil
    }

    /// - Returns: Whether no task is left.
    private static func deleteTasks(
        of key: Int64, _ workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> Bool {
        let range = TaskKey.range(of: key)
        let payloads = try tx.query(
            """
            DELETE FROM tasks
            WHERE id IN (SELECT id FROM tasks WHERE id >= \(range.lowerBound) AND id <= \(range.upperBound)
                         ORDER BY id LIMIT \(tasksDeletedMax))
            RETURNING own_input, own_input_sha256, input, input_sha256, output, output_sha256, items, items_sha256,
                context, context_sha256
            """
        ) { row in
            try [0, 2, 4, 6, 8].compactMap { column -> StoredPayload? in
                // Only those that are stored apart are of interest.
                guard case .reference(let hash) = try StoredPayload(row, at: column) else { return nil }
                return StoredPayload.reference(hash)
            }
        }
        try release(payloads, workspace, tx)
        return payloads.count < tasksDeletedMax
    }

    private static func release(
        _ payloads: [[StoredPayload]], _ workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws {
        for payload in payloads.joined() { try PayloadStore.release(payload, workspace: workspace, in: tx) }
    }
}
