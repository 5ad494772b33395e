import CognitionCore
import CognitionStorage

/// Deletes jobs that have ended longer ago than their queues keep them.
enum JobRetention {
    /// - Returns: How many jobs; at most `limit` of each queue and kind of end.
    static func delete(from queue: StoredQueue, limit: Int, now: Timestamp, _ tx: borrowing Transaction) throws -> Int {
        var count = 0
        for state in JobState.ended {
            let kept = state == .completed ? queue.settings.keepCompleted : queue.settings.keepFailed
            // What a job has come to is kept for those that depend on it and have not run yet.
            let keys = try tx.query(
                """
                SELECT key, id, tags FROM jobs j
                WHERE queue_key = \(queue.key) AND state = \(state) AND ended_at <= \(now - kept) AND ended_at IS NOT NULL
                    AND (children = 0 OR NOT EXISTS (
                        SELECT 1 FROM job_dependencies d JOIN jobs c ON c.key = d.child_key
                        WHERE d.parent_key = j.key AND c.ended_at IS NULL))
                ORDER BY ended_at LIMIT \(limit) \(fragment: .skipLocked)
                """
            ) { row in (key: try row[0] as Int64, id: try row[1] as String, tags: try row[2] as String?) }
            guard !keys.isEmpty else { continue }
            for job in keys where job.tags != nil {
                try tx.send("DELETE FROM job_tags WHERE workspace_id = \(queue.workspace) AND id = \(job.id)")
            }
            let list = keys.map(\.key)
            try tx.send("DELETE FROM job_attempts WHERE job_key IN \(list: list)")
            try tx.send("DELETE FROM job_dependencies WHERE parent_key IN \(list: list)")
            try tx.send("DELETE FROM job_dependencies WHERE child_key IN \(list: list)")
            try tx.send("DELETE FROM job_resolutions WHERE job_key IN \(list: list)")
            try tx.execute("DELETE FROM jobs WHERE key IN \(list: list) AND ended_at IS NOT NULL")
            count += keys.count
        }
        return count
    }

    /// Queues behind one, in the order of their keys.
    static func queues(after key: Int64, limit: Int, _ tx: borrowing Transaction) throws -> [StoredQueue] {
        try tx.query(
            """
            SELECT \(columns: StoredQueue.columns) FROM job_queues WHERE key > \(key) ORDER BY key LIMIT \(limit)
            """, as: StoredQueue.init(row:))
    }

    /// Deletes limits that no job names any more, and schedules that have ended long ago.
    static func tidy(now: Timestamp, _ tx: borrowing Transaction) throws -> Int {
        let schedules = try tx.execute(
            """
            DELETE FROM job_schedules WHERE ended_at IS NOT NULL AND ended_at <= \(now - schedulesKept)
                AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.schedule_key = job_schedules.key)
            """)
        try Claim.lock(tx)
        let limits = try tx.execute(
            """
            DELETE FROM job_limits WHERE full_at <= \(now - limitsKept) AND limit_key NOT LIKE 'queue:%'
                AND NOT EXISTS (
                    SELECT 1 FROM jobs j WHERE j.workspace_id = job_limits.workspace_id
                        AND j.limit_key = job_limits.limit_key)
            """)
        return schedules + limits
    }

    private static let schedulesKept: Duration = .seconds(7 * 86_400)
    private static let limitsKept: Duration = .seconds(86_400)
}
