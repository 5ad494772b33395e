package import CognitionCore
package import CognitionStorage

/// Starts workflows by their schedules; filled by the server with its scheduler.
///
/// Its writes are a part of the transaction that declares a schedule. Where there is none, workflows start only when they are
/// asked to.
package protocol ScheduleKeeper: Sendable {
    /// What is wrong with a schedule, for its author; `nil` when it can be kept.
    func fault(in schedule: ScheduleDefinition) -> String?

    /// Has a workflow start by this schedule, and by no other any more.
    /// - Returns: Whether it counts from now on: it is new, or another than before.
    func keep(_ schedule: DeclaredSchedule, now: Timestamp, in tx: borrowing Transaction) throws -> Bool

    /// Has a workflow start by itself no more.
    func drop(
        _ workflow: WorkflowID, in workspace: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction) throws

    /// Starts a workflow that waits for events, as they are complete.
    /// - Parameter input: The events.
    func start(
        _ workflow: WorkflowID, input: JSONValue, in workspace: WorkspaceID, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws

    /// How the schedule of a workflow stands; `nil` when it has none.
    func standing(
        of workflow: WorkflowID, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> ScheduleStanding?
}

/// What the highest version of a workflow says of when it starts.
package struct DeclaredSchedule: Sendable {
    package let workflow: WorkflowID
    package let version: String
    package let workspace: WorkspaceID
    /// Who has stored the version; executions are started in that name.
    package let actor: String
    package let definition: ScheduleDefinition
    /// Neither the workflow nor the version is archived.
    package let isActive: Bool
}

/// A schedule as its keeper knows it.
package struct ScheduleStanding: Sendable {
    /// What the keeper calls it.
    package let job: String
    package let isActive: Bool
    package let nextAt: Timestamp?
    package let runsCompleted: Int64
    package let runsFailed: Int64
    package let lastRun: JSONValue

    package init(
        job: String, isActive: Bool, nextAt: Timestamp?, runsCompleted: Int64, runsFailed: Int64, lastRun: JSONValue
    ) {
        self.job = job
        self.isActive = isActive
        self.nextAt = nextAt
        self.runsCompleted = runsCompleted
        self.runsFailed = runsFailed
        self.lastRun = lastRun
    }
}
