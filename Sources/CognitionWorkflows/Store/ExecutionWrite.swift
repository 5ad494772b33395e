import CognitionCore
import CognitionEvents
package import CognitionStorage

/// What the row of an execution says of how it is doing.
struct ExecutionColumns {
    var status = ExecutionStatus.pending
    var reason: StatusReason?
    var progress = 0
    var context: StoredPayload?
    var output: StoredPayload?
    var fault: [UInt8]?
    var ending: [UInt8]?
    var nextNumber = 1
    var owner: UUIDv7?
    var wakeAt: Timestamp?
    var startedAt: Timestamp?
    var endedAt: Timestamp?

    /// Of an execution that nobody owns and that has not begun.
    init(dueAt: Timestamp) { wakeAt = dueAt }

    init(_ state: ExecutionState, context: StoredPayload?, output: StoredPayload?, fault: [UInt8]?, owner: UUIDv7?) {
        status = state.status
        reason = state.reason
        progress = state.progress
        self.context = context
        self.output = output
        self.fault = fault
        ending = state.ending?.json.jsonBytes
        nextNumber = state.nextNumber
        self.owner = owner
        wakeAt = state.wakeAt
        startedAt = state.startedAt
        endedAt = state.endedAt
    }
}

/// One transition as statements: the execution's columns, the rows of its tasks, its events. Encoded when it is made, so
/// that the thread that writes only writes.
struct ExecutionWrite: Sendable {
    private struct TaskRow: Sendable {
        let task: TaskExecution
        let isNew: Bool
        let ownInput: EncodedJSON?
        let input: EncodedJSON?
        let output: EncodedJSON?
        let items: EncodedJSON?
        let context: EncodedJSON?
        let fault: [UInt8]?
        let progress: [UInt8]?
    }

    /// `nil` until the execution has a row.
    private let key: Int64?
    private let id: ExecutionID
    private let workspace: WorkspaceID
    private let owner: UUIDv7
    private let epoch: Int64
    /// The execution leaves this node's memory and is claimed again when it is due.
    private let releases: Bool
    let state: ExecutionState
    private let context: EncodedJSON?
    private let output: EncodedJSON?
    private let fault: [UInt8]?
    private let rows: [TaskRow]
    private let abandoned: [Int]
    private let events: [NewEvent]
    private let published: [Publication]
    private let mail: MailChanges
    private let lifecycle: [CloudEvent]
    private let interest: LifecycleInterest?
    private let mailOutputs: [(message: Int64, output: EncodedJSON)]
    private let approvals: [ApprovalChange]
    private let cost: Money
    private let origin: ExecutionOrigin
    private let time: Timestamp
    private let ids: UUIDGenerator

    /// - Parameters:
    ///   - cost: What the tasks that have ended in this transition add to the execution's cost.
    ///   - withContext: The context is written even if it has not changed: there is no row yet.
    init(
        _ transition: Transition, key: Int64?, id: ExecutionID, workspace: WorkspaceID, owner: UUIDv7, epoch: Int64,
        releases: Bool, cost: Money = .zero(Execution.currency), origin: ExecutionOrigin,
        interest: LifecycleInterest? = nil, ids: UUIDGenerator, now: Timestamp, withContext: Bool = false
    ) {
        self.interest = interest
        lifecycle = Self.lifecycle(of: transition, id: id, interest)
        self.key = key
        self.id = id
        self.workspace = workspace
        self.owner = owner
        self.epoch = epoch
        self.releases = releases
        self.cost = cost
        self.origin = origin
        self.ids = ids
        state = transition.execution
        context = transition.contextChanged || withContext ? EncodedJSON(state.context) : nil
        output = EncodedJSON(state.output)
        fault = state.fault?.json.jsonBytes
        abandoned = transition.abandoned
        published = transition.published
        mail = transition.mail
        mailOutputs = transition.mail.outputs.map { (message: $0.message, output: EncodedJSON($0.output)) }
        approvals = transition.approvals
        time = now
        rows = transition.tasks.values.sorted { $0.number < $1.number }.map { task in
            TaskRow(
                task: task, isNew: task.number >= transition.newFrom, ownInput: EncodedJSON(task.ownInput),
                input: EncodedJSON(task.input), output: EncodedJSON(task.output), items: EncodedJSON(task.items),
                context: EncodedJSON(task.context), fault: task.fault?.json.jsonBytes,
                progress: task.progress?.jsonBytes)
        }
        let state = state
        events = transition.events.map { event in
            var data = event.data
            let (status, progress) = Self.standing(of: state, at: event.type)
            data["status"] = .string(status.name)
            data["progress"] = .integer(Int64(progress))
            return NewEvent(event.type, data: .object(data))
        }
    }

    /// How the execution was doing when something happened: a transition may begin and end one, and what comes before the
    /// end does not tell of it.
    private static func standing(
        of state: ExecutionState, at type: String
    ) -> (status: ExecutionStatus, progress: Int) {
        if type == "execution.started" { return (.running, 0) }
        guard state.status.hasEnded, !type.hasPrefix("execution.") || type == ExecutionEvent.compensating else {
            return (state.status, state.progress)
        }
        return (.running, min(state.progress, 99))
    }

    /// An execution that is released while its cancellation is asked for is due at once, so that somebody ends it.
    ///
    /// - Throws: `workflow.fenced` when the execution is no longer this owner's, at the latest before the commit; nothing
    ///   is written then.
    func run(in tx: borrowing Transaction) throws {
        guard let key else { preconditionFailure("an execution has a row before it changes") }
        var piece = ExecutionStep.Piece(execution: id, key: ExecutionKey(key))
        piece.update = try update(of: key, in: tx)
        try write(&piece, in: tx)
        for task in abandoned { try cancelChildren(of: task, of: key, in: tx) }
    }

    /// What the row of an execution says that begins with this transition.
    func columns(in tx: borrowing Transaction) throws -> ExecutionColumns {
        ExecutionColumns(
            state, context: try context?.store(for: workspace, in: tx),
            output: try output?.store(for: workspace, in: tx),
            fault: fault, owner: newOwner)
    }

    /// Writes the transition that an execution begins with, together with its row.
    func runFirst(_ piece: ExecutionStep.Piece, in tx: borrowing Transaction) throws {
        var piece = piece
        try write(&piece, in: tx)
    }

    /// Writes what a fork begins with; its row was written in this transaction.
    func runForked(_ key: Int64, in tx: borrowing Transaction) throws {
        var piece = ExecutionStep.Piece(execution: id, key: ExecutionKey(key))
        try write(&piece, in: tx)
    }

    private func write(_ piece: inout ExecutionStep.Piece, in tx: borrowing Transaction) throws {
        for row in rows {
            if row.isNew {
                piece.newTasks += try insertion(of: row, in: tx)
            } else if let key {
                piece.changedTasks += try change(of: row, key, in: tx)
            }
        }
        tx.commitStep(ExecutionStep.self).add(piece)
        try writeWaiting(piece.key, in: tx)
        try append(in: tx)
        if releases || !abandoned.isEmpty { tx.signal(.executionsDue) }
    }

    /// The lifecycle events of a transition that anybody listens for.
    private static func lifecycle(
        of transition: Transition, id: ExecutionID, _ interest: LifecycleInterest?
    ) -> [CloudEvent] {
        guard let interest, !interest.isNone else { return [] }
        return transition.events.enumerated().compactMap { index, event in
            guard let type = LifecycleEvent.cloudEventType(of: event.type), interest.contains(type) else { return nil }
            return LifecycleEvent.cloudEvent(
                event.type, data: .object(event.data), of: id,
                number: "\(event.time.microseconds)-\(index)", at: event.time
            ).map(CloudEvent.init(stored:))
        }
    }

    /// What the execution waits for from now on, what it has taken of its mailbox, and what it says to others.
    private func writeWaiting(_ key: ExecutionKey, in tx: borrowing Transaction) throws {
        for event in lifecycle {
            try MailStore.deliver(event, isLifecycle: true, in: workspace, now: time, tx)
        }
        if let interest, !mail.listeners.isEmpty {
            let listeners = mail.listeners
            tx.afterCommit { interest.add(listeners) }
        }
        for publication in published {
            try EventPublication(publication.event, origin, ids, time).run(workspace, in: tx)
        }
        let own = published.filter { !$0.newListeners.isEmpty }
        if !mail.isEmpty || !approvals.isEmpty {
            var piece = WaitingStep.Piece(
                key: key, workspace: workspace, listeners: mail.listeners, published: own, time: time)
            for change in approvals {
                switch change {
                case .asked(let request, let task, let attempt, let name, let expired):
                    piece.approvals.append(
                        .init(
                            task: task, attempt: attempt, name: name, digest: request.digest,
                            expiresAt: request.expiresAt, request: request.json.jsonBytes, at: time,
                            expired: expired))
                case .expired(let answer):
                    if let key = self.key { try ApprovalStore.expire(answer, of: key, tx) }
                case .withdrawn(let task, let attempt):
                    guard let key = self.key else { continue }
                    try ApprovalStore.withdraw(task: task, attempt: attempt, of: key, now: time, tx)
                }
            }
            if let key = self.key { try MailStore.write(mail, mailOutputs, of: key, in: workspace, tx) }
            if !piece.listeners.isEmpty || !piece.approvals.isEmpty { tx.commitStep(WaitingStep.self).add(piece) }
        }
    }

    /// The log's share of it; also of an execution that is written for the first time.
    func append(in tx: borrowing Transaction) throws {
        guard !events.isEmpty else { return }
        let isStart = events.first?.type == ExecutionEvent.started
        let actor = isStart ? origin.actor : ExecutionOrigin.engine
        let context = EventContext(
            Principal(actor: actor, workspace: workspace), time: time, ids: ids, correlationID: origin.correlationID,
            traceparent: origin.traceparent)
        _ = try tx.append(events, to: WorkflowEvent.stream(of: id), context: context)
    }

    /// Something has begun or ended. What ran when a process ended and runs again now is none: an execution that ends its
    /// process each time has to be set aside at last.
    private var isProgress: Bool {
        state.status.hasEnded || releases || !mail.isEmpty
            || rows.contains { $0.isNew || $0.task.endedAt != nil }
    }

    /// Nothing is left to be done about a cancellation: it has ended, or undoes what it has done and ends then.
    private var isCancellationDone: Bool { state.status.hasEnded || state.ending != nil }

    /// Who has it afterwards.
    private var newOwner: UUIDv7? { releases || state.status.hasEnded ? nil : owner }

    /// The values of the execution's own row. What its context was is read, and given back, by nobody else than its owner.
    private func update(of key: Int64, in tx: borrowing Transaction) throws -> [SQLValue] {
        let output = try output?.store(for: workspace, in: tx)
        if let context {
            let old = try tx.first("SELECT context, context_sha256 FROM executions WHERE key = \(key)") { row in
                try StoredPayload(row, at: 0)
            }
            let new = try context.store(for: workspace, in: tx)
            try tx.send(
                """
                UPDATE executions SET context = \(new.inlineBytes), context_sha256 = \(new.reference) WHERE key = \(key)
                """)
            if case .some(.some(let old)) = old { try PayloadStore.release(old, workspace: workspace, in: tx) }
        }
        return [
            key.sqlValue, owner.sqlValue, epoch.sqlValue, state.status.sqlValue, state.reason.sqlValue,
            state.progress.sqlValue, (output?.inlineBytes).sqlValue, (output?.reference).sqlValue, fault.sqlValue,
            state.nextNumber.sqlValue, newOwner.sqlValue, isProgress.sqlValue, releases.sqlValue, time.sqlValue,
            state.wakeAt.sqlValue, state.startedAt.sqlValue, state.endedAt.sqlValue, isCancellationDone.sqlValue,
            cost.micros.sqlValue, (Int64.max - cost.micros).sqlValue, (state.ending?.json.jsonBytes).sqlValue,
            state.suspendedAt.sqlValue, state.paused.microseconds.sqlValue,
        ]
    }

    /// With the task's number in the place of its key.
    private func insertion(of row: TaskRow, in tx: borrowing Transaction) throws -> [SQLValue] {
        let task = row.task
        let ownInput = try row.ownInput?.store(for: workspace, in: tx)
        let input = try row.input?.store(for: workspace, in: tx)
        let output = try row.output?.store(for: workspace, in: tx)
        let items = try row.items?.store(for: workspace, in: tx)
        let context = try row.context?.store(for: workspace, in: tx)
        return [
            task.number.sqlValue, task.parent.sqlValue, task.scope.sqlValue, task.name.sqlValue,
            task.reference.sqlValue, task.source.sqlValue, (ownInput?.inlineBytes).sqlValue,
            (ownInput?.reference).sqlValue, task.status.sqlValue, task.reason.sqlValue, task.attempt.sqlValue,
            task.startedAt.sqlValue, task.endedAt.sqlValue, (input?.inlineBytes).sqlValue, (input?.reference).sqlValue,
            (output?.inlineBytes).sqlValue, (output?.reference).sqlValue, row.fault.sqlValue, task.wakeAt.sqlValue,
            task.deadline.sqlValue, row.progress.sqlValue, (items?.inlineBytes).sqlValue, (items?.reference).sqlValue,
            task.placedAfter.sqlValue, task.endedOrder.sqlValue, (context?.inlineBytes).sqlValue,
            (context?.reference).sqlValue, task.cost.sqlValue,
        ]
    }

    /// Inputs and items are set once, by a statement of their own.
    private func change(of row: TaskRow, _ key: Int64, in tx: borrowing Transaction) throws -> [SQLValue] {
        let task = row.task
        let id = TaskKey(key, task.number)
        let output = try row.output?.store(for: workspace, in: tx)
        let context = try row.context?.store(for: workspace, in: tx)
        if let input = try row.input?.store(for: workspace, in: tx) {
            try tx.send(
                "UPDATE tasks SET input = \(input.inlineBytes), input_sha256 = \(input.reference) WHERE id = \(id)")
        }
        if let items = try row.items?.store(for: workspace, in: tx) {
            try tx.send(
                "UPDATE tasks SET items = \(items.inlineBytes), items_sha256 = \(items.reference) WHERE id = \(id)")
        }
        return [
            id.sqlValue, task.status.sqlValue, task.reason.sqlValue, task.attempt.sqlValue, task.startedAt.sqlValue,
            task.endedAt.sqlValue, (output?.inlineBytes).sqlValue, (output?.reference).sqlValue, row.fault.sqlValue,
            task.wakeAt.sqlValue, task.deadline.sqlValue, row.progress.sqlValue, task.endedOrder.sqlValue,
            (context?.inlineBytes).sqlValue, (context?.reference).sqlValue, task.cost.sqlValue,
        ]
    }

    /// The children of a task that is no longer waited for are cancelled by whoever owns them, or claims them now.
    private func cancelChildren(of task: Int, of key: Int64, in tx: borrowing Transaction) throws {
        try tx.send(
            """
            UPDATE executions SET cancel_requested_at = \(time), cancel_requested_by = \(id.actor), wake_at = \(time)
            WHERE parent_key = \(key) AND parent_task = \(task) AND ended_at IS NULL
            """)
    }
}

/// The primary key of a task's row.
struct TaskKey: SQLEncodable {
    let value: Int64

    init(_ execution: Int64, _ number: Int) { value = execution << 20 | Int64(number) }

    var sqlValue: SQLValue { value.sqlValue }

    /// The number of the task in its execution.
    static func number(of key: Int64) -> Int { Int(key & 0xF_FFFF) }

    /// The keys of an execution's tasks.
    static func range(of execution: Int64) -> ClosedRange<Int64> { execution << 20...(execution << 20 | 0xF_FFFF) }
}

extension InputSource: SQLEncodable, SQLDecodable {
    package var sqlValue: SQLValue {
        switch self {
        case .parent: .integer(0)
        case .task(let number): .integer(Int64(number))
        case .own: .integer(-1)
        }
    }

    package init?(_ source: any RowSource, at column: Int) {
        guard let number = source.integer(at: column) else { return nil }
        switch number {
        case 0: self = .parent
        case -1: self = .own
        case 1...: self = .task(Int(number))
        default: return nil
        }
    }
}

extension SignalTopic {
    /// An execution may be due that nobody owns.
    static let executionsDue: SignalTopic = "executions.due"
}
