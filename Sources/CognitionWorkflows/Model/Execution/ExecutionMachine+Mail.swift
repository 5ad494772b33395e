package import CognitionCore

extension ExecutionMachine {
    /// Takes a message of the mailbox; one that it has seen before is ignored.
    package mutating func receive(_ message: ExecutionMessage, now: Timestamp) {
        guard !hasEnded, seenMessages.insert(message.key).inserted else { return }
        switch message.content {
        case .event(let event, let task):
            receive(event, as: message.key, task: task, now: now)
            return advance(now: now)
        case .answer(let answer): receive(answer, now: now)
        case .reconciliation(let reconciliation): reconcile(reconciliation, now: now)
        case .suspend(let actor): suspend(by: actor, now: now)
        case .resume(let actor): resume(by: actor, now: now)
        }
        mail.taken.append(message.key)
        advance(now: now)
    }

    // MARK: Suspension

    /// Nothing new begins: results of what runs are taken, and time does not pass.
    var isSuspended: Bool { state.status == .suspended }

    private mutating func suspend(by actor: String?, now: Timestamp) {
        guard !isSuspended else { return }
        state.status = .suspended
        state.reason = nil
        state.suspendedAt = clock(now)
        record("execution.suspended", with: Self.member("suspended_by", actor), at: now)
    }

    /// Goes on; the deadlines that were running move by as long as it stood still. A `wait` counts from when it began.
    private mutating func resume(by actor: String?, now: Timestamp) {
        guard isSuspended else { return }
        let pause = state.suspendedAt.map { max(.zero, clock(now) - $0) } ?? .zero
        state.status = .running
        state.reason = nil
        state.suspendedAt = nil
        state.paused += pause
        record("execution.resumed", with: Self.member("resumed_by", actor), at: now)
        for number in tasks.numbers.sorted() {
            guard let task = tasks[number] else { continue }
            if task.deadline != nil || task.progress.attempts?.attemptDeadline != nil {
                update(number) { task in
                    task.deadline = task.deadline.map { $0 + pause }
                    task.progress.changeAttempts { $0.attemptDeadline = $0.attemptDeadline.map { $0 + pause } }
                }
            }
        }
        for number in tasks.numbers.sorted() {
            guard let task = tasks[number] else { continue }
            if case .listen(let listen) = task.definition.kind { consume(number, listen, now: now) }
            if !isInFlight(number) {
                do { try restartEffect(number, now: now) } catch { fail(number, WorkflowFault(error), now: now) }
            }
        }
        passTime(now: now)
    }

    // MARK: Reconciliation

    /// An effect whose outcome nobody knew is settled by somebody who does.
    private mutating func reconcile(_ reconciliation: Reconciliation, now: Timestamp) {
        let number = reconciliation.task
        guard let task = tasks[number], task.status == .waiting, task.reason == .needsReconcile else { return }
        recordTask("task.reconciled", task, with: Self.member("reconciled_by", reconciliation.by), at: now)
        switch reconciliation.outcome {
        case .done(let output):
            complete(number, output: output, now: now)
        case .failed(let detail):
            fail(number, WorkflowFault(.runtime, detail, title: "Reconciled as Failed"), now: now)
        case .retry:
            repeated.insert(number)
            update(number) { task in
                task.status = .running
                task.reason = nil
                task.attempt += 1
            }
            // Whoever asks for it while the execution is suspended means it.
            guard let task = tasks[number] else { return }
            do { requestEffect(number, try action(of: task)) } catch { fail(number, WorkflowFault(error), now: now) }
        }
    }

    // MARK: Approval

    mutating func ask(_ number: Int, _ arguments: JSONValue, now: Timestamp) throws {
        guard let task = tasks[number] else { return }
        let request = try ApprovalRequest(
            arguments, input: task.input, place: "\(id)/\(number)/\(task.attempt)", now: clock(now))
        update(number) { task in
            task.status = .waiting
            task.reason = .approval
            task.wakeAt = request.expiresAt
            task.progress = .approving(request)
        }
        approvals.append(.asked(request, task: number, attempt: task.attempt, name: task.definition.name))
        if let task = tasks[number] { recordTask("approval.requested", task, at: now) }
    }

    private mutating func receive(_ answer: ApprovalAnswer, now: Timestamp) {
        guard let task = tasks[answer.task], task.attempt == answer.attempt, task.progress.approval != nil else {
            return
        }
        recordTask("approval.answered", task, at: now)
        tasks.change(answer.task) { $0.progress = .none }
        complete(answer.task, output: answer.output, now: now)
    }

    /// Nobody has answered in time: the rule of the question does.
    mutating func expire(_ number: Int, _ request: ApprovalRequest, now: Timestamp) {
        guard let task = tasks[number] else { return }
        let answer = ApprovalAnswer(
            task: number, attempt: task.attempt, choice: request.onExpiry, comment: nil, by: nil, at: now)
        approvals.append(.expired(answer))
        recordTask("approval.expired", task, at: now)
        tasks.change(number) { $0.progress = .none }
        complete(number, output: answer.output, now: now)
    }
}
