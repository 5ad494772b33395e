import CognitionStorage

extension Workflows {
    /// Who has asked for the end of an execution; which events were sent to an execution and not to a task.
    static let requestsMigration = Migration(
        "workflows.009_requests",
        [
            "ALTER TABLE executions ADD COLUMN cancel_requested_by \(fragment: .text)",
            "ALTER TABLE execution_messages ADD COLUMN is_signal \(fragment: .int64) NOT NULL DEFAULT 0",
            "UPDATE execution_messages SET is_signal = 1 WHERE kind = 0 AND task IS NULL",
        ])
}
