package import CognitionCore
package import CognitionStorage

/// An execution that has failed and goes on, from the reading of its rows to the writing of them.
package struct Retry: Sendable {
    private let source: ForkSource
    private let workspace: WorkspaceID
    private let now: Timestamp
    /// Tasks that start again; what they had made of their inputs is forgotten.
    package let pending: [Int]
    /// What the execution goes on with.
    package let transition: Transition

    /// Keeps the execution as it is until the commit.
    ///
    /// - Throws: `workflow.execution_not_found`, `workflow.not_faulted`, `workflow.history_unknown`.
    package init(
        of id: ExecutionID, _ definition: WorkflowDefinition, as principal: Principal, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        workspace = principal.workspace
        guard let source = try ExecutionStore.forkSource(id, in: workspace, isHeld: true, tx) else {
            throw WorkflowError.notFound(id)
        }
        guard source.status == .faulted, source.reason == nil, let startedAt = source.startedAt else {
            throw WorkflowError(
                .notFaulted, "execution \(id) is \(source.status.name); only one that has failed can be tried again")
        }
        self.source = source
        // Later than everything that has happened in it, whatever the clock says.
        let now = max(now, (source.endedAt ?? now) + .microseconds(1))
        self.now = now
        let lineage = try Lineage(of: source.key, tx)
        let point = try ExecutionStore.present(source, lineage, tx)
        let reader = PointReader(lineage: lineage, workspace: workspace, point: point, isRetry: true)
        try reader.checkIsKnown(tx)
        let undone =
            try lineage.collect(tx) {
                "SELECT MAX(t.ended_order) FROM tasks t WHERE \($0)"
            } as: {
                try $0[0] as Int?
            }.compactMap(\.self).max() ?? 0
        var state = ExecutionState(
            status: .running, progress: source.progress, context: .null, startedAt: startedAt,
            nextNumber: source.nextNumber)
        state.resumedAt = now
        let input = try source.input?.json(for: workspace, in: tx) ?? .null
        var resumed = try reader.read(id, input: input, state: state, of: definition, behind: nil, now: now, tx)
        resumed.stored.state.endsUndone =
            max(undone, point.ends) - (source.nextNumber - 1 - resumed.stored.live.count)
        pending = resumed.stored.live.filter { $0.status == .pending }.map(\.number)
        var machine = try ExecutionMachine(
            resuming: resumed, of: definition, areNew: false, event: "execution.retried",
            with: ["retried_by": .string(principal.actor)], now: now)
        var transition = machine.takeTransition()
        // It failed before its first task: it is to be begun.
        if resumed.stored.live.isEmpty, resumed.ended.isEmpty { transition.execution.status = .pending }
        if !transition.execution.status.hasEnded { transition.execution.wakeAt = now }
        self.transition = transition
    }

    /// Leaves it to whichever engine claims it.
    /// - Parameter node: Who has it until the commit.
    func write(by node: UUIDv7, ids: UUIDGenerator, _ tx: borrowing Transaction) throws {
        guard let claim = try ExecutionStore.reopen(source, by: node, now: now, tx) else {
            throw WorkflowError(.notFaulted, "execution \(source.id) goes on already")
        }
        try ExecutionStore.forget(pending, of: source.key, in: workspace, tx)
        try ExecutionStore.setEndsUndone(transition.execution.endsUndone, of: source.key, tx)
        try ExecutionWrite(
            transition, key: source.key, id: source.id, workspace: workspace, owner: node, epoch: claim.epoch,
            releases: !transition.execution.status.hasEnded, origin: claim.origin, ids: ids, now: now
        ).run(in: tx)
        tx.signal(.executionsDue)
    }
}
