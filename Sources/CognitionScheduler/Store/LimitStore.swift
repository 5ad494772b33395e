import CognitionCore
import CognitionStorage

/// Keys that jobs share, with how many run and what is left of their rates.
///
/// Whoever takes or gives back something of a key holds its lock to the commit, so that what is counted is so. Whoever locks
/// more than one key, or changes the rows of more than one, holds the claims' lock before (``Claim/lock(_:)``), so that no two
/// wait for each other in a circle; the row of a limit is the last that is locked.
enum LimitStore {
    struct Address: Hashable, Comparable, Sendable {
        let workspace: WorkspaceID
        let key: String

        static func < (left: Address, right: Address) -> Bool {
            (left.workspace.name, left.key) < (right.workspace.name, right.key)
        }
    }

    /// A key as it stands.
    struct Standing {
        let address: Address
        let concurrency: Int64?
        var bucket: Bucket?
        var running: Int64

        /// Whether a job can be started now; `nil`: it can. Else when that may have changed, `.some(nil)` for when one of
        /// those that run has ended.
        func obstacle(for amount: Int64, now: Timestamp) -> Obstacle? {
            if let concurrency, running >= concurrency { return .full(running: running, of: concurrency) }
            if let bucket {
                let opens = bucket.opens(for: amount)
                if opens > now { return .empty(until: opens) }
            }
            return nil
        }

        mutating func take(_ amount: Int64, now: Timestamp) {
            running += 1
            bucket?.take(amount, now: now)
        }
    }

    enum Obstacle: Hashable, Sendable {
        case full(running: Int64, of: Int64)
        case empty(until: Timestamp)
    }

    /// Sets what keys allow, as the newest job that names them has it.
    static func define(
        _ limits: [JobLimit], in workspace: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        let newest = Dictionary(limits.map { ($0.key, $0) }) { _, later in later }
        for (key, limit) in newest.sorted(by: { $0.key < $1.key }) {
            try define(
                key, concurrency: limit.concurrency, rate: limit.rate, in: workspace, now: now, tx)
        }
    }

    /// Whether more than one of these keys is to be set: then the claims' lock is for whoever does, before any job is locked.
    static func areSeveralNew(
        _ limits: [JobLimit], in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> Bool {
        let newest = Dictionary(limits.map { ($0.key, $0) }) { _, later in later }
        guard newest.count > 1 else { return false }
        return try newest.values.count { limit in
            try !isSame(limit.key, concurrency: limit.concurrency, rate: limit.rate, in: workspace, tx)
        } > 1
    }

    private static func isSame(
        _ key: String, concurrency: Int64?, rate: JobRate?, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.first(
            """
            SELECT 1 FROM job_limits WHERE workspace_id = \(workspace) AND limit_key = \(key)
                AND COALESCE(concurrency, 0) = \(concurrency ?? 0)
                AND COALESCE(rate_amount, 0) = \(rate?.amount ?? 0)
                AND COALESCE(rate_period, 0) = \(rate?.period.microseconds ?? 0)
            """
        ) { try $0[0] as Int } != nil
    }

    static func define(
        _ key: String, concurrency: Int64?, rate: JobRate?, in workspace: WorkspaceID, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        let (amount, period) = (rate?.amount, rate?.period.microseconds)
        // Most of the time it is as it was, and nobody has to wait for a row.
        guard try !isSame(key, concurrency: concurrency, rate: rate, in: workspace, tx) else { return }
        try tx.execute(
            """
            INSERT INTO job_limits (workspace_id, limit_key, concurrency, rate_amount, rate_period, full_at, wake_at)
            VALUES (\(workspace), \(key), \(concurrency), \(amount), \(period), \(now), NULL)
            ON CONFLICT (workspace_id, limit_key) DO UPDATE SET concurrency = excluded.concurrency,
                rate_amount = excluded.rate_amount, rate_period = excluded.rate_period, wake_at = excluded.full_at,
                full_at = CASE WHEN job_limits.full_at > excluded.full_at + COALESCE(excluded.rate_period, 0)
                    THEN excluded.full_at + COALESCE(excluded.rate_period, 0) ELSE job_limits.full_at END
            """)
        tx.signal(.jobsDue)
    }

    /// Keeps others from taking or giving back anything of these keys until the commit.
    static func lock(_ addresses: some Collection<Address>, _ tx: borrowing Transaction) throws {
        let addresses = Set(addresses)
        if addresses.count > 1 { try Claim.lock(tx) }
        for address in addresses.sorted() {
            try tx.lock("scheduler.limit \(address.workspace) \(address.key)")
        }
    }

    static func standing(of address: Address, _ tx: borrowing Transaction) throws -> Standing {
        let running =
            try tx.first(
                """
                SELECT COUNT(*) FROM jobs
                WHERE workspace_id = \(address.workspace) AND limit_key = \(address.key) AND state = 2
                """
            ) { try $0[0] as Int64 } ?? 0
        let found = try tx.first(
            """
            SELECT concurrency, rate_amount, rate_period, full_at FROM job_limits
            WHERE workspace_id = \(address.workspace) AND limit_key = \(address.key)
            """
        ) { row in
            let (amount, period) = (try row[1] as Int64?, try row[2] as Int64?)
            var bucket: Bucket?
            if let amount, let period {
                bucket = Bucket(rate: JobRate(amount: amount, period: .microseconds(period)), fullAt: try row[3])
            }
            return Standing(address: address, concurrency: try row[0], bucket: bucket, running: running)
        }
        return found ?? Standing(address: address, concurrency: nil, bucket: nil, running: running)
    }

    static func save(_ bucket: Bucket, of address: Address, _ tx: borrowing Transaction) throws {
        try tx.send(
            """
            UPDATE job_limits SET full_at = \(bucket.fullAt)
            WHERE workspace_id = \(address.workspace) AND limit_key = \(address.key)
            """)
    }

    /// Has those that wait for a key looked at again at a moment.
    static func wake(_ address: Address, at moment: Timestamp, _ tx: borrowing Transaction) throws {
        try tx.send(
            """
            UPDATE job_limits SET wake_at = \(moment)
            WHERE workspace_id = \(address.workspace) AND limit_key = \(address.key)
                AND (wake_at IS NULL OR wake_at > \(moment))
            """)
        tx.signal(.jobsDue)
    }

    // MARK: Those that wait

    /// Sets jobs aside until their key has room.
    static func park(_ keys: [Int64], _ tx: borrowing Transaction) throws {
        guard !keys.isEmpty else { return }
        try tx.execute("UPDATE jobs SET state = 7 WHERE key IN \(list: keys) AND +state = 1")
    }

    /// Makes ready again as many as there is room for; a claim looks at each of them once more.
    ///
    /// Those of paused queues are left, so that they keep nobody else waiting. Called under the key's lock.
    /// - Returns: How many.
    @discardableResult
    static func promote(_ address: Address, now: Timestamp, _ tx: borrowing Transaction) throws -> Int {
        let standing = try standing(of: address, tx)
        var room = standing.concurrency.map { $0 - standing.running } ?? promotionsMax
        if let bucket = standing.bucket { room = min(room, max(1, bucket.room(now: now))) }
        guard room > 0 else { return 0 }
        let count = try tx.execute(
            """
            UPDATE jobs SET state = 1 WHERE +state = 7 AND key IN (
                SELECT j.key FROM jobs j
                WHERE j.workspace_id = \(address.workspace) AND j.limit_key = \(address.key) AND j.state = 7
                    AND EXISTS (SELECT 1 FROM job_queues q WHERE q.key = j.queue_key AND q.paused_at IS NULL)
                ORDER BY j.priority, j.run_at, j.key LIMIT \(min(room, promotionsMax)) \(fragment: .skipLocked))
            """)
        guard count > 0 else { return 0 }
        tx.signal(.jobs)
        // Those that stay have their turn when the bucket has filled a little, whatever becomes of these.
        if let bucket = standing.bucket { try wake(address, at: now + max(.milliseconds(10), bucket.cost(1)), tx) }
        return count
    }

    /// Has the keys looked at again of jobs that were made ready and do not start: their turn is another's.
    static func release(_ addresses: some Collection<Address>, now: Timestamp, _ tx: borrowing Transaction) throws {
        for address in Set(addresses).sorted() { try wake(address, at: now, tx) }
    }

    /// The same for all that are ready in a queue.
    static func release(readyIn queue: Int64, now: Timestamp, _ tx: borrowing Transaction) throws {
        let found = try tx.query(
            """
            SELECT DISTINCT workspace_id, limit_key FROM jobs
            WHERE state = 1 AND queue_key = \(queue) AND limit_key IS NOT NULL LIMIT 1000
            """
        ) { row in Address(workspace: try row[0], key: try row[1]) }
        try release(found, now: now, tx)
    }

    private static let promotionsMax: Int64 = 256

    /// Looks again at keys whose moment has come.
    static func promoteDue(now: Timestamp, _ tx: borrowing Transaction) throws -> Int {
        let due = try tx.query(
            """
            SELECT workspace_id, limit_key FROM job_limits WHERE wake_at <= \(now)
            ORDER BY workspace_id, limit_key LIMIT 100
            """
        ) { row in Address(workspace: try row[0], key: try row[1]) }
        try lock(due, tx)
        var count = 0
        for address in due {
            try tx.execute(
                """
                UPDATE job_limits SET wake_at = NULL
                WHERE workspace_id = \(address.workspace) AND limit_key = \(address.key) AND wake_at <= \(now)
                """)
            count += try promote(address, now: now, tx)
        }
        return count
    }

    static func nextWake(_ tx: borrowing Transaction) throws -> Timestamp? {
        try tx.first("SELECT MIN(wake_at) FROM job_limits WHERE wake_at IS NOT NULL") { try $0[0] as Timestamp? } ?? nil
    }
}
