import CognitionCore

/// Undoing what an execution has done, when it fails or is cancelled.
///
/// Tasks that declare `metadata.compensate` are noted as they end. When the execution would end as faulted or cancelled and
/// something is noted, that end is kept (`ExecutionState.ending`), and the compensations run one after the other, what was
/// started last first: as children of the execution itself, each in a list of its own whose scope is the number of the task
/// that it undoes. Then the execution ends as it would have.
extension ExecutionMachine {
    /// Numbers that are left for compensations when tasks have used up all others.
    private static let tasksForCompensation = 30_000

    /// Whether a live task is a compensation as a whole, and not a task in it.
    func isCompensation(_ task: LiveTask) -> Bool { state.ending != nil && task.parent == 0 }

    // MARK: What has to be undone

    /// Remembers a task that ends, if it declares a compensation and has done something or may have.
    ///
    /// - Parameters:
    ///   - status: How it ends; `nil` when it was skipped.
    ///   - isUnsent: Its effect was asked for in this transition, so it has not begun.
    /// - Returns: What its row has to keep of it.
    mutating func noteForCompensation(
        _ task: LiveTask, as status: TaskStatus?, output: JSONValue?, fault: WorkflowFault?, isUnsent: Bool
    ) -> Compensation? {
        guard let compensator = task.definition.compensation, state.ending == nil, let status,
            let outcome = outcome(of: task, as: status, fault: fault, isUnsent: isUnsent)
        else { return nil }
        let name = task.definition.isDoneAnewByRetry ? "\(id):\(task.number)" : idempotencyKey(of: task)
        let compensation = Compensation(
            task: task.number, name: task.definition.name, reference: task.definition.reference,
            key: "\(name) \(task.definition.reference)", outcome: outcome, input: task.input,
            output: outcome == .unknown ? .null : output ?? task.given ?? .null)
        compensations.add(compensation)
        compensators[task.definition.reference] = compensator
        return compensation
    }

    /// What is known of a task's effect; `nil` when there is none.
    private func outcome(
        of task: LiveTask, as status: TaskStatus, fault: WorkflowFault?, isUnsent: Bool
    ) -> Compensation.Outcome? {
        // What has come to its end is there, even when the task fails over it, e.g. over the schema of its output.
        if status == .completed || task.given != nil { return .completed }
        // Other tasks do nothing themselves, and those in them have compensations of their own.
        guard task.isEffect, !isUnsent else { return nil }
        switch (task.status, task.reason) {
        case (.running, _), (.waiting, .needsReconcile): return fault?.leavesOutcomeOpen ?? true ? .unknown : nil
        default: return nil
        }
    }

    /// Why a task cannot be begun, if it cannot: there are too many, or too much would have to be undone.
    func tooMany(_ task: LiveTask) -> WorkflowFault? {
        let tasksMax = Self.tasksMax + (state.ending == nil ? 0 : Self.tasksForCompensation)
        if task.number >= tasksMax {
            return WorkflowFault(.runtime, "an execution has at most \(Self.tasksMax) tasks")
        }
        guard task.definition.compensation != nil, state.ending == nil, compensations.isFull else { return nil }
        return WorkflowFault(
            .runtime,
            """
            an execution has at most \(CompensationList.tasksMax) tasks to be compensated, with \
            \(CompensationList.bytesMax >> 20) MiB of inputs and outputs
            """)
    }

    // MARK: Undoing

    /// Keeps the end of the execution for later, if something has to be undone before.
    mutating func beginCompensation(
        before status: ExecutionStatus, fault: WorkflowFault?, by actor: String?, now: Timestamp
    ) -> Bool {
        guard state.ending == nil, !compensations.isEmpty else { return false }
        state.ending = PendingEnd(status: status, fault: fault)
        state.fault = fault
        // Nothing cuts it short: neither the document's timeout nor another cancellation.
        tasks.change(0) { $0.deadline = nil }
        var members = Self.member("cancelled_by", actor)
        members["ending"] = .string(status.name)
        members["tasks"] = .integer(Int64(compensations.count))
        record(ExecutionEvent.compensating, fault: fault, reason: .compensating, with: members, at: now)
        startNextCompensation(now: now)
        return true
    }

    private mutating func startNextCompensation(now: Timestamp) {
        guard let next = compensations.takeLast() else {
            guard let ending = state.ending else { return }
            return end(as: ending.status, fault: ending.fault, now: now)
        }
        guard let compensator = compensators[next.reference] else {
            preconditionFailure("\(next.reference) declares a compensation")
        }
        compensations.current = next
        place(
            compensator, at: 0, in: next.task, of: 0, input: next.output,
            from: next.outcome == .completed ? .task(next.task) : .own, now: now)
    }

    /// A compensation has ended, well or not; the others are run all the same.
    mutating func endCompensation(_ task: LiveTask, fault: WorkflowFault? = nil, now: Timestamp) {
        if let undone = compensations.current { recordEnd(of: undone, by: task.number, fault: fault, at: now) }
        compensations.current = nil
        startNextCompensation(now: now)
    }

    private mutating func recordEnd(
        of undone: Compensation, by number: Int?, fault: WorkflowFault?, at now: Timestamp
    ) {
        var data: JSONObject = [
            "workflow_id": .string(definition.id.description),
            "task": .integer(Int64(undone.task)),
            "name": .string(undone.name),
            "reference": .string(undone.reference),
            "outcome": .string(undone.outcome.rawValue),
        ]
        if let number { data["compensation"] = .integer(Int64(number)) }
        if let fault {
            data["error"] = fault.json
            state.ending?.failed += 1
        }
        tell(
            ExecutionEvent(
                type: fault == nil ? "task.compensated" : "task.compensation_failed", time: now, data: data))
    }

    /// Cancelled while it undoes something, an execution goes on with that. Only one that was set aside, because it ends
    /// every process that tries, ends: nothing more is undone, and its reason says so.
    mutating func abandonQuarantinedCompensation(now: Timestamp) {
        guard state.status == .suspended, state.reason == .quarantined else { return }
        let fault = WorkflowFault(.runtime, "the execution was set aside, and cancelled then")
        for child in tasks[0]?.children ?? [] { drop(child, as: .cancelled, now: now) }
        while let left = compensations.current ?? compensations.takeLast() {
            compensations.current = nil
            recordEnd(of: left, by: nil, fault: fault, at: now)
        }
        guard let ending = state.ending else { return }
        end(as: ending.status, fault: ending.fault, now: now)
    }

    // MARK: After a crash

    /// Takes over what the rows tell: the one that a live compensation undoes is the current one.
    mutating func restoreCompensations(
        _ stored: [Compensation], places: [String: TaskPlace]
    ) throws {
        state.fault = state.ending?.fault
        let live = state.ending == nil ? nil : tasks[0]?.children.first.flatMap { tasks[$0]?.scope }
        for var compensation in stored {
            guard let compensator = places[compensation.reference]?.task.compensation else {
                throw WorkflowError.unreadable(id, "task \(compensation.task) has no compensation in the definition")
            }
            compensators[compensation.reference] = compensator
            compensation.input = compensation.input ?? tasks[0]?.input
            if compensation.task == live {
                compensations.current = compensation
            } else {
                compensations.add(compensation)
            }
        }
    }
}

extension Compensation {
    /// `$compensated`.
    var variable: JSONValue {
        [
            "task": .integer(Int64(task)), "name": .string(name), "reference": .string(reference),
            "outcome": .string(outcome.rawValue), "input": input ?? .null, "output": output,
        ]
    }
}
