package import CognitionCore

/// An execution as its rows tell it; what a machine is built again from.
package struct StoredExecution: Sendable {
    package var id: ExecutionID
    package var input: JSONValue
    package var state: ExecutionState
    /// The tasks that have not ended, in the order of their numbers.
    package var live: [TaskExecution]
    /// Outputs of the ended tasks that live ones took their raw input from.
    package var outputs: [Int: JSONValue]
    /// The last ended task of each list inside a live parent whose lists run side by side.
    package var lists: [EndedList]
    /// What would have to be undone, or is undone now and has not been begun or ended yet, in the order of the starts.
    package var compensations: [Compensation] = []
    /// Events that live tasks have accepted, by task, in the order they did.
    package var accepted: [Int: [AcceptedEvent]] = [:]
    /// Messages that wait to be taken, oldest first.
    package var mail: [ExecutionMessage] = []
    /// Signals that nobody has listened for so far, oldest first.
    package var heldSignals: [(message: Int64, event: JSONValue)] = []

    package struct AcceptedEvent: Sendable {
        package var message: Int64
        package var event: JSONValue
        package var filter: Int
        /// What the tasks of `foreach` gave for it.
        package var output: JSONValue?
        /// It was sent to the execution, not to the task.
        package var isSignal: Bool

        package init(
            message: Int64, event: JSONValue, filter: Int, output: JSONValue? = nil, isSignal: Bool = false
        ) {
            self.message = message
            self.event = event
            self.filter = filter
            self.output = output
            self.isSignal = isSignal
        }
    }

    package struct EndedList: Sendable {
        package var parent: Int
        package var scope: Int
        package var status: TaskStatus
        package var output: JSONValue

        package init(parent: Int, scope: Int, status: TaskStatus, output: JSONValue) {
            self.parent = parent
            self.scope = scope
            self.status = status
            self.output = output
        }
    }

    package init(
        id: ExecutionID, input: JSONValue, state: ExecutionState, live: [TaskExecution], outputs: [Int: JSONValue],
        lists: [EndedList]
    ) {
        self.id = id
        self.input = input
        self.state = state
        self.live = live
        self.outputs = outputs
        self.lists = lists
    }
}

extension ExecutionMachine {
    /// Builds the machine that has written these rows.
    ///
    /// What ran when the rows were written is started again by the next transition, in a new attempt; of effects of class
    /// `once` nobody knows whether they happened, and they wait for a person instead.
    ///
    /// - Throws: `workflow.execution_unreadable` when the rows do not fit the definition.
    package init(restoring stored: StoredExecution, of definition: WorkflowDefinition, now: Timestamp) throws {
        self.init(definition: definition, id: stored.id, rawInput: stored.input, state: stored.state)
        let places = definition.places
        var root = LiveTask.root(of: definition, rawInput: stored.input, now: stored.state.startedAt)
        root.status = .running
        if let from = definition.input.from {
            root.input = try from.evaluate(stored.input, scope: scope(of: root, stage: .input))
        }
        if let timeout = definition.timeout, stored.state.ending == nil {
            root.deadline =
                (stored.state.resumedAt ?? stored.state.startedAt) + stored.state.paused
                + (try timeout.evaluate(root.input, scope: scope(of: root, stage: .body)))
        }
        tasks.insert(root)
        for row in stored.live {
            guard let place = places[row.reference], tasks[row.parent] != nil, tasks[row.number] == nil else {
                throw WorkflowError.unreadable(stored.id, "task \(row.number) fits nothing in the definition")
            }
            tasks.insert(try live(row, at: place, stored: stored))
            tasks.change(row.parent) { $0.children.append(row.number) }
            if row.status == .pending { agenda.append(row.number) }
        }
        restoreLists(stored.lists)
        heldSignals = stored.heldSignals.map { (message: $0.message, event: CloudEvent(stored: $0.event)) }
        mayOfferSignals = !heldSignals.isEmpty
        for number in tasks.numbers.sorted() { restoreListening(number, stored.accepted[number] ?? []) }
        try restoreCompensations(stored.compensations, places: places)
        for message in stored.mail { receive(message, now: now) }
        guard !isSuspended, !hasEnded else { return }
        for number in tasks.numbers.sorted() where !isInFlight(number) { try restartEffect(number, now: now) }
    }

    private func live(_ row: TaskExecution, at place: TaskPlace, stored: StoredExecution) throws -> LiveTask {
        let rawInput: JSONValue? =
            switch row.source {
            case .parent: tasks[row.parent]?.input
            case .task(let number): stored.outputs[number]
            case .own: row.ownInput
            }
        guard let rawInput else {
            throw WorkflowError.unreadable(stored.id, "the input of task \(row.number) is missing")
        }
        var task = LiveTask(
            number: row.number, parent: row.parent, scope: row.scope, place: place.index, definition: place.task,
            source: row.source, rawInput: rawInput, input: row.input ?? rawInput, status: row.status,
            reason: row.reason,
            attempt: row.attempt, startedAt: row.startedAt, deadline: row.deadline, placedAfter: row.placedAfter)
        switch place.task.kind {
        case .for where row.status != .pending:
            guard case .array(let items) = row.items, let next = row.progress?["next"]?.integerValue else {
                throw WorkflowError.unreadable(stored.id, "the items of task \(row.number) are missing")
            }
            task.progress = .looping(.init(items: items, next: Int(next)))
        case .fork where row.status != .pending:
            task.progress = .branching(.init())
        case .try where row.status != .pending:
            guard let attempts = TaskProgress.Attempts(json: row.progress) else {
                throw WorkflowError.unreadable(stored.id, "the attempts of task \(row.number) are missing")
            }
            task.progress = .attempting(attempts)
        case .call where row.reason == .approval:
            guard let request = ApprovalRequest(json: row.progress) else {
                throw WorkflowError.unreadable(stored.id, "the approval of task \(row.number) is missing")
            }
            task.progress = .approving(request)
        case .extended where row.status != .pending:
            guard let extending = TaskProgress.Extending(json: row.progress) else {
                throw WorkflowError.unreadable(stored.id, "the extension of task \(row.number) is missing")
            }
            task.progress = .extending(extending)
        default: break
        }
        if row.status == .waiting, row.reason != .needsReconcile { task.wakeAt = row.wakeAt }
        return task
    }

    private mutating func restoreLists(_ lists: [StoredExecution.EndedList]) {
        var liveScopes: [Int: Set<Int>] = [:]
        for list in lists {
            guard let parent = tasks[list.parent] else { continue }
            let live = liveScopes[parent.number] ?? Set(parent.children.compactMap { tasks[$0]?.scope })
            liveScopes[parent.number] = live
            let isLive = live.contains(list.scope)
            tasks.change(list.parent) { $0.progress.changeBranches { $0.started.insert(list.scope) } }
            guard !isLive, list.status == .completed else { continue }
            tasks.change(list.parent) { parent in
                parent.progress.changeLoop { $0.outputs[list.scope] = list.output }
                parent.progress.changeBranches { $0.outputs[list.scope] = list.output }
            }
        }
        for task in tasks.all where task.progress.branches != nil {
            let started = task.children.compactMap { tasks[$0]?.scope }
            tasks.change(task.number) { $0.progress.changeBranches { $0.started.formUnion(started) } }
        }
    }

    /// Asks again for the effect of a task that ran when its process ended.
    mutating func restartEffect(_ number: Int, now: Timestamp) throws {
        guard let task = tasks[number], task.isEffect, task.status == .running else { return }
        if task.definition.kind.effect == .once {
            update(number) { task in
                task.status = .waiting
                task.reason = .needsReconcile
            }
            return recordTask("task.waiting", task, reason: .needsReconcile, at: now)
        }
        repeated.insert(number)
        update(number) { $0.attempt += 1 }
        if let task = tasks[number] { requestEffect(number, try action(of: task)) }
    }
}

/// Where a task stands in its definition.
package struct TaskPlace: Sendable {
    package let task: TaskDefinition
    /// Its place in the list it belongs to.
    package let index: Int
}

extension TaskDefinition {
    var isListening: Bool { if case .listen = kind { true } else { false } }

    /// Whether its lists run at the same time, and their outputs are put together.
    var runsListsSideBySide: Bool {
        switch kind {
        case .for(let loop): loop.concurrency != nil
        case .fork: true
        default: false
        }
    }
}

extension WorkflowDefinition {
    /// Every task of the document by its reference.
    package var places: [String: TaskPlace] {
        var places: [String: TaskPlace] = [:]
        collect(tasks, into: &places)
        return places
    }

    private func collect(_ list: TaskList, into places: inout [String: TaskPlace]) {
        for (index, task) in list.tasks.enumerated() { collect(task, at: index, into: &places) }
    }

    private func collect(_ task: TaskDefinition, at index: Int, into places: inout [String: TaskPlace]) {
        places[task.reference] = TaskPlace(task: task, index: index)
        if let compensation = task.compensation { collect(compensation, at: 0, into: &places) }
        switch task.kind {
        case .do(let list): collect(list, into: &places)
        case .for(let loop): collect(loop.body, into: &places)
        case .fork(let fork):
            for (index, branch) in fork.branches.enumerated() { collect(branch.task, at: index, into: &places) }
        case .try(let definition):
            collect(definition.body, into: &places)
            if let handler = definition.handler { collect(handler, into: &places) }
        case .call(let call):
            if case .defined(let function, _) = call.target { collect(function, at: 0, into: &places) }
        case .listen(let listen):
            if let body = listen.iterator?.body { collect(body, into: &places) }
        case .extended(let extended):
            collect(extended.before, into: &places)
            collect(extended.task, at: 0, into: &places)
            if let after = extended.after { collect(after, at: 0, into: &places) }
        case .set, .switch, .raise, .wait, .runWorkflow, .runProcess, .emit: break
        }
    }
}
