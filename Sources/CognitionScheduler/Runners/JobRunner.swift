package import CognitionCore
package import CognitionStorage
package import Logging
package import Metrics
import Synchronization

/// Runs jobs on this node: makes due what time has made due, claims what is ready, and writes what has become of it.
///
/// One loop does all of it, so that the ends of jobs that have ended meanwhile, and the claim of those that take their
/// places, share a commit. Nothing is kept here that is not in the rows: after a crash they are what is gone on from.
package final class JobRunner: Sendable {
    package struct Settings: Sendable {
        /// Jobs that run at once on this node, in all queues together.
        package var slots = 256
        /// How often the node says that it runs jobs, and looks for those of nodes that are gone.
        package var heartbeat: Duration = .seconds(10)
        /// How often the database is asked for what others have left there, beside wake-ups.
        package var polling: Duration = .seconds(1)
        /// How often jobs are deleted that have ended longer ago than their queues keep them.
        package var retention: Duration = .seconds(60)
        /// How long running jobs may go on when the process ends; then they are cut off and given back.
        package var grace: Duration = .seconds(10)

        package init() {}
    }

    let scheduler: Scheduler
    let handlers: [String: any JobHandler]
    let kinds: [String]
    package let node: UUIDv7
    let settings: Settings
    private let lease: NodeLease?
    let clock: any WallClock
    let logger: Logger
    let alarm = Alarm()
    let metrics: JobMetrics
    let members = Mutex(Members())

    /// What this node has in hand.
    struct Members {
        var running: [Int64: RunningTask] = [:]
        var ended: [AttemptEnd] = []
        /// By the keys of the jobs: what was reported and is not written yet.
        var progress: [Int64: (epoch: Int64, percent: Double)] = [:]
        /// Jobs that this process has made since the last claim.
        var arrived: [Arrival] = []
        /// Something may be ready that was not claimed.
        var mayHaveReady = true
        /// The last claim has left something for want of a slot.
        var hasBacklog = false
        /// Something may have become due, or a moment may lie nearer than is known.
        var mayHaveDue = true
        /// The next moment at which time makes something due.
        var nextDue: Timestamp?
        var nextDeadline: Timestamp?
        /// When a queue's rate lets the next one through.
        var opensAt: Timestamp?
        /// What the last beat has found to be this node's by the rows and in nobody's hands, with the epochs.
        var strays: [Int64: Int64] = [:]
        var lastQueue: Int64 = 0
        var turn = 0
        var lookahead = 0
        /// When it was last looked at what others may have left.
        var lookedAt = ContinuousClock.now
        /// Of those that run: how many only wait for what runs elsewhere.
        var resting = 0
        var isClosing = false
        var isFailing = false
        /// Those that take a slot.
        var busy: Int { running.count - resting }
        var random = SplitMix64(seed: UInt64.random(in: 0...UInt64.max))
    }

    /// A job that runs.
    struct RunningTask {
        let job: ClaimedJob
        let deadline: Timestamp
        var task: Task<Void, Never>?
        var stop: JobStop?
        /// It only waits, and takes no slot.
        var isResting = false
    }

    /// - Parameter lease: Of the node, which somebody else renews; `nil` where no other node shares the database.
    package init(
        _ scheduler: Scheduler, handlers: [any JobHandler], node: UUIDv7, lease: NodeLease? = nil,
        settings: Settings = Settings(),
        clock: any WallClock = SystemWallClock(), logger: Logger, metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        self.scheduler = scheduler
        self.handlers = Dictionary(handlers.map { ($0.kind, $0) }) { _, later in later }
        kinds = self.handlers.keys.sorted()
        self.node = node
        self.lease = lease
        self.settings = settings
        self.clock = clock
        self.logger = logger
        self.metrics = JobMetrics(metrics)
    }

    var database: any Database { scheduler.database }
    var mayClaim: Bool { lease?.isHeld ?? true }
    var log: JobLog { JobLog(now: clock.now, ids: scheduler.ids) }

    /// How many jobs run here now.
    package var running: Int { members.withLock { $0.running.count } }

    /// Frees what an earlier process left, then runs until the task is cancelled; returns once everything that ran has ended
    /// or was given back.
    package func run() async throws {
        members.withLock { members in
            (members.isClosing, members.mayHaveReady, members.mayHaveDue) = (false, true, true)
        }
        let stopListening = scheduler.arrivals.listen { self.take($0) }
        defer { stopListening() }
        // Before the first look, so that nothing is missed between them.
        let gone = database.signals.wakeUps(for: .nodesGone)
        await waitForLease()
        do { try await beat() } catch is CancellationError {}
        let wakeUps = database.signals.wakeUps(for: .jobs)
        let moments = database.signals.wakeUps(for: .jobsDue)
        let requests = database.signals.wakeUps(for: .jobRequests)
        // What computes without an end must not keep it from being stopped.
        let thread = lease.map { _ in OwnThread("job-lease") }
        defer { thread?.stop() }
        await withTaskGroup(of: Void.self) { group in
            if let lease, let thread {
                group.addTask(executorPreference: thread) { await self.watch(lease, on: thread) }
            }
            group.addTask {
                for await _ in wakeUps { self.wake() }
            }
            group.addTask {
                for await _ in moments { self.wakeForTime() }
            }
            group.addTask {
                for await _ in requests { await self.heed() }
            }
            group.addTask {
                for await _ in gone { await self.reapNow() }
            }
            group.addTask { await self.keepBeating() }
            group.addTask { await self.retain() }
            group.addTask {
                while !Task.isCancelled {
                    await self.step()
                    await self.rest()
                }
            }
            await group.waitForAll()
        }
        // Unstructured, because the last writes must not be cancelled with the task that runs the jobs.
        await Task { await self.close() }.value
    }

    /// Whoever joins this node to the others is about it; without a lease nothing is claimed.
    private func waitForLease() async {
        guard let lease else { return }
        for _ in 0..<200 where !lease.isHeld && !Task.isCancelled {
            // Its only error is the cancellation, which is looked at.
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Something may be ready.
    package func wake() {
        members.withLock { $0.mayHaveReady = true }
        alarm.ring()
    }

    private func take(_ arrivals: [Arrival]) {
        members.withLock { members in
            if members.arrived.count + arrivals.count <= settings.slots {
                members.arrived += arrivals
            } else {
                // More than can be started: then the order counts.
                (members.arrived, members.mayHaveReady) = ([], true)
            }
        }
        alarm.ring()
    }

    /// Something may be due.
    package func wakeForTime() {
        members.withLock { $0.mayHaveDue = true }
        alarm.ring()
    }

    /// Waits until there may be something to do.
    private func rest() async {
        let (isBusy, next) = members.withLock { members in
            let canClaim =
                (members.mayHaveReady || !members.arrived.isEmpty) && members.busy < settings.slots && mayClaim
            let opens = members.busy < settings.slots ? members.opensAt : nil
            let next = [members.nextDue, members.nextDeadline, opens].compactMap(\.self).min()
            return (canClaim || members.mayHaveDue || !members.ended.isEmpty, next)
        }
        guard !members.withLock(\.isFailing) else { return await alarm.wait(atMost: settings.polling) }
        guard !isBusy else { return }
        // Alone on its database, a node hears of everything, but not of a clock that is set forward. It asks for nothing then.
        var longest = database.isShared ? settings.polling : .seconds(5)
        if let next { longest = min(longest, max(.zero, next - clock.now)) }
        if longest > .zero { await alarm.wait(atMost: longest) }
        lookAgain()
    }

    /// Beside other nodes, looks now and then at what they may have left, as a wake-up may be lost.
    private func lookAgain() {
        guard database.isShared else { return }
        let now = ContinuousClock.now
        members.withLock { members in
            guard now - members.lookedAt >= settings.polling else { return }
            members.lookedAt = now
            members.mayHaveDue = true
            members.mayHaveReady = true
        }
    }

    /// Writes what has ended, makes due what is due, and claims what is ready.
    package func step() async {
        do {
            stopLate()
            // What is ready does not wait for the look at what time has made due.
            try await settle()
            try await makeDue()
            noteStep(failure: nil)
        } catch is CancellationError {
            return
        } catch {
            members.withLock { members in
                members.mayHaveReady = true
                members.mayHaveDue = true
            }
            noteStep(failure: error)
        }
    }

    /// Says once that the database does not answer, and once that it does again.
    private func noteStep(failure: (any Error)?) {
        let hasChanged = members.withLock { members in
            defer { members.isFailing = failure != nil }
            return members.isFailing != (failure != nil)
        }
        guard hasChanged else { return }
        if let failure {
            logger.warning("Jobs wait for their database", metadata: ["error": "\(failure)"])
        } else {
            logger.notice("Jobs go on")
        }
    }

    // MARK: End of the process

    /// Claims nothing more, lets running jobs end for a while, cuts off the rest, and writes what has become of all.
    private func close() async {
        members.withLock { $0.isClosing = true }
        // What only waits can as well do so elsewhere, or later.
        for running in members.withLock({ $0.running.values.filter(\.isResting) }) {
            stop(running.job, because: .yield)
        }
        await waitForEnds(atMost: settings.grace)
        for (_, running) in members.withLock({ $0.running }) { stop(running.job, because: .yield) }
        await waitForEnds(atMost: .seconds(5))
        do {
            try await settle()
            let node = node
            try await database.write { tx in try WorkerStore.leave(node, tx) }
        } catch {
            logger.warning("Jobs could not be given back", metadata: ["error": "\(error)"])
        }
    }

    private func waitForEnds(atMost longest: Duration) async {
        let start = ContinuousClock.now
        while running > 0 {
            let left = longest - (ContinuousClock.now - start)
            guard left > .zero else { return }
            await alarm.wait(atMost: min(left, .milliseconds(100)))
            // What fails is written once more at the end.
            if members.withLock({ !$0.ended.isEmpty }) { await step() }
        }
    }
}
