package import CognitionCore
import CognitionEvents
import CognitionStorage

/// Executions as they were.
extension Workflows {
    /// An execution at a moment of its past: status, context, output, and a page of its tasks with their inputs and outputs.
    ///
    /// What is committed together happens at one moment. Of a task that ran then it is not known which attempt it was.
    ///
    /// - Parameters:
    ///   - cursor: The last task of the page before.
    ///   - limit: Tasks of a page, 1...200; fewer where their data is much.
    /// - Throws: `workflow.execution_not_found`, `workflow.moment_outside` for a position or time before the execution was
    ///   there, or that has not come yet.
    package func state(
        of id: ExecutionID, at wanted: PastMoment, after cursor: Int = 0, limit: Int, in workspace: WorkspaceID
    ) async throws -> PastState {
        let (limit, now) = (Self.pageSize(limit), clock.now)
        guard let key = try await database.read({ tx in try ExecutionStore.workflowKey(of: id, in: workspace, tx) })
        else { throw WorkflowError.notFound(id) }
        let inputIsAsGiven = try await leavesInputAsGiven(key)
        return try await database.read { tx in
            let reader = try PastReader(id, in: workspace, wanted, now: now, tx)
            return try reader.read(after: cursor, limit: limit, inputIsAsGiven: inputIsAsGiven, tx)
        }
    }
}
