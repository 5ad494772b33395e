import CognitionCore
import CognitionExpressions

extension ExecutionMachine {
    /// A task has failed: it and everything inside it end, and the task around decides what that means.
    mutating func fail(_ number: Int, _ error: WorkflowFault, now: Timestamp) {
        guard let task = tasks[number] else { return }
        let fault = error.raised(at: number == 0 ? "/" : task.definition.reference)
        for child in task.children { drop(child, as: .cancelled, now: now) }
        if number == 0 { return end(as: .faulted, fault: fault, now: now) }
        remove(number, as: .faulted, fault: fault, now: now)
        guard !isCompensation(task) else { return endCompensation(task, fault: fault, now: now) }
        guard let parent = tasks[task.parent] else { return }
        switch parent.definition.kind {
        case .try(let definition) where task.scope == 0:
            catchFault(parent, definition, fault, now: now)
        case .fork(let fork) where fork.compete && !parent.children.isEmpty:
            break  // the others go on racing
        default:
            fail(parent.number, fault, now: now)
        }
    }

    // MARK: try

    /// Runs the body from the task's own input.
    mutating func startAttempt(_ number: Int, _ definition: TryDefinition, now: Timestamp) throws {
        guard let task = tasks[number] else { return }
        if let limit = definition.retry?.attemptDuration {
            let duration = try limit.evaluate(task.input, scope: scope(of: task, stage: .body))
            let deadline = clock(now) + duration
            update(number) { $0.progress.changeAttempts { $0.attemptDeadline = deadline } }
        }
        start(definition.body, scope: 0, of: number, now: now)
    }

    private mutating func catchFault(
        _ task: LiveTask, _ definition: TryDefinition, _ fault: WorkflowFault, now: Timestamp
    ) {
        let number = task.number
        do {
            var scope = scope(of: task, stage: .body)
            scope.define([definition.variable: fault.json])
            guard definition.errors.matches(fault),
                try definition.when?.isTrue(task.input, scope: scope) ?? true,
                try definition.exceptWhen.map({ try !$0.isTrue(task.input, scope: scope) }) ?? true
            else { return fail(number, fault, now: now) }
            if let retry = definition.retry {
                if let delay = try delay(of: retry, for: task, scope: scope, now: now) {
                    return waitForRetry(number, fault, until: clock(now) + delay, now: now)
                }
                // An error that retries could not get rid of is not swallowed: somebody handles it, or it goes on.
                if definition.handler == nil { return fail(number, fault, now: now) }
            }
        } catch {
            return fail(number, WorkflowFault(error), now: now)
        }
        update(number) { task in
            task.progress.changeAttempts { attempts in
                attempts.caught = fault
                attempts.attemptDeadline = nil
            }
        }
        if let handler = definition.handler {
            update(number) { $0.progress.changeAttempts { $0.isHandling = true } }
            start(handler, scope: 1, of: number, now: now)
        } else {
            complete(number, output: task.input, now: now)
        }
    }

    /// How long to wait before the next attempt; `nil` when the policy allows none.
    private mutating func delay(
        of retry: RetryDefinition, for task: LiveTask, scope: ExpressionScope, now: Timestamp
    ) throws -> Duration? {
        guard let attempts = task.progress.attempts,
            try retry.when?.isTrue(task.input, scope: scope) ?? true,
            try retry.exceptWhen.map({ try !$0.isTrue(task.input, scope: scope) }) ?? true
        else { return nil }
        let policy = try retry.policy(task.input, scope: scope)
        return policy.next(afterAttempt: attempts.attempt, elapsed: now - attempts.since, using: &random)
    }

    private mutating func waitForRetry(_ number: Int, _ fault: WorkflowFault, until moment: Timestamp, now: Timestamp) {
        update(number) { task in
            task.status = .waiting
            task.wakeAt = moment
            task.progress.changeAttempts { attempts in
                attempts.caught = fault
                attempts.attemptDeadline = nil
            }
        }
        if let task = tasks[number] { recordTask("task.retried", task, fault: fault, at: now) }
    }

    // MARK: Time

    mutating func fire(_ number: Int, now: Timestamp) {
        guard let task = tasks[number] else { return }
        if let deadline = task.deadline, deadline <= clock(now) {
            let what = number == 0 ? "the execution" : "it"
            fail(number, WorkflowFault(.timeout, "\(what) did not end in time"), now: now)
        } else if let deadline = task.progress.attempts?.attemptDeadline, deadline <= clock(now),
            case .try(let definition) = task.definition.kind
        {
            for child in task.children { drop(child, as: .cancelled, now: now) }
            update(number) { $0.progress.changeAttempts { $0.attemptDeadline = nil } }
            let fault = WorkflowFault(.timeout, "the attempt did not end in time").raised(at: task.definition.reference)
            catchFault(task, definition, fault, now: now)
        } else if case .try(let definition) = task.definition.kind {
            update(number) { task in
                task.status = .running
                task.wakeAt = nil
                task.attempt += 1
                task.progress.changeAttempts { attempts in
                    attempts.attempt += 1
                    attempts.caught = nil
                }
            }
            do { try startAttempt(number, definition, now: now) } catch { fail(number, WorkflowFault(error), now: now) }
        } else if let request = task.progress.approval {
            expire(number, request, now: now)
        } else {
            complete(number, output: task.input, now: now)
        }
    }
}

extension RetryDefinition {
    /// The policy with its durations evaluated. `limit.attempt.count` is how often a task is tried again after its first
    /// attempt, as the specification's own example reads; a policy without any limit tries ten times again.
    func policy(_ input: JSONValue, scope: ExpressionScope) throws -> RetryPolicy {
        let from = try jitter?.from.evaluate(input, scope: scope)
        let to = try jitter?.to.evaluate(input, scope: scope)
        let shape: CognitionCore.Backoff =
            switch backoff {
            case .constant: .constant
            case .linear: .linear
            case .exponential: .exponential()
            }
        let total = try totalDuration?.evaluate(input, scope: scope)
        let retriesMax = attemptsMax ?? (total == nil ? 10 : nil)
        let jitter: Jitter = if let from, let to { .added(from...max(from, to)) } else { .none }
        return RetryPolicy(
            delay: try delay?.evaluate(input, scope: scope) ?? .zero, backoff: shape, jitter: jitter,
            attemptsMax: retriesMax.map { $0 + 1 }, totalDuration: total)
    }
}

extension ErrorTemplate {
    /// The error that a `raise` task raises.
    func evaluate(_ input: JSONValue, scope: ExpressionScope) throws -> WorkflowFault {
        func text(_ template: Template?) throws -> String? {
            guard let value = try template?.evaluate(input, scope: scope), !value.isNull else { return nil }
            return value.stringValue ?? value.jsonText
        }
        guard let status = try status.evaluate(input, scope: scope).integerValue, (100...999).contains(status) else {
            throw WorkflowFault(.expression, "the status of a raised error is a number from 100 to 999")
        }
        return WorkflowFault(
            type: try text(type) ?? WorkflowFault.Standard.runtime.type, status: Int(status), title: try text(title),
            detail: try text(detail), instance: try text(instance))
    }
}
