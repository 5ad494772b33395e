import CognitionCore
import CognitionEvents
package import CognitionStorage

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
        let fault: [UInt8]?
        let progress: [UInt8]?
    }

    private let key: Int64
    private let id: ExecutionID
    private let workspace: WorkspaceID
    private let owner: UUIDv7
    private let epoch: Int64
    /// The execution leaves this node's memory and is claimed again when it is due.
    private let releases: Bool
    private let state: ExecutionState
    private let context: EncodedJSON?
    private let output: EncodedJSON?
    private let fault: [UInt8]?
    private let rows: [TaskRow]
    private let abandoned: [Int]
    private let events: [NewEvent]
    private let cost: Money
    private let origin: ExecutionOrigin
    private let time: Timestamp
    private let ids: UUIDGenerator

    /// - Parameter cost: What the tasks that have ended in this transition add to the execution's cost.
    init(
        _ transition: Transition, key: Int64, id: ExecutionID, workspace: WorkspaceID, owner: UUIDv7, epoch: Int64,
        releases: Bool, cost: Money = .zero(Execution.currency), origin: ExecutionOrigin, ids: UUIDGenerator,
        now: Timestamp
    ) {
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
        context = transition.contextChanged ? EncodedJSON(state.context) : nil
        output = EncodedJSON(state.output)
        fault = state.fault?.json.jsonBytes
        abandoned = transition.abandoned
        time = now
        rows = transition.tasks.values.sorted { $0.number < $1.number }.map { task in
            TaskRow(
                task: task, isNew: task.number >= transition.newFrom, ownInput: EncodedJSON(task.ownInput),
                input: EncodedJSON(task.input), output: EncodedJSON(task.output), items: EncodedJSON(task.items),
                fault: task.fault?.json.jsonBytes, progress: task.progress?.jsonBytes)
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
        guard state.status.hasEnded, !type.hasPrefix("execution.") else { return (state.status, state.progress) }
        return (.running, min(state.progress, 99))
    }

    /// An execution that is released while its cancellation is asked for is due at once, so that somebody ends it.
    ///
    /// - Throws: `workflow.fenced` when the execution is no longer this owner's, at the latest before the commit; nothing
    ///   is written then.
    func run(in tx: borrowing Transaction) throws {
        try writeExecution(in: tx)
        for row in rows {
            if row.isNew { try insert(row, in: tx) } else { try update(row, in: tx) }
        }
        for task in abandoned { try cancelChildren(of: task, in: tx) }
        try append(in: tx)
        if releases || !abandoned.isEmpty { tx.signal(.executionsDue) }
    }

    /// The log's share of it; also of an execution that is written for the first time.
    func append(in tx: borrowing Transaction) throws {
        guard !events.isEmpty else { return }
        let isStart = events.first?.type == ExecutionEvent.started
        let actor = isStart ? origin.actor : ExecutionOrigin.engine
        let context = EventContext(
            Principal(actor: actor, workspace: workspace), time: time, ids: ids, correlationID: origin.correlationID)
        _ = try tx.append(events, to: WorkflowEvent.stream(of: id), context: context)
    }

    /// Something has begun or ended. What ran when a process ended and runs again now is none: an execution that ends its
    /// process each time has to be set aside at last.
    private var isProgress: Bool {
        state.status.hasEnded || releases || rows.contains { $0.isNew || $0.task.endedAt != nil }
    }

    private func writeExecution(in tx: borrowing Transaction) throws {
        let output = try output?.store(for: workspace, in: tx)
        let staysOwned = !releases && !state.status.hasEnded
        let spent: SQL = if cost.micros > 0 { ", \(ExecutionStore.costRaised(by: cost))" } else { "" }
        let id = id
        let update: SQL = """
            UPDATE executions SET status = \(state.status), reason = \(state.reason), progress = \(state.progress),
                output = \(output?.inlineBytes), output_sha256 = \(output?.reference), error = \(fault),
                next_number = \(state.nextNumber), owner = \(staysOwned ? owner : nil), 
                claims = CASE WHEN \(isProgress) = 1 THEN 0 ELSE claims END,
                wake_at = CASE WHEN \(releases) = 1 AND cancel_requested_at IS NOT NULL
                    THEN CAST(\(time) AS \(fragment: .int64)) ELSE CAST(\(state.wakeAt) AS \(fragment: .int64)) END,
                started_at = \(state.startedAt), ended_at = \(state.endedAt),
                cancel_requested_at = CASE WHEN \(state.status.hasEnded) = 1 THEN NULL ELSE cancel_requested_at END\(spent)
            WHERE key = \(key) AND owner = \(owner) AND epoch = \(epoch)
            """
        try tx.send(update) { changed in
            guard changed == 1 else {
                throw WorkflowError(.fenced, "execution \(id) was taken over; this result is discarded")
            }
        }
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
    }

    private func insert(_ row: TaskRow, in tx: borrowing Transaction) throws {
        let task = row.task
        let ownInput = try row.ownInput?.store(for: workspace, in: tx)
        let input = try row.input?.store(for: workspace, in: tx)
        let output = try row.output?.store(for: workspace, in: tx)
        let items = try row.items?.store(for: workspace, in: tx)
        try tx.send(
            """
            INSERT INTO tasks (id, parent, scope, name, reference, source, own_input, own_input_sha256, status, reason,
                attempt, started_at, ended_at, input, input_sha256, output, output_sha256, error, wake_at, deadline,
                progress, items, items_sha256)
            VALUES (\(TaskKey(key, task.number)), \(task.parent), \(task.scope), \(task.name), \(task.reference),
                \(task.source), \(ownInput?.inlineBytes), \(ownInput?.reference), \(task.status), \(task.reason),
                \(task.attempt), \(task.startedAt), \(task.endedAt), \(input?.inlineBytes), \(input?.reference),
                \(output?.inlineBytes), \(output?.reference), \(row.fault), \(task.wakeAt), \(task.deadline),
                \(row.progress), \(items?.inlineBytes), \(items?.reference))
            """)
    }

    private func update(_ row: TaskRow, in tx: borrowing Transaction) throws {
        let task = row.task
        let output = try row.output?.store(for: workspace, in: tx)
        try tx.send(
            """
            UPDATE tasks SET status = \(task.status), reason = \(task.reason), attempt = \(task.attempt),
                started_at = \(task.startedAt), ended_at = \(task.endedAt), output = \(output?.inlineBytes),
                output_sha256 = \(output?.reference), error = \(row.fault), wake_at = \(task.wakeAt),
                deadline = \(task.deadline), progress = \(row.progress)
            WHERE id = \(TaskKey(key, task.number))
            """)
        if let input = try row.input?.store(for: workspace, in: tx) {
            try tx.send(
                """
                UPDATE tasks SET input = \(input.inlineBytes), input_sha256 = \(input.reference)
                WHERE id = \(TaskKey(key, task.number))
                """)
        }
        if let items = try row.items?.store(for: workspace, in: tx) {
            try tx.send(
                """
                UPDATE tasks SET items = \(items.inlineBytes), items_sha256 = \(items.reference)
                WHERE id = \(TaskKey(key, task.number))
                """)
        }
    }

    /// The children of a task that is no longer waited for are cancelled by whoever owns them, or claims them now.
    private func cancelChildren(of task: Int, in tx: borrowing Transaction) throws {
        try tx.send(
            """
            UPDATE executions SET cancel_requested_at = \(time), wake_at = \(time)
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
