import CognitionCore
import CognitionExpressions

extension ExecutionMachine {
    /// Starts a task that was placed: its condition, its input, then what its kind does.
    mutating func enter(_ number: Int, now: Timestamp) {
        guard let task = tasks[number], task.status == .pending else { return }
        if let fault = tooMany(task) { return fail(number, fault, now: now) }
        do {
            if let condition = task.definition.condition,
                try !condition.isTrue(task.rawInput, scope: scope(of: task, stage: .condition))
            {
                return skip(number, now: now)
            }
            try check(task.rawInput, against: task.definition.input.schema, "input")
            var input = task.rawInput
            if let from = task.definition.input.from, task.definition.input.secrets.isEmpty {
                input = try from.evaluate(task.rawInput, scope: scope(of: task, stage: .input))
            }
            update(number) { task in
                task.status = .running
                task.startedAt = now
            }
            setInput(of: number, to: input)
            if let timeout = task.definition.timeout, let task = tasks[number] {
                let duration = try timeout.evaluate(input, scope: scope(of: task, stage: .body))
                let deadline = clock(now) + duration
                update(number) { $0.deadline = deadline }
            }
            try begin(number, now: now)
        } catch {
            fail(number, WorkflowFault(error), now: now)
        }
    }

    /// A task whose `if` is not true gives its raw input, and the list goes on behind it.
    private mutating func skip(_ number: Int, now: Timestamp) {
        guard let task = tasks[number] else { return }
        remove(number, as: .completed, output: task.rawInput, isSkipped: true, now: now)
        follow(task, output: task.rawInput, directive: .continue, now: now)
    }

    private mutating func begin(_ number: Int, now: Timestamp) throws {
        guard let task = tasks[number] else { return }
        let scope = scope(of: task, stage: .body)
        switch task.definition.kind {
        case .set(let template):
            complete(number, output: try template.evaluate(task.input, scope: scope), now: now)
        case .switch(let cases):
            let match = try cases.first { try $0.when?.isTrue(task.input, scope: scope) ?? false }
            let directive = (match ?? cases.first { $0.when == nil })?.then ?? task.definition.then
            complete(number, output: task.input, directive: directive, now: now)
        case .raise(let error):
            throw try error.evaluate(task.input, scope: scope)
        case .wait(let duration):
            let moment = clock(now) + (try duration.evaluate(task.input, scope: scope))
            update(number) { task in
                task.status = .waiting
                task.wakeAt = moment
            }
        case .do(let list):
            start(list, scope: 0, of: number, now: now)
        case .try(let definition):
            update(number) { $0.progress = .attempting(.init(since: now)) }
            try startAttempt(number, definition, now: now)
        case .for(let loop):
            try beginLoop(number, loop, now: now)
        case .fork(let fork):
            beginBranches(number, fork, now: now)
        case .call(let call):
            try beginCall(number, call, now: now)
        case .runWorkflow, .runProcess:
            requestEffect(number, try action(of: task))
        case .emit(let emit):
            try self.emit(number, emit, now: now)
        case .listen(let listen):
            try beginListening(number, listen, now: now)
        case .extended(let extended):
            try beginExtended(number, extended, now: now)
        }
        if let task = tasks[number], task.isTold, task.status != .pending { recordTask("task.started", task, at: now) }
    }

    /// Places the first task of a list; an empty list gives what it was given.
    mutating func start(
        _ list: TaskList, scope: Int, of parent: Int, input: JSONValue? = nil, from source: InputSource = .parent,
        now: Timestamp
    ) {
        guard let task = tasks[parent] else { return }
        let input = input ?? task.input
        if let first = list.tasks.first {
            place(first, at: 0, in: scope, of: parent, input: input, from: source, now: now)
        } else {
            endList(of: parent, scope: scope, output: input, from: source, now: now)
        }
    }

    private mutating func beginCall(_ number: Int, _ call: CallDefinition, now: Timestamp) throws {
        guard let task = tasks[number] else { return }
        if case .defined(let function, let arguments) = call.target {
            let input = try arguments?.evaluate(task.input, scope: scope(of: task, stage: .body))
            place(
                function, at: 0, in: 0, of: number, input: input ?? task.input, from: input == nil ? .parent : .own,
                now: now)
        } else if case .approval(let arguments) = call.target {
            try ask(number, try arguments.evaluate(task.input, scope: scope(of: task, stage: .body)), now: now)
        } else {
            requestEffect(number, try action(of: task))
        }
    }

    /// Asks for the effect of a task, in its current attempt.
    mutating func requestEffect(_ number: Int, _ action: EffectRequest.Action) {
        guard let task = tasks[number] else { return }
        request(
            EffectRequest(
                task: number, attempt: task.attempt, name: task.definition.name, reference: task.definition.reference,
                action: action, effect: task.definition.kind.effect,
                idempotencyKey: idempotencyKey(of: task), deadline: earliestDeadline(around: task),
                input: task.input))
    }

    /// What a task's effect is, with its arguments evaluated; where that takes secrets, not yet.
    func action(of task: LiveTask) throws -> EffectRequest.Action {
        let names = task.definition.secrets
        guard names.isEmpty else {
            return .withSecrets(.init(names: names, scope: scope(of: task, stage: .input)))
        }
        return try Self.action(of: task, scope: scope(of: task, stage: .body))
    }

    static func action(of task: LiveTask, scope: ExpressionScope) throws -> EffectRequest.Action {
        switch task.definition.kind {
        case .call(let call):
            switch call.target {
            case .http(let http): return .http(try http.request(task.input, scope: scope))
            case .openapi(let openAPI): return .openapi(try openAPI.request(task.input, scope: scope))
            case .function(let name, let arguments):
                return .function(name: name, arguments: try arguments.evaluate(task.input, scope: scope))
            case .mcp(let mcp): return .mcp(try mcp.request(task.input, scope: scope))
            case .defined, .approval: break
            }
        case .runProcess(let run): return .process(try run.request(task.input, scope: scope))
        case .runWorkflow(let run):
            let input = try run.input?.evaluate(task.input, scope: scope) ?? task.input
            return .workflow(
                id: run.id, version: run.version, input: input, await: run.await, returnsNothing: run.returnsNothing)
        default: break
        }
        preconditionFailure("task \(task.definition.reference) has no effect")
    }

    /// Names an effect so that all its attempts have the same name, those of a `try` that begins again too: by the
    /// outermost such `try` and the way from the task out to it (scope and place at each step, which tells two calls of
    /// one function apart), else by the task's number.
    ///
    /// Where a list jumps back, visits of a task cannot be told from attempts; nothing outside of it is looked at.
    func idempotencyKey(of task: LiveTask) -> String {
        var name = String(task.number)
        if case .runWorkflow = task.definition.kind { return "\(id):\(name)" }
        var way = ""
        var child = task
        while let parent = tasks[child.parent], parent.definition.list(in: child.scope)?.jumpsBack != true {
            way += ".\(child.scope)-\(child.place)"
            if case .try(let definition) = parent.definition.kind, definition.retry != nil, child.scope == 0 {
                name = "\(parent.number)\(task.definition.reference)\(way)"
            }
            child = parent
        }
        return "\(id):\(name)"
    }

    private func earliestDeadline(around task: LiveTask) -> Timestamp? {
        var earliest: Timestamp?
        var next: LiveTask? = task
        while let task = next {
            earliest = [earliest, task.deadline, task.progress.attempts?.attemptDeadline].compactMap(\.self).min()
            next = tasks[task.parent]
        }
        return earliest
    }
}
