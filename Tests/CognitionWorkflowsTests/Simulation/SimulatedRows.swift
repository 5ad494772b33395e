import CognitionCore
import CognitionWorkflows

/// What the database would hold of one execution: what a transition writes, and what a machine is built again from.
///
/// It keeps what the tables keep and nothing else, and refuses what contradicts what was written before.
struct SimulatedRows {
    struct Letter {
        enum State: Equatable {
            case new, held
            case accepted(task: Int, place: Int, filter: Int)
        }

        let content: ExecutionMessage.Content
        var state = State.new
        var output: JSONValue?

        /// Nobody has it, or a task has that ends.
        func isFree(of ended: [Int]) -> Bool {
            if case .accepted(let task, _, _) = state { ended.contains(task) } else { true }
        }
    }

    struct Question {
        let request: ApprovalRequest
        let attempt: Int
        var isOpen = true
        /// Somebody was told that the answer counts.
        var isAnswered = false
    }

    private(set) var tasks: [Int: TaskExecution] = [:]
    private(set) var state: ExecutionState
    private(set) var events: [ExecutionEvent] = []
    private(set) var letters: [Int64: Letter] = [:]
    private(set) var listeners: Set<Int> = []
    private(set) var questions: [Int: Question] = [:]
    private var context: JSONValue
    private var lastLetter: Int64 = 0
    /// Tasks that were placed behind another one of their list: parent, scope and that other one.
    private var successions: Set<[Int]> = []
    private let definition: WorkflowDefinition
    let id: ExecutionID
    let input: JSONValue

    init(_ definition: WorkflowDefinition, id: ExecutionID, input: JSONValue, first: Transition) throws {
        self.definition = definition
        self.id = id
        self.input = input
        state = first.execution
        state.status = .pending
        context = first.execution.context
        try apply(first)
    }

    var newLetters: [Int64] { letters.filter { $0.value.state == .new }.keys.sorted() }

    mutating func send(_ content: ExecutionMessage.Content) {
        lastLetter += 1
        letters[lastLetter] = Letter(content: content)
    }

    func message(_ key: Int64) -> ExecutionMessage? {
        letters[key].map { ExecutionMessage(key: key, content: $0.content) }
    }

    /// Records an answer and sends it, as one commit.
    mutating func answer(_ task: Int, choice: String, at now: Timestamp) {
        guard var question = questions[task], question.isOpen else { return }
        if let expiresAt = question.request.expiresAt, expiresAt <= now { return }
        question.isOpen = false
        question.isAnswered = true
        questions[task] = question
        send(
            .answer(
                .init(task: task, attempt: question.attempt, choice: choice, comment: nil, by: "user:ann", at: now)))
    }

    // MARK: Writing

    /// Writes a transition as a whole, or not at all.
    /// - Throws: ``Outdated`` when the commit is refused, ``Violation`` when it contradicts what is there.
    mutating func apply(_ transition: Transition) throws {
        var rows = self
        try rows.write(transition)
        self = rows
    }

    /// Writes what an execution that has failed goes on with.
    /// - Parameter pending: Tasks that start again.
    mutating func reopen(_ transition: Transition, pending: [Int]) throws {
        var rows = self
        rows.state.status = .running
        for (number, row) in transition.tasks {
            guard var old = rows.tasks[number], old.endedAt != nil else { continue }
            guard old.status != .completed else { throw Violation("task \(number) has completed, and goes on") }
            (old.endedAt, old.endedOrder, old.output, old.fault, old.context) = (nil, nil, nil, nil, nil)
            if pending.contains(row.number) { (old.input, old.items) = (nil, nil) }
            rows.tasks[number] = old
        }
        try rows.write(transition)
        self = rows
    }

    private mutating func write(_ transition: Transition) throws {
        guard !state.status.hasEnded else { throw Violation("it has ended, and changes") }
        guard transition.execution.progress >= state.progress else { throw Violation("progress falls") }
        for (number, row) in transition.tasks.sorted(by: { $0.key < $1.key }) {
            guard (tasks[number] == nil) == (number >= transition.newFrom) else {
                throw Violation("task \(number) is new, or not, otherwise than the transition says")
            }
            try write(row)
        }
        if transition.contextChanged { context = transition.execution.context }
        state = transition.execution
        events += transition.events
        for change in transition.approvals { try write(change) }
        try write(transition.mail)
    }

    private mutating func write(_ row: TaskExecution) throws {
        var row = row
        if let old = tasks[row.number] {
            guard old.endedAt == nil else { throw Violation("task \(row.number) has ended, and changes") }
            guard old.parent == row.parent, old.scope == row.scope, old.reference == row.reference,
                old.source == row.source, row.attempt >= old.attempt
            else { throw Violation("task \(row.number) is another one now") }
            row.input = row.input ?? old.input
            row.items = row.items ?? old.items
        } else if case .task(let other) = row.source {
            guard let other = tasks[other], other.endedAt != nil || row.parent == 0 else {
                throw Violation("task \(row.number) takes what no row gives")
            }
            guard successions.insert([row.parent, row.scope, other.number]).inserted else {
                throw Violation("task \(other.number) was gone on behind twice")
            }
        }
        tasks[row.number] = row
    }

    private mutating func write(_ change: ApprovalChange) throws {
        switch change {
        case .asked(let request, let task, let attempt, _, let expired):
            questions[task] = Question(request: request, attempt: attempt)
            if expired != nil { questions[task]?.isOpen = false }
        case .expired(let answer):
            guard questions[answer.task]?.isOpen == true else { throw Outdated() }
            questions[answer.task]?.isOpen = false
        case .withdrawn(let task, _):
            questions[task]?.isOpen = false
        }
    }

    private mutating func write(_ changes: MailChanges) throws {
        listeners.formUnion(changes.listeners.map(\.task))
        for key in changes.held {
            guard letters[key]?.state == .new else { throw Violation("message \(key) is held twice") }
            letters[key]?.state = .held
        }
        for event in changes.accepted {
            guard let letter = letters[event.message], letter.isFree(of: changes.ended) else {
                throw Violation("message \(event.message) is accepted twice")
            }
            guard accepted(by: event.task).count == event.place else {
                throw Violation("task \(event.task) does not count what it accepts")
            }
            letters[event.message]?.state = .accepted(task: event.task, place: event.place, filter: event.filter)
        }
        for key in changes.returned {
            guard let letter = letters[key], case .event(_, task: nil) = letter.content, letter.output == nil else {
                throw Violation("message \(key) is no signal, or was taken, and comes back")
            }
            letters[key]?.state = .held
        }
        for (key, output) in changes.outputs { letters[key]?.output = output }
        for key in changes.taken {
            guard let letter = letters.removeValue(forKey: key) else {
                throw Violation("message \(key) is taken twice")
            }
            if case .event(_, task: nil) = letter.content, !state.status.hasEnded {
                throw Violation("signal \(key) is lost")
            }
        }
        for task in changes.ended {
            listeners.remove(task)
            for key in accepted(by: task).map(\.key) { letters[key] = nil }
        }
    }

    // MARK: Reading

    private func accepted(by number: Int) -> [(key: Int64, place: Int, filter: Int)] {
        letters.compactMap { key, letter in
            guard case .accepted(number, let place, let filter) = letter.state else { return nil }
            return (key: key, place: place, filter: filter)
        }.sorted { $0.place < $1.place }
    }

    /// What the tables would give.
    func stored() -> StoredExecution {
        let live = tasks.values.filter { $0.endedAt == nil }.sorted { $0.number < $1.number }.map { row in
            var row = row
            (row.output, row.fault, row.endedOrder, row.context) = (nil, nil, nil, nil)
            return row
        }
        var stored = StoredExecution(id: id, input: input, state: storedState, live: live, outputs: [:], lists: [])
        let places = definition.places
        for row in live {
            if case .task(let number) = row.source { stored.outputs[number] = tasks[number]?.output }
            switch places[row.reference]?.task.kind {
            case .listen: stored.accepted[row.number] = acceptedEvents(by: row.number)
            case .fork: stored.lists += endedLists(of: row.number)
            case .for(let loop) where loop.concurrency != nil: stored.lists += endedLists(of: row.number)
            default: break
            }
        }
        stored.compensations = compensations()
        stored.mail = newLetters.compactMap(message)
        stored.heldSignals = letters.sorted { $0.key < $1.key }.compactMap { key, letter in
            guard letter.state == .held, case .event(let event, _) = letter.content else { return nil }
            return (message: key, event: .object(event.json))
        }
        return stored
    }

    private var storedState: ExecutionState {
        var stored = state
        stored.context = context
        stored.ending = PendingEnd(json: state.ending?.json)
        (stored.output, stored.fault, stored.endedAt, stored.wakeAt) = (nil, nil, nil, nil)
        return stored
    }

    private func acceptedEvents(by number: Int) -> [StoredExecution.AcceptedEvent] {
        accepted(by: number).compactMap { item -> StoredExecution.AcceptedEvent? in
            guard let letter = letters[item.key], case .event(let event, let task) = letter.content else { return nil }
            return .init(
                message: item.key, event: .object(event.json), filter: item.filter, output: letter.output,
                isSignal: task == nil)
        }
    }

    /// The last task of each list of a task whose lists run side by side, where it has ended.
    private func endedLists(of parent: Int) -> [StoredExecution.EndedList] {
        let lists = Dictionary(grouping: tasks.values.filter { $0.parent == parent }, by: \.scope)
        return lists.compactMap { scope, rows -> StoredExecution.EndedList? in
            guard let last = rows.max(by: { $0.number < $1.number }), last.endedAt != nil else { return nil }
            return StoredExecution.EndedList(
                parent: parent, scope: scope, status: last.status, output: last.output ?? .null)
        }
    }

    /// What the rows say is to be undone, and has not been.
    private func compensations() -> [Compensation] {
        var list = CompensationList()
        for row in tasks.values.sorted(by: { $0.number < $1.number }) where row.endedAt != nil {
            let mark = Compensation(task: row.number, name: row.name, reference: row.reference, mark: row.progress)
            if let mark { list.add(mark) }
        }
        let undone = tasks.values.filter { $0.parent == 0 && $0.scope > 0 && $0.endedAt != nil }.map(\.scope).min()
        return list.all.filter { $0.task < undone ?? .max }.map { entry in
            var entry = entry
            entry.input = input(of: entry.task)
            if entry.outcome == .completed { entry.output = tasks[entry.task]?.output ?? .null }
            return entry
        }
    }

    private func input(of number: Int) -> JSONValue? {
        guard let row = tasks[number] else { return nil }
        if let input = row.input { return input }
        return switch row.source {
        case .parent: input(of: row.parent)
        case .task(let other): tasks[other]?.output
        case .own: row.ownInput
        }
    }
}

/// Something that must never be.
struct Violation: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A commit that is refused, because somebody else was faster.
struct Outdated: Error {}
