package import CognitionCore
package import CognitionStorage

/// What of all workspaces' jobs and schedules a person has to look at.
package struct SchedulerTroubles: Sendable {
    /// A queue with jobs that want looking at.
    package struct Queue: Sendable {
        package let workspace: WorkspaceID
        package let name: String
        /// Dead letters, at most ``SchedulerTroubles/countMax``.
        package fileprivate(set) var dead = 0
        /// Of these: jobs that took the process down twice.
        package fileprivate(set) var quarantined = 0
        /// The one that has been ready for longest, where that is longer than ``SchedulerTroubles/patience``, and since when.
        package fileprivate(set) var late: (id: String, since: Timestamp)?
    }

    /// A schedule that was paused because it could not be fired.
    package struct Stopped: Sendable {
        package let workspace: WorkspaceID
        package let id: String
        /// Code of the error.
        package let reason: String
    }

    package fileprivate(set) var queues: [Queue] = []
    /// At most ``countMax``.
    package fileprivate(set) var stopped: [Stopped] = []

    package static let countMax = 10_000
    package static let patience: Duration = .seconds(600)

    /// Looks at all queues and schedules; for who asks seldom.
    package init(of database: any Database, now: Timestamp) async throws {
        let queues = try await Self.queues(of: database)
        for queue in queues {
            let trouble = try await database.read { tx in
                var trouble = Queue(workspace: queue.workspace, name: queue.name)
                let dead = try tx.first(
                    """
                    SELECT COUNT(*), COUNT(CASE WHEN error LIKE '%"scheduler.quarantined"%' THEN 1 END) FROM (
                        SELECT error FROM jobs WHERE queue_key = \(queue.key) AND state = 4 AND ended_at IS NOT NULL
                        LIMIT \(Self.countMax)) dead
                    """
                ) { (count: try $0[0] as Int, quarantined: try $0[1] as Int) }
                (trouble.dead, trouble.quarantined) = (dead?.count ?? 0, dead?.quarantined ?? 0)
                guard queue.pausedAt == nil else { return trouble }
                trouble.late = try tx.first(
                    """
                    SELECT id, run_at FROM jobs
                    WHERE state = 1 AND queue_key = \(queue.key) AND run_at < \(now - Self.patience)
                    ORDER BY run_at LIMIT 1
                    """
                ) { (id: try $0[0] as String, since: try $0[1] as Timestamp) }
                return trouble
            }
            if trouble.dead > 0 || trouble.late != nil { self.queues.append(trouble) }
        }
        stopped = try await database.read { tx in
            try tx.query(
                """
                SELECT workspace_id, id, error FROM job_schedules WHERE state = 'paused' AND error IS NOT NULL
                ORDER BY key LIMIT \(Self.countMax)
                """
            ) { row in
                let error = try JSONValue(parsing: row[2] as String)
                return Stopped(workspace: try row[0], id: try row[1], reason: error["code"]?.stringValue ?? "")
            }
        }
    }

    private static func queues(of database: any Database) async throws -> [StoredQueue] {
        var (found, last) = ([StoredQueue](), Int64(0))
        while true {
            let from = last
            let page = try await database.read { tx in try JobRetention.queues(after: from, limit: 1_000, tx) }
            found += page
            guard let next = page.last?.key else { return found }
            last = next
        }
    }
}
