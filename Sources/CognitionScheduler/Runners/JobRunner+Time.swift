import CognitionCore
import CognitionStorage
import Logging
import Synchronization

/// What time makes due.
extension JobRunner {
    /// Moments that something waits for, and whether something is to be done at once.
    private struct Outlook: Sendable {
        var job: Timestamp?
        var limit: Timestamp?
        var schedule: Timestamp?
        var hasResolutions = false

        var next: Timestamp? { [job, limit, schedule].compactMap(\.self).min() }
    }

    /// Delayed jobs that become ready in one commit.
    private static let dueMax = 1_000
    private static let schedulesMax = 100

    /// Makes jobs ready whose moment has come, fires schedules, and tells children of ends that were postponed.
    func makeDue() async throws {
        let now = clock.now
        let isWanted = members.withLock { members in
            defer { members.mayHaveDue = false }
            return members.mayHaveDue || members.nextDue.map { $0 <= now } ?? false
        }
        guard isWanted, !members.withLock(\.isClosing) else { return }
        let outlook = try await database.read { tx in
            Outlook(
                job: try tx.first("SELECT run_at FROM jobs WHERE state = 0 ORDER BY run_at LIMIT 1") { try $0[0] },
                limit: try LimitStore.nextWake(tx), schedule: try ScheduleStore.nextDue(tx),
                hasResolutions: try DependencyStore.hasResolutions(tx))
        }
        members.withLock { $0.nextDue = outlook.next }
        let log = JobLog(now: now, ids: scheduler.ids)
        var done = 0
        if outlook.hasResolutions {
            done += try await database.write { tx in try DependencyStore.resolve(log, tx) ? 1 : 0 }
        }
        if let schedule = outlook.schedule, schedule <= now {
            done += try await fireDue(log)
        }
        if let limit = outlook.limit, limit <= now {
            done += try await database.write { tx in try LimitStore.promoteDue(now: now, tx) }
        }
        if let job = outlook.job, job <= now {
            done += try await database.write { tx in
                try tx.execute(
                    """
                    UPDATE jobs SET state = 1 WHERE +state = 0 AND key IN (
                        SELECT key FROM jobs WHERE state = 0 AND run_at <= \(now)
                        ORDER BY run_at LIMIT \(Self.dueMax) \(fragment: .skipLocked))
                    """)
            }
        }
        let wasDue = outlook.hasResolutions || outlook.next.map { $0 <= now } ?? false
        guard wasDue else { return }
        members.withLock { members in
            if done > 0 {
                // There may be more, and jobs may be ready.
                (members.mayHaveDue, members.mayHaveReady) = (true, true)
            } else {
                // Another node is about it: not again at once.
                members.nextDue = now + Self.pause
            }
        }
    }

    private static let pause: Duration = .milliseconds(100)

    // MARK: Schedules

    /// Fires what is due in one commit; where one of them cannot be fired, each in its own.
    private func fireDue(_ log: JobLog) async throws -> Int {
        do {
            return try await database.write { tx in try ScheduleStore.fire(limit: Self.schedulesMax, log, tx) }
        } catch let error where !error.mayPass {
            var count = 0
            let due = try await database.read { tx in
                try ScheduleStore.due(limit: Self.schedulesMax, now: log.now, tx)
            }
            for key in due { count += try await fire(key, log) }
            return count
        }
    }

    private func fire(_ key: Int64, _ log: JobLog) async throws -> Int {
        do {
            return try await database.write { tx in try ScheduleStore.fire(limit: 1, only: key, log, tx) }
        } catch let error where !error.mayPass {
            let failure = JobFailure(error)
            try await database.write { tx in try ScheduleStore.park(key, because: failure, tx) }
            metrics.noteParked()
            logger.error(
                "Schedule paused, as it cannot be fired",
                metadata: ["schedule.key": "\(key)", "error": "\(failure.code)"])
            return 1
        }
    }

    // MARK: Requests

    /// Stops what somebody asks this node to stop.
    package func heed() async {
        do {
            let node = node
            let requests = try await database.read { tx in try CancelStore.requests(of: node, tx) }
            for (key, request) in requests {
                guard let job = members.withLock({ $0.running[key]?.job }) else { continue }
                stop(job, because: request == .cancel ? .cancel : .yield)
            }
        } catch {
            // The next heartbeat looks again.
            logger.debug("Requests to jobs not read", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Heartbeat

    func keepBeating() async {
        while !Task.isCancelled {
            // Ends early when the task is cancelled, as the loop does then.
            try? await Task.sleep(for: settings.heartbeat)
            guard !Task.isCancelled else { return }
            do {
                try await beat()
            } catch {
                // The steps tell of a database that does not answer, and this comes again.
                logger.debug("Jobs of dead nodes not looked for", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Deletes what has ended long enough ago, until the task is cancelled.
    func retain() async {
        while !Task.isCancelled {
            // Ends early when the task is cancelled, as the loop does then.
            try? await Task.sleep(for: settings.retention)
            guard !Task.isCancelled else { return }
            do {
                try await scheduler.deleteExpired()
            } catch {
                // The steps tell of a database that does not answer, and this comes again.
                logger.debug("Ended jobs not deleted", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Stops everything once the lease of the node has run out by its own clock: others may run it by then. What nobody has
    /// taken over is given back by a later beat.
    func watch(_ lease: NodeLease, on thread: OwnThread) async {
        var lapses = lease.lapses
        while !Task.isCancelled {
            await thread.sleep(for: Self.watchPause)
            let now = lease.lapses
            guard now != lapses else { continue }
            lapses = now
            let jobs = members.withLock { $0.running.values.map(\.job) }
            for job in jobs { stop(job, because: .lost) }
            if !jobs.isEmpty {
                logger.error("Jobs stopped, as the lease of the node has run out", metadata: ["count": "\(jobs.count)"])
            }
        }
    }

    private static let watchPause: Duration = .milliseconds(250)

    /// Says what this node runs, frees the jobs of nodes that are gone, and lets go of those that are others' by now.
    package func beat() async throws {
        let (node, kinds, isShared, life) = (node, kinds, database.isShared, settings.heartbeat * 3)
        let log = log
        let freed = try await database.write { tx in
            try WorkerStore.note(node, kinds, for: life, tx)
            return try EndStore.reap(except: node, isShared: isShared, log, tx)
        }
        note(freed: freed)
        if !freed.isEmpty { await reapNow() }
        try await dropLost()
        await heed()
        try await writeProgress()
    }

    private func note(freed: [AttemptEnd]) {
        guard !freed.isEmpty else { return }
        for end in freed { metrics.record(lost: end) }
        logger.notice("Jobs of processes that have ended were freed", metadata: ["count": "\(freed.count)"])
        wake()
    }

    /// A node was cleared away.
    func reapNow() async {
        let (node, isShared, log) = (node, database.isShared, log)
        do {
            // Some at a time, until there is nothing left, or others have it in hand.
            while !Task.isCancelled {
                let freed = try await database.write { tx in
                    try EndStore.reap(except: node, isShared: isShared, log, tx)
                }
                guard !freed.isEmpty else { return }
                note(freed: freed)
            }
        } catch {
            // The next heartbeat looks again.
            logger.debug("Jobs of dead nodes not looked for", metadata: ["error": "\(error)"])
        }
    }

    /// Stops what another node has taken over, and gives back what is this node's by the rows and in nobody's hands.
    private func dropLost() async throws {
        let node = node
        let owned = try await database.read { tx in
            try tx.query("SELECT key, epoch FROM jobs WHERE state = 2 AND owner = \(node)") { row in
                (key: try row[0] as Int64, epoch: try row[1] as Int64)
            }
        }
        let epochs = Dictionary(owned.map { ($0.key, $0.epoch) }) { first, _ in first }
        let start = clock.now - settings.heartbeat
        let lost = members.withLock { members in
            members.running.values.filter { epochs[$0.job.key] != $0.job.epoch && $0.job.startedAt < start }.map(\.job)
        }
        for job in lost { stop(job, because: .lost) }
        if !lost.isEmpty { logger.error("Jobs are run by others now", metadata: ["count": "\(lost.count)"]) }
        try await giveBackStrays(epochs)
    }

    /// A commit of which nobody could say whether it took effect may have claimed jobs that nobody here runs. Only what was so in
    /// two beats counts, as a claim's answer may be on its way.
    private func giveBackStrays(_ epochs: [Int64: Int64]) async throws {
        let node = node
        let strays = members.withLock { members in
            let ended = Set(members.ended.map(\.job.key))
            let found = epochs.filter { members.running[$0.key] == nil && !ended.contains($0.key) }
            defer { members.strays = found }
            return found.filter { members.strays[$0.key] == $0.value }
        }
        guard !strays.isEmpty else { return }
        try await database.write { tx in
            for (key, epoch) in strays.sorted(by: { $0.key < $1.key }) {
                try tx.execute(
                    """
                    UPDATE jobs SET state = 1, attempt = attempt - 1
                    WHERE key = \(key) AND epoch = \(epoch) AND +state = 2 AND owner = \(node)
                    """)
            }
            tx.signal(.jobs)
        }
        logger.notice("Jobs that nobody ran were given back", metadata: ["count": "\(strays.count)"])
    }

    private func writeProgress() async throws {
        let reports = takeProgress()
        guard !reports.isEmpty else { return }
        try await database.write { tx in try EndStore.write(reports, tx) }
    }
}
