import CognitionCore
import CognitionEvents
import CognitionStorage
import Logging
import Synchronization

/// Ends and claims.
extension JobRunner {
    /// Ends that share a commit.
    private static let endsMax = 1_000

    /// Writes ends and takes the next jobs, until neither is left.
    func settle() async throws {
        while true {
            let ends = members.withLock { members -> [AttemptEnd] in
                let ends = Array(members.ended.prefix(Self.endsMax))
                members.ended.removeFirst(ends.count)
                return ends
            }
            let claim = nextClaim(freesSlots: !ends.isEmpty)
            guard !ends.isEmpty || claim != nil else { return }
            let progress = takeProgress()
            do {
                if let claim {
                    accept(try await write(ends, progress, thenClaiming: claim), of: claim)
                } else {
                    try await write(ends, progress)
                }
            } catch {
                // A write that throws has written nothing, except where nobody knows: then the claims' epochs tell.
                members.withLock { members in
                    members.ended.insert(contentsOf: ends, at: 0)
                    members.mayHaveReady = true
                }
                throw error
            }
        }
    }

    /// - Parameter freesSlots: Ends are written before, so what found no slot may find one.
    private func nextClaim(freesSlots: Bool) -> Claim? {
        let now = clock.now
        return members.withLock { members in
            let room = settings.slots - members.running.count
            let opens = members.opensAt.map { $0 <= now } ?? false
            let looks = members.mayHaveReady || opens || freesSlots && members.hasBacklog
            guard looks || !members.arrived.isEmpty, !members.isClosing, room > 0, !kinds.isEmpty, mayClaim else {
                return nil
            }
            defer { members.arrived = [] }
            // Behind what waits already, they take their turn.
            let isAlone = !looks && !members.hasBacklog && members.opensAt == nil && members.arrived.count <= room
            members.mayHaveReady = false
            if opens { members.opensAt = nil }
            return Claim(
                node: node, room: room, kinds: kinds, arrived: isAlone ? members.arrived : [], after: members.lastQueue,
                turn: members.turn, lookahead: members.lookahead, settings: scheduler.settings, now: now)
        }
    }

    /// One commit for both; where one of the ends is refused, each is written alone.
    private func write(
        _ ends: [AttemptEnd], _ progress: [ProgressReport], thenClaiming claim: Claim
    ) async throws -> Claim.Result {
        let log = log
        do {
            return try await database.write { tx in
                if !ends.isEmpty { try EndStore.write(ends, thenClaims: true, log, tx) }
                try EndStore.write(progress, tx)
                return try claim.run(in: tx)
            }
        } catch let error where !ends.isEmpty && !error.mayPass {
            try await writeSingly(ends)
            return try await database.write { tx in try claim.run(in: tx) }
        }
    }

    private func write(_ ends: [AttemptEnd], _ progress: [ProgressReport]) async throws {
        guard !ends.isEmpty || !progress.isEmpty else { return }
        let log = log
        do {
            try await database.write { tx in
                if !ends.isEmpty { try EndStore.write(ends, log, tx) }
                try EndStore.write(progress, tx)
            }
        } catch let error where !ends.isEmpty && !error.mayPass {
            try await writeSingly(ends)
        }
    }

    private func writeSingly(_ ends: [AttemptEnd]) async throws {
        let log = log
        for end in ends {
            do {
                try await database.write { tx in try EndStore.write([end], log, tx) }
            } catch let error as SchedulerError where error.code == .jobFenced {
                logger.notice("Job taken over elsewhere", metadata: ["job.id": "\(end.job.id)"])
            } catch  where !error.mayPass {
                // What belongs to it cannot be written, so it has failed.
                logger.warning("Job's result refused", metadata: ["job.id": "\(end.job.id)", "error": "\(error)"])
                await writeFailure(failure(of: end.job, JobFailure(error), at: end.endedAt), log)
            }
        }
    }

    /// One job must not keep the others from going on: what cannot be written even so is given back by a later beat.
    private func writeFailure(_ end: AttemptEnd, _ log: JobLog) async {
        do {
            try await database.write { tx in try EndStore.write([end], log, tx) }
        } catch {
            logger.error("Job's end not written", metadata: ["job.id": "\(end.job.id)", "error": "\(error)"])
        }
    }

    private func accept(_ result: Claim.Result, of claim: Claim) {
        members.withLock { members in
            members.lastQueue = result.lastQueue
            members.turn += result.jobs.count
            members.lookahead = result.parked > 0 ? Self.lookahead : 0
            if result.hasMore { members.mayHaveReady = true }
            members.hasBacklog = result.isWaiting || result.hasMore
            members.opensAt = result.opensAt
        }
        for job in result.jobs { start(job) }
        if !result.starved.isEmpty {
            // Nobody waits for it: it only asks.
            Task { await self.makeRoom(in: result.starved) }
        }
    }

    /// How many more jobs are looked at once some had to be set aside.
    private static let lookahead = 256

    private func makeRoom(in queues: [Int64]) async {
        let now = clock.now
        do {
            try await database.write { tx in
                for queue in queues { try CancelStore.askToYield(in: queue, now: now, tx) }
            }
        } catch {
            logger.debug("No job asked to yield", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Running

    private func start(_ job: ClaimedJob) {
        let options: JobOptions
        let input: JSONValue
        do {
            options = try JobOptions(stored: job.optionsText)
            input = try JSONValue(parsing: job.input)
        } catch {
            return end(job, AttemptEnd(job, .ended(.dead), failure: JobFailure(error), at: clock.now))
        }
        let timeout = options.timeout ?? job.settings.timeout ?? scheduler.settings.timeout
        let deadline = job.startedAt + timeout
        members.withLock { members in
            members.running[job.key] = RunningTask(job: job, deadline: deadline)
            members.nextDeadline = min(members.nextDeadline ?? deadline, deadline)
            // Unstructured, because it is cancelled alone; `close` waits for all of them.
            members.running[job.key]?.task = Task {
                let running = RunningJob(
                    job, input: input, parents: job.parentResults, timeout: timeout,
                    stop: { self.members.withLock { $0.running[job.key]?.stop } }
                ) { percent in self.note(percent, of: job) }
                await self.run(running, job, options)
            }
        }
    }

    private func run(_ running: RunningJob, _ job: ClaimedJob, _ options: JobOptions) async {
        let result: Result<JobOutcome, any Error>
        do {
            guard let handler = handlers[job.kind] else {
                throw JobFailure("scheduler.no_worker", "this node runs no jobs of kind \(job.kind)")
            }
            result = .success(try await JobSpan.run(running, kind: job.kind) { try await handler.run(running) })
        } catch {
            result = .failure(error)
        }
        end(job, outcome(of: job, options, result, stop: members.withLock { $0.running[job.key]?.stop }))
    }

    private func outcome(
        of job: ClaimedJob, _ options: JobOptions, _ result: Result<JobOutcome, any Error>, stop: JobStop?
    ) -> AttemptEnd? {
        let now = clock.now
        switch (result, stop) {
        case (_, .lost): return nil
        case (.success(.completed(let value, let writes)), _):
            let text = value.jsonText
            guard text.utf8.count <= NewJob.inputBytesMax else {
                return failure(
                    of: job, JobFailure("scheduler.result_too_large", "its result is too large", isFinal: true), at: now
                )
            }
            return AttemptEnd(job, .completed(result: text), at: now, writes: writes)
        case (.success(.snoozed(let pause)), nil):
            return AttemptEnd(job, .again(at: now + pause, counts: false), at: now)
        case (.success(.discarded(let reason)), _):
            return AttemptEnd(job, .ended(.failed), failure: JobFailure("scheduler.discarded", reason), at: now)
        case (_, .cancel): return AttemptEnd(job, .ended(.cancelled), at: now)
        case (_, .yield): return AttemptEnd(job, .again(at: now, counts: false), at: now)
        case (.failure, .timeout), (.success, .timeout): return failure(of: job, .timeout, options, at: now)
        case (.failure(let error), nil): return failure(of: job, JobFailure(error), options, at: now)
        }
    }

    private func failure(of job: ClaimedJob, _ failure: JobFailure, _ options: JobOptions? = nil, at now: Timestamp)
        -> AttemptEnd
    {
        var retry = (options ?? (try? JobOptions(stored: job.optionsText)))?.retry ?? job.settings.retry
        retry.attempts = job.attemptsMax
        let verdict =
            failure.isFinal
            ? .dead
            : members.withLock { members in
                retry.verdict(on: failure.code, attempt: job.tries, advice: failure.retryAfter, using: &members.random)
            }
        switch verdict {
        case .again(let delay): return AttemptEnd(job, .again(at: now + delay, counts: true), failure: failure, at: now)
        case .discard: return AttemptEnd(job, .ended(.failed), failure: failure, at: now)
        case .dead: return AttemptEnd(job, .ended(.dead), failure: failure, at: now)
        }
    }

    /// Hands over what has become of a job; `nil`: nothing is written.
    private func end(_ job: ClaimedJob, _ end: AttemptEnd?) {
        members.withLock { members in
            if members.running[job.key]?.job.epoch == job.epoch {
                members.running[job.key] = nil
                members.progress[job.key] = nil
            }
            if let end { members.ended.append(end) }
        }
        if let end { metrics.record(end) }
        alarm.ring()
    }

    // MARK: Stopping

    func stop(_ job: ClaimedJob, because stop: JobStop) {
        members.withLock { members -> Task<Void, Never>? in
            guard members.running[job.key]?.job.epoch == job.epoch else { return nil }
            if members.running[job.key]?.stop == nil { members.running[job.key]?.stop = stop }
            return members.running[job.key]?.task
        }?.cancel()
    }

    /// Stops what takes longer than it may.
    func stopLate() {
        let now = clock.now
        let late = members.withLock { members -> [ClaimedJob] in
            guard let next = members.nextDeadline, next <= now else { return [] }
            let waiting = members.running.values.filter { $0.stop == nil }
            members.nextDeadline = waiting.map(\.deadline).filter { $0 > now }.min()
            return waiting.filter { $0.deadline <= now }.map(\.job)
        }
        for job in late { stop(job, because: .timeout) }
    }

    private func note(_ percent: Double, of job: ClaimedJob) {
        members.withLock { members in
            guard members.running[job.key]?.job.epoch == job.epoch else { return }
            members.progress[job.key] = (job.epoch, percent)
        }
    }

    /// What was reported since the last look.
    func takeProgress() -> [ProgressReport] {
        members.withLock { members in
            guard !members.progress.isEmpty else { return [] }
            defer { members.progress = [:] }
            return members.progress.sorted { $0.key < $1.key }.map {
                ProgressReport(key: $0.key, epoch: $0.value.epoch, percent: $0.value.percent)
            }
        }
    }
}

extension Error {
    /// Nothing was written, and the same may succeed later.
    var mayPass: Bool { (self as? StorageError)?.isTransient ?? (self is CancellationError) }
}
