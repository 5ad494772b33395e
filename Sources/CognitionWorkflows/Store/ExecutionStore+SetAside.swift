import CognitionCore
import CognitionEvents
import CognitionStorage

/// What becomes of executions that no machine can go on with; the log is told, as of every change of a status.
extension ExecutionStore {
    /// Sets an execution aside; nothing wakes it but a person.
    static func suspend(
        _ claim: ExecutionClaim, reason: StatusReason, fault: WorkflowFault, ids: UUIDGenerator, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        let changed = try tx.execute(
            """
            UPDATE executions SET owner = NULL, status = \(ExecutionStatus.suspended), reason = \(reason),
                wake_at = CASE WHEN cancel_requested_at IS NULL THEN NULL ELSE wake_at END,
                error = \(fault.json.jsonBytes)
            WHERE key = \(claim.key) AND epoch = \(claim.epoch) AND ended_at IS NULL
            """)
        guard changed == 1 else { return }
        try tell("execution.suspended", of: claim, reason: reason, fault: fault, ids: ids, now: now, tx)
    }

    /// Lets an execution that was set aside be claimed again.
    static func trustAgain(_ id: ExecutionID, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws {
        try tx.send(
            """
            UPDATE executions SET reason = NULL, error = NULL, claims = 0,
                status = CASE WHEN started_at IS NULL THEN \(ExecutionStatus.pending) ELSE status END
            WHERE id = \(id) AND workspace_id = \(workspace) AND status = \(ExecutionStatus.suspended)
                AND reason = \(StatusReason.quarantined) AND owner IS NULL
            """)
    }

    /// Whether a task waits for a person to say what became of its effect.
    static func awaitsReconciliation(_ task: Int, of id: ExecutionID, _ tx: borrowing Transaction) throws -> Bool {
        guard (1...ExecutionMachine.tasksMax).contains(task) else { return false }
        return try tx.first(
            """
            SELECT 1 FROM executions e JOIN tasks t ON t.id = e.key * 1048576 + \(task)
            WHERE e.id = \(id) AND t.status = \(TaskStatus.waiting) AND t.reason = \(StatusReason.needsReconcile)
            """
        ) { try $0[0] as Int } != nil
    }

    /// Ends an execution whose rows fit nothing: they are marked, and nothing is derived from them. Children that a task
    /// waits for are ended by whoever owns them, or claims them now. What it has done is not undone, as nobody can read how;
    /// its reason says so where there is something.
    static func end(
        _ claim: ExecutionClaim, by actor: String?, ids: UUIDGenerator, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        let reason: StatusReason? = try hasCompensations(claim, tx) ? .compensationFailed : nil
        let changed = try tx.execute(
            """
            UPDATE executions SET owner = NULL, wake_at = NULL, cancel_requested_at = NULL, reason = \(reason),
                ending = NULL, status = \(ExecutionStatus.cancelled), ended_at = \(now)
            WHERE key = \(claim.key) AND epoch = \(claim.epoch) AND ended_at IS NULL
            """)
        guard changed == 1 else { return }
        try MailStore.deleteAll(of: claim.key, in: claim.workspace, tx)
        try ListenerStore.removeAll(of: claim.key, tx)
        try ApprovalStore.withdrawAll(of: claim.key, now: now, tx)
        let children = try tx.execute(
            """
            UPDATE executions SET cancel_requested_at = \(now), cancel_requested_by = \(claim.id.actor),
                wake_at = \(now)
            WHERE parent_key = \(claim.key) AND ended_at IS NULL AND EXISTS (
                SELECT 1 FROM tasks t
                WHERE t.id = \(TaskKey(claim.key, 0)) + executions.parent_task AND t.ended_at IS NULL)
            """)
        if children > 0 { tx.signal(.executionsDue) }
        let range = TaskKey.range(of: claim.key)
        try tx.execute(
            """
            UPDATE tasks SET status = \(TaskStatus.cancelled), ended_at = \(now)
            WHERE id >= \(range.lowerBound) AND id <= \(range.upperBound) AND ended_at IS NULL
            """)
        try tell(
            "execution.cancelled", of: claim, reason: reason,
            with: ExecutionMachine.member("cancelled_by", actor), ids: ids, now: now, tx)
    }

    /// Appends an event with what the row says now, as no machine tells it.
    private static func tell(
        _ type: String, of claim: ExecutionClaim, reason: StatusReason? = nil, fault: WorkflowFault? = nil,
        with extra: JSONObject = [:], ids: UUIDGenerator, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        guard let (_, summary) = try summary(of: claim.id, in: claim.workspace, tx) else {
            throw WorkflowError.notFound(claim.id)
        }
        var data: JSONObject = [
            "execution_id": .string(claim.id.description),
            "workflow_id": .string(summary.workflow.description),
            "version": .string(summary.version),
        ]
        for (name, value) in extra { data[name] = value }
        if let fault { data["error"] = fault.json }
        if let reason { data["reason"] = .string(reason.rawValue) }
        data["status"] = .string(summary.status.name)
        data["progress"] = .integer(Int64(summary.progress))
        let context = EventContext(
            Principal(actor: ExecutionOrigin.engine, workspace: claim.workspace), time: now, ids: ids,
            correlationID: claim.origin.correlationID, traceparent: claim.origin.traceparent)
        try tx.append([NewEvent(type, data: .object(data))], to: WorkflowEvent.stream(of: claim.id), context: context)
    }
}
