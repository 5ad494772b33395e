package import CognitionCore

/// One execution as a value: it is told what happened and answers what changes, and does nothing itself.
///
/// An outside event (an effect's result, a moment, a cancellation) goes in; the machine runs every task that needs no
/// effect, and stops where something has to be waited for. ``takeTransition()`` then gives the rows to write, the events
/// to append and the effects to start after the commit. The machine can be built again from those rows at any commit
/// (`ExecutionMachine+Restore.swift`), and goes on as if nothing had happened.
///
/// The execution itself is task 0: its list is the document's `do`, its deadline the document's `timeout`.
package struct ExecutionMachine: Sendable {
    /// Tasks of one execution at most; one more faults it.
    package static let tasksMax = 1_000_000
    /// Tasks entered between two commits at most.
    package static let stepsMax = 1_000

    package let definition: WorkflowDefinition
    package let id: ExecutionID
    /// The input as it was given.
    package let rawInput: JSONValue

    var state: ExecutionState
    /// Every task that has not ended, the execution itself among them as number 0.
    var tasks = LiveTasks()
    /// Tasks that have been placed and not entered yet, first come first.
    var agenda: [Int] = []
    /// What would have to be undone; see `ExecutionMachine+Compensate.swift`.
    var compensations = CompensationList()
    /// What undoes those tasks, by their references.
    var compensators: [String: TaskDefinition] = [:]
    var random: SplitMix64
    /// How far the time of the execution, which never goes back, is ahead of the clock that has; see
    /// `ExecutionMachine+Clock.swift`.
    var ahead: Duration = .zero
    private var changed: Set<Int> = []
    private var ended: [Int: TaskExecution] = [:]
    private var events: [ExecutionEvent] = []
    private var effects: [EffectRequest] = []
    /// Tasks whose effect this machine has asked for and not heard of.
    private var inFlight: Set<Int> = []
    /// Tasks whose effect was asked for before, so that it may have happened.
    var repeated: Set<Int> = []
    private var published: [Publication] = []
    var mail = MailChanges()
    var approvals: [ApprovalChange] = []
    /// Keys of the messages that were received.
    var seenMessages: Set<Int64> = []
    /// Signals that nobody has listened for so far, oldest first.
    var heldSignals: [(message: Int64, event: CloudEvent)] = []
    /// Some of them came back while others may have been listening.
    var mayOfferSignals = false
    private var stopped: [Int] = []
    private var abandoned: [Int] = []
    private var newFrom: Int
    private var contextChanged = false
    /// Tasks whose input, or items, are not in their rows yet.
    private var unwrittenInputs: Set<Int> = []
    private var unwrittenItems: Set<Int> = []

    init(definition: WorkflowDefinition, id: ExecutionID, rawInput: JSONValue, state: ExecutionState) {
        self.definition = definition
        self.id = id
        self.rawInput = rawInput
        self.state = state
        self.newFrom = state.nextNumber
        self.random = SplitMix64(seed: id.uuid.low ^ UInt64(bitPattern: Int64(state.nextNumber)))
    }

    package var status: ExecutionStatus { state.status }
    package var hasEnded: Bool { state.status.hasEnded }
    /// Something can be done without waiting; see ``advance(now:)``.
    package var hasMore: Bool { !agenda.isEmpty && !isSuspended }

    // MARK: What can happen

    /// A new execution, taken as far as it goes without an effect.
    package static func start(
        _ definition: WorkflowDefinition, id: ExecutionID, input: JSONValue, now: Timestamp
    ) -> ExecutionMachine {
        let state = ExecutionState(status: .running, progress: 0, context: .null, startedAt: now, nextNumber: 1)
        var machine = ExecutionMachine(definition: definition, id: id, rawInput: input, state: state)
        machine.tasks.insert(.root(of: definition, rawInput: input, now: now))
        machine.record(ExecutionEvent.started, at: now)
        machine.agenda.append(0)
        machine.advance(now: now)
        return machine
    }

    /// An effect has given its result; one that is no longer waited for is ignored.
    package mutating func finish(
        task number: Int, attempt: Int, with result: Result<JSONValue, WorkflowFault>, now: Timestamp
    ) {
        guard let task = tasks[number], task.isEffect, task.status == .running, task.attempt == attempt else { return }
        inFlight.remove(number)
        switch result {
        case .success(let output):
            if task.definition.compensation != nil { tasks.change(number) { $0.given = output } }
            complete(number, output: output, now: now)
        case .failure(let fault): fail(number, fault, now: now)
        }
        advance(now: now)
    }

    /// Time has passed: ends waits, starts retries, and faults what took too long; of very many some, and the moment of
    /// the next transition is then that of those that are left.
    package mutating func passTime(now: Timestamp) {
        var steps = 0
        while !hasEnded, !isSuspended, steps < Self.stepsMax, let due = tasks.earliest(),
            due.moment <= clock(now)
        {
            fire(due.number, now: now)
            advance(now: now)
            steps += 1
        }
    }

    /// Stops everything; an execution that has ended, or is undoing what it has done, goes on as it is.
    ///
    /// - Parameter actor: Who wants it, as `Principal.actor` says it; `nil` where nobody has kept it.
    package mutating func cancel(by actor: String? = nil, now: Timestamp) {
        guard !hasEnded else { return }
        guard state.ending == nil else { return abandonQuarantinedCompensation(now: now) }
        if isSuspended {
            // What has to be undone is undone now.
            state.status = .running
            state.reason = nil
            state.suspendedAt = nil
        }
        for child in tasks[0]?.children ?? [] { drop(child, as: .cancelled, now: now) }
        end(as: .cancelled, by: actor, now: now)
    }

    /// Goes on with what was placed and not entered; needed after a transition that said `hasMore`.
    package mutating func advance(now: Timestamp) {
        var steps = 0
        var next = 0
        while next < agenda.count, steps < Self.stepsMax, !hasEnded, !isSuspended {
            enter(agenda[next], now: now)
            next += 1
            steps += 1
        }
        agenda.removeFirst(hasEnded ? agenda.count : next)
        if mayOfferSignals, agenda.isEmpty { offerHeldSignals(now: now) }
    }

    /// What has changed since the last call.
    package mutating func takeTransition() -> Transition {
        updateProgress()
        state.wakeAt = hasEnded || isSuspended ? nil : tasks.earliest()?.moment
        if !hasEnded { updateStatus() }
        var rows = ended
        for number in changed where number > 0 {
            if let task = tasks[number] { rows[number] = row(of: task) }
        }
        defer {
            changed = []
            ended = [:]
            events = []
            effects = []
            published = []
            mail = MailChanges()
            approvals = []
            stopped = []
            abandoned = []
            newFrom = state.nextNumber
            contextChanged = false
            unwrittenInputs = []
            unwrittenItems = []
        }
        mail.listeners.removeAll { mail.ended.contains($0.task) }
        approvals = ApprovalChange.folded(approvals)
        return Transition(
            tasks: rows, newFrom: newFrom, contextChanged: contextChanged, events: events, effects: effects,
            stopped: stopped, abandoned: abandoned, published: published, mail: mail, approvals: approvals,
            execution: state, isBusy: !inFlight.isEmpty, hasMore: hasMore)
    }

    /// How many tasks have ended so far; what orders all that happens in the execution.
    var ends: Int { state.nextNumber - 1 - (tasks.count - (tasks[0] == nil ? 0 : 1)) + state.endsUndone }

    // MARK: Changes, remembered for the next transition

    /// Remembers the rows of all live tasks for the next transition.
    ///
    /// - Parameter areNew: None of them has a row yet; else the rows keep their inputs and items.
    mutating func rewriteAll(areNew: Bool) {
        changed.formUnion(tasks.numbers)
        guard areNew else { return }
        newFrom = 0
        unwrittenInputs.formUnion(tasks.numbers)
        unwrittenItems.formUnion(tasks.numbers)
    }

    /// Changes a live task and remembers that its row has to be written.
    mutating func update(_ number: Int, _ change: (inout LiveTask) -> Void) {
        guard tasks.change(number, change) else { preconditionFailure("task \(number) is live") }
        changed.insert(number)
    }

    /// Puts a task at the end of the agenda; its number is its place in the order of starts.
    mutating func place(
        _ definition: TaskDefinition, at place: Int, in scope: Int, of parent: Int, input: JSONValue,
        from source: InputSource, now: Timestamp
    ) {
        let number = state.nextNumber
        let placedAfter = ends
        state.nextNumber += 1
        tasks.insert(
            LiveTask(
                number: number, parent: parent, scope: scope, place: place, definition: definition, source: source,
                rawInput: input, input: input, startedAt: now, placedAfter: placedAfter))
        tasks.change(parent) { $0.children.append(number) }
        changed.insert(number)
        agenda.append(number)
    }

    /// Takes a task out of the live ones; its row says how it ended.
    mutating func remove(
        _ number: Int, as status: TaskStatus, output: JSONValue? = nil, fault: WorkflowFault? = nil,
        isSkipped: Bool = false, endsWorkflow: Bool = false, context: JSONValue? = nil,
        now: Timestamp
    ) {
        guard let task = tasks.remove(number) else { return }
        let compensation = noteForCompensation(
            task, as: isSkipped ? nil : status, output: output, fault: fault,
            isUnsent: task.definition.compensation != nil && !repeated.contains(number)
                && effects.contains { $0.task == number })
        tasks.change(task.parent) { parent in
            if let place = parent.children.firstIndex(of: number) { parent.children.remove(at: place) }
        }
        changed.remove(number)
        guard number > 0 else { return }
        inFlight.remove(number)
        if let listening = task.progress.listening { stopListening(number, listening) }
        if task.progress.approval != nil { approvals.append(.withdrawn(task: number, attempt: task.attempt)) }
        var row = row(of: task)
        row.status = status
        row.reason = nil
        row.endedAt = now
        row.output = output
        row.fault = fault
        row.wakeAt = nil
        row.deadline = nil
        row.progress = isSkipped ? ["skipped": true] : endedProgress(of: task, compensation, endsWorkflow: endsWorkflow)
        if compensation?.outcome == .completed { row.output = compensation?.output }
        row.endedOrder = ends
        row.context = context
        ended[number] = row
        if task.isEffect, task.status == .running, status != .completed {
            stopped.append(number)
            if case .runWorkflow = task.definition.kind { abandoned.append(number) }
            effects.removeAll { $0.task == number }
        }
        if task.isTold, task.status != .pending { recordTask("task.\(status.name)", task, fault: fault, at: now) }
    }

    /// What the row of an ended task keeps beside its output.
    private func endedProgress(of task: LiveTask, _ compensation: Compensation?, endsWorkflow: Bool) -> JSONValue? {
        var members = compensation?.mark.objectValue ?? JSONObject()
        if endsWorkflow { members["ends_workflow"] = true }
        for (name, value) in task.progress.extending?.json.objectValue ?? JSONObject() { members[name] = value }
        return members.isEmpty ? nil : .object(members)
    }

    /// Ends a task and everything inside it without asking anybody.
    mutating func drop(_ number: Int, as status: TaskStatus, now: Timestamp) {
        for child in tasks[number]?.children ?? [] { drop(child, as: status, now: now) }
        remove(number, as: status, now: now)
    }

    /// Ends the execution, or puts its end off until everything is undone.
    ///
    /// - Parameter actor: Who has cancelled it.
    mutating func end(
        as status: ExecutionStatus, output: JSONValue? = nil, fault: WorkflowFault? = nil, by actor: String? = nil,
        now: Timestamp
    ) {
        if status != .completed, beginCompensation(before: status, fault: fault, by: actor, now: now) { return }
        remove(0, as: status, now: now)
        agenda = []
        // Who tries again after a failure finds the signals there.
        if status != .faulted { mail.taken += heldSignals.map(\.message) }
        heldSignals = []
        state.status = status
        state.reason = state.ending?.reason
        state.ending = nil
        state.output = output
        state.fault = fault
        state.endedAt = now
        state.progress = status == .completed ? 100 : state.progress
        record(
            "execution.\(status.name)", fault: fault, reason: state.reason, with: Self.member("cancelled_by", actor),
            at: now)
    }

    mutating func request(_ effect: EffectRequest) {
        effects.append(effect)
        inFlight.insert(effect.task)
    }

    func isInFlight(_ number: Int) -> Bool { inFlight.contains(number) }

    mutating func publish(_ event: CloudEvent) {
        published.append(Publication(event: event, newListeners: mail.listeners.map(\.task)))
    }

    mutating func setContext(_ context: JSONValue) {
        state.context = context
        contextChanged = true
    }

    /// Marks a row's input or items as set; the row holds each once, however often it changes.
    mutating func setInput(of number: Int, to input: JSONValue) {
        update(number) { $0.input = input }
        unwrittenInputs.insert(number)
    }

    mutating func setItems(of number: Int, to items: [JSONValue]) {
        update(number) { $0.progress = .looping(.init(items: items)) }
        unwrittenItems.insert(number)
    }

    // MARK: Events

    mutating func record(
        _ type: String, fault: WorkflowFault? = nil, reason: StatusReason? = nil, with extra: JSONObject = [:],
        at now: Timestamp
    ) {
        var data: JSONObject = [
            "execution_id": .string(id.description),
            "workflow_id": .string(definition.id.description),
            "version": .string(definition.version),
        ]
        for (name, value) in extra { data[name] = value }
        if let fault { data["error"] = fault.json }
        if let reason { data["reason"] = .string(reason.rawValue) }
        tell(ExecutionEvent(type: type, time: now, data: data))
    }

    mutating func tell(_ event: ExecutionEvent) { events.append(event) }

    mutating func recordTask(
        _ type: String, _ task: LiveTask, fault: WorkflowFault? = nil, reason: StatusReason? = nil,
        with extra: JSONObject = [:], at now: Timestamp
    ) {
        var data: JSONObject = [
            "workflow_id": .string(definition.id.description),
            "task": .integer(Int64(task.number)),
            "name": .string(task.definition.name),
            "reference": .string(task.definition.reference),
            "attempt": .integer(Int64(task.attempt)),
        ]
        if let loop = task.progress.loop { data["items"] = .integer(Int64(loop.items.count)) }
        if task.parent > 0 {
            data["parent"] = .integer(Int64(task.parent))
            data["scope"] = .integer(Int64(task.scope))
        }
        for (name, value) in extra { data[name] = value }
        if let fault { data["error"] = fault.json }
        if let reason { data["reason"] = .string(reason.rawValue) }
        events.append(ExecutionEvent(type: type, time: now, data: data))
    }

    /// Who has asked for what an event tells, where that is known.
    static func member(_ name: String, _ actor: String?) -> JSONObject { actor.map { [name: .string($0)] } ?? [:] }

    // MARK: Rows

    private func row(of task: LiveTask) -> TaskExecution {
        let writesInput =
            task.definition.input.from != nil && task.definition.input.secrets.isEmpty
            && unwrittenInputs.contains(task.number)
        let items = unwrittenItems.contains(task.number) ? task.progress.loop?.items : nil
        return TaskExecution(
            number: task.number, parent: task.parent, scope: task.scope, name: task.definition.name,
            reference: task.definition.reference, source: task.source,
            ownInput: task.source == .own ? task.rawInput : nil,
            status: task.status, reason: task.reason, attempt: task.attempt, startedAt: task.startedAt,
            input: writesInput ? task.input : nil, wakeAt: task.wakeAt, deadline: task.deadline,
            progress: task.progress.json, items: items.map(JSONValue.array), placedAfter: task.placedAfter)
    }

    /// An execution waits when each of its innermost tasks does.
    private mutating func updateStatus() {
        guard !isSuspended else { return }
        let isWaiting = agenda.isEmpty && tasks.areWaiting
        state.status = isWaiting ? .waiting : .running
        state.reason = isWaiting ? tasks.reason : nil
        if state.ending != nil { state.reason = state.reason ?? .compensating }
    }
}

extension LiveTask {
    /// The execution itself, as the task around the document's list.
    static func root(of definition: WorkflowDefinition, rawInput: JSONValue, now: Timestamp) -> LiveTask {
        let task = TaskDefinition(
            name: definition.id.name, reference: "", json: .null, condition: nil, input: definition.input,
            output: definition.output, export: nil, timeout: definition.timeout, then: .continue, metadata: [:],
            kind: .do(definition.tasks))
        return LiveTask(
            number: 0, parent: -1, scope: 0, place: 0, definition: task, source: .own, rawInput: rawInput,
            input: rawInput,
            startedAt: now)
    }

    /// Whether the log tells of the task: of those that take time, not of the steps between them.
    var isTold: Bool {
        switch definition.kind {
        case .call, .runWorkflow, .runProcess, .wait, .for, .fork, .try, .emit, .listen: number > 0
        case .set, .do, .switch, .raise, .extended: false
        }
    }
}
