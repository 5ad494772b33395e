import CognitionCore
import CognitionEvents
import CognitionStorage

extension ExecutionStore {
    // MARK: What users see

    /// - Parameter tasksMax: How many of its tasks to read; one more is looked at to know whether there are more.
    static func execution(
        _ id: ExecutionID, in workspace: WorkspaceID, tasksMax: Int, _ tx: borrowing Transaction
    ) throws -> Execution? {
        struct Found {
            var key: Int64
            var execution: Execution
            var input: StoredPayload?
            var output: StoredPayload?
        }
        let found = try tx.first(
            """
            SELECT e.key, w.namespace, w.name, w.version, e.status, e.reason, e.progress, e.error, e.created_at,
                e.started_at, e.ended_at, e.input, e.input_sha256, e.output, e.output_sha256, e.cost_micros,
                e.forked_from, e.fork_task, e.fork_checkpoint, e.priority, e.resumed_at, e.paused
            FROM executions e JOIN workflows w ON w.key = e.workflow_key
            WHERE e.id = \(id) AND e.workspace_id = \(workspace)
            """
        ) { row in
            var execution = Execution(
                id: id, workspace: workspace, workflow: WorkflowID(namespace: try row[1], name: try row[2]),
                version: try row[3], status: try row[4], reason: try row[5], progress: try row[6],
                priority: try row[19], input: .null,
                fault: try fault(row[7]), createdAt: try row[8], startedAt: try row[9], endedAt: try row[10],
                cost: Money(micros: try row[15], currency: Execution.currency), forkedFrom: try ForkOrigin(row, at: 16))
            let paused = Duration.microseconds(try row[21] as Int64)
            execution.timeoutFrom = (try row[20] ?? execution.startedAt).map { $0 + paused }
            return Found(
                key: try row[0], execution: execution, input: try StoredPayload(row, at: 11),
                output: try StoredPayload(row, at: 13))
        }
        guard var found else { return nil }
        found.execution.input = try found.input?.json(for: workspace, in: tx) ?? .null
        found.execution.output = try found.output?.json(for: workspace, in: tx)
        if tasksMax > 0 {
            let tasks = try tasks(of: Lineage(of: found.key, tx), after: 0, limit: tasksMax + 1, tx)
            found.execution.tasks = Array(tasks.prefix(tasksMax))
            found.execution.hasMoreTasks = tasks.count > tasksMax
        }
        return found.execution
    }

    static func tasks(
        of lineage: Lineage, after number: Int, limit: Int, _ tx: borrowing Transaction
    ) throws -> [TaskSummary] {
        try lineage.page(
            "\(columns: TaskSummary.columns)", after: number, limit: limit, tx, as: { try TaskSummary(row: $0) },
            number: \.number)
    }

    static func status(
        of id: ExecutionID, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> (status: ExecutionStatus, reason: StatusReason?)? {
        try tx.first("SELECT status, reason FROM executions WHERE id = \(id) AND workspace_id = \(workspace)") { row in
            (status: try row[0], reason: try row[1])
        }
    }

    static func endedAt(_ id: ExecutionID, _ tx: borrowing Transaction) throws -> Timestamp? {
        try tx.first("SELECT ended_at FROM executions WHERE id = \(id)") { try $0[0] as Timestamp? } ?? nil
    }

    // MARK: What the machine goes on from

    /// - Parameter definition: Tells which tasks run their lists side by side; only of those the ended lists matter.
    static func stored(
        _ claim: ExecutionClaim, of definition: WorkflowDefinition, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> StoredExecution? {
        let found = try tx.first(
            """
            SELECT input, input_sha256, context, context_sha256, progress, started_at, next_number, status, reason,
                ending, suspended_at, ends_undone, resumed_at, fork_key, paused
            FROM executions WHERE key = \(claim.key)
            """
        ) { row in
            (
                input: try StoredPayload(row, at: 0), context: try StoredPayload(row, at: 2),
                sharesTasks: try row[13] as Int64? != nil,
                state: ExecutionState(
                    status: try row[7], reason: try row[8], progress: try row[4], context: .null,
                    startedAt: try row[5] as Timestamp? ?? now, suspendedAt: try row[10],
                    paused: .microseconds(try row[14] as Int64), nextNumber: try row[6],
                    ending: PendingEnd(json: try json(row[9])), endsUndone: try row[11] as Int? ?? 0,
                    resumedAt: try row[12])
            )
        }
        guard let found else { return nil }
        let live = try liveTasks(of: claim, tx)
        var stored = StoredExecution(
            id: claim.id, input: try found.input?.json(for: claim.workspace, in: tx) ?? .null, state: found.state,
            live: live, outputs: [:], lists: [])
        stored.state.context = try found.context?.json(for: claim.workspace, in: tx) ?? .null
        let lineage = found.sharesTasks ? try Lineage(of: claim.key, tx) : Lineage(alone: claim.key)
        for case .task(let number) in live.map(\.source) {
            stored.outputs[number] = try output(of: number, in: lineage, claim, tx)
        }
        stored.mail = try MailStore.new(of: claim.key, tx)
        stored.heldSignals = try MailStore.held(of: claim.key, tx)
        let places = definition.places
        if live.contains(where: { places[$0.reference]?.task.isListening == true }) {
            stored.accepted = try MailStore.accepted(of: claim.key, in: claim.workspace, tx)
        }
        for parent in live where places[parent.reference]?.task.runsListsSideBySide == true {
            stored.lists += try endedLists(of: parent.number, in: lineage, claim, tx)
        }
        if places.values.contains(where: { $0.task.compensation != nil }) {
            let isCompensating = stored.state.ending != nil
            let inputIsAsGiven = definition.input.from == nil
            stored.compensations = try compensations(
                of: claim, isCompensating: isCompensating, inputIsAsGiven: inputIsAsGiven, tx)
        }
        return stored
    }

    private static func liveTasks(of claim: ExecutionClaim, _ tx: borrowing Transaction) throws -> [TaskExecution] {
        struct Found {
            var task: TaskExecution
            var ownInput: StoredPayload?
            var input: StoredPayload?
            var items: StoredPayload?
        }
        let range = TaskKey.range(of: claim.key)
        let found = try tx.query(
            """
            SELECT id, parent, scope, name, reference, source, status, reason, attempt, started_at, wake_at, deadline,
                progress, own_input, own_input_sha256, input, input_sha256, items, items_sha256, placed_after
            FROM tasks WHERE id >= \(range.lowerBound) AND id <= \(range.upperBound) AND ended_at IS NULL ORDER BY id
            """
        ) { row in
            let task = TaskExecution(
                number: TaskKey.number(of: try row[0]), parent: try row[1], scope: try row[2], name: try row[3],
                reference: try row[4], source: try row[5], ownInput: nil, status: try row[6], reason: try row[7],
                attempt: try row[8], startedAt: try row[9], wakeAt: try row[10], deadline: try row[11],
                progress: try json(row[12]), placedAfter: try row[19])
            return Found(
                task: task, ownInput: try StoredPayload(row, at: 13), input: try StoredPayload(row, at: 15),
                items: try StoredPayload(row, at: 17))
        }
        return try found.map { found in
            let task = found.task
            return TaskExecution(
                number: task.number, parent: task.parent, scope: task.scope, name: task.name, reference: task.reference,
                source: task.source, ownInput: try found.ownInput?.json(for: claim.workspace, in: tx),
                status: task.status, reason: task.reason, attempt: task.attempt, startedAt: task.startedAt,
                input: try found.input?.json(for: claim.workspace, in: tx), wakeAt: task.wakeAt,
                deadline: task.deadline,
                progress: task.progress, items: try found.items?.json(for: claim.workspace, in: tx),
                placedAfter: task.placedAfter)
        }
    }

    static func output(
        of number: Int, in lineage: Lineage, _ claim: ExecutionClaim, _ tx: borrowing Transaction
    ) throws -> JSONValue? {
        let payload = try lineage.first("t.output, t.output_sha256", number: number, tx) { row in
            try StoredPayload(row, at: 0)
        }
        guard case .some(.some(let payload)) = payload else { return nil }
        return try payload.json(for: claim.workspace, in: tx)
    }

    /// The last ended task of each list inside a task whose lists run side by side.
    private static func endedLists(
        of parent: Int, in lineage: Lineage, _ claim: ExecutionClaim, _ tx: borrowing Transaction
    ) throws -> [StoredExecution.EndedList] {
        let rows = try lineage.collect(tx) { condition in
            """
            SELECT l.id, l.scope, l.status, l.output, l.output_sha256, l.ended_at FROM tasks l
            WHERE l.id IN (SELECT MAX(t.id) FROM tasks t
                           WHERE \(condition) AND t.parent = \(parent) GROUP BY t.scope)
            """
        } as: { row in
            (
                number: TaskKey.number(of: try row[0]), scope: try row[1] as Int, status: try row[2] as TaskStatus,
                output: try StoredPayload(row, at: 3), hasEnded: try row[5] as Timestamp? != nil
            )
        }
        let newest = Dictionary(rows.map { ($0.scope, $0) }) { $0.number > $1.number ? $0 : $1 }
        return try newest.values.filter(\.hasEnded).map { row in
            StoredExecution.EndedList(
                parent: parent, scope: row.scope, status: row.status,
                output: try row.output?.json(for: claim.workspace, in: tx) ?? .null)
        }
    }

    static func fault(_ bytes: [UInt8]?) throws -> WorkflowFault? {
        try json(bytes).flatMap(WorkflowFault.init(json:))
    }

    static func json(_ bytes: [UInt8]?) throws -> JSONValue? {
        try bytes.map { try JSONValue(parsing: $0) }
    }
}

extension ForkOrigin {
    /// Reads `forked_from`, `fork_task` and `fork_checkpoint`.
    init?(_ row: borrowing Row, at column: Int) throws {
        guard let execution = try row[column] as ExecutionID? else { return nil }
        self.init(execution: execution, task: try row[column + 1], checkpoint: try row[column + 2])
    }
}

extension TaskSummary {
    static let columns: StaticString = """
        id, parent, scope, name, reference, status, reason, attempt, started_at, ended_at, error, progress
        """

    /// Reads ``columns``.
    init(row: borrowing Row) throws {
        self.init(
            number: TaskKey.number(of: try row[0]), parent: try row[1], scope: try row[2], name: try row[3],
            reference: try row[4], status: try row[5], reason: try row[6], attempt: try row[7], startedAt: try row[8],
            endedAt: try row[9], fault: try ExecutionStore.fault(row[10]),
            isSkipped: try ExecutionStore.json(row[11])?["skipped"]?.boolValue ?? false)
    }
}
