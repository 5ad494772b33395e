import CognitionCore
import CognitionExpressions

extension ExecutionMachine {
    // MARK: for

    mutating func beginLoop(_ number: Int, _ loop: ForDefinition, now: Timestamp) throws {
        guard let task = tasks[number] else { return }
        let collection = try loop.in.first(task.input, scope: scope(of: task, stage: .body))
        guard case .array(let items) = collection else {
            throw WorkflowFault(.expression, "for.in gives a value of type \(collection.typeName), and not an array")
        }
        if items.isEmpty || loop.body.tasks.isEmpty {
            let output: JSONValue = loop.concurrency == nil ? task.input : .array(items.map { _ in task.input })
            return complete(number, output: output, now: now)
        }
        setItems(of: number, to: items)
        if let concurrency = loop.concurrency {
            startIterations(number, loop, concurrency, now: now)
        } else {
            startNextIteration(number, loop, input: task.input, from: .parent, now: now)
        }
    }

    mutating func endIteration(
        _ number: Int, _ loop: ForDefinition, _ scope: Int, output: JSONValue, from source: InputSource, now: Timestamp
    ) {
        guard let concurrency = loop.concurrency else {
            return startNextIteration(number, loop, input: output, from: source, now: now)
        }
        update(number) { $0.progress.changeLoop { $0.outputs[scope] = output } }
        startIterations(number, loop, concurrency, now: now)
    }

    /// One iteration after the other, each from what the last one gave.
    private mutating func startNextIteration(
        _ number: Int, _ loop: ForDefinition, input: JSONValue, from source: InputSource, now: Timestamp
    ) {
        guard let task = tasks[number], let progress = task.progress.loop else { return }
        do {
            let iteration = progress.next
            guard iteration < progress.items.count else { return complete(number, output: input, now: now) }
            if let condition = loop.while {
                var scope = scope(of: task, stage: .body)
                scope.define([loop.each: progress.items[iteration], loop.at: .integer(Int64(iteration))])
                guard try condition.isTrue(input, scope: scope) else {
                    return complete(number, output: input, now: now)
                }
            }
            update(number) { $0.progress.changeLoop { $0.next += 1 } }
            start(loop.body, scope: iteration, of: number, input: input, from: source, now: now)
        } catch {
            fail(number, WorkflowFault(error), now: now)
        }
    }

    /// As many iterations at once as the loop allows, each from the loop's own input.
    private mutating func startIterations(_ number: Int, _ loop: ForDefinition, _ concurrency: Int, now: Timestamp) {
        while let next = nextIteration(of: number, concurrency) {
            update(number) { $0.progress.changeLoop { $0.next += 1 } }
            start(loop.body, scope: next, of: number, now: now)
        }
        guard let progress = tasks[number]?.progress.loop, progress.outputs.count == progress.items.count else {
            return
        }
        complete(number, output: .array(progress.items.indices.map { progress.outputs[$0] ?? .null }), now: now)
    }

    /// The iteration that may start now, if one may.
    private func nextIteration(of number: Int, _ concurrency: Int) -> Int? {
        guard let task = tasks[number], let progress = task.progress.loop, progress.next < progress.items.count,
            task.children.count < concurrency
        else { return nil }
        return progress.next
    }

    // MARK: fork

    mutating func beginBranches(_ number: Int, _ fork: ForkDefinition, now: Timestamp) {
        update(number) { $0.progress = .branching(.init()) }
        startBranches(fork.branches.indices, of: number, fork, now: now)
    }

    /// Starts those of the branches whose needs are met; once all have ended the fork does.
    private mutating func startBranches(
        _ candidates: some Sequence<Int>, of number: Int, _ fork: ForkDefinition, now: Timestamp
    ) {
        guard let input = tasks[number]?.input else { return }
        for index in candidates where isReady(index, of: number, fork) {
            update(number) { $0.progress.changeBranches { $0.started.insert(index) } }
            place(fork.branches[index].task, at: index, in: index, of: number, input: input, from: .parent, now: now)
        }
        guard let outputs = tasks[number]?.progress.branches?.outputs, outputs.count == fork.branches.count else {
            return
        }
        complete(number, output: .array(fork.branches.indices.map { outputs[$0] ?? .null }), now: now)
    }

    private func isReady(_ index: Int, of number: Int, _ fork: ForkDefinition) -> Bool {
        guard let progress = tasks[number]?.progress.branches else { return false }
        return !progress.started.contains(index)
            && fork.branches[index].needs.allSatisfy { progress.outputs[$0] != nil }
    }

    mutating func endBranch(_ number: Int, _ fork: ForkDefinition, _ scope: Int, output: JSONValue, now: Timestamp) {
        if fork.compete {
            for child in tasks[number]?.children ?? [] { drop(child, as: .cancelled, now: now) }
            complete(number, output: output, now: now)
        } else {
            update(number) { $0.progress.changeBranches { $0.outputs[scope] = output } }
            startBranches(fork.dependents[scope], of: number, fork, now: now)
        }
    }
}
