package import CognitionCore
import CognitionEvents
import CognitionStorage

extension Workflows {
    /// How two executions differ. What they share, as forks do, is counted and not compared.
    ///
    /// - Parameters:
    ///   - cursor: How many pairs the pages before had.
    ///   - limit: Pairs of a page, 1...200; fewer where their outputs are much.
    ///   - changesOnly: Leaves out the pairs that are equal.
    /// - Throws: `workflow.execution_not_found`, `workflow.diff_too_large`.
    package func diff(
        of left: ExecutionID, with right: ExecutionID, after cursor: Int = 0, limit: Int, changesOnly: Bool = false,
        in workspace: WorkspaceID
    ) async throws -> ExecutionDiff {
        let limit = Self.pageSize(limit)
        return try await database.read { tx in
            try DiffReader(in: workspace).read(
                left, right, after: max(0, cursor), limit: limit, changesOnly: changesOnly, tx)
        }
    }

    /// Position of the last `execution.retried` of an execution; 0 when it was never tried again. Ends before it are none.
    package func lastRetry(of id: ExecutionID, in workspace: WorkspaceID) async throws -> Int64 {
        try await database.read { tx in
            let stream = WorkflowEvent.stream(of: id)
            return try EventLog.last(of: stream, workspace: workspace, type: "execution.retried", in: tx)?.position ?? 0
        }
    }
}
