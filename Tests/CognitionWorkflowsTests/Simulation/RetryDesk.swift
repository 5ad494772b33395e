import CognitionCore
import CognitionSQLite
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows

/// Where executions of the simulation that have failed are tried again, as the engine does it: their rows are written into a
/// database, and what is read out of that is what they go on with.
struct RetryDesk {
    private let database: SQLiteDatabase

    init() async throws {
        database = try await SQLiteDatabase.inMemory()
        try await database.migrate(EngineHarness.migrations, now: ManualClock().now)
        // The definition is handed over beside the rows; this one is there because executions refer to one.
        try await database.write { tx in
            try tx.execute(
                """
                INSERT INTO workflow_names (key, workspace_id, namespace, name, owner, latest_key, created_at, updated_at)
                VALUES (1, 'default', 'test', 'made-up', 'operator', 1, 1, 1)
                """)
            try tx.execute(
                """
                INSERT INTO workflows (key, workspace_id, namespace, name, version, hash, document, created_at, created_by,
                    name_key)
                VALUES (1, 'default', 'test', 'made-up', '0.1.0', \([] as [UInt8]), \([] as [UInt8]), 1, 'operator', 1)
                """)
        }
    }

    func close() async { await database.close() }

    /// - Returns: `nil` where the execution cannot be tried again, because it took events one by one then.
    func retry(
        _ rows: SimulatedRows, of definition: WorkflowDefinition, now: Timestamp
    ) async throws -> (transition: Transition, pending: [Int])? {
        do {
            let retry = try await database.write { tx in
                try tx.execute("DELETE FROM tasks")
                try tx.execute("DELETE FROM executions")
                try Self.write(rows, tx)
                return try Retry(
                    of: rows.id, definition, as: Principal(actor: "user:ann", workspace: .default), now: now, tx)
            }
            return (retry.transition, retry.pending)
        } catch let error as WorkflowError where error.code == .forkPointInvalid {
            return nil
        }
    }

    private static func write(_ rows: SimulatedRows, _ tx: borrowing Transaction) throws {
        let state = rows.state
        try tx.execute(
            """
            INSERT INTO executions (key, id, workspace_id, workflow_key, name_key, status, progress, input, input_hash,
                next_number, created_by, epoch, claims, created_at, started_at, ended_at, ends_undone)
            VALUES (1, \(rows.id), 'default', 1, 1, \(state.status), \(state.progress), \(rows.input.jsonBytes),
                \([] as [UInt8]), \(state.nextNumber), 'operator', 1, 0, \(state.startedAt), \(state.startedAt),
                \(state.endedAt), \(state.endsUndone))
            """)
        for task in rows.tasks.values {
            try tx.execute(
                """
                INSERT INTO tasks (id, parent, scope, name, reference, source, own_input, status, attempt, started_at,
                    ended_at, input, output, error, progress, items, placed_after, ended_order, context)
                VALUES (\(Int64(1) << 20 | Int64(task.number)), \(task.parent), \(task.scope), \(task.name),
                    \(task.reference), \(task.source), \(task.ownInput?.jsonBytes), \(task.status), \(task.attempt),
                    \(task.startedAt), \(task.endedAt), \(task.input?.jsonBytes), \(task.output?.jsonBytes),
                    \(task.fault?.json.jsonBytes), \(task.progress?.jsonBytes), \(task.items?.jsonBytes),
                    \(task.placedAfter), \(task.endedOrder), \(task.context?.jsonBytes))
                """)
        }
    }
}
