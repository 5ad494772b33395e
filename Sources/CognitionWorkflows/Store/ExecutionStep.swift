import CognitionCore
import CognitionStorage
import Synchronization

/// The key of an execution's row; known once that has been written.
final class ExecutionKey: Sendable {
    private let known: Mutex<Int64?>

    init(_ known: Int64? = nil) { self.known = Mutex(known) }

    var value: Int64 {
        guard let key = known.withLock({ $0 }) else { preconditionFailure("the execution has no row yet") }
        return key
    }

    fileprivate func set(_ key: Int64) { known.withLock { $0 = key } }
}

/// Writes the transitions of all executions of a round together: one statement for new executions, one for changed ones, and
/// the same for their tasks. On a server a statement costs more than a row.
///
/// A transition reads nothing in its transaction that others write, so that it is written last is as if its request had come
/// last. Each is guarded by owner and epoch: when one of them finds its execution taken over, the whole round is undone and
/// repeated request by request.
final class ExecutionStep: CommitStep {
    /// What one transition writes, value after value.
    struct Piece {
        let execution: ExecutionID
        let key: ExecutionKey
        /// The row of a new execution, and the version it is of.
        var insertion: [SQLValue] = []
        var workflow: StoredWorkflow?
        /// The row of one that is there.
        var update: [SQLValue] = []
        /// Each begins with the task's number.
        var newTasks: [SQLValue] = []
        var changedTasks: [SQLValue] = []
    }

    private var pieces: [Piece] = []

    init() {}

    var count: Int { pieces.count }
    func truncate(to count: Int) { pieces.removeSubrange(count...) }
    func add(_ piece: Piece) { pieces.append(piece) }

    func run(in tx: borrowing Transaction) throws {
        try insertExecutions(in: tx)
        let changed = pieces.filter { !$0.update.isEmpty }
        if !changed.isEmpty {
            try tx.update(Self.executions, changed.flatMap(\.update)) { count in
                guard count == changed.count else {
                    // Which one it was shows when each is written alone.
                    let which = changed.count == 1 ? "execution \(changed[0].execution)" : "an execution"
                    throw WorkflowError(.fenced, "\(which) was taken over; this result is discarded")
                }
            }
        }
        let (new, old) = (pieces.flatMap(newTasks), pieces.flatMap(\.changedTasks))
        if !new.isEmpty { try tx.insert(into: Self.newTasks, new) }
        if !old.isEmpty { try tx.update(Self.changedTasks, old) }
    }

    private func insertExecutions(in tx: borrowing Transaction) throws {
        let new = pieces.filter { !$0.insertion.isEmpty }
        guard !new.isEmpty else { return }
        let keys = Dictionary(uniqueKeysWithValues: new.map { ($0.execution, $0.key) })
        try tx.insert(into: Self.newExecutions, new.flatMap(\.insertion)) { row in
            keys[try row[1] as ExecutionID]?.set(try row[0])
        }
        // The new rows keep others from deleting their versions, and whoever did so before has been waited for.
        let workflows = Dictionary(
            new.compactMap(\.workflow).map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        for workflow in workflows.values { try WorkflowStore.checkTakesExecutions(workflow, tx) }
        try tx.settle()
    }

    private func newTasks(of piece: Piece) -> [SQLValue] {
        var values = piece.newTasks
        let columns = Self.newTasks.columns.count
        for start in stride(from: 0, to: values.count, by: columns) {
            guard case .integer(let number) = values[start] else {
                preconditionFailure("a task's row begins with its number")
            }
            values[start] = TaskKey(piece.key.value, Int(number)).sqlValue
        }
        return values
    }

    /// In the order of ``ExecutionStore``'s values.
    private static let newExecutions = BulkTable(
        "executions",
        [
            "id": .text, "workspace_id": .text, "workflow_key": .integer, "name_key": .integer, "input": .bytes,
            "input_sha256": .bytes, "input_hash": .bytes, "idempotency_key": .text, "created_by": .text,
            "correlation_id": .text, "parent_key": .integer, "parent_task": .integer, "epoch": .integer,
            "claims": .integer, "created_at": .integer, "status": .integer, "reason": .text, "progress": .integer,
            "context": .bytes, "context_sha256": .bytes, "output": .bytes, "output_sha256": .bytes, "error": .bytes,
            "next_number": .integer, "owner": .text, "wake_at": .integer, "started_at": .integer, "ended_at": .integer,
            "ending": .bytes, "priority": .integer, "traceparent": .text,
        ], suffix: "RETURNING key, id")

    /// In the order of ``ExecutionWrite``'s values.
    ///
    /// No index fits how it compares the owner, so the row is found by its key. By statistics that of owners looks as good, as
    /// few executions have one; but it also leads to every version that a node has owned and nobody could clear away yet.
    private static let executions = BulkUpdate(
        "executions",
        [
            "key": .integer, "owner": .text, "epoch": .integer, "status": .integer, "reason": .text,
            "progress": .integer, "output": .bytes, "output_sha256": .bytes, "error": .bytes, "next_number": .integer,
            "new_owner": .text, "is_progress": .integer, "releases": .integer, "written_at": .integer,
            "wake_at": .integer, "started_at": .integer, "ended_at": .integer, "is_cancelled": .integer,
            "cost": .integer, "cost_room": .integer, "ending": .bytes, "suspended_at": .integer, "paused": .integer,
        ],
        """
        SET status = v.status, reason = v.reason, progress = v.progress, output = v.output,
            output_sha256 = v.output_sha256, error = v.error, next_number = v.next_number, owner = v.new_owner,
            claims = CASE WHEN v.is_progress = 1 THEN 0 ELSE executions.claims END,
            wake_at = CASE WHEN v.releases = 1 AND executions.cancel_requested_at IS NOT NULL
                THEN v.written_at ELSE v.wake_at END,
            started_at = v.started_at, ended_at = v.ended_at, suspended_at = v.suspended_at, paused = v.paused, ending = v.ending,
            cancel_requested_at = CASE WHEN v.is_cancelled = 1 THEN NULL ELSE executions.cancel_requested_at END,
            cost_micros = CASE WHEN executions.cost_micros > v.cost_room THEN 9223372036854775807
                ELSE executions.cost_micros + v.cost END
        WHERE executions.key = v.key AND COALESCE(executions.owner, '') = v.owner AND executions.epoch = v.epoch
        """)

    private static let newTasks = BulkTable(
        "tasks",
        [
            "id": .integer, "parent": .integer, "scope": .integer, "name": .text, "reference": .text,
            "source": .integer, "own_input": .bytes, "own_input_sha256": .bytes, "status": .integer, "reason": .text,
            "attempt": .integer, "started_at": .integer, "ended_at": .integer, "input": .bytes, "input_sha256": .bytes,
            "output": .bytes, "output_sha256": .bytes, "error": .bytes, "wake_at": .integer, "deadline": .integer,
            "progress": .bytes, "items": .bytes, "items_sha256": .bytes, "placed_after": .integer,
            "ended_order": .integer, "context": .bytes, "context_sha256": .bytes, "cost_micros": .integer,
        ])

    private static let changedTasks = BulkUpdate(
        "tasks",
        [
            "id": .integer, "status": .integer, "reason": .text, "attempt": .integer, "started_at": .integer,
            "ended_at": .integer, "output": .bytes, "output_sha256": .bytes, "error": .bytes, "wake_at": .integer,
            "deadline": .integer, "progress": .bytes, "ended_order": .integer, "context": .bytes,
            "context_sha256": .bytes, "cost": .integer,
        ],
        """
        SET status = v.status, reason = v.reason, attempt = v.attempt, started_at = v.started_at, ended_at = v.ended_at,
            output = v.output, output_sha256 = v.output_sha256, error = v.error, wake_at = v.wake_at,
            deadline = v.deadline, progress = v.progress, ended_order = v.ended_order, context = v.context,
            context_sha256 = v.context_sha256,
            cost_micros = CASE WHEN v.cost IS NULL THEN tasks.cost_micros
                WHEN tasks.cost_micros > 9223372036854775807 - v.cost THEN 9223372036854775807
                ELSE COALESCE(tasks.cost_micros, 0) + v.cost END
        WHERE tasks.id = v.id
        """)
}
