import CognitionCore
import CognitionEvents
import CognitionStorage

extension ExecutionStore {
    /// Executions, newest first, before the one with key `before`.
    static func page(
        _ filter: ExecutionFilter, before: Int64, limit: Int, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [(key: Int64, summary: ExecutionSummary)] {
        var conditions: SQL = "e.workspace_id = \(workspace) AND e.key < \(before)"
        if let workflow = filter.workflow {
            guard let nameKey = try WorkflowStore.nameKey(of: workflow, in: workspace, tx) else { return [] }
            conditions = "\(conditions) AND e.name_key = \(nameKey)"
        }
        if let namespace = filter.namespace {
            conditions = """
                \(conditions) AND e.name_key IN (
                    SELECT key FROM workflow_names WHERE workspace_id = \(workspace) AND namespace = \(namespace))
                """
        }
        if let status = filter.status {
            // The second condition says what the status implies, so that the index of the few such rows is used.
            conditions = "\(conditions) AND e.status = \(status)"
            if !status.hasEnded { conditions = "\(conditions) AND e.ended_at IS NULL" }
            if status.hasEnded, status != .completed { conditions = "\(conditions) AND e.status > 10" }
        }
        if let since = filter.since {
            let start = try lastKey(before: since - ExecutionFilter.clockSkewMax, tx)
            conditions = "\(conditions) AND e.key > \(start) AND e.created_at >= \(since)"
        }
        return try tx.query(
            """
            SELECT \(columns: summaryColumns) FROM executions e JOIN workflows w ON w.key = e.workflow_key
            WHERE \(conditions) ORDER BY e.key DESC LIMIT \(limit)
            """
        ) { row in (key: try row[0], summary: try ExecutionSummary(row: row)) }
    }

    static func summary(
        of id: ExecutionID, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> (key: Int64, summary: ExecutionSummary)? {
        try tx.first(
            """
            SELECT \(columns: summaryColumns) FROM executions e JOIN workflows w ON w.key = e.workflow_key
            WHERE e.id = \(id) AND e.workspace_id = \(workspace)
            """
        ) { row in (key: try row[0], summary: try ExecutionSummary(row: row)) }
    }

    /// The execution that an idempotency key has started, with what it was started with.
    static func find(
        idempotencyKey: String, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> (summary: ExecutionSummary, inputHash: [UInt8], parent: ExecuteCommand.Parent?)? {
        try tx.first(
            """
            SELECT \(columns: summaryColumns), e.input_hash, e.parent_key, e.parent_task
            FROM executions e JOIN workflows w ON w.key = e.workflow_key
            WHERE e.workspace_id = \(workspace) AND e.idempotency_key = \(idempotencyKey)
            """
        ) { row in
            let (execution, task): (Int64?, Int?) = (try row[12], try row[13])
            var parent: ExecuteCommand.Parent?
            if let execution, let task { parent = .init(execution: execution, task: task) }
            return (summary: try ExecutionSummary(row: row), inputHash: try row[11], parent: parent)
        }
    }

    /// The highest key of an execution created before `moment`, found by halving: keys are given in the order of time, as
    /// far as the clocks agree.
    private static func lastKey(before moment: Timestamp, _ tx: borrowing Transaction) throws -> Int64 {
        var low: Int64 = 0
        var high = try tx.first("SELECT MAX(key) FROM executions") { try $0[0] as Int64? ?? 0 } ?? 0
        while low < high {
            let middle = low + (high - low) / 2 + 1
            // Keys have gaps where executions were deleted.
            let next = try tx.first(
                "SELECT key, created_at FROM executions WHERE key >= \(middle) ORDER BY key LIMIT 1"
            ) { row in (key: try row[0] as Int64, time: try row[1] as Timestamp) }
            if let next, next.time < moment { low = next.key } else { high = middle - 1 }
        }
        return low
    }

    private static let summaryColumns: StaticString = """
        e.key, e.id, w.namespace, w.name, w.version, e.status, e.reason, e.progress, e.created_at, e.ended_at,
        e.priority
        """
}

extension ExecutionSummary {
    /// Reads `ExecutionStore.summaryColumns`.
    fileprivate init(row: borrowing Row) throws {
        self.init(
            id: try row[1], workflow: WorkflowID(namespace: try row[2], name: try row[3]), version: try row[4],
            status: try row[5], reason: try row[6], progress: try row[7], priority: try row[10],
            createdAt: try row[8], endedAt: try row[9])
    }
}
