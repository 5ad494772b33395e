import CognitionCore
import CognitionEvents
import CognitionStorage

/// Reads what a machine needs to go on from a point of an execution's history.
///
/// Nothing was stored for it: what a task with tasks inside remembers is worked out from the rows of those.
struct PointReader {
    let lineage: Lineage
    let workspace: WorkspaceID
    let point: HistoryPoint
    /// The execution itself goes on: what runs again is a further attempt, and a `try` has all its attempts again.
    var isRetry = false

    /// - Throws: `workflow.history_unknown` for an execution that an older release has run.
    func checkIsKnown(_ tx: borrowing Transaction) throws {
        let undone = try lineage.collect(tx) { condition in
            "SELECT 1 FROM tasks t WHERE \(condition) AND \(placed) AND t.parent = 0 AND t.scope > 0 LIMIT 1"
        } as: {
            try $0[0] as Int
        }
        guard undone.isEmpty else {
            throw WorkflowError(
                .forkPointInvalid, "the execution was undoing by then what it had done; go on from before that")
        }
        let unknown = try lineage.collect(tx) { condition in
            """
            SELECT 1 FROM tasks t
            WHERE \(condition) AND (t.placed_after IS NULL OR (t.ended_at IS NOT NULL AND t.ended_order IS NULL)) LIMIT 1
            """
        } as: {
            try $0[0] as Int
        }
        guard unknown.isEmpty else {
            throw WorkflowError(
                .historyUnknown,
                "the execution was run by an older release, which did not keep the order of what happened; start it anew"
            )
        }
    }

    /// The number of the last task that had been placed; 0 when none had.
    func lastNumber(_ tx: borrowing Transaction) throws -> Int {
        try lineage.collect(tx) {
            "SELECT MAX(t.id) FROM tasks t WHERE \($0) AND \(placed)"
        } as: {
            try $0[0] as Int64?
        }.compactMap(\.self).map(TaskKey.number).max() ?? 0
    }

    /// - Parameters:
    ///   - number: The task behind which its list goes on; `nil` at a settled point.
    ///   - state: Of which the context is filled in.
    /// - Throws: `workflow.fork_incompatible` when the definition has no place for what ran.
    func read(
        _ id: ExecutionID, input: JSONValue, state: ExecutionState, of definition: WorkflowDefinition,
        behind number: Int?, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> ResumedExecution {
        let rows = try liveRows(tx)
        let places = definition.places
        let children = Dictionary(grouping: rows, by: \.task.parent)
        let behind = try number.map { try endedTask($0, tx) }
        var ended = behind.map { [$0] } ?? []
        var stored = StoredExecution(id: id, input: input, state: state, live: [], outputs: [:], lists: [])
        for row in rows {
            guard let place = places[row.task.reference] else {
                throw WorkflowError.incompatible(row.task.reference, "is not in the version asked for")
            }
            let newest = place.task.kind.isComposite ? try newestChild(of: row.task.number, tx) : nil
            var task = try begunAgain(row, hasChildren: newest != nil, now: now, tx)
            if let newest {
                let hasLive = children[row.task.number] != nil || behind?.row.parent == row.task.number
                var lists: [ListEnd] = []
                if place.task.runsListsSideBySide {
                    lists = try listEnds(of: row.task.number, tx)
                    stored.lists += lists.filter { list in
                        list.isEnded && !(behind?.row.parent == row.task.number && behind?.row.scope == list.scope)
                    }.map { .init(parent: row.task.number, scope: $0.scope, status: $0.status, output: $0.output) }
                }
                try resume(&task, place.task, newest, lists, hasLive: hasLive, kept: row.kept, now: now, tx)
                if !hasLive, task.status == .running {
                    let last = lists.max { $0.order < $1.order }?.number ?? newest.number
                    ended.append(try endedTask(last, tx))
                }
            }
            if case .task(let source) = task.source { stored.outputs[source] = try output(of: source, tx) }
            stored.live.append(task)
        }
        if behind == nil, children[0] == nil, let newest = try newestChild(of: 0, tx) {
            ended.append(try endedTask(newest.number, tx))
        }
        stored.state.context = try context(tx)
        return ResumedExecution(stored: stored, ended: ended)
    }

    /// References of what had tasks inside that have not been forgotten: those that ran.
    func running(_ definition: WorkflowDefinition, _ tx: borrowing Transaction) throws -> [String] {
        let places = definition.places
        return try liveRows(tx).filter { row in
            guard places[row.task.reference]?.task.kind.isComposite == true else { return false }
            return try newestChild(of: row.task.number, tx) != nil
        }.map(\.task.reference)
    }

    // MARK: What was live

    private struct LiveRow {
        var task: TaskExecution
        var ownInput: StoredPayload?
        var input: StoredPayload?
        var items: StoredPayload?
        /// What the row remembers.
        var kept: JSONValue?
    }

    private var placed: SQL {
        point.isSettled ? "t.placed_after <= \(point.ends)" : "t.placed_after < \(point.ends)"
    }

    private func liveRows(_ tx: borrowing Transaction) throws -> [LiveRow] {
        try lineage.collect(tx) { condition in
            """
            SELECT t.id, t.parent, t.scope, t.name, t.reference, t.source, t.attempt, t.started_at, t.placed_after,
                t.own_input, t.own_input_sha256, t.input, t.input_sha256, t.items, t.items_sha256, t.progress
            FROM tasks t
            WHERE \(condition) AND \(placed) AND (t.ended_order IS NULL OR t.ended_order > \(point.ends)) ORDER BY t.id
            """
        } as: { row in
            let task = TaskExecution(
                number: TaskKey.number(of: try row[0]), parent: try row[1], scope: try row[2], name: try row[3],
                reference: try row[4], source: try row[5], ownInput: nil, status: .pending, attempt: try row[6],
                startedAt: try row[7], placedAfter: try row[8])
            return LiveRow(
                task: task, ownInput: try StoredPayload(row, at: 9), input: try StoredPayload(row, at: 11),
                items: try StoredPayload(row, at: 13), kept: try ExecutionStore.json(row[15]))
        }.sorted { $0.task.number < $1.task.number }
    }

    private func begunAgain(
        _ row: LiveRow, hasChildren: Bool, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> TaskExecution {
        let task = row.task
        let attempt = hasChildren ? task.attempt : isRetry ? task.attempt + 1 : 1
        return TaskExecution(
            number: task.number, parent: task.parent, scope: task.scope, name: task.name, reference: task.reference,
            source: task.source, ownInput: try row.ownInput?.json(for: workspace, in: tx),
            status: hasChildren ? .running : .pending, attempt: attempt, startedAt: hasChildren ? task.startedAt : now,
            input: hasChildren ? try row.input?.json(for: workspace, in: tx) : nil,
            items: hasChildren ? try row.items?.json(for: workspace, in: tx) : nil, placedAfter: task.placedAfter)
    }

    /// Works out what a task with tasks inside remembered.
    private func resume(
        _ task: inout TaskExecution, _ definition: TaskDefinition, _ newest: ListEnd, _ lists: [ListEnd], hasLive: Bool,
        kept: JSONValue?, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        switch definition.kind {
        case .for:
            let last = lists.map(\.scope).max() ?? newest.scope
            task.progress = TaskProgress.looping(.init(items: [], next: last + 1)).json
        case .try:
            var attempts = TaskProgress.Attempts(since: now)
            let failures = try failures(in: task, tx)
            attempts.isHandling = newest.scope == 1
            let waits = !hasLive && !attempts.isHandling && newest.status != .completed
            if attempts.isHandling || waits { attempts.caught = failures.last }
            attempts.attempt =
                attempts.isHandling || waits ? max(1, failures.count) : isRetry ? 1 : failures.count + 1
            if !isRetry { task.attempt = attempts.attempt }
            if waits {
                task.status = .waiting
                task.wakeAt = now
            }
            task.progress = TaskProgress.attempting(attempts).json
        case .extended:
            guard var extending = TaskProgress.Extending(json: kept) else { return }
            if newest.scope != ExtendedTask.afterScope { extending.directive = nil }
            task.progress = extending.json
        case .listen:
            throw WorkflowError(
                .forkPointInvalid,
                "\(task.reference) was taking events one by one then; go on behind it, or before it")
        default: break
        }
    }

    // MARK: What was inside

    /// The newest task of a list.
    private struct ListEnd {
        var number: Int
        var scope: Int
        var isEnded: Bool
        var status: TaskStatus
        var order: Int
        var output: JSONValue
    }

    private func newestChild(of parent: Int, _ tx: borrowing Transaction) throws -> ListEnd? {
        try lineage.collect(tx) { condition in
            """
            SELECT t.id, t.scope, t.status, t.ended_order FROM tasks t
            WHERE \(condition) AND \(placed) AND t.parent = \(parent) ORDER BY t.id DESC LIMIT 1
            """
        } as: { row in
            try listEnd(row, output: .null)
        }.max { $0.number < $1.number }
    }

    private func listEnds(of parent: Int, _ tx: borrowing Transaction) throws -> [ListEnd] {
        let found = try lineage.collect(tx) { condition in
            """
            SELECT l.id, l.scope, l.status, l.ended_order, l.output, l.output_sha256 FROM tasks l
            WHERE l.id IN (SELECT MAX(t.id) FROM tasks t
                           WHERE \(condition) AND \(placed) AND t.parent = \(parent) GROUP BY t.scope)
            """
        } as: { row in
            (try listEnd(row, output: .null), try StoredPayload(row, at: 4))
        }
        let newest = Dictionary(found.map { ($0.0.scope, $0) }) { $0.0.number > $1.0.number ? $0 : $1 }
        return try newest.values.map { list, payload in
            var list = list
            if list.isEnded { list.output = try payload?.json(for: workspace, in: tx) ?? .null }
            return list
        }
    }

    private func listEnd(_ row: borrowing Row, output: JSONValue) throws -> ListEnd {
        let order = try row[3] as Int?
        let isEnded = order.map { $0 <= point.ends } ?? false
        return ListEnd(
            number: TaskKey.number(of: try row[0]), scope: try row[1], isEnded: isEnded, status: try row[2],
            order: isEnded ? order ?? 0 : 0, output: output)
    }

    /// The errors with which attempts of a `try` ended, in their order; one that took too long was cut off.
    private func failures(in task: TaskExecution, _ tx: borrowing Transaction) throws -> [WorkflowFault] {
        try lineage.collect(tx) { condition in
            """
            SELECT t.ended_order, t.error FROM tasks t
            WHERE \(condition) AND t.parent = \(task.number) AND t.scope = 0 AND t.ended_order <= \(point.ends)
                AND t.status IN (\(TaskStatus.faulted), \(TaskStatus.cancelled))
            """
        } as: { row in
            (order: try row[0] as Int, fault: try ExecutionStore.fault(row[1]))
        }.sorted { $0.order < $1.order }.map { failure in
            failure.fault
                ?? WorkflowFault(.timeout, "the attempt did not end in time").raised(at: task.reference)
        }
    }

    // MARK: Data

    private func output(of number: Int, _ tx: borrowing Transaction) throws -> JSONValue? {
        let payload = try lineage.first("t.output, t.output_sha256", number: number, tx) {
            try StoredPayload($0, at: 0)
        }
        guard case .some(.some(let payload)) = payload else { return nil }
        return try payload.json(for: workspace, in: tx)
    }

    /// A task behind which a list goes on.
    /// - Throws: `workflow.task_not_found`, `workflow.fork_point_invalid` when it has not completed by then.
    func endedTask(_ number: Int, _ tx: borrowing Transaction) throws -> EndedTask {
        struct Found {
            var task: TaskExecution
            var ownInput, input, output, context: StoredPayload?
        }
        let found = try lineage.first(
            """
            t.parent, t.scope, t.name, t.reference, t.source, t.status, t.attempt, t.started_at, t.ended_at, t.progress,
            t.placed_after, t.ended_order, t.own_input, t.own_input_sha256, t.input, t.input_sha256, t.output,
            t.output_sha256, t.context, t.context_sha256, t.cost_micros
            """, number: number, tx
        ) { row in
            let task = TaskExecution(
                number: number, parent: try row[0], scope: try row[1], name: try row[2], reference: try row[3],
                source: try row[4], ownInput: nil, status: try row[5], attempt: try row[6], startedAt: try row[7],
                endedAt: try row[8], progress: try ExecutionStore.json(row[9]), placedAfter: try row[10],
                endedOrder: try row[11], cost: try row[20])
            return Found(
                task: task, ownInput: try StoredPayload(row, at: 12), input: try StoredPayload(row, at: 14),
                output: try StoredPayload(row, at: 16), context: try StoredPayload(row, at: 18))
        }
        guard let found else { throw WorkflowError.taskNotFound(String(number)) }
        guard found.task.status == .completed, let order = found.task.endedOrder, order <= point.ends else {
            throw WorkflowError.notCompleted(number, found.task.status)
        }
        let ownInput = try found.ownInput?.json(for: workspace, in: tx)
        let task = found.task
        var row = TaskExecution(
            number: number, parent: task.parent, scope: task.scope, name: task.name, reference: task.reference,
            source: task.source, ownInput: ownInput, status: task.status, attempt: task.attempt,
            startedAt: task.startedAt)
        row.endedAt = task.endedAt
        row.progress = task.progress
        row.placedAfter = task.placedAfter
        row.endedOrder = task.endedOrder
        row.cost = task.cost
        row.input = try found.input?.json(for: workspace, in: tx)
        row.output = try found.output?.json(for: workspace, in: tx)
        row.context = try found.context?.json(for: workspace, in: tx)
        let rawInput: JSONValue? =
            switch task.source {
            case .own: ownInput
            case .task(let source): try output(of: source, tx)
            case .parent: nil
            }
        return EndedTask(row: row, rawInput: rawInput)
    }

    /// What the newest `export` had made of the context.
    func context(_ tx: borrowing Transaction) throws -> JSONValue {
        let found = try lineage.collect(tx) { condition in
            """
            SELECT t.ended_order, t.context, t.context_sha256 FROM tasks t
            WHERE \(condition) AND t.ended_order <= \(point.ends)
                AND (t.context IS NOT NULL OR t.context_sha256 IS NOT NULL)
            ORDER BY t.ended_order DESC LIMIT 1
            """
        } as: { row in
            (order: try row[0] as Int, payload: try StoredPayload(row, at: 1))
        }.max { $0.order < $1.order }
        return try found?.payload?.json(for: workspace, in: tx) ?? .null
    }
}
