package import CognitionCore
import CognitionEvents
import CognitionStorage

/// What people and other systems say to executions. Everything is confined to one workspace.
extension Workflows {
    /// Publishes an event to every task of the workspace that listens for it.
    ///
    /// - Parameter attributes: CloudEvents attributes as JSON; `id`, `time` and `specversion` may be missing.
    /// - Returns: The event as it is stored, and how many tasks it may be for.
    /// - Throws: `workflow.event_invalid`, `workflow.event_too_large`.
    package func publish(
        _ attributes: JSONValue, as principal: Principal, correlationID: String? = nil
    ) async throws -> (event: CloudEvent, listeners: Int) {
        let publication = try publication(
            of: attributes, as: principal, correlationID: correlationID, traceparent: TraceContext.current?.traceparent)
        let listeners = try await database.write { tx in try publication.run(principal.workspace, in: tx) }
        return (publication.event, listeners)
    }

    /// The same as a part of another transaction, which runs it.
    /// - Throws: As ``publish(_:as:correlationID:)``.
    package func publication(
        of attributes: JSONValue, as principal: Principal, correlationID: String?, traceparent: String?
    ) throws -> EventPublication {
        let now = clock.now
        let event = try CloudEvent(attributes, id: (ids.next() as UUIDv7).description, now: now)
        let origin = ExecutionOrigin(
            actor: principal.actor, correlationID: correlationID, traceparent: traceparent)
        return EventPublication(event, origin, ids, now)
    }

    /// Sends a signal to one execution: the first of its tasks that listens for an event of type `name` takes it, now or
    /// later.
    /// - Throws: `workflow.execution_not_found`, `workflow.execution_ended`, `workflow.signals_full`,
    ///   `workflow.event_invalid`.
    package func signal(
        _ name: String, data: JSONValue, to id: ExecutionID, as principal: Principal
    ) async throws {
        let now = clock.now
        let event = try CloudEvent(
            [
                "type": .string(name), "source": .string("/executions/\(id)"), "subject": .string(principal.actor),
                "data": data,
            ], id: (ids.next() as UUIDv7).description, now: now)
        try await database.write { tx in
            guard try MailStore.signalCount(of: id, tx) < ExecutionMachine.signalsHeldMax else {
                throw WorkflowError(
                    .signalsFull, "\(ExecutionMachine.signalsHeldMax) signals wait for execution \(id) to listen")
            }
            try Self.send(.event(event, task: nil), to: id, in: principal.workspace, now: now, tx)
        }
    }

    /// Suspends an execution: what runs ends, and nothing new begins until it is resumed.
    /// - Throws: `workflow.execution_not_found`, `workflow.execution_ended`.
    package func suspend(_ id: ExecutionID, as principal: Principal) async throws {
        let now = clock.now
        try await database.write { tx in
            try Self.send(.suspend(by: principal.actor), to: id, in: principal.workspace, now: now, tx)
        }
    }

    /// Lets a suspended execution go on, also one that the engine has set aside.
    /// - Throws: `workflow.execution_not_found`, `workflow.execution_ended`.
    package func resume(_ id: ExecutionID, as principal: Principal) async throws {
        let now = clock.now
        try await database.write { tx in
            try Self.send(.resume(by: principal.actor), to: id, in: principal.workspace, now: now, tx)
            try ExecutionStore.trustAgain(id, in: principal.workspace, tx)
        }
    }

    /// Settles an effect of which a crash has hidden whether it happened.
    /// - Throws: `workflow.execution_not_found`, `workflow.execution_ended`, `workflow.state_conflict` when the task does not
    ///   wait for that.
    package func reconcile(
        _ reconciliation: Reconciliation, of id: ExecutionID, as principal: Principal
    ) async throws {
        let now = clock.now
        var reconciliation = reconciliation
        reconciliation.by = principal.actor
        let said = reconciliation
        try await database.write { tx in
            try Self.send(.reconciliation(said), to: id, in: principal.workspace, now: now, tx)
            guard try ExecutionStore.awaitsReconciliation(said.task, of: id, tx) else {
                throw WorkflowError(
                    .stateConflict, "task \(said.task) of execution \(id) does not wait for a reconciliation")
            }
        }
    }

    /// Waits until an execution is as wanted, or has ended, or the time is over.
    package func wait(
        for id: ExecutionID, in workspace: WorkspaceID, until isAsWanted: @Sendable (Execution) -> Bool,
        atMost limit: Duration
    ) async throws -> Execution {
        let deadline = ContinuousClock.now + limit
        var pause = Duration.milliseconds(2)
        while true {
            let execution = try await execution(id, in: workspace)
            if isAsWanted(execution) || execution.status.hasEnded || ContinuousClock.now >= deadline {
                return execution
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(250))
        }
    }

    static func send(
        _ content: ExecutionMessage.Content, to id: ExecutionID, in workspace: WorkspaceID, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        guard try !MailStore.send(content, to: id, in: workspace, now: now, tx) else { return }
        guard try ExecutionStore.status(of: id, in: workspace, tx) != nil else { throw WorkflowError.notFound(id) }
        throw WorkflowError(.executionEnded, "execution \(id) has ended already")
    }

    // MARK: Approvals

    /// Questions that an execution has asked, in the order of its tasks.
    ///
    /// - Parameter cursor: What the page before gave as `next`.
    /// - Throws: `workflow.execution_not_found`.
    package func approvals(
        of id: ExecutionID, after cursor: Int64 = 0, limit: Int, in workspace: WorkspaceID
    ) async throws -> (items: [Approval], next: Int64?) {
        let limit = Self.pageSize(limit)
        let found = try await database.read { tx in
            guard let (key, _) = try ExecutionStore.summary(of: id, in: workspace, tx) else {
                throw WorkflowError.notFound(id)
            }
            return try ApprovalStore.list(of: key, after: cursor, limit: limit + 1, tx)
        }
        let next = found.count > limit ? found[limit - 1] : nil
        return (Array(found.prefix(limit)), next.map { Int64($0.task) << 16 | Int64($0.attempt) })
    }

    /// Answers a question; the first answer counts.
    ///
    /// - Parameter digest: That of the question as it was seen.
    /// - Returns: The question, and whether this was the answer that it got.
    /// - Throws: `workflow.execution_not_found`, `workflow.approval_not_found`, `workflow.choice_invalid`,
    ///   `workflow.approval_closed` when it was withdrawn, has expired, or is another question than the one that was seen.
    package func answer(
        task: Int, attempt: Int, of id: ExecutionID, choice: String, digest: SHA256Digest, comment: String?,
        as principal: Principal
    ) async throws -> (approval: Approval, isFirst: Bool) {
        let answer = ApprovalAnswer(
            task: task, attempt: attempt, choice: choice, comment: comment, by: principal.actor, at: clock.now)
        return try await database.write { tx in
            guard let (key, _) = try ExecutionStore.summary(of: id, in: principal.workspace, tx) else {
                throw WorkflowError.notFound(id)
            }
            guard let approval = try ApprovalStore.find(task: task, attempt: attempt, of: key, tx) else {
                throw WorkflowError(.approvalNotFound, "execution \(id) has no approval \(task)-\(attempt)")
            }
            try approval.check(answer, digest)
            if approval.state == .answered { return (approval, false) }
            let isFirst = try ApprovalStore.answer(answer, digest: digest, of: key, tx)
            guard let answered = try ApprovalStore.find(task: task, attempt: attempt, of: key, tx),
                answered.state == .answered
            else { throw WorkflowError(.approvalClosed, "the approval was closed meanwhile") }
            guard isFirst else { return (answered, false) }
            try Self.send(.answer(answer), to: id, in: principal.workspace, now: answer.at, tx)
            return (answered, true)
        }
    }
}

extension Approval {
    fileprivate func check(_ answer: ApprovalAnswer, _ digest: SHA256Digest) throws {
        guard digest == request.digest else {
            throw WorkflowError(
                .approvalClosed, "the digest is not that of the approval: what was seen is not what is asked")
        }
        guard request.choices.contains(answer.choice) else {
            throw WorkflowError(
                .choiceInvalid,
                "'\(answer.choice.shortened)' is no choice; these are: \(request.choices.list(lastWord: "and"))")
        }
        switch state {
        case .withdrawn: throw WorkflowError(.approvalClosed, "the approval was withdrawn: its task has ended")
        case .expired: throw WorkflowError(.approvalClosed, "the approval has expired")
        case .open:
            guard let limit = request.expiresAt, limit <= answer.at else { return }
            throw WorkflowError(.approvalClosed, "the approval has expired")
        case .answered: return
        }
    }
}

// MARK: - What an engine needs of mailboxes

extension Workflows {
    /// Mailboxes with new messages that an engine may look at in one go.
    private static let mailboxesMax = 256
    private static let schedulesMax = 64

    /// What others have left in the database for an engine to do.
    struct Errands: Sendable {
        /// See ``MailStore/lastKey(_:)``; `nil` also where it was not asked for.
        var lastKey: Int64?
        var mailboxes: [(key: Int64, id: ExecutionID, isOwned: Bool, hasEnded: Bool)]
        /// Keys of the names of workflows whose schedules events have come for.
        var schedulesCalled: [Int64]

        var mayHaveMoreMail: Bool { mailboxes.count >= mailboxesMax || schedulesCalled.count >= schedulesMax }
    }

    /// One look at all of it; it also learns which lifecycle events anybody listens for.
    /// - Parameter start: Messages up to this key are left out; `nil` for none.
    func errands(for node: UUIDv7, after start: Int64?, now: Timestamp) async throws -> Errands {
        let additions = lifecycle.additions
        let (errands, types) = try await database.read { tx in
            (
                Errands(
                    lastKey: try start == nil ? MailStore.lastKey(tx) : nil,
                    mailboxes: try MailStore.waiting(
                        for: node, after: start ?? .min, limit: Self.mailboxesMax, tx),
                    schedulesCalled: try MailStore.schedulesWithMail(
                        after: start ?? .min, limit: Self.schedulesMax, tx)),
                try ListenerStore.lifecycleTypes(tx)
            )
        }
        lifecycle.set(types, since: additions)
        return errands
    }

    func mail(of key: Int64) async throws -> [ExecutionMessage] {
        try await database.read { tx in try MailStore.new(of: key, tx) }
    }

    func emptyMail(of keys: [Int64]) async throws {
        try await database.write { tx in try MailStore.deleteEnded(keys, tx) }
    }

    func claim(_ keys: [Int64], by node: UUIDv7) async throws -> [ExecutionClaim] {
        try await database.write { tx in try ExecutionStore.claim(keys, by: node, tx) }
    }
}
