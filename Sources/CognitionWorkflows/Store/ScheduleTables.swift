import CognitionStorage

extension Workflows {
    /// Schedules of workflows as they were kept before the scheduler did: what is in there is handed over at the start.
    static let scheduleMigration = Migration(
        "workflows.007_schedules",
        [
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

    /// Versions that somebody tries out start only when they are asked to.
    static let trialMigration = Migration(
        "workflows.010_trials",
        ["ALTER TABLE workflows ADD COLUMN is_trial \(fragment: .int64) NOT NULL DEFAULT 0"])
}
