import CognitionCore
import CognitionEvents
import CognitionStorage

/// What an execution is forked from, or tried again.
struct ForkSource: Sendable {
    let key: Int64
    let id: ExecutionID
    let workflowKey: Int64
    let status: ExecutionStatus
    let reason: StatusReason?
    let progress: Int
    let nextNumber: Int
    let startedAt: Timestamp?
    let endedAt: Timestamp?
    let forkOrder: Int
    let input: StoredPayload?
}

/// The row of a fork.
struct ForkRow {
    let id: ExecutionID
    let workflow: StoredWorkflow
    let input: StoredPayload
    /// Unlike that of any execution that was not forked in the same way.
    let inputHash: SHA256Digest
    let idempotencyKey: String?
    let principal: Principal
    let correlationID: String?
    let traceparent: String?
    let source: ForkSource
    /// Where the shared tasks end; `nil` of a fork from the start.
    let shared: (number: Int, ends: Int, endsUndone: Int)?
    let origin: ForkOrigin
}

extension ExecutionStore {
    static func forkSource(
        _ id: ExecutionID, in workspace: WorkspaceID, isHeld: Bool = false, _ tx: borrowing Transaction
    ) throws -> ForkSource? {
        if isHeld {
            _ = try tx.first(
                "SELECT key FROM executions WHERE id = \(id) AND workspace_id = \(workspace) \(fragment: .forUpdate)"
            ) { try $0[0] as Int64 }
        }
        return try tx.first(
            """
            SELECT key, workflow_key, status, reason, progress, next_number, started_at, ended_at, fork_order,
                input, input_sha256
            FROM executions WHERE id = \(id) AND workspace_id = \(workspace)
            """
        ) { row in
            ForkSource(
                key: try row[0], id: id, workflowKey: try row[1], status: try row[2], reason: try row[3],
                progress: try row[4], nextNumber: try row[5], startedAt: try row[6], endedAt: try row[7],
                forkOrder: try row[8] as Int? ?? 0, input: try StoredPayload(row, at: 9))
        }
    }

    /// The point at which an execution stands: for one that failed or was cancelled, the one before that.
    static func present(_ source: ForkSource, _ lineage: Lineage, _ tx: borrowing Transaction) throws -> HistoryPoint {
        let last =
            try lineage.collect(tx) {
                "SELECT MAX(t.ended_order) FROM tasks t WHERE \($0)"
            } as: {
                try $0[0] as Int?
            }.compactMap(\.self).max() ?? 0
        var ends = max(last, source.forkOrder)
        if let endedAt = source.endedAt, source.status != .completed {
            let dropped = try lineage.collect(tx) { condition in
                """
                SELECT t.ended_order FROM tasks t
                WHERE \(condition) AND t.ended_at = \(endedAt) AND t.ended_order IS NOT NULL
                    AND t.status IN (\(TaskStatus.faulted), \(TaskStatus.cancelled))
                """
            } as: {
                try $0[0] as Int
            }.sorted(by: >)
            for order in dropped where order == ends { ends -= 1 }
        }
        return HistoryPoint(ends: ends, isSettled: true)
    }

    /// The newest completed task with this reference, or else this name.
    static func completedTask(
        _ text: String, _ lineage: Lineage, _ tx: borrowing Transaction
    ) throws -> Int? {
        try lineage.collect(tx) { condition in
            """
            SELECT MAX(t.id) FROM tasks t
            WHERE \(condition) AND t.status = \(TaskStatus.completed) AND (t.reference = \(text) OR t.name = \(text))
            """
        } as: {
            try $0[0] as Int64?
        }.compactMap(\.self).map(TaskKey.number).max()
    }

    /// References of the tasks that had completed at a point, in the order of their first.
    static func completedReferences(
        _ lineage: Lineage, upTo number: Int, _ point: HistoryPoint, _ tx: borrowing Transaction
    ) throws -> [String] {
        let found = try lineage.collect(tx) { condition in
            """
            SELECT t.reference, MIN(t.id) FROM tasks t
            WHERE \(condition) AND t.status = \(TaskStatus.completed) AND t.ended_order <= \(point.ends)
            GROUP BY t.reference
            """
        } as: { row in
            (reference: try row[0] as String, number: TaskKey.number(of: try row[1]))
        }.filter { $0.number <= number }
        let first = Dictionary(found.map { ($0.reference, $0.number) }, uniquingKeysWith: min)
        return first.sorted { $0.value < $1.value }.map(\.key)
    }

    /// The first task of an execution's own; another one shows that it is being deleted.
    static func firstOwnTask(_ key: Int64, _ tx: borrowing Transaction) throws -> Int64? {
        let range = TaskKey.range(of: key)
        return try tx.first(
            "SELECT MIN(id) FROM tasks WHERE id >= \(range.lowerBound) AND id <= \(range.upperBound)"
        ) { try $0[0] as Int64? } ?? nil
    }

    /// Writes the row of a fork, which is due at once.
    /// - Throws: `workflow.archived`, `workflow.not_found`.
    static func insert(
        _ row: ForkRow, _ columns: ExecutionColumns, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Int64 {
        let (workflow, principal) = (row.workflow, row.principal)
        let wakeAt = columns.status.hasEnded ? nil : now
        let key = try tx.first(
            """
            INSERT INTO executions (id, workspace_id, workflow_key, name_key, input, input_sha256, input_hash,
                idempotency_key, created_by, correlation_id, traceparent, epoch, claims, created_at, status, progress, context,
                context_sha256, output, output_sha256, error, next_number, wake_at, started_at, ended_at,
                fork_key, fork_number, fork_order, ends_undone, forked_from, fork_task, fork_checkpoint)
            VALUES (\(row.id), \(principal.workspace), \(workflow.key), \(workflow.nameKey),
                \(row.input.inlineBytes), \(row.input.reference), \(row.inputHash.bytes), \(row.idempotencyKey),
                \(principal.actor), \(row.correlationID), \(row.traceparent), 1, 0, \(now), \(columns.status), \(columns.progress),
                \(columns.context?.inlineBytes), \(columns.context?.reference), \(columns.output?.inlineBytes),
                \(columns.output?.reference), \(columns.fault), \(columns.nextNumber), \(wakeAt), \(columns.startedAt),
                \(columns.endedAt), \(row.shared == nil ? nil : row.source.key), \(row.shared?.number),
                \(row.shared?.ends), \(row.shared?.endsUndone), \(row.source.id), \(row.origin.task), \(row.origin.checkpoint))
            RETURNING key
            """
        ) { try $0[0] as Int64 }
        guard let key else { preconditionFailure("an INSERT returns its row") }
        try WorkflowStore.checkTakesExecutions(workflow, tx)
        try tx.settle()
        return key
    }

    static func setEndsUndone(_ count: Int, of key: Int64, _ tx: borrowing Transaction) throws {
        try tx.execute("UPDATE executions SET ends_undone = \(count) WHERE key = \(key)")
    }

    /// - Throws: `workflow.execution_has_forks`.
    static func checkHasNoForks(_ key: Int64, _ id: ExecutionID, _ tx: borrowing Transaction) throws {
        let fork = try tx.first("SELECT id FROM executions WHERE fork_key = \(key) LIMIT 1") {
            try $0[0] as ExecutionID
        }
        guard let fork else { return }
        throw WorkflowError(
            .hasForks, "execution \(fork) was forked from execution \(id) and shares its tasks; delete the fork first")
    }

    // MARK: Retry

    /// Takes an execution that has failed, so that it can be gone on with.
    static func reopen(
        _ source: ForkSource, by node: UUIDv7, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> ExecutionClaim? {
        try tx.first(
            """
            UPDATE executions SET owner = \(node), epoch = epoch + 1, claims = 0, ended_at = NULL,
                status = \(ExecutionStatus.running), resumed_at = \(now), paused = 0
            WHERE key = \(source.key) AND owner IS NULL AND status = \(ExecutionStatus.faulted)
            RETURNING \(columns: ExecutionClaim.columns)
            """, as: ExecutionClaim.init(row:))
    }

    /// Forgets what tasks that start again had made of their inputs, and their children that did not complete, which are not
    /// what the tasks wait for any more.
    static func forget(
        _ numbers: [Int], of key: Int64, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws {
        for number in numbers {
            let id = TaskKey(key, number)
            let payloads = try tx.first("SELECT input, input_sha256, items, items_sha256 FROM tasks WHERE id = \(id)") {
                row in
                try [0, 2].compactMap { try StoredPayload(row, at: $0) }
            }
            guard let payloads, !payloads.isEmpty else { continue }
            try tx.execute(
                """
                UPDATE tasks SET input = NULL, input_sha256 = NULL, items = NULL, items_sha256 = NULL WHERE id = \(id)
                """)
            for payload in payloads { try PayloadStore.release(payload, workspace: workspace, in: tx) }
        }
        for number in numbers {
            try tx.execute(
                """
                UPDATE executions SET idempotency_key = NULL
                WHERE parent_key = \(key) AND parent_task = \(number) AND status <> \(ExecutionStatus.completed)
                """)
        }
    }
}
