package import CognitionStorage

extension Workflows {
    /// Priorities of executions. Archived versions, and how long executions that have ended are kept.
    package static let priorityMigration = Migration(
        "workflows.008_priorities",
        [
            "ALTER TABLE executions ADD COLUMN priority \(fragment: .int64) NOT NULL DEFAULT 5",
            // What nobody owns and is, or will be, due, in the order in which each workspace's is claimed.
            """
            CREATE INDEX executions_turns ON executions (workspace_id, priority, wake_at)
            WHERE owner IS NULL AND wake_at IS NOT NULL
            """,
            "ALTER TABLE workflows ADD COLUMN archived_at \(fragment: .int64)",
            // Seconds; NULL is for ever.
            "ALTER TABLE workflow_names ADD COLUMN completed_kept_seconds \(fragment: .int64)",
            "ALTER TABLE workflow_names ADD COLUMN faulted_kept_seconds \(fragment: .int64)",
            "ALTER TABLE workflow_names ADD COLUMN cancelled_kept_seconds \(fragment: .int64)",
            """
            CREATE INDEX workflow_names_kept ON workflow_names (key)
            WHERE completed_kept_seconds IS NOT NULL OR faulted_kept_seconds IS NOT NULL
                OR cancelled_kept_seconds IS NOT NULL
            """,
            """
            CREATE INDEX executions_ended ON executions (name_key, status, ended_at) WHERE ended_at IS NOT NULL
            """,
        ])
}
