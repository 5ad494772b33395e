package import CognitionCore
import CognitionEvents
import CognitionStorage

/// Points in the history of executions that somebody wants to come back to.
extension Workflows {
    /// Remembers how far an execution is now. Of one that has failed or was cancelled it is the point before that.
    ///
    /// - Parameter name: Unlike that of any other checkpoint of the execution.
    /// - Throws: `workflow.execution_not_found`, `workflow.command_invalid`, `workflow.checkpoint_taken`,
    ///   `workflow.checkpoints_full`, `workflow.history_unknown`.
    package func makeCheckpoint(
        _ name: String? = nil, of id: ExecutionID, as principal: Principal
    ) async throws -> Checkpoint {
        if let name, !Checkpoint.isName(name) {
            throw WorkflowError(
                .commandInvalid, "a checkpoint's name matches [a-z0-9][a-z0-9_-]{0,62} and is no UUID")
        }
        let (checkpointID, now): (CheckpointID, Timestamp) = (ids.next(), clock.now)
        return try await database.write { tx in
            guard let source = try ExecutionStore.forkSource(id, in: principal.workspace, isHeld: true, tx) else {
                throw WorkflowError.notFound(id)
            }
            let lineage = try Lineage(of: source.key, tx)
            let point = try ExecutionStore.present(source, lineage, tx)
            try PointReader(lineage: lineage, workspace: principal.workspace, point: point).checkIsKnown(tx)
            let last = try EventLog.last(
                of: WorkflowEvent.stream(of: id), workspace: principal.workspace, in: tx)
            let checkpoint = Checkpoint(
                id: checkpointID, execution: id, name: name, ends: point.ends,
                takenAt: max(now, last?.time ?? now), position: last?.position ?? 0, createdBy: principal.actor)
            try CheckpointStore.insert(checkpoint, of: source.key, tx)
            return checkpoint
        }
    }

    /// Checkpoints of an execution, in the order they were taken.
    ///
    /// - Returns: At most `limit` (1...200), and the cursor of the next page.
    /// - Throws: `workflow.execution_not_found`.
    package func checkpoints(
        of id: ExecutionID, after cursor: Int64 = 0, limit: Int, in workspace: WorkspaceID
    ) async throws -> (items: [Checkpoint], next: Int64?) {
        let limit = Self.pageSize(limit)
        let page = try await database.read { tx in
            guard let source = try ExecutionStore.forkSource(id, in: workspace, tx) else {
                throw WorkflowError.notFound(id)
            }
            return try CheckpointStore.page(of: source.key, after: cursor, limit: limit + 1, tx)
        }
        return (page.prefix(limit).map(\.checkpoint), page.count > limit ? page[limit - 1].key : nil)
    }

    /// - Parameter name: Its id or name.
    /// - Throws: `workflow.execution_not_found`, `workflow.checkpoint_not_found`.
    package func checkpoint(
        _ name: String, of id: ExecutionID, in workspace: WorkspaceID
    ) async throws -> Checkpoint {
        try await database.read { tx in
            guard let source = try ExecutionStore.forkSource(id, in: workspace, tx) else {
                throw WorkflowError.notFound(id)
            }
            return try CheckpointStore.find(name, of: source.key, tx)
        }
    }

    /// Forgets a checkpoint; executions that were forked from it go on.
    /// - Throws: `workflow.execution_not_found`, `workflow.checkpoint_not_found`.
    package func deleteCheckpoint(_ name: String, of id: ExecutionID, as principal: Principal) async throws {
        try await database.write { tx in
            guard let source = try ExecutionStore.forkSource(id, in: principal.workspace, tx) else {
                throw WorkflowError.notFound(id)
            }
            try CheckpointStore.delete(try CheckpointStore.find(name, of: source.key, tx).id, tx)
        }
    }
}
