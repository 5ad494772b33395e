import CognitionCore
import CognitionStorage

/// How long executions that have ended are kept, with the row of each workflow.
enum RetentionStore {
    /// Executions of a workflow that have ended with a status longer ago than they are kept.
    struct Expiry: Sendable {
        let nameKey: Int64
        let workspace: WorkspaceID
        let status: ExecutionStatus
        let kept: Duration
    }

    static func retention(ofName key: Int64, _ tx: borrowing Transaction) throws -> Retention {
        try tx.first(
            """
            SELECT completed_kept_seconds, faulted_kept_seconds, cancelled_kept_seconds FROM workflow_names
            WHERE key = \(key)
            """
        ) { row in
            Retention(
                completed: seconds(try row[0]), faulted: seconds(try row[1]), cancelled: seconds(try row[2]))
        } ?? .forever
    }

    static func set(
        _ retention: Retention, ofName key: Int64, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        try tx.execute(
            """
            UPDATE workflow_names SET completed_kept_seconds = \(retention.completed?.components.seconds),
                faulted_kept_seconds = \(retention.faulted?.components.seconds),
                cancelled_kept_seconds = \(retention.cancelled?.components.seconds), updated_at = \(now)
            WHERE key = \(key)
            """)
    }

    /// Of the workflows after the one with key `after`, at most `limit`: what is not kept for ever.
    static func expiries(after key: Int64, limit: Int, _ tx: borrowing Transaction) throws -> [Expiry] {
        try tx.query(
            """
            SELECT key, workspace_id, completed_kept_seconds, faulted_kept_seconds, cancelled_kept_seconds
            FROM workflow_names
            WHERE key > \(key) AND (completed_kept_seconds IS NOT NULL OR faulted_kept_seconds IS NOT NULL
                OR cancelled_kept_seconds IS NOT NULL)
            ORDER BY key LIMIT \(limit)
            """
        ) { row in
            let (key, workspace): (Int64, WorkspaceID) = (try row[0], try row[1])
            let kept: [(ExecutionStatus, Int64?)] = [
                (.completed, try row[2]), (.faulted, try row[3]), (.cancelled, try row[4]),
            ]
            return kept.compactMap { status, kept in
                seconds(kept).map { Expiry(nameKey: key, workspace: workspace, status: status, kept: $0) }
            }
        }.flatMap { $0 }
    }

    /// Executions that are to be deleted, the one that ended first first; none that a task still waits for.
    static func expired(
        _ expiry: Expiry, limit: Int, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> [ExecutionID] {
        try tx.query(
            """
            SELECT e.id FROM executions e
            WHERE e.name_key = \(expiry.nameKey) AND e.status = \(expiry.status) AND e.ended_at < \(now - expiry.kept)
                AND NOT EXISTS (
                    SELECT 1 FROM executions p JOIN tasks t ON t.id = p.key * 1048576 + e.parent_task
                    WHERE p.key = e.parent_key AND p.ended_at IS NULL AND t.ended_at IS NULL)
            ORDER BY e.ended_at LIMIT \(limit)
            """
        ) { try $0[0] }
    }

    private static func seconds(_ count: Int64?) -> Duration? { count.map { .seconds($0) } }
}
