import CognitionStorage

extension Workflows {
    /// The trace that an execution belongs to.
    static let traceMigration = Migration(
        "workflows.009_trace",
        ["ALTER TABLE executions ADD COLUMN traceparent \(fragment: .text)"])
}
