import CognitionCore
import CognitionEvents
import CognitionStorage

/// The request for an execution, checked and encoded, ready to be written.
struct ExecutionStart: Sendable {
    let id: ExecutionID
    let now: Timestamp
    private let command: ExecuteCommand
    private let workflow: StoredWorkflow
    private let input: EncodedJSON
    private let inputHash: SHA256Digest
    private let principal: Principal
    private let ids: UUIDGenerator

    /// - Throws: `workflow.input_too_large`, `workflow.command_invalid`.
    init(
        _ command: ExecuteCommand, of workflow: StoredWorkflow, id: ExecutionID, by principal: Principal,
        ids: UUIDGenerator, now: Timestamp
    ) throws {
        self.id = id
        self.now = now
        self.command = command
        self.workflow = workflow
        self.principal = principal
        self.ids = ids
        if let text = command.correlationID {
            guard (1...200).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw WorkflowError(
                    .commandInvalid, "a correlation id has 1 to 200 bytes and no control characters")
            }
        }
        input = EncodedJSON(command.input)
        guard input.count <= Workflows.inputBytesMax else {
            throw WorkflowError(
                .inputTooLarge, "the input has \(input.count) bytes; at most \(Workflows.inputBytesMax) are taken")
        }
        inputHash = SHA256Digest(of: command.input.canonicalJSON)
    }

    var origin: ExecutionOrigin {
        ExecutionOrigin(actor: principal.actor, correlationID: command.correlationID)
    }

    /// Leaves the execution to whichever engine claims it.
    func leave(in tx: borrowing Transaction) throws -> ExecutionSummary {
        if let earlier = try earlier(in: tx) { return earlier }
        _ = try insert(state: nil, owner: nil, in: tx)
        return summary(status: .pending, endedAt: nil)
    }

    /// Writes the execution with its first transition, owned by the node that has worked it out.
    /// - Parameter releases: The node does not keep it: it only waits, and for long.
    /// - Returns: No key when an earlier request has started the execution.
    func run(
        _ transition: Transition, on node: UUIDv7, releases: Bool, in tx: borrowing Transaction
    ) throws -> (ExecutionSummary, key: Int64?) {
        if let earlier = try earlier(in: tx) { return (earlier, nil) }
        let key = try insert(state: transition.execution, owner: node, in: tx)
        try ExecutionWrite(
            transition, key: key, id: id, workspace: principal.workspace, owner: node, epoch: 1, releases: releases,
            origin: origin, ids: ids, now: now
        ).run(in: tx)
        let state = transition.execution
        return (summary(status: state.status, endedAt: state.endedAt), key)
    }

    /// The execution that the same idempotency key has started.
    /// - Throws: `workflow.idempotency_key_reused` when it was for something else.
    private func earlier(in tx: borrowing Transaction) throws -> ExecutionSummary? {
        guard let key = command.idempotencyKey,
            let found = try ExecutionStore.find(idempotencyKey: key, in: principal.workspace, tx)
        else { return nil }
        guard found.workflowKey == workflow.key, found.inputHash == inputHash.bytes else {
            throw WorkflowError(.keyReused, "the idempotency key was used for another workflow or input")
        }
        guard
            let execution = try ExecutionStore.execution(found.id, in: principal.workspace, tasksMax: 0, tx)
        else { throw WorkflowError.notFound(found.id) }
        return ExecutionSummary(
            id: found.id, workflow: execution.workflow, version: execution.version, status: execution.status,
            reason: execution.reason, progress: execution.progress, createdAt: execution.createdAt,
            endedAt: execution.endedAt)
    }

    private func insert(state: ExecutionState?, owner: UUIDv7?, in tx: borrowing Transaction) throws -> Int64 {
        try ExecutionStore.insert(
            id, of: workflow, command, input: input, inputHash: inputHash, state: state, owner: owner, by: principal,
            now: now, in: tx)
    }

    private func summary(status: ExecutionStatus, endedAt: Timestamp?) -> ExecutionSummary {
        ExecutionSummary(
            id: id, workflow: workflow.id, version: workflow.version, status: status,
            progress: status == .completed ? 100 : 0, createdAt: now, endedAt: endedAt)
    }
}
