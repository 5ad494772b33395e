import CognitionCore
import CognitionEvents
import CognitionStorage

/// An execution of a definition, ready to be written.
struct ExecutionStart: Sendable {
    let id: ExecutionID
    let now: Timestamp
    let priority: Int
    private let request: ExecutionRequest
    private let workflow: StoredWorkflow
    private let ids: UUIDGenerator

    /// - Parameter usual: The priority where the request names none.
    init(
        _ request: ExecutionRequest, of workflow: StoredWorkflow, id: ExecutionID, priority usual: Int?,
        ids: UUIDGenerator, now: Timestamp
    ) {
        priority = request.command.priority ?? usual ?? ExecutionPriority.normal
        self.id = id
        self.now = now
        self.request = request
        self.workflow = workflow
        self.ids = ids
    }

    var origin: ExecutionOrigin {
        ExecutionOrigin(
            actor: request.principal.actor, correlationID: request.command.correlationID,
            traceparent: request.command.traceparent)
    }

    /// Leaves the execution to whichever engine claims it.
    func leave(in tx: borrowing Transaction) throws -> ExecutionSummary {
        if let earlier = try request.earlier(in: tx) { return earlier }
        try insert(ExecutionColumns(dueAt: now), in: tx)
        tx.signal(.executionsDue)
        return summary(status: .pending, endedAt: nil)
    }

    /// The first transition, owned by the node that has worked it out.
    /// - Parameter releases: The node does not keep it: it only waits, and for long.
    func write(
        _ transition: Transition, on node: UUIDv7, releases: Bool, interest: LifecycleInterest
    ) -> ExecutionWrite {
        ExecutionWrite(
            transition, key: nil, id: id, workspace: request.principal.workspace, owner: node, epoch: 1,
            releases: releases, origin: origin, interest: interest, ids: ids, now: now)
    }

    /// Writes the execution with its first transition.
    /// - Returns: No key when an earlier request has started the execution.
    func run(_ first: ExecutionWrite, in tx: borrowing Transaction) throws -> (ExecutionSummary, key: ExecutionKey?) {
        if let earlier = try request.earlier(in: tx) { return (earlier, nil) }
        let key = try insert(first.columns(in: tx), first, in: tx)
        return (summary(status: first.state.status, endedAt: first.state.endedAt), key)
    }

    /// - Throws: `workflow.archived`, or `workflow.not_found` when the version was deleted meanwhile, at the latest before
    ///   the commit.
    @discardableResult
    private func insert(
        _ columns: ExecutionColumns, _ first: ExecutionWrite? = nil, in tx: borrowing Transaction
    ) throws -> ExecutionKey {
        var piece = ExecutionStep.Piece(execution: id, key: ExecutionKey())
        piece.insertion = try ExecutionStore.insertion(
            id, of: workflow, request, columns, priority: priority, now: now, in: tx)
        piece.workflow = workflow
        if let first { try first.runFirst(piece, in: tx) } else { tx.commitStep(ExecutionStep.self).add(piece) }
        return piece.key
    }

    private func summary(status: ExecutionStatus, endedAt: Timestamp?) -> ExecutionSummary {
        ExecutionSummary(
            id: id, workflow: workflow.id, version: workflow.version, status: status,
            progress: status == .completed ? 100 : 0, priority: priority, createdAt: now,
            endedAt: endedAt)
    }
}
