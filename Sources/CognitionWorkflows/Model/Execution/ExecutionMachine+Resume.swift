import CognitionCore

extension ExecutionMachine {
    /// Builds the machine of an execution that goes on from a point of its history, or of another's.
    ///
    /// What ran at that point is pending and starts again; what may take only so long begins anew. Nothing is entered yet:
    /// the next ``advance(now:)`` does, also that of a machine that is built again from the rows.
    ///
    /// - Parameter areNew: None of its tasks has a row yet; see ``rewriteAll(areNew:)``.
    init(
        resuming resumed: ResumedExecution, of definition: WorkflowDefinition, areNew: Bool, event: String,
        with extra: JSONObject = [:], now: Timestamp
    ) throws {
        try self.init(restoring: resumed.stored, of: definition, now: now)
        for number in tasks.numbers.sorted() where number > 0 { try restartClocks(of: number, now: now) }
        rewriteAll(areNew: areNew)
        record(event, with: extra, at: now)
        for task in resumed.ended { try goOn(behind: task, now: now) }
    }

    private mutating func restartClocks(of number: Int, now: Timestamp) throws {
        guard let task = tasks[number], task.status != .pending else { return }
        if let timeout = task.definition.timeout {
            let duration = try timeout.evaluate(task.input, scope: scope(of: task, stage: .body))
            update(number) { $0.deadline = now + duration }
        }
        if case .try(let definition) = task.definition.kind, let limit = definition.retry?.attemptDuration,
            task.status == .running, task.progress.attempts?.isHandling == false
        {
            let duration = try limit.evaluate(task.input, scope: scope(of: task, stage: .body))
            update(number) { $0.progress.changeAttempts { $0.attemptDeadline = now + duration } }
        }
    }

    private mutating func goOn(behind ended: EndedTask, now: Timestamp) throws {
        let row = ended.row
        guard let place = definition.places[row.reference], let parent = tasks[row.parent] else {
            throw WorkflowError.unreadable(id, "task \(row.number) fits nothing in the definition")
        }
        let rawInput = ended.rawInput ?? parent.input
        let task = LiveTask(
            number: row.number, parent: row.parent, scope: row.scope, place: place.index, definition: place.task,
            source: row.source, rawInput: rawInput, input: row.input ?? rawInput, status: row.status,
            attempt: row.attempt, startedAt: row.startedAt)
        follow(task, output: row.output ?? .null, directive: try directive(behind: task, ended), now: now)
    }

    private func directive(behind task: LiveTask, _ ended: EndedTask) throws -> FlowDirective {
        if ended.isSkipped { return .continue }
        if ended.endsWorkflow { return .end }
        guard case .switch(let cases) = task.definition.kind else { return task.definition.then }
        let scope = scope(of: task, stage: .body)
        let match = try cases.first { try $0.when?.isTrue(task.input, scope: scope) ?? false }
        return (match ?? cases.first { $0.when == nil })?.then ?? task.definition.then
    }

    /// The latest moment that the machine knows of.
    var lastTime: Timestamp {
        tasks.all.map(\.startedAt).max().map { max($0, state.startedAt) } ?? state.startedAt
    }
}

extension TaskKind {
    /// Whether tasks can be inside.
    var isComposite: Bool {
        switch self {
        case .do, .for, .fork, .try, .extended: true
        case .listen(let listen): listen.iterator != nil
        case .call(let call): if case .defined = call.target { true } else { false }
        case .set, .switch, .raise, .wait, .emit, .runWorkflow, .runProcess: false
        }
    }
}
