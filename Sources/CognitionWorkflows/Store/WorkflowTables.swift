package import CognitionStorage

extension Workflows {
    /// The tables of definitions, executions and tasks, in their order.
    package static let migrations = [
        Migration(
            "workflows.001_executions",
            [
                """
                CREATE TABLE workflows (
                    key \(fragment: .identity), workspace_id \(fragment: .text) NOT NULL, namespace \(fragment: .text) NOT NULL, name \(fragment: .text) NOT NULL,
                    version \(fragment: .text) NOT NULL, hash \(fragment: .bytes) NOT NULL, document \(fragment: .bytes) NOT NULL,
                    title \(fragment: .text), created_at \(fragment: .int64) NOT NULL, created_by \(fragment: .text) NOT NULL,
                    UNIQUE (workspace_id, namespace, name, version)
                ) \(fragment: .strict)
                """,
                """
                CREATE TABLE executions (
                    key \(fragment: .identity), id \(fragment: .text) NOT NULL UNIQUE, workspace_id \(fragment: .text) NOT NULL,
                    workflow_key \(fragment: .int64) NOT NULL REFERENCES workflows (key),
                    status \(fragment: .int64) NOT NULL, reason \(fragment: .text), progress \(fragment: .int64) NOT NULL,
                    input \(fragment: .bytes), input_sha256 \(fragment: .bytes), input_hash \(fragment: .bytes) NOT NULL,
                    context \(fragment: .bytes), context_sha256 \(fragment: .bytes),
                    output \(fragment: .bytes), output_sha256 \(fragment: .bytes), error \(fragment: .bytes),
                    next_number \(fragment: .int64) NOT NULL, idempotency_key \(fragment: .text), created_by \(fragment: .text) NOT NULL,
                    parent_key \(fragment: .int64), parent_task \(fragment: .int64),
                    owner \(fragment: .text), epoch \(fragment: .int64) NOT NULL, claims \(fragment: .int64) NOT NULL,
                    wake_at \(fragment: .int64), cancel_requested_at \(fragment: .int64),
                    created_at \(fragment: .int64) NOT NULL, started_at \(fragment: .int64), ended_at \(fragment: .int64)
                ) \(fragment: .strictWithRoom)
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
                    scope \(fragment: .int64) NOT NULL, name \(fragment: .text) NOT NULL, reference \(fragment: .text) NOT NULL,
                    source \(fragment: .int64) NOT NULL, own_input \(fragment: .bytes), own_input_sha256 \(fragment: .bytes),
                    status \(fragment: .int64) NOT NULL, reason \(fragment: .text), attempt \(fragment: .int64) NOT NULL,
                    started_at \(fragment: .int64) NOT NULL, ended_at \(fragment: .int64),
                    input \(fragment: .bytes), input_sha256 \(fragment: .bytes),
                    output \(fragment: .bytes), output_sha256 \(fragment: .bytes), error \(fragment: .bytes),
                    wake_at \(fragment: .int64), deadline \(fragment: .int64), progress \(fragment: .bytes),
                    items \(fragment: .bytes), items_sha256 \(fragment: .bytes)
                ) \(fragment: .strictWithRoom)
                """,
            ]),
        Migration(
            "workflows.002_management",
            [
                // What belongs to a workflow and not to one of its versions. `latest_key` is NULL where nobody has
                // compared the versions yet, and for a workflow of which every version is deleted.
                """
                CREATE TABLE workflow_names (
                    key \(fragment: .identity), workspace_id \(fragment: .text) NOT NULL, namespace \(fragment: .text) NOT NULL, name \(fragment: .text) NOT NULL,
                    owner \(fragment: .text) NOT NULL, latest_key \(fragment: .int64), created_at \(fragment: .int64) NOT NULL,
                    updated_at \(fragment: .int64) NOT NULL, archived_at \(fragment: .int64),
                    deleted_at \(fragment: .int64), UNIQUE (workspace_id, namespace, name)
                ) \(fragment: .strict)
                """,
                "CREATE INDEX workflow_names_order ON workflow_names (workspace_id, key)",
                """
                INSERT INTO workflow_names (workspace_id, namespace, name, owner, created_at, updated_at)
                SELECT w.workspace_id, w.namespace, w.name, w.created_by, w.created_at,
                    (SELECT MAX(v.created_at) FROM workflows v
                     WHERE v.workspace_id = w.workspace_id AND v.namespace = w.namespace AND v.name = w.name)
                FROM workflows w
                WHERE w.key = (SELECT MIN(v.key) FROM workflows v
                               WHERE v.workspace_id = w.workspace_id AND v.namespace = w.namespace AND v.name = w.name)
                ORDER BY w.key
                """,
                """
                CREATE TABLE workflow_tags (
                    workspace_id \(fragment: .text) NOT NULL, tag \(fragment: .text) NOT NULL, name_key \(fragment: .int64) NOT NULL,
                    PRIMARY KEY (workspace_id, tag, name_key)
                ) \(fragment: .strict)
                """,
                "CREATE INDEX workflow_tags_of ON workflow_tags (name_key)",
                "ALTER TABLE workflows ADD COLUMN deleted_at \(fragment: .int64)",
                "ALTER TABLE workflows ADD COLUMN name_key \(fragment: .int64)",
                """
                UPDATE workflows SET name_key = (
                    SELECT n.key FROM workflow_names n
                    WHERE n.workspace_id = workflows.workspace_id AND n.namespace = workflows.namespace
                        AND n.name = workflows.name)
                """,
                "CREATE INDEX workflows_versions ON workflows (name_key, key)",
                "ALTER TABLE executions ADD COLUMN name_key \(fragment: .int64)",
                "ALTER TABLE executions ADD COLUMN cost_micros \(fragment: .int64) NOT NULL DEFAULT 0",
                "ALTER TABLE executions ADD COLUMN correlation_id \(fragment: .text)",
                """
                UPDATE executions SET name_key = (
                    SELECT w.name_key FROM workflows w WHERE w.key = executions.workflow_key)
                """,
                // Each list is read in the order of one of these; the last two hold few rows.
                "CREATE INDEX executions_workspace ON executions (workspace_id, key)",
                "CREATE INDEX executions_workflow ON executions (name_key, key)",
                """
                CREATE INDEX executions_live ON executions (workspace_id, workflow_key, key) WHERE ended_at IS NULL
                """,
                "CREATE INDEX executions_unsuccessful ON executions (workspace_id, status, key) WHERE status > 10",
            ]),
        mailMigration,
        SecretStore.migration,
        compensationMigration,
        forksMigration,
        scheduleMigration,
        fetchedDocuments,
        priorityMigration,
        requestsMigration,
        traceMigration,
        trialMigration,
    ]
}
