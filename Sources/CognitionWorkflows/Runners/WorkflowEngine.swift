package import CognitionCore
package import CognitionStorage
package import Logging
import Synchronization

/// Runs executions on this node: takes those that are due, starts their effects, and commits what comes of them.
///
/// Nothing is decided here: each execution's ``ExecutionMachine`` decides, and what it decides is durable before it is
/// acted on. When a commit fails, the execution is forgotten in memory and read again, as after a crash.
package final class WorkflowEngine: Sendable {
    package struct Settings: Sendable {
        /// Effects in flight.
        package var effectsMax = 256
        /// Executions in memory; further ones wait in the database.
        package var executionsMax = 4_096
        /// Executions whose next moment is farther away than this leave the memory.
        package var memoryHorizon: Duration = .seconds(10)
        /// How often the database is asked for what others have left there.
        package var pollInterval: Duration = .milliseconds(250)
        /// How often executions are looked for that have ended longer ago than they are kept.
        package var retentionInterval: Duration = .seconds(60)
        /// Claims without any progress after which an execution is set aside.
        package var claimsMax = 20
        /// How this node and the others of a shared database know of each other's death.
        package var lease = NodeLease.Settings()
        /// A node that is known to be gone, whose lease need not run out.
        package var predecessor: UUIDv7?

        package init() {}
    }

    struct Members {
        var live: [Int64: LiveExecution] = [:]
        /// Executions that are forgotten here and whose rows still name this node: their keys, and the epochs of the claims.
        var lost: [Int64: Int64] = [:]
        /// What the last sweep has found in nobody's hands.
        var strays: [Int64: Int64] = [:]
        /// The workspace that was the last to have a turn when executions were claimed.
        var lastTurn: WorkspaceID?
        var dueLooks = DueLooks()
        var mailLooks = MailLooks()
        var clockWatch = ClockWatch()
        var isFailing = false
        var drives = 0
        var isRunning = false
        var isClosing = false
        var drained: CheckedContinuation<Void, Never>?
    }

    package let node: UUIDv7
    let workflows: Workflows
    let effects: EffectPool
    let executor: EffectExecutor
    let clock: any WallClock
    let settings: Settings
    let logger: Logger
    let alarm = Alarm()
    let timers = Timers()
    let metrics = WorkflowMetrics()
    let members = Mutex(Members())
    /// `nil` where no other process runs executions of the database: whatever is owned at the start is free then.
    package let lease: NodeLease?

    package init(
        workflows: Workflows, executor: EffectExecutor, node: UUIDv7, clock: any WallClock = SystemWallClock(),
        settings: Settings = Settings(), logger: Logger
    ) {
        self.workflows = workflows
        self.executor = executor
        self.node = node
        self.clock = clock
        self.settings = settings
        self.logger = logger
        self.effects = EffectPool(runningMax: settings.effectsMax)
        let database = workflows.database
        lease = database.isShared ? NodeLease(database, node: node, settings: settings.lease) : nil
    }

    /// Recovers what an earlier process left, then runs until the task is cancelled; returns once everything that was in
    /// hand is committed or given back.
    package func run() async throws {
        try await recover()
        let wakeUps = workflows.database.signals.wakeUps(for: .executionsDue)
        // A function that computes without an end must not cost the node its lease.
        let thread = OwnThread("node-lease")
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in wakeUps { self.alarm.ring() } }
            group.addTask {
                while !Task.isCancelled {
                    await self.tick()
                    await self.alarm.wait(atMost: self.timeToNextTick)
                }
            }
            group.addTask { await self.retain() }
            if let lease {
                group.addTask(executorPreference: thread) { await self.keep(lease, on: thread) }
                group.addTask(executorPreference: thread) { await self.watch(lease, on: thread) }
                group.addTask { await self.reap(beside: lease) }
            }
            await group.waitForAll()
        }
        thread.stop()
        // Unstructured, because the last writes must not be cancelled with the task that runs the engine.
        await Task { await self.close() }.value
    }

    /// One look at everything that time or another process may have made due.
    package func tick() async {
        let now = readClock().now
        for key in timers.takeDue(now: now) {
            if let live = members.withLock({ $0.live[key] }) { deliver(.timePassed, to: live) }
        }
        do {
            try await giveBackLost(now: now)
            let start = members.withLock { $0.mailLooks.next() }
            let errands = try await workflows.errands(for: node, after: start, now: now)
            let leavesNothing = try await noticeMail(in: errands.mailboxes)
            for name in errands.schedulesCalled { try await workflows.takeEvents(ofName: name, now: now) }
            members.withLock { members in
                members.mailLooks.note(
                    after: start, lastKey: errands.lastKey, leavesNothing: leavesNothing && !errands.mayHaveMoreMail)
            }
            try await claimDue(now: now)
            try await noticeCancellations()
            noteTick(failure: nil)
        } catch is CancellationError {
            return
        } catch {
            noteTick(failure: error)
        }
    }

    /// What the clock says. Where it was set back, what is in memory and waits is told first, to go by the time that passes.
    func readClock() -> ClockReading {
        let (reading, step, live) = members.withLock { members in
            // One reading after the other, so that no older one comes later.
            let now = clock.now
            let step = members.clockWatch.note(now)
            let reading = ClockReading(now: now, setBack: members.clockWatch.setBack)
            return (reading, step, step == nil ? [] : Array(members.live.values))
        }
        guard let step else { return reading }
        logger.warning("The clock was set back", metadata: ["seconds": "\(step.components.seconds)"])
        for execution in live { deliver(.clockWentBack(setBack: reading.setBack), to: execution) }
        return reading
    }

    /// Says once that the database does not answer, and once that it does again.
    private func noteTick(failure: (any Error)?) {
        let hasChanged = members.withLock { members in
            defer { members.isFailing = failure != nil }
            return members.isFailing != (failure != nil)
        }
        guard hasChanged else { return }
        if let failure {
            logger.warning("Engine waits for its database", metadata: ["error": "\(failure)"])
        } else {
            logger.notice("Engine goes on")
        }
    }

    private var timeToNextTick: Duration {
        guard let next = timers.next else { return settings.pollInterval }
        return max(.zero, min(settings.pollInterval, next - clock.now))
    }

    // MARK: Life of an execution in memory

    /// Whether another execution fits into memory; asked before one is started as owned by this node.
    var hasRoom: Bool {
        members.withLock { $0.isRunning && !$0.isClosing && $0.live.count < settings.executionsMax }
    }

    /// Takes over an execution whose first transition has been committed.
    ///
    /// - Parameter leaves: What ``leavesMemory(_:now:)`` said of the transition when it was committed.
    func adopt(_ live: LiveExecution, after transition: Transition, leaves: Bool) {
        let setBack: Duration? = members.withLock { members in
            guard !members.isClosing else { return nil }
            members.live[live.key] = live
            return members.clockWatch.setBack
        }
        guard let setBack else { return }
        act(on: transition, of: live, leaves: leaves)
        // During the commit nobody could tell it.
        if !live.goesBy(setBack: setBack) { deliver(.clockWentBack(setBack: setBack), to: live) }
        if transition.hasMore { deliver(.advance, to: live) }
    }

    func deliver(_ input: LiveExecution.Input, to live: LiveExecution) {
        guard live.deliver(input) else { return }
        members.withLock { $0.drives += 1 }
        // Unstructured, so that neither a cancelled effect nor a cancelled caller cuts a commit short; `close` waits for it.
        Task {
            await live.traced { await drive(live) }
            endDrive()
        }
    }

    /// Commits step after step until nothing is left to do.
    private func drive(_ live: LiveExecution) async {
        while true {
            let reading = readClock()
            guard let step = live.nextStep(at: reading) else { return }
            guard let transition = step.transition else {
                await commitSpending(step, of: live)
                continue
            }
            // Asked once: as time passes the answer changes, and memory must not say another thing than the row.
            let leaves = leavesMemory(transition, now: reading.now)
            do {
                try await commit(transition, step, of: live, leaves: leaves)
            } catch {
                lose(live, error)
                // A write that throws has written nothing, so nothing is counted twice here; except where nobody knows.
                if (error as? StorageError)?.code != .commitUnknown { await commitSpending(step, of: live) }
                continue
            }
            // It was let go of during the commit, and is claimed again.
            guard !live.isLost else { continue }
            act(on: transition, of: live, leaves: leaves)
        }
    }

    private func commit(
        _ transition: Transition, _ step: LiveExecution.Step, of live: LiveExecution, leaves: Bool
    ) async throws {
        let write = ExecutionWrite(
            transition, key: live.key, id: live.id, workspace: live.workspace, owner: node, epoch: live.epoch,
            releases: leaves, cost: step.cost, origin: live.origin,
            interest: workflows.lifecycle, ids: workflows.ids, now: step.time)
        let writes = step.writes
        try await workflows.database.write { tx in
            try write.run(in: tx)
            for write in writes { try write(tx) }
        }
    }

    /// What a committed transition asks for.
    private func act(on transition: Transition, of live: LiveExecution, leaves: Bool) {
        let state = transition.execution
        if state.ending != nil || state.status.hasEnded && state.reason != nil {
            metrics.countCompensations(transition.events)
        }
        for task in transition.stopped { effects.stop(.init(execution: live.id, epoch: live.epoch, task: task)) }
        if transition.execution.status.hasEnded || leaves {
            forget(live)
            if transition.execution.status.hasEnded {
                metrics.countEnd(transition.execution.status)
                live.trace?.recordEnd(transition.execution)
                workflows.ends.announce(live.id)
            } else {
                alarm.ring()
            }
            return
        }
        if timers.set(live.key, to: transition.execution.wakeAt) { alarm.ring() }
        // What is undone must not happen afterwards.
        let isCompensating = transition.execution.ending != nil && !transition.effects.isEmpty
        let stopping = isCompensating ? effects.stopping(of: live.id, epoch: live.epoch) : []
        for effect in transition.effects { start(effect, of: live, behind: stopping) }
    }

    /// - Parameter others: Stopped effects that have to end before.
    private func start(_ effect: EffectRequest, of live: LiveExecution, behind others: [Task<Void, Never>]) {
        let id = EffectPool.EffectID(execution: live.id, epoch: live.epoch, task: effect.task)
        effects.start(
            id, of: live.workspace, priority: live.priority, takingPlace: effect.takesPlace
        ) { [self] in
            for other in others { await other.value }
            let start = ContinuousClock.now
            let result = await live.traced(effect) { await executor.run(effect, of: live, on: self) }
            metrics.recordEffect(effect, succeeded: result.isSuccess, took: ContinuousClock.now - start)
            // What was cut off is nobody's result: it was stopped, or this process ends. What it has cost is spent.
            guard !Task.isCancelled || result.isSuccess else {
                if !result.spending.isNothing { deliver(.spent(result.spending), to: live) }
                return
            }
            deliver(.finished(task: effect.task, attempt: effect.attempt, result), to: live)
        }
    }

    /// Only time or somebody's message can go on with it, and time not soon.
    func leavesMemory(_ transition: Transition, now: Timestamp) -> Bool {
        let state = transition.execution
        guard transition.effects.isEmpty, !transition.isBusy, !transition.hasMore else { return false }
        if state.status == .suspended { return true }
        guard state.status == .waiting else { return false }
        guard let wakeAt = state.wakeAt else { return true }
        return wakeAt > now + settings.memoryHorizon
    }

    /// A commit has failed: the rows are the truth. What others own now is theirs; the rest is read again.
    private func lose(_ live: LiveExecution, _ error: any Error) {
        live.lose()
        effects.stopAll(of: live.id, epoch: live.epoch)
        forget(live)
        if let error = error as? WorkflowError, error.code == .fenced {
            logger.notice("Execution taken over elsewhere", metadata: ["execution.id": "\(live.id)"])
            return
        }
        // Of a database that does not answer the tick tells, once and not for each execution.
        logger.log(
            level: (error as? StorageError)?.isTransient == true ? .debug : .warning, "Commit failed",
            metadata: ["execution.id": "\(live.id)", "error": "\(error)"])
        members.withLock { $0.lost[live.key] = live.epoch }
    }

    /// Lets go of an execution that others may have taken over.
    func abandon(_ live: LiveExecution) {
        live.lose()
        effects.stopAll(of: live.id, epoch: live.epoch)
        forget(live)
        members.withLock { $0.lost[live.key] = live.epoch }
    }

    /// Takes it out of memory, unless a later claim has put itself there.
    private func forget(_ live: LiveExecution) {
        let isThere = members.withLock { members in
            guard members.live[live.key] === live else { return false }
            members.live[live.key] = nil
            return true
        }
        if isThere { timers.remove(live.key) }
    }

    private func endDrive() {
        let drained = members.withLock { members in
            members.drives -= 1
            guard members.drives == 0, members.isClosing else { return CheckedContinuation<Void, Never>?.none }
            defer { members.drained = nil }
            return members.drained
        }
        drained?.resume()
    }

    /// Stops effects, lets commits end, and gives every execution back, so that the next process need not wait.
    private func close() async {
        members.withLock { $0.isClosing = true }
        await effects.close()
        await withCheckedContinuation { continuation in
            let isDrained = members.withLock { members in
                if members.drives > 0 { members.drained = continuation }
                return members.drives == 0
            }
            if isDrained { continuation.resume() }
        }
        do {
            try await workflows.release(ownedBy: node, now: clock.now)
            try await lease?.end()
        } catch {
            logger.warning("Executions could not be given back", metadata: ["error": "\(error)"])
        }
    }
}

extension EffectRequest {
    /// Waiting for another execution takes none of the places that executions need to end.
    fileprivate var takesPlace: Bool {
        if case .workflow = action { false } else { true }
    }
}
