import CognitionCore
import CognitionDocuments

extension ExecutionMachine {
    /// A task has given its raw output: it is transformed, checked and exported, and the list goes on.
    mutating func complete(_ number: Int, output raw: JSONValue, directive: FlowDirective? = nil, now: Timestamp) {
        guard let task = tasks[number] else { return }
        let definition = task.definition
        var output = raw
        var exported: JSONValue?
        do {
            if let template = definition.output.as {
                output = try template.evaluate(raw, scope: scope(of: task, stage: .output(raw: raw)))
            }
            try check(output, against: definition.output.schema, "output")
            if let export = definition.export {
                let stage = ExpressionScope.Stage.export(raw: raw, output: output)
                let context = try export.as.evaluate(output, scope: scope(of: task, stage: stage))
                try check(context, against: export.schema, "context")
                setContext(context)
                exported = context
            }
        } catch {
            return fail(number, WorkflowFault(error), now: now)
        }
        if number == 0 { return end(as: .completed, output: output, now: now) }
        remove(number, as: .completed, output: output, context: exported, now: now)
        follow(task, output: output, directive: directive ?? definition.then, now: now)
    }

    /// Goes on behind a task that has ended well.
    mutating func follow(_ task: LiveTask, output: JSONValue, directive: FlowDirective, now: Timestamp) {
        guard !isCompensation(task) else { return endCompensation(task, now: now) }
        // Not the task around itself: while a copy of it is held, each change of its outputs would copy all of them.
        guard let parent = tasks[task.parent]?.definition else { return }
        let source = InputSource.task(task.number)
        if case .extended(let extended) = parent.kind {
            if task.scope != ExtendedTask.beforeScope {
                return endPart(
                    of: task.parent, extended, task.scope, output: output, from: source, directive: directive,
                    now: now)
            }
            if directive == .exit { return complete(task.parent, output: output, now: now) }
        }
        guard directive != .end else { return endWorkflow(behind: task.parent, output: output, now: now) }
        guard let list = parent.list(in: task.scope) else {
            return endList(of: task.parent, scope: task.scope, output: output, from: source, now: now)
        }
        let next: Int =
            switch directive {
            case .continue: task.place + 1
            case .task(let place): place
            case .exit, .end: list.tasks.count
            }
        if next < list.tasks.count {
            place(
                list.tasks[next], at: next, in: task.scope, of: task.parent, input: output, from: source, now: now)
        } else {
            endList(of: task.parent, scope: task.scope, output: output, from: source, now: now)
        }
    }

    /// One of a task's lists has come to its end.
    mutating func endList(of number: Int, scope: Int, output: JSONValue, from source: InputSource, now: Timestamp) {
        switch tasks[number]?.definition.kind {
        case nil: return
        case .for(let loop): endIteration(number, loop, scope, output: output, from: source, now: now)
        case .fork(let fork): endBranch(number, fork, scope, output: output, now: now)
        case .listen(let listen): endEvent(number, listen, output: output, now: now)
        case .extended(let extended):
            endPart(of: number, extended, scope, output: output, from: source, directive: .continue, now: now)
        default: complete(number, output: output, now: now)
        }
    }

    /// `then: end`: the tasks around end with the same output, those beside are cancelled. In a compensation it ends that.
    private mutating func endWorkflow(behind parent: Int, output: JSONValue, now: Timestamp) {
        guard var around = tasks[parent] else { return }
        while around.number > 0 {
            for child in around.children where tasks[child] != nil { drop(child, as: .cancelled, now: now) }
            guard !isCompensation(around) else { return complete(around.number, output: output, now: now) }
            remove(around.number, as: .completed, output: output, endsWorkflow: true, now: now)
            guard let next = tasks[around.parent] else { return }
            around = next
        }
        for child in around.children { drop(child, as: .cancelled, now: now) }
        complete(0, output: output, now: now)
    }

    func check(_ value: JSONValue, against schema: JSONSchema?, _ what: String) throws {
        guard let faults = schema?.faults(in: value, atMost: 5), !faults.isEmpty else { return }
        let list = faults.map { fault in
            let place = fault.instance.description
            return place.isEmpty ? fault.message : "\(place): \(fault.message)"
        }
        throw WorkflowFault(.validation, "the \(what) does not fit its schema: " + list.joined(separator: "; "))
    }
}

extension TaskDefinition {
    /// The list that a task inside with the given scope belongs to; `nil` where those inside are no list.
    func list(in scope: Int) -> TaskList? {
        switch kind {
        case .do(let list): list
        case .for(let loop): loop.body
        case .try(let attempt): scope == 0 ? attempt.body : attempt.handler
        case .listen(let listen): listen.iterator?.body
        case .extended(let extended): scope == ExtendedTask.beforeScope ? extended.before : nil
        default: nil
        }
    }
}
