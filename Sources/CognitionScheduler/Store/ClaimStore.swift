import CognitionCore
import CognitionStorage

/// A job that this node has just taken.
struct ClaimedJob: Sendable {
    let key: Int64
    let id: String
    let workspace: WorkspaceID
    let queueKey: Int64
    let name: String?
    let kind: String
    let input: String
    let optionsText: String?
    let priority: JobPriority
    /// From 1; those that were given back do not count, those of processes that have ended do.
    let attempt: Int
    let attemptsMax: Int
    let crashes: Int
    let epoch: Int64
    let runAt: Timestamp
    let startedAt: Timestamp
    let limitKey: String?
    let parents: Int
    let scheduleKey: Int64?
    let dueAt: Timestamp?
    let actor: String
    let traceparent: String?
    /// From 1; one more each time that it was made ready again after its end.
    let round: Int
    /// The node that has claimed it.
    let owner: UUIDv7?
    /// Known once the claim is complete.
    var queue = ""
    var settings = QueueSettings()
    /// What the jobs that it depends on have come to, by their ids.
    var parentResults: JSONObject = [:]
    /// The schedule that it is a run of.
    var scheduleID: String?

    /// Attempts that have failed, and this one.
    var tries: Int { attempt - crashes }

    static let columns: StaticString = """
        key, id, workspace_id, queue_key, name, kind, input, options, priority, attempt, attempts_max, crashes, epoch, run_at,
        COALESCE(started_at, created_at), limit_key, parents, schedule_key, due_at, actor, traceparent,
        owner, round
        """

    init(row: borrowing Row) throws {
        key = try row[0]
        id = try row[1]
        workspace = try row[2]
        queueKey = try row[3]
        name = try row[4]
        kind = try row[5]
        input = try row[6]
        optionsText = try row[7]
        priority = try row[8]
        attempt = try row[9]
        attemptsMax = try row[10]
        crashes = try row[11]
        epoch = try row[12]
        runAt = try row[13]
        startedAt = try row[14]
        limitKey = try row[15]
        parents = try row[16]
        scheduleKey = try row[17]
        dueAt = try row[18]
        actor = try row[19]
        traceparent = try row[20]
        owner = try row[21]
        round = try row[22]
    }

    var limit: LimitStore.Address? { limitKey.map { LimitStore.Address(workspace: workspace, key: $0) } }
}

extension ClaimedJob {
    /// Looks up the ids of the schedules that jobs are runs of.
    static func nameSchedules(of jobs: inout [ClaimedJob], _ tx: borrowing Transaction) throws {
        let schedules = Set(jobs.compactMap(\.scheduleKey))
        guard !schedules.isEmpty else { return }
        let ids = Dictionary(
            uniqueKeysWithValues: try tx.query("SELECT key, id FROM job_schedules WHERE key IN \(list: schedules)") {
                (try $0[0] as Int64, try $0[1] as String)
            })
        for place in jobs.indices { jobs[place].scheduleID = jobs[place].scheduleKey.flatMap { ids[$0] } }
    }
}

/// What a node takes of what is ready.
///
/// One node of a database claims at a time (a lock, held to the commit), so every bound is counted exactly, and a claim takes
/// as many jobs at once as there is room for.
struct Claim: Sendable {
    let node: UUIDv7
    /// Jobs that this node has room for.
    let room: Int
    /// What this node can run.
    let kinds: [String]
    /// Nothing but these is ready, as far as is known; empty: that is to be looked for.
    let arrived: [Arrival]
    /// The queue that was served last; the others come first.
    let after: Int64
    /// Counts jobs, so that now and then the oldest goes first whatever its priority.
    let turn: Int
    /// How many more are looked at than can be started, to set those aside whose key has no room.
    let lookahead: Int
    let settings: Scheduler.Settings
    let now: Timestamp

    struct Result: Sendable {
        var jobs: [ClaimedJob] = []
        var lastQueue: Int64 = 0
        /// A job of the highest priority found no slot: of this queue.
        var starved: [Int64] = []
        /// Something is ready that found no slot in its queue.
        var isWaiting = false
        /// There may be more to claim at once.
        var hasMore = false
        /// How many were set aside.
        var parked = 0
        /// When a queue's rate allows the next one.
        var opensAt: Timestamp?
    }

    /// A job that could be started, as far as its own queue goes.
    private struct Candidate: Sendable {
        let key: Int64
        let limit: LimitStore.Address?
        let amount: Int64
    }

    /// Candidates of a queue, and how many of them may start.
    private struct Lane {
        let queue: StoredQueue
        let free: Int
        let candidates: [Candidate]
    }

    private struct Arrived {
        var queues: [(queue: StoredQueue, running: Int)] = []
        var candidates: [Int64: [Candidate]] = [:]
    }

    private static let queuesMax = 64

    /// Keeps other nodes from claiming until the commit.
    static func lock(_ tx: borrowing Transaction) throws { try tx.lock("scheduler.claims") }

    func run(in tx: borrowing Transaction) throws -> Result {
        try Self.lock(tx)
        var result = Result(lastQueue: after)
        let arrivals = try arrivals(tx)
        let ready = try arrivals?.queues ?? readyQueues(tx)
        let queues = ready.map(\.queue)
        let running = Dictionary(uniqueKeysWithValues: ready.map { ($0.queue.key, $0.running) })
        let turns = queues.filter { $0.key > after } + queues.filter { $0.key <= after }
        var room = room
        var byWorkspace: [WorkspaceID: Int] = [:]
        var lanes: [Lane] = []
        var isFull = false
        for queue in turns where room > 0 {
            result.lastQueue = queue.key
            var free = (queue.settings.concurrency ?? settings.queueConcurrency) - (running[queue.key] ?? 0)
            if let max = settings.workspaceConcurrency {
                let taken = try byWorkspace[queue.workspace] ?? self.running(in: queue.workspace, tx)
                byWorkspace[queue.workspace] = taken
                free = min(free, max - taken)
            }
            guard free > 0 else {
                result.isWaiting = true
                if try hasCritical(queue.key, tx) { result.starved.append(queue.key) }
                continue
            }
            free = min(free, room)
            let found = try arrivals?.candidates[queue.key] ?? candidates(in: queue, limit: free + lookahead, tx)
            let count = min(free, found.count)
            room -= count
            byWorkspace[queue.workspace]? += count
            isFull = isFull || count == free
            if count > 0 { lanes.append(Lane(queue: queue, free: free, candidates: found)) }
        }
        let keys = try allowed(lanes, &result, tx)
        result.jobs = try take(keys, queues, tx)
        // Only what has led to something is worth the next claim at once.
        result.hasMore = result.parked > 0 || !result.jobs.isEmpty && (isFull || ready.count == Self.queuesMax)
        if isFull, result.jobs.isEmpty { result.isWaiting = true }
        return result
    }

    // MARK: Queues

    /// Queues that have something ready, with how many of their jobs run; by steps in the index, so that the cost is that of
    /// the queues and not of their jobs. Where there are many, those behind the last one.
    private func readyQueues(_ tx: borrowing Transaction) throws -> [(queue: StoredQueue, running: Int)] {
        let first = try readyQueues(behind: 0, tx)
        guard first.count == Self.queuesMax, after > 0 else { return first }
        let later = try readyQueues(behind: after, tx)
        return later + first.prefix(Self.queuesMax - later.count).filter { $0.queue.key <= after }
    }

    /// What is left of the jobs that have just arrived, and their queues; `nil` when something else may be ready.
    private func arrivals(_ tx: borrowing Transaction) throws -> Arrived? {
        guard !arrived.isEmpty else { return nil }
        var found = Arrived()
        var rows: [(queue: Int64, key: Int64, limit: String?, amount: Int64)] = []
        try tx.send(
            """
            SELECT q.key, q.workspace_id, q.name, q.settings, q.paused_at, q.paused_by, (
                SELECT COUNT(*) FROM jobs r WHERE r.state = 2 AND r.queue_key = q.key)
            FROM job_queues q WHERE q.key IN \(list: Set(arrived.map(\.queue)).sorted()) AND q.paused_at IS NULL
            ORDER BY q.key
            """
        ) { row in found.queues.append((queue: try StoredQueue(row: row), running: try row[6])) }
        try tx.send(
            """
            SELECT queue_key, key, limit_key, amount FROM jobs
            WHERE key IN \(list: arrived.map(\.key)) AND +state = 1 AND kind IN \(list: kinds)
            ORDER BY priority, run_at, key \(fragment: .skipLocked)
            """
        ) { row in rows.append((try row[0], try row[1], try row[2], try row[3])) }
        try tx.settle()
        for (queue, _) in found.queues {
            found.candidates[queue.key] = rows.filter { $0.queue == queue.key }.map { row in
                Candidate(
                    key: row.key, limit: row.limit.map { LimitStore.Address(workspace: queue.workspace, key: $0) },
                    amount: row.amount)
            }
        }
        return found
    }

    private func readyQueues(
        behind key: Int64, _ tx: borrowing Transaction
    ) throws -> [(queue: StoredQueue, running: Int)] {
        // Scalar subqueries, so that each is one step in the index and none becomes a join over everything that is ready.
        try tx.query(
            """
            WITH RECURSIVE ready (queue_key) AS (
                SELECT * FROM (
                    SELECT queue_key FROM jobs WHERE state = 1 AND queue_key > \(key)
                    ORDER BY queue_key, priority, run_at, key LIMIT 1) first_ready
                UNION ALL
                SELECT (
                    SELECT j.queue_key FROM jobs j WHERE j.state = 1 AND j.queue_key > ready.queue_key
                    ORDER BY j.queue_key, j.priority, j.run_at, j.key LIMIT 1)
                FROM ready WHERE ready.queue_key IS NOT NULL)
            SELECT q.key, q.workspace_id, q.name, q.settings, q.paused_at, q.paused_by, (
                SELECT COUNT(*) FROM jobs r WHERE r.state = 2 AND r.queue_key = q.key)
            FROM ready JOIN job_queues q ON q.key = ready.queue_key AND q.paused_at IS NULL
            LIMIT \(Self.queuesMax)
            """
        ) { row in (queue: try StoredQueue(row: row), running: try row[6]) }
    }

    private func running(in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> Int {
        try tx.first(
            """
            SELECT COUNT(*) FROM job_queues q JOIN jobs j ON j.queue_key = q.key AND j.state = 2
            WHERE q.workspace_id = \(workspace)
            """
        ) { try $0[0] as Int } ?? 0
    }

    private func hasCritical(_ queue: Int64, _ tx: borrowing Transaction) throws -> Bool {
        try tx.first("SELECT 1 FROM jobs WHERE state = 1 AND queue_key = \(queue) AND priority = 0 LIMIT 1") {
            try $0[0] as Int
        } != nil
    }

    // MARK: Jobs

    /// By priority, then by age; every tenth place goes to the oldest of all, so that nothing waits for ever.
    private func candidates(
        in queue: StoredQueue, limit: Int, _ tx: borrowing Transaction
    ) throws -> [Candidate] {
        let first = try tx.query(
            """
            SELECT key, limit_key, amount FROM jobs
            WHERE state = 1 AND queue_key = \(queue.key) AND kind IN \(list: kinds)
            ORDER BY priority, run_at, key LIMIT \(limit) \(fragment: .skipLocked)
            """
        ) { try candidate($0, queue) }
        let fair = min((turn + limit) / 10 - turn / 10, limit)
        // Where that is all there is, nothing waits behind it.
        guard fair > 0, first.count == limit else { return first }
        let oldest = try oldest(in: queue, limit: fair, tx)
        let taken = Set(oldest.map(\.key))
        return oldest + first.filter { !taken.contains($0.key) }.prefix(limit - oldest.count)
    }

    private func oldest(in queue: StoredQueue, limit: Int, _ tx: borrowing Transaction) throws -> [Candidate] {
        var found: [(runAt: Int64, Candidate)] = []
        // The index has each priority in order; one statement for all would have to read everything that is ready.
        for priority in JobPriority.allCases {
            try tx.send(
                """
                SELECT key, limit_key, amount, run_at FROM jobs
                WHERE state = 1 AND queue_key = \(queue.key) AND priority = \(priority) AND kind IN \(list: kinds)
                ORDER BY run_at, key LIMIT \(limit) \(fragment: .skipLocked)
                """
            ) { row in found.append((try row[3], try candidate(row, queue))) }
        }
        try tx.settle()
        return found.sorted { ($0.runAt, $0.1.key) < ($1.runAt, $1.1.key) }.prefix(limit).map(\.1)
    }

    private func candidate(_ row: borrowing Row, _ queue: StoredQueue) throws -> Candidate {
        let key: String? = try row[1]
        return Candidate(
            key: try row[0], limit: key.map { LimitStore.Address(workspace: queue.workspace, key: $0) },
            amount: try row[2])
    }

    // MARK: Limits

    /// What may start, by the keys of the jobs and the rates of the queues; what may not is set aside.
    private func allowed(
        _ lanes: [Lane], _ result: inout Result, _ tx: borrowing Transaction
    ) throws -> [Int64] {
        let rated = lanes.compactMap { $0.queue.settings.rate == nil ? nil : $0.queue.limitAddress }
        let addresses = Set(lanes.flatMap { $0.candidates.compactMap(\.limit) } + rated)
        guard !addresses.isEmpty else { return lanes.flatMap { $0.candidates.prefix($0.free).map(\.key) } }
        try LimitStore.lock(addresses, tx)
        var standings: [LimitStore.Address: LimitStore.Standing] = [:]
        for address in addresses { standings[address] = try LimitStore.standing(of: address, tx) }
        var keys: [Int64] = []
        for lane in lanes { keys += try allowed(lane, &standings, &result, tx) }
        for standing in standings.values.sorted(by: { $0.address < $1.address }) {
            if let bucket = standing.bucket { try LimitStore.save(bucket, of: standing.address, tx) }
        }
        return keys
    }

    private func allowed(
        _ lane: Lane, _ standings: inout [LimitStore.Address: LimitStore.Standing], _ result: inout Result,
        _ tx: borrowing Transaction
    ) throws -> [Int64] {
        let own = lane.queue.settings.rate == nil ? nil : lane.queue.limitAddress
        var (keys, parked) = ([Int64](), [Int64]())
        for candidate in lane.candidates {
            if let limit = candidate.limit, let obstacle = standings[limit]?.obstacle(for: candidate.amount, now: now) {
                parked.append(candidate.key)
                if case .empty(let until) = obstacle { try LimitStore.wake(limit, at: until, tx) }
                continue
            }
            guard keys.count < lane.free else { continue }
            if let own, case .empty(let until) = standings[own]?.obstacle(for: candidate.amount, now: now) {
                result.opensAt = min(result.opensAt ?? until, until)
                break
            }
            if let own { standings[own]?.take(candidate.amount, now: now) }
            if let limit = candidate.limit { standings[limit]?.take(candidate.amount, now: now) }
            keys.append(candidate.key)
        }
        try LimitStore.park(parked, tx)
        result.parked += parked.count
        return keys
    }

    private func take(
        _ keys: [Int64], _ queues: [StoredQueue], _ tx: borrowing Transaction
    ) throws -> [ClaimedJob] {
        guard !keys.isEmpty else { return [] }
        let byKey = Dictionary(uniqueKeysWithValues: queues.map { ($0.key, $0) })
        var jobs = try tx.query(
            """
            UPDATE jobs SET state = 2, owner = \(node), epoch = epoch + 1, attempt = attempt + 1, started_at = \(now),
                progress = NULL, request = 0
            WHERE key IN \(list: keys) AND +state = 1
            RETURNING \(columns: ClaimedJob.columns)
            """
        ) { row in
            var job = try ClaimedJob(row: row)
            job.queue = byKey[job.queueKey]?.name ?? ""
            job.settings = byKey[job.queueKey]?.settings ?? QueueSettings()
            return job
        }.sorted { ($0.priority.rawValue, $0.runAt, $0.key) < ($1.priority.rawValue, $1.runAt, $1.key) }
        for place in jobs.indices where jobs[place].parents > 0 {
            for (id, result) in try DependencyStore.results(of: jobs[place].key, tx) {
                jobs[place].parentResults[id] = try result.map { try JSONValue(parsing: $0) } ?? .null
            }
        }
        try ClaimedJob.nameSchedules(of: &jobs, tx)
        return jobs
    }
}

extension StoredQueue {
    /// The key under which the queue's own rate is kept.
    var limitAddress: LimitStore.Address {
        LimitStore.Address(workspace: workspace, key: JobLimit.queuePrefix + name)
    }
}
