import CognitionCore
import CognitionEvents
import CognitionStorage

/// One fork, from the reading of its source to the writing of its rows.
struct Fork: Sendable {
    let id: ExecutionID
    let command: ForkCommand
    let source: ForkSource
    let workflow: StoredWorkflow
    let definition: WorkflowDefinition
    /// What the source runs, where that is another version.
    let before: WorkflowDefinition?
    let principal: Principal
    let ids: UUIDGenerator
    let now: Timestamp

    /// What is written, worked out from rows that do not change any more.
    struct Prepared: Sendable {
        let input: EncodedJSON
        let first: ExecutionWrite?
        let shared: (number: Int, ends: Int, endsUndone: Int)?
        let origin: ForkOrigin
        let firstOwnTask: Int64?
    }

    func prepare(_ tx: borrowing Transaction) throws -> Prepared {
        let input = try source.input?.json(for: principal.workspace, in: tx) ?? .null
        var origin = ForkOrigin(execution: source.id)
        let lineage = try Lineage(of: source.key, tx)
        let point: HistoryPoint
        switch command.point {
        case .start:
            return try anew(command.inputPatch.map(input.merged) ?? input, origin)
        case .task(let number):
            origin.task = number
            point = try self.point(behind: number, lineage, tx)
        case .named(let text):
            guard let number = try ExecutionStore.completedTask(text, lineage, tx) else {
                throw WorkflowError(.taskNotFound, "the execution has no completed task \(text)")
            }
            origin.task = number
            point = try self.point(behind: number, lineage, tx)
        case .checkpoint(let text):
            let checkpoint = try CheckpointStore.find(text, of: source.key, tx)
            origin.checkpoint = checkpoint.id.description
            point = HistoryPoint(ends: checkpoint.ends, isSettled: true)
        }
        let reader = PointReader(lineage: lineage, workspace: principal.workspace, point: point)
        try reader.checkIsKnown(tx)
        let last = try reader.lastNumber(tx)
        if last == 0 { return try anew(input, origin) }
        guard lineage.segments.count <= Lineage.depthMax else {
            throw WorkflowError(
                .forkTooDeep, "an execution is forked from forks of forks at most \(Lineage.depthMax) deep")
        }
        return try goOn(reader, lineage, last: last, input: input, origin, tx)
    }

    private func point(behind number: Int, _ lineage: Lineage, _ tx: borrowing Transaction) throws -> HistoryPoint {
        guard (1...ExecutionMachine.tasksMax).contains(number) else { throw WorkflowError.taskNotFound("\(number)") }
        let found = try lineage.first("t.status, t.ended_order", number: number, tx) { row in
            (status: try row[0] as TaskStatus, order: try row[1] as Int?)
        }
        guard let found else { throw WorkflowError.taskNotFound("\(number)") }
        guard found.status == .completed else { throw WorkflowError.notCompleted(number, found.status) }
        return HistoryPoint(ends: found.order ?? 0, isSettled: false)
    }

    private func anew(_ input: JSONValue, _ origin: ForkOrigin) throws -> Prepared {
        Prepared(
            input: try ExecutionRequest.encoded(input), first: nil, shared: nil, origin: origin, firstOwnTask: nil)
    }

    private func goOn(
        _ reader: PointReader, _ lineage: Lineage, last: Int, input: JSONValue, _ origin: ForkOrigin,
        _ tx: borrowing Transaction
    ) throws -> Prepared {
        let state = ExecutionState(status: .running, progress: 0, context: .null, startedAt: now, nextNumber: last + 1)
        if let before {
            let completed = try ExecutionStore.completedReferences(lineage, upTo: last, reader.point, tx)
            let running = try reader.running(before, tx)
            try definition.checkContinues(before, completed: completed, running: running)
        }
        var resumed = try reader.read(
            id, input: input, state: state, of: definition, behind: origin.task, now: now, tx)
        resumed.stored.state.endsUndone = reader.point.ends - (last - resumed.stored.live.count)
        var patched: TaskExecution?
        if let patch = command.inputPatch, let task = resumed.ended.first {
            resumed.ended[0].row.output = (task.row.output ?? .null).merged(with: patch)
            patched = resumed.ended[0].row
            // What the source has done is the source's to undo.
            if case .object(var members)? = patched?.progress {
                members["compensate"] = nil
                patched?.progress = members.isEmpty ? nil : .object(members)
            }
            if let output = patched?.output { _ = try ExecutionRequest.encoded(output) }
        }
        let endsUndone = resumed.stored.state.endsUndone
        var machine: ExecutionMachine
        do {
            machine = try ExecutionMachine(
                resuming: resumed, of: definition, areNew: true, event: ExecutionEvent.started,
                with: ["forked_from": origin.json], now: now)
        } catch let fault as WorkflowFault {
            throw WorkflowError(.forkIncompatible, "the execution cannot go on there: \(fault.detail ?? fault.type)")
        }
        var transition = machine.takeTransition()
        if let patched { transition.tasks[patched.number] = patched }
        let write = ExecutionWrite(
            transition, key: nil, id: id, workspace: principal.workspace, owner: ids.next(), epoch: 1, releases: true,
            origin: ExecutionOrigin(
                actor: principal.actor, correlationID: command.correlationID, traceparent: command.traceparent),
            ids: ids, now: now,
            withContext: true)
        return Prepared(
            input: EncodedJSON(input), first: write, shared: (last, reader.point.ends, endsUndone), origin: origin,
            firstOwnTask: try ExecutionStore.firstOwnTask(source.key, tx))
    }

    /// - Throws: `workflow.execution_not_found` when the source was deleted meanwhile.
    func write(_ prepared: Prepared, _ tx: borrowing Transaction) throws -> ExecutionSummary {
        guard try ExecutionStore.forkSource(source.id, in: principal.workspace, isHeld: true, tx) != nil,
            try prepared.shared == nil
                || prepared.firstOwnTask == ExecutionStore.firstOwnTask(source.key, tx)
        else { throw WorkflowError.notFound(source.id) }
        let columns = try prepared.first?.columns(in: tx) ?? ExecutionColumns(dueAt: now)
        let row = ForkRow(
            id: id, workflow: workflow, input: try prepared.input.store(for: principal.workspace, in: tx),
            inputHash: command.hash(of: source.id), idempotencyKey: command.idempotencyKey, principal: principal,
            correlationID: command.correlationID, traceparent: command.traceparent, source: source,
            shared: prepared.shared, origin: prepared.origin)
        let key = try ExecutionStore.insert(row, columns, now: now, tx)
        try prepared.first?.runForked(key, in: tx)
        tx.signal(.executionsDue)
        return ExecutionSummary(
            id: id, workflow: workflow.id, version: workflow.version, status: columns.status,
            progress: columns.progress, createdAt: now, endedAt: columns.endedAt)
    }
}
