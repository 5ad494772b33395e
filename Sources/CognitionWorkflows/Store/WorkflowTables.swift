package import CognitionStorage

extension Workflows {
    /// The tables of definitions, executions and tasks, in their order.
    package static let migrations = [
        Migration(
            "workflows.001_executions",
            [
                """
                CREATE TABLE workflows (
                    key \(fragment: .identity), workspace_id TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
                    version TEXT NOT NULL, hash \(fragment: .bytes) NOT NULL, document \(fragment: .bytes) NOT NULL,
                    title TEXT, created_at \(fragment: .int64) NOT NULL, created_by TEXT NOT NULL,
                    UNIQUE (workspace_id, namespace, name, version)
                ) \(fragment: .strict)
                """,
                """
                CREATE TABLE executions (
                    key \(fragment: .identity), id TEXT NOT NULL UNIQUE, workspace_id TEXT NOT NULL,
                    workflow_key \(fragment: .int64) NOT NULL REFERENCES workflows (key),
                    status \(fragment: .int64) NOT NULL, reason TEXT, progress \(fragment: .int64) NOT NULL,
                    input \(fragment: .bytes), input_sha256 \(fragment: .bytes), input_hash \(fragment: .bytes) NOT NULL,
                    context \(fragment: .bytes), context_sha256 \(fragment: .bytes),
                    output \(fragment: .bytes), output_sha256 \(fragment: .bytes), error \(fragment: .bytes),
                    next_number \(fragment: .int64) NOT NULL, idempotency_key TEXT, created_by TEXT NOT NULL,
                    parent_key \(fragment: .int64), parent_task \(fragment: .int64),
                    owner TEXT, epoch \(fragment: .int64) NOT NULL, claims \(fragment: .int64) NOT NULL,
                    wake_at \(fragment: .int64), cancel_requested_at \(fragment: .int64),
                    created_at \(fragment: .int64) NOT NULL, started_at \(fragment: .int64), ended_at \(fragment: .int64)
                ) \(fragment: .strict)
                """,
                // What nobody owns and is, or will be, due.
                """
                CREATE INDEX executions_due ON executions (wake_at) WHERE owner IS NULL AND wake_at IS NOT NULL
                """,
                "CREATE INDEX executions_owned ON executions (owner) WHERE owner IS NOT NULL",
                """
                CREATE INDEX executions_cancelling ON executions (owner) WHERE cancel_requested_at IS NOT NULL AND owner IS NOT NULL
                """,
                "CREATE INDEX executions_children ON executions (parent_key, parent_task) WHERE parent_key IS NOT NULL",
                """
                CREATE UNIQUE INDEX executions_idempotency ON executions (workspace_id, idempotency_key)
                WHERE idempotency_key IS NOT NULL
                """,
                // `id` is the execution's key times 2^20 plus the task's number, so that an execution's tasks lie together.
                """
                CREATE TABLE tasks (
                    id \(fragment: .int64) NOT NULL PRIMARY KEY, parent \(fragment: .int64) NOT NULL,
                    scope \(fragment: .int64) NOT NULL, name TEXT NOT NULL, reference TEXT NOT NULL,
                    source \(fragment: .int64) NOT NULL, own_input \(fragment: .bytes), own_input_sha256 \(fragment: .bytes),
                    status \(fragment: .int64) NOT NULL, reason TEXT, attempt \(fragment: .int64) NOT NULL,
                    started_at \(fragment: .int64) NOT NULL, ended_at \(fragment: .int64),
                    input \(fragment: .bytes), input_sha256 \(fragment: .bytes),
                    output \(fragment: .bytes), output_sha256 \(fragment: .bytes), error \(fragment: .bytes),
                    wake_at \(fragment: .int64), deadline \(fragment: .int64), progress \(fragment: .bytes),
                    items \(fragment: .bytes), items_sha256 \(fragment: .bytes)
                ) \(fragment: .strict)
                """,
            ])
    ]
}
