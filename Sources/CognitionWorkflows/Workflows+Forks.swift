package import CognitionCore
import CognitionEvents
import CognitionStorage

/// Executions that go on from a point of what has happened: in another execution, or in the same after a failure.
extension Workflows {
    /// Starts an execution that shares what another has done up to a point, and goes on from there. The other one stays as
    /// it is, live or ended.
    ///
    /// Nothing that had completed is done again, child workflows included. What ran at that point starts again, under
    /// idempotency keys of the new execution, and with its timeouts begun anew. An engine takes it up.
    ///
    /// - Throws: `workflow.execution_not_found`, `workflow.task_not_found`, `workflow.checkpoint_not_found`,
    ///   `workflow.fork_point_invalid`, `workflow.fork_incompatible`, `workflow.fork_too_deep`, `workflow.history_unknown`,
    ///   `workflow.command_invalid`, and what ``execute(_:as:on:)`` throws.
    package func fork(
        _ id: ExecutionID, _ command: ForkCommand, as principal: Principal
    ) async throws -> ExecutionSummary {
        if case .checkpoint = command.point, command.inputPatch != nil {
            throw WorkflowError(
                .commandInvalid, "input_patch changes the output of a task, or the input of the workflow; name a task")
        }
        let workspace = principal.workspace
        try ExecutionRequest.checkKeys(command.idempotencyKey, command.correlationID)
        if let earlier = try await database.read({ tx in try Self.earlier(id, command, in: workspace, tx) }) {
            return earlier
        }
        let found = try await database.read { tx -> (ForkSource, StoredWorkflow) in
            guard let source = try ExecutionStore.forkSource(id, in: workspace, tx),
                let workflow = try WorkflowStore.find(key: source.workflowKey, tx)
            else { throw WorkflowError.notFound(id) }
            guard let version = command.version else { return (source, workflow) }
            return (source, try Self.find(workflow.id, version: version, in: workspace, tx))
        }
        let (source, workflow) = found
        let definition = try await definition(workflow.key, workflow)
        let before = workflow.key == source.workflowKey ? nil : try await self.definition(source.workflowKey)
        let fork = Fork(
            id: ids.next(), command: command, source: source, workflow: workflow, definition: definition,
            before: before, principal: principal, ids: ids, now: clock.now)
        let prepared = try await database.read { tx in try fork.prepare(tx) }
        let summary = try await database.write { tx in
            if let earlier = try Self.earlier(id, command, in: workspace, tx) { return earlier }
            return try fork.write(prepared, tx)
        }
        if summary.status.hasEnded { ends.announce(summary.id) }
        return summary
    }

    private static func earlier(
        _ id: ExecutionID, _ command: ForkCommand, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> ExecutionSummary? {
        guard let key = command.idempotencyKey,
            let found = try ExecutionStore.find(idempotencyKey: key, in: workspace, tx)
        else { return nil }
        guard found.inputHash == command.hash(of: id).bytes else {
            throw WorkflowError(.keyReused, "the idempotency key was used for something else")
        }
        return found.summary
    }

    /// Goes on with an execution that has failed: what its failure has ended goes on or starts again, in a further attempt
    /// under the same idempotency key; what had completed is not done again.
    ///
    /// A parent that waited for the execution has got its failure already.
    ///
    /// - Throws: `workflow.execution_not_found`, `workflow.not_faulted`, `workflow.history_unknown`.
    package func retry(_ id: ExecutionID, as principal: Principal) async throws -> ExecutionSummary {
        let workspace = principal.workspace
        guard let key = try await database.read({ tx in try ExecutionStore.workflowKey(of: id, in: workspace, tx) })
        else { throw WorkflowError.notFound(id) }
        let definition = try await definition(key)
        let (now, node, ids): (Timestamp, UUIDv7, UUIDGenerator) = (clock.now, ids.next(), ids)
        return try await database.write { tx in
            let retry = try Retry(of: id, definition, as: principal, now: now, tx)
            try retry.write(by: node, ids: ids, tx)
            guard let (_, summary) = try ExecutionStore.summary(of: id, in: workspace, tx) else {
                throw WorkflowError.notFound(id)
            }
            return summary
        }
    }
}
