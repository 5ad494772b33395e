import CognitionStorage

extension Workflows {
    /// The exact order of what happened in an execution, what its forks share with it, and its checkpoints.
    static let forksMigration = Migration(
        "workflows.006_forks",
        [
            // Counts of ended tasks: what had happened before, and which end it was. NULL in rows of older releases.
            "ALTER TABLE tasks ADD COLUMN placed_after \(fragment: .int64)",
            "ALTER TABLE tasks ADD COLUMN ended_order \(fragment: .int64)",
            "ALTER TABLE tasks ADD COLUMN context \(fragment: .bytes)",
            "ALTER TABLE tasks ADD COLUMN context_sha256 \(fragment: .bytes)",
            "ALTER TABLE tasks ADD COLUMN cost_micros \(fragment: .int64)",
            // The tasks of `fork_key` up to `fork_number` are this execution's too, unless it has a row of that number.
            "ALTER TABLE executions ADD COLUMN fork_key \(fragment: .int64)",
            "ALTER TABLE executions ADD COLUMN fork_number \(fragment: .int64)",
            "ALTER TABLE executions ADD COLUMN fork_order \(fragment: .int64)",
            "ALTER TABLE executions ADD COLUMN forked_from \(fragment: .text)",
            "ALTER TABLE executions ADD COLUMN fork_task \(fragment: .int64)",
            "ALTER TABLE executions ADD COLUMN fork_checkpoint \(fragment: .text)",
            "ALTER TABLE executions ADD COLUMN ends_undone \(fragment: .int64)",
            "ALTER TABLE executions ADD COLUMN resumed_at \(fragment: .int64)",
            "CREATE INDEX executions_forks ON executions (fork_key) WHERE fork_key IS NOT NULL",
            """
            CREATE TABLE checkpoints (
                key \(fragment: .identity), id \(fragment: .text) NOT NULL UNIQUE,
                execution_key \(fragment: .int64) NOT NULL, name \(fragment: .text), ends \(fragment: .int64) NOT NULL,
                taken_at \(fragment: .int64) NOT NULL, position \(fragment: .int64) NOT NULL,
                created_by \(fragment: .text) NOT NULL, UNIQUE (execution_key, name)
            ) \(fragment: .strict)
            """,
            "CREATE INDEX checkpoints_of ON checkpoints (execution_key, key)",
        ])
}
