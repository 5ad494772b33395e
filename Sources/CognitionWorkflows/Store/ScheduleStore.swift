package import CognitionCore
package import CognitionStorage

extension Workflows {
    /// Schedules of workflows: one row for each name whose highest version has one.
    package static let scheduleMigration = Migration(
        "workflows.007_schedules",
        [
            // `workflow_key` is the version that the row was made from; another one than the latest has it made again.
            // `waits_for` is the execution whose end is counted from.
            """
            CREATE TABLE workflow_schedules (
                name_key \(fragment: .int64) NOT NULL PRIMARY KEY, workspace_id \(fragment: .text) NOT NULL,
                workflow_key \(fragment: .int64) NOT NULL, actor \(fragment: .text) NOT NULL,
                kind \(fragment: .text) NOT NULL, due_at \(fragment: .int64), waits_for \(fragment: .text),
                last_execution \(fragment: .text), last_at \(fragment: .int64)
            ) \(fragment: .strictWithRoom)
            """,
            "CREATE INDEX workflow_schedules_due ON workflow_schedules (due_at) WHERE due_at IS NOT NULL",
            "CREATE INDEX workflow_schedules_waiting ON workflow_schedules (waits_for) WHERE waits_for IS NOT NULL",
        ])
}

/// A schedule as it stands.
package struct WorkflowSchedule: Sendable {
    package let nameKey: Int64
    package let workspace: WorkspaceID
    package let workflow: WorkflowID
    package let workflowKey: Int64
    /// Who has stored the version that has it; executions are started in that name.
    package let actor: String
    package let kind: String
    package let dueAt: Timestamp?
    package let waitsFor: ExecutionID?
    package let lastExecution: ExecutionID?
    package let lastAt: Timestamp?
    package let isArchived: Bool
    package let isDeleted: Bool
}

enum ScheduleStore {
    /// Has a schedule looked at by an engine: the highest version of its workflow may be another now.
    ///
    /// - Parameter isNew: The version that was stored has one; else only a row that is there matters.
    static func markStale(
        _ nameKey: Int64, isNew: Bool, actor: String, in workspace: WorkspaceID, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        if isNew {
            try tx.send(
                """
                INSERT INTO workflow_schedules (name_key, workspace_id, workflow_key, actor, kind, due_at)
                VALUES (\(nameKey), \(workspace), 0, \(actor), '', \(now))
                ON CONFLICT (name_key) DO UPDATE SET workflow_key = 0, due_at = excluded.due_at, actor = excluded.actor
                """)
        } else {
            try tx.send(
                "UPDATE workflow_schedules SET workflow_key = 0, due_at = \(now) WHERE name_key = \(nameKey)")
        }
        tx.signal(.executionsDue)
    }

    /// Has the schedule looked at that a version had which is deleted.
    static func markStale(of workflow: StoredWorkflow, now: Timestamp, _ tx: borrowing Transaction) throws {
        try tx.send(
            """
            UPDATE workflow_schedules SET workflow_key = 0, due_at = \(now)
            WHERE name_key = \(workflow.nameKey) AND workflow_key IN (0, \(workflow.key))
            """)
        tx.signal(.executionsDue)
    }

    /// Schedules of which something is to be done: a moment has come, or the execution that is counted from has ended.
    static func due(now: Timestamp, limit: Int, _ tx: borrowing Transaction) throws -> [WorkflowSchedule] {
        try tx.query(
            """
            SELECT \(columns: WorkflowSchedule.columns) WHERE s.due_at <= \(now) ORDER BY s.due_at LIMIT \(limit)
            """, as: WorkflowSchedule.init(row:))
            + tx.query(
                """
                SELECT \(columns: WorkflowSchedule.columns)
                WHERE s.waits_for IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM executions e WHERE e.id = s.waits_for AND e.ended_at IS NULL) LIMIT \(limit)
                """, as: WorkflowSchedule.init(row:))
    }

    static func find(_ nameKey: Int64, _ tx: borrowing Transaction) throws -> WorkflowSchedule? {
        try tx.first(
            "SELECT \(columns: WorkflowSchedule.columns) WHERE s.name_key = \(nameKey)",
            as: WorkflowSchedule.init(row:))
    }

    /// Keeps a schedule as it is until the commit.
    static func hold(_ nameKey: Int64, _ tx: borrowing Transaction) throws -> Bool {
        try tx.first("SELECT 1 FROM workflow_schedules WHERE name_key = \(nameKey) \(fragment: .forUpdate)") {
            try $0[0] as Int
        } != nil
    }

    static func renew(
        _ schedule: WorkflowSchedule, from key: Int64, _ definition: ScheduleDefinition, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        try tx.execute(
            """
            UPDATE workflow_schedules SET workflow_key = \(key), kind = \(definition.kind),
                due_at = \(definition.first(after: now)), waits_for = NULL
            WHERE name_key = \(schedule.nameKey)
            """)
        try clearMail(schedule, tx)
        guard case .on(let strategy) = definition.trigger else { return }
        let keys = try strategy.listenerKeys(input: .null, scope: NoVariables())
        try ListenerStore.add(Listener(task: 0, keys: keys), of: -schedule.nameKey, in: schedule.workspace, tx)
    }

    static func delete(_ schedule: WorkflowSchedule, _ tx: borrowing Transaction) throws {
        try clearMail(schedule, tx)
        try tx.execute("DELETE FROM workflow_schedules WHERE name_key = \(schedule.nameKey)")
    }

    /// A schedule listens under the negative key of its workflow's name, as task 0.
    private static func clearMail(_ schedule: WorkflowSchedule, _ tx: borrowing Transaction) throws {
        try ListenerStore.remove(0, of: -schedule.nameKey, tx)
        try MailStore.deleteAll(of: -schedule.nameKey, in: schedule.workspace, tx)
    }

    /// Moves a schedule on, unless somebody else has.
    static func advance(
        _ schedule: WorkflowSchedule, to next: Timestamp?, waitsFor: ExecutionID?, started: ExecutionID?,
        now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            UPDATE workflow_schedules SET due_at = \(next), waits_for = \(waitsFor),
                last_execution = COALESCE(\(started), last_execution),
                last_at = CASE WHEN \(started) IS NULL THEN last_at ELSE \(now) END
            WHERE name_key = \(schedule.nameKey) AND workflow_key = \(schedule.workflowKey)
                AND COALESCE(due_at, 0) = \(schedule.dueAt ?? Timestamp(microseconds: 0))
                AND COALESCE(waits_for, '') = \(schedule.waitsFor?.description ?? "")
            """) == 1
    }
}

/// Where expressions stand that nothing surrounds.
struct NoVariables: VariableScope {
    func value(of variable: String) -> JSONValue { .null }
}

extension WorkflowSchedule {
    fileprivate static let columns: StaticString = """
        s.name_key, s.workspace_id, n.namespace, n.name, s.workflow_key, s.actor, s.kind, s.due_at, s.waits_for,
        s.last_execution, s.last_at, n.archived_at, n.deleted_at
        FROM workflow_schedules s JOIN workflow_names n ON n.key = s.name_key
        """

    fileprivate init(row: borrowing Row) throws {
        self.init(
            nameKey: try row[0], workspace: try row[1],
            workflow: WorkflowID(namespace: try row[2], name: try row[3]), workflowKey: try row[4], actor: try row[5],
            kind: try row[6], dueAt: try row[7], waitsFor: try row[8], lastExecution: try row[9], lastAt: try row[10],
            isArchived: try row[11] as Timestamp? != nil, isDeleted: try row[12] as Timestamp? != nil)
    }
}
