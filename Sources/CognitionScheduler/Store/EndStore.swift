import CognitionCore
import CognitionEvents
import CognitionStorage

/// What has become of an attempt, ready to be written.
struct AttemptEnd: Sendable {
    enum Next: Sendable, Hashable {
        case completed(result: String)
        /// It is due again at a moment; where the attempt does not count, it may be so at once.
        case again(at: Timestamp, counts: Bool)
        /// Failed, dead or cancelled.
        case ended(JobState)
    }

    let job: ClaimedJob
    let next: Next
    let failure: JobFailure?
    let endedAt: Timestamp
    /// What a handler has to write together with the end.
    var writes: [@Sendable (borrowing Transaction) throws -> Void] = []
    /// The event of the end; made outside of the transaction, as it is hashed.
    let event: NewEvent?

    init(
        _ job: ClaimedJob, _ next: Next, failure: JobFailure? = nil, at endedAt: Timestamp,
        writes: [@Sendable (borrowing Transaction) throws -> Void] = []
    ) {
        self.job = job
        self.next = next
        self.failure = failure
        self.endedAt = endedAt
        self.writes = writes
        let state: JobState =
            switch next {
            case .completed: .completed
            case .again: .scheduled
            case .ended(let state): state
            }
        self.state = state
        event =
            state.hasEnded
            ? JobEvent.ended(job, state: state, failure: failure, took: endedAt - job.startedAt) : nil
    }

    /// The state that the job is in afterwards.
    let state: JobState

    /// How the log of attempts names it.
    var outcome: String {
        switch next {
        case .completed: "completed"
        case .again where failure == .lost: "lost"
        case .again(_, let counts): counts ? "failed" : "released"
        case .ended(let state): state == .dead ? "failed" : state.name
        }
    }
}

/// How far a job is that runs.
struct ProgressReport: Sendable {
    let key: Int64
    let epoch: Int64
    /// 0...100.
    let percent: Double
}

/// Writes the ends of attempts, many at once, guarded by the claims they belong to.
enum EndStore {
    // `+state`, here and elsewhere where rows are changed by their keys: the engine is not to look through the index of a
    // state instead, which it believes to be empty.
    private static let ends = BulkUpdate(
        "jobs",
        [
            "key": .integer, "epoch": .integer, "state": .integer, "run_at": .integer, "uncounted": .integer,
            "ended_at": .integer, "result": .text, "error": .text,
        ],
        """
        SET state = v.state, run_at = v.run_at, attempt = jobs.attempt - v.uncounted, ended_at = v.ended_at,
            result = v.result, error = v.error
        WHERE jobs.key = v.key AND jobs.epoch = v.epoch AND +jobs.state = 2
        """)

    /// - Parameter claims: A claim follows in the same transaction; its lock comes before those of keys.
    /// - Throws: `scheduler.job_fenced` when one of the jobs is not this claim's any more; then nothing is written.
    static func write(
        _ attempts: [AttemptEnd], thenClaims claims: Bool = false, _ log: JobLog, _ tx: borrowing Transaction
    ) throws {
        let sorted = attempts.sorted { $0.job.key < $1.job.key }
        try ScheduleStore.hold(sorted.compactMap(\.job.scheduleKey), tx)
        let limits = sorted.compactMap(\.job.limit)
        if claims, !limits.isEmpty { try Claim.lock(tx) }
        try LimitStore.lock(limits, tx)
        try tx.update(ends, sorted.flatMap(values)) { count in
            guard count == sorted.count else {
                throw SchedulerError(.jobFenced, "another node has taken the job over; this result is discarded")
            }
        }
        let parents = try parents(among: sorted, tx)
        try tx.settle()
        for attempt in sorted { for write in attempt.writes { try write(tx) } }
        try writeAttempts(sorted, tx)
        try tell(sorted, parents.found, log, tx)
        for address in Set(sorted.compactMap(\.job.limit)).sorted() {
            try LimitStore.promote(address, now: log.now, tx)
        }
        let open = sorted.filter { !$0.state.hasEnded }
        guard !open.isEmpty else { return }
        try endCancelled(among: open.map(\.job.key), log, tx)
        tx.signal(.jobs)
        tx.signal(.jobsDue)
    }

    /// Ends those of which that was asked while they ran, and that would be run again.
    private static func endCancelled(among keys: [Int64], _ log: JobLog, _ tx: borrowing Transaction) throws {
        let asked = try tx.query("SELECT key FROM jobs WHERE key IN \(list: keys) AND request = 1 ORDER BY key") {
            try $0[0] as Int64
        }
        if !asked.isEmpty { try endIdle(asked, as: .cancelled, log, tx) }
    }

    /// Ends jobs that do not run; those that do, or have ended, are left. The schedules that they are runs of are held before.
    static func endIdle(
        _ keys: [Int64], as state: JobState, failure: JobFailure? = nil, _ log: JobLog, _ tx: borrowing Transaction
    ) throws {
        let jobs = try withQueues(
            tx.query(
                """
                SELECT \(columns: ClaimedJob.columns) FROM jobs
                WHERE key IN \(list: keys) AND ended_at IS NULL AND state <> 2 ORDER BY key \(fragment: .forUpdate)
                """, as: ClaimedJob.init(row:)), tx)
        try tx.execute(
            """
            UPDATE jobs SET state = \(state), ended_at = \(log.now), error = \(failure?.json.jsonText)
            WHERE key IN \(list: jobs.map(\.key))
            """)
        let ends = jobs.map { AttemptEnd($0, .ended(state), failure: failure, at: log.now) }
        let parents = try parents(among: ends, tx)
        try tx.settle()
        try tell(ends, parents.found, log, tx)
        try LimitStore.release(jobs.compactMap(\.limit), now: log.now, tx)
    }

    /// Tells the log, those that depend on the jobs, and the schedules that have made them.
    private static func tell(
        _ ends: [AttemptEnd], _ parents: [DependencyStore.Parent], _ log: JobLog, _ tx: borrowing Transaction
    ) throws {
        try append(ends, log, tx)
        try DependencyStore.follow(parents, log, tx)
        try ScheduleStore.noteEnds(ends, tx)
    }

    private static func withQueues(_ jobs: [ClaimedJob], _ tx: borrowing Transaction) throws -> [ClaimedJob] {
        let queues = try QueueStore.find(Set(jobs.map(\.queueKey)), tx)
        var jobs = jobs.map { job in
            var job = job
            job.queue = queues.first { $0.key == job.queueKey }?.name ?? ""
            return job
        }
        try ClaimedJob.nameSchedules(of: &jobs, tx)
        return jobs
    }

    private static func values(_ end: AttemptEnd) -> [SQLValue] {
        var (runAt, uncounted, result) = (end.job.runAt, 0, String?.none)
        var state = end.state
        switch end.next {
        case .completed(let text): result = text
        case .again(let moment, let counts):
            (runAt, uncounted) = (moment, counts ? 0 : 1)
            if moment <= end.endedAt { state = .ready }
        case .ended: break
        }
        return [
            end.job.key.sqlValue, end.job.epoch.sqlValue, state.sqlValue, runAt.sqlValue, uncounted.sqlValue,
            (state.hasEnded ? end.endedAt : nil).sqlValue, result.sqlValue, (end.failure?.json.jsonText).sqlValue,
        ]
    }

    private static let progress = BulkUpdate(
        "jobs", ["key": .integer, "epoch": .integer, "percent": .double],
        "SET progress = v.percent WHERE jobs.key = v.key AND jobs.epoch = v.epoch AND +jobs.state = 2")

    /// Keeps how far running jobs are; of those that are others' by now nothing is written.
    static func write(_ reports: [ProgressReport], _ tx: borrowing Transaction) throws {
        guard !reports.isEmpty else { return }
        try tx.update(progress, reports.flatMap { [$0.key.sqlValue, $0.epoch.sqlValue, $0.percent.sqlValue] })
    }

    // MARK: What goes with it

    private static let attemptRows = BulkTable(
        "job_attempts",
        [
            "job_key": .integer, "number": .integer, "node": .text, "started_at": .integer, "ended_at": .integer,
            "outcome": .text, "error": .text, "epoch": .integer,
        ], suffix: "ON CONFLICT DO NOTHING")

    /// The log of attempts. A job that completes at once has its only one in its own row.
    private static func writeAttempts(_ attempts: [AttemptEnd], _ tx: borrowing Transaction) throws {
        let kept = attempts.filter { $0.state != .completed || $0.job.epoch > 1 }
        guard !kept.isEmpty else { return }
        try tx.insert(
            into: attemptRows,
            kept.flatMap { end in
                [
                    end.job.key.sqlValue, end.job.attempt.sqlValue, end.job.owner.sqlValue, end.job.startedAt.sqlValue,
                    end.endedAt.sqlValue, end.outcome.sqlValue, (end.failure?.json.jsonText).sqlValue,
                    end.job.epoch.sqlValue,
                ]
            })
    }

    private struct QueueName: Hashable, Comparable {
        let workspace: String
        let queue: String

        static func < (left: QueueName, right: QueueName) -> Bool {
            (left.workspace, left.queue) < (right.workspace, right.queue)
        }
    }

    private static func append(_ attempts: [AttemptEnd], _ log: JobLog, _ tx: borrowing Transaction) throws {
        let groups = Dictionary(grouping: attempts.filter { $0.event != nil }) {
            QueueName(workspace: $0.job.workspace.name, queue: $0.job.queue)
        }
        for (name, ends) in groups.sorted(by: { $0.key < $1.key }) {
            try log.append(ends.compactMap(\.event), of: name.queue, in: WorkspaceID(name.workspace), tx)
        }
    }

    /// The jobs that others depend on, known once what was sent has been run.
    private final class Parents {
        var found: [DependencyStore.Parent] = []
    }

    private static func parents(among attempts: [AttemptEnd], _ tx: borrowing Transaction) throws -> Parents {
        let parents = Parents()
        let states = Dictionary(
            attempts.filter(\.state.hasEnded).map { ($0.job.key, $0.state) }, uniquingKeysWith: { first, _ in first })
        guard !states.isEmpty else { return parents }
        // Behind the update, which holds the rows: whoever adds a child later finds the job ended.
        try tx.send(
            "SELECT key, children FROM jobs WHERE key IN \(list: states.keys.sorted()) AND children > 0 ORDER BY key"
        ) { row in
            let key: Int64 = try row[0]
            parents.found.append(
                DependencyStore.Parent(key: key, state: states[key] ?? .completed, children: try row[1]))
        }
        return parents
    }

    // MARK: Jobs whose process is gone

    /// What becomes of a job whose process ended while it ran.
    static func afterLoss(of job: ClaimedJob, now: Timestamp) -> AttemptEnd {
        // What runs elsewhere, and only waits here, takes no process down.
        let endangers = job.kind != "workflow" && job.kind != "emit"
        guard endangers, job.crashes + 1 >= crashesMax else {
            return AttemptEnd(job, .again(at: now, counts: true), failure: .lost, at: now)
        }
        return AttemptEnd(job, .ended(.dead), failure: .quarantined, at: now)
    }

    static let crashesMax = 2

    /// Frees the jobs that run on nobody.
    /// - Parameter isShared: Whether other processes run jobs as well: then those of nodes that are not there any more; else
    ///   all but those of `node`.
    /// - Returns: What has become of them.
    static func reap(
        except node: UUIDv7, isShared: Bool, _ log: JobLog, _ tx: borrowing Transaction
    ) throws -> [AttemptEnd] {
        var owners = try tx.query("SELECT DISTINCT owner FROM jobs WHERE state = 2 AND owner <> \(node)") {
            try $0[0] as UUIDv7
        }
        if isShared { owners = try NodeLease.gone(among: owners, in: tx) }
        guard !owners.isEmpty else { return [] }
        let found = try tx.query(
            """
            SELECT key, schedule_key, workspace_id, limit_key FROM jobs WHERE state = 2 AND owner IN \(list: owners)
            ORDER BY key LIMIT 500
            """
        ) { row in
            let limit: String? = try row[3]
            let workspace: WorkspaceID = try row[2]
            return (
                key: try row[0] as Int64, schedule: try row[1] as Int64?,
                limit: limit.map { LimitStore.Address(workspace: workspace, key: $0) }
            )
        }
        guard !found.isEmpty else { return [] }
        try ScheduleStore.hold(found.compactMap(\.schedule), tx)
        // Before the jobs, as whoever ends them does; what is locked all the same is being ended, and is not waited for.
        try LimitStore.lock(found.compactMap(\.limit), tx)
        var lost = try tx.query(
            """
            SELECT \(columns: ClaimedJob.columns) FROM jobs
            WHERE key IN \(list: found.map(\.key)) AND +state = 2 AND owner IN \(list: owners)
            ORDER BY key \(fragment: .skipLocked)
            """, as: ClaimedJob.init(row:))
        // One that has come back meanwhile may have claimed them anew.
        if isShared {
            let gone = Set(try NodeLease.gone(among: owners, in: tx))
            lost.removeAll { $0.owner.map { !gone.contains($0) } ?? false }
        }
        guard !lost.isEmpty else { return [] }
        try tx.execute("UPDATE jobs SET crashes = crashes + 1 WHERE key IN \(list: lost.map(\.key))")
        let ends = try withQueues(lost, tx).map { afterLoss(of: $0, now: log.now) }
        try write(ends, log, tx)
        return ends
    }
}
