import CognitionCore
import CognitionEvents
import CognitionStorage

/// Reads an execution as it was at a moment.
struct PastReader {
    private let execution: Execution
    private let key: Int64
    private let lineage: Lineage
    private let moment: Timestamp
    /// When it was tried again after a failure, for the last time.
    private let resumedAt: Timestamp?
    /// How many tasks had ended by then; `nil` where an older release has not kept count.
    private let ends: Int
    private let last: Event?

    init(
        _ id: ExecutionID, in workspace: WorkspaceID, _ wanted: PastMoment, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        guard let execution = try ExecutionStore.execution(id, in: workspace, tasksMax: 0, tx),
            let found = try tx.first(
                "SELECT key, resumed_at, fork_order FROM executions WHERE id = \(id)",
                as: { row in
                    (key: try row[0] as Int64, resumedAt: try row[1] as Timestamp?, forkOrder: try row[2] as Int?)
                })
        else { throw WorkflowError.notFound(id) }
        self.execution = execution
        key = found.key
        resumedAt = found.resumedAt
        let stream = WorkflowEvent.stream(of: id)
        switch wanted {
        case .position(let position):
            guard position <= (try EventLog.head(in: tx)) else {
                throw WorkflowError(.momentOutside, "the log has not come to position \(position) yet")
            }
            guard let event = try EventLog.last(of: stream, workspace: workspace, position: position, in: tx) else {
                throw WorkflowError(.momentOutside, "execution \(id) had not begun at position \(position)")
            }
            moment = event.time
        case .time(let time):
            guard time >= execution.createdAt else {
                throw WorkflowError(.momentOutside, "execution \(id) was not there at \(time)")
            }
            // Its own last transition may be a little ahead of the clock.
            let last = try EventLog.last(of: stream, workspace: workspace, in: tx)
            guard time <= max(now, last?.time ?? now) else {
                throw WorkflowError(.momentOutside, "\(time) has not come yet")
            }
            moment = time
        }
        last = try EventLog.last(of: stream, workspace: workspace, time: moment, in: tx)
        lineage = try Lineage(of: key, tx)
        let moment = moment
        let ended = try lineage.collect(tx) { condition in
            "SELECT MAX(t.ended_order) FROM tasks t WHERE \(condition) AND t.ended_at <= \(moment)"
        } as: {
            try $0[0] as Int?
        }
        ends = max(ended.compactMap(\.self).max() ?? 0, found.forkOrder ?? 0)
    }

    private var status: ExecutionStatus {
        last?.data["status"]?.stringValue.flatMap(ExecutionStatus.init(name:)) ?? .pending
    }

    func read(
        after cursor: Int, limit: Int, inputIsAsGiven: Bool, _ tx: borrowing Transaction
    ) throws -> PastState {
        var reader = TaskDetailReader(
            key: key, lineage: lineage, workspace: execution.workspace, inputIsAsGiven: inputIsAsGiven)
        let page = try reader.page(
            after: min(max(cursor, 0), ExecutionMachine.tasksMax), limit: limit, where: wasPlaced, tx)
        return PastState(
            id: execution.id, workflow: execution.workflow, version: execution.version, position: last?.position ?? 0,
            moment: moment, status: status, progress: Int(last?.data["progress"]?.integerValue ?? 0),
            input: execution.input, context: try context(tx),
            output: status == .completed ? execution.output : nil,
            fault: status == .faulted ? last?.data["error"] : nil, forkedFrom: execution.forkedFrom,
            tasks: page.items.map(past), next: page.hasMore ? page.items.last?.summary.number : nil)
    }

    /// Of tasks `t`. One that was tried again was there before, though its start is that of the last attempt.
    private var wasPlaced: SQL {
        let began: SQL =
            if let resumedAt, moment < resumedAt {
                "(t.started_at <= \(moment) OR (t.attempt > 1 AND t.started_at >= \(resumedAt)))"
            } else {
                "t.started_at <= \(moment)"
            }
        return " AND \(began) AND (t.placed_after IS NULL OR t.placed_after <= \(ends))"
    }

    /// A task as it was: what it has become since is taken away.
    private func past(_ task: TaskDetail) -> TaskDetail {
        if let endedAt = task.summary.endedAt, endedAt <= moment { return task }
        var task = task
        task.output = nil
        task.summary.endedAt = nil
        task.summary.fault = nil
        task.summary.isSkipped = false
        // What an execution that had ended left open was ended with it, and has been tried again since.
        task.summary.status =
            status.hasEnded ? status : status == .waiting ? .waiting : status == .suspended ? .suspended : .running
        return task
    }

    private func context(_ tx: borrowing Transaction) throws -> JSONValue {
        let point = HistoryPoint(ends: ends, isSettled: true)
        return try PointReader(lineage: lineage, workspace: execution.workspace, point: point).context(tx)
    }
}
