import CognitionCore
import CognitionEvents
import CognitionStorage

/// An execution of a definition, ready to be written.
struct ExecutionStart: Sendable {
    let id: ExecutionID
    let now: Timestamp
    private let request: ExecutionRequest
    private let workflow: StoredWorkflow
    private let ids: UUIDGenerator

    init(
        _ request: ExecutionRequest, of workflow: StoredWorkflow, id: ExecutionID, ids: UUIDGenerator, now: Timestamp
    ) {
        self.id = id
        self.now = now
        self.request = request
        self.workflow = workflow
        self.ids = ids
    }

    var origin: ExecutionOrigin {
        ExecutionOrigin(actor: request.principal.actor, correlationID: request.command.correlationID)
    }

    /// Leaves the execution to whichever engine claims it.
    func leave(in tx: borrowing Transaction) throws -> ExecutionSummary {
        if let earlier = try request.earlier(in: tx) { return earlier }
        _ = try insert(state: nil, owner: nil, in: tx)
        return summary(status: .pending, endedAt: nil)
    }

    /// Writes the execution with its first transition, owned by the node that has worked it out.
    /// - Parameter releases: The node does not keep it: it only waits, and for long.
    /// - Returns: No key when an earlier request has started the execution.
    func run(
        _ transition: Transition, on node: UUIDv7, releases: Bool, in tx: borrowing Transaction
    ) throws -> (ExecutionSummary, key: Int64?) {
        if let earlier = try request.earlier(in: tx) { return (earlier, nil) }
        let key = try insert(state: transition.execution, owner: node, in: tx)
        try ExecutionWrite(
            transition, key: key, id: id, workspace: request.principal.workspace, owner: node, epoch: 1,
            releases: releases, origin: origin, ids: ids, now: now
        ).run(in: tx)
        let state = transition.execution
        return (summary(status: state.status, endedAt: state.endedAt), key)
    }

    private func insert(state: ExecutionState?, owner: UUIDv7?, in tx: borrowing Transaction) throws -> Int64 {
        try ExecutionStore.insert(
            id, of: workflow, request, state: state, owner: owner, now: now, in: tx)
    }

    private func summary(status: ExecutionStatus, endedAt: Timestamp?) -> ExecutionSummary {
        ExecutionSummary(
            id: id, workflow: workflow.id, version: workflow.version, status: status,
            progress: status == .completed ? 100 : 0, createdAt: now, endedAt: endedAt)
    }
}
