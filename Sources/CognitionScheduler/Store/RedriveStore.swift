import CognitionCore
import CognitionStorage

/// Dead letters that are tried again.
enum RedriveStore {
    /// Makes ended jobs ready again, from their first attempt.
    ///
    /// What depended on them has been told of their end and is not told again. One whose unique key another job has by now
    /// stays as it is.
    ///
    /// - Parameter queue: Where they go; `nil`: where they were.
    /// - Returns: How many.
    static func redrive(
        _ keys: [Int64], to queue: Int64?, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Int {
        guard !keys.isEmpty else { return 0 }
        let count = try tx.execute(
            """
            UPDATE jobs SET state = CASE WHEN pending > 0 THEN 6 ELSE 1 END, attempt = 0, crashes = 0, round = round + 1, run_at = \(now), ended_at = NULL, error = NULL,
                result = NULL, progress = NULL, request = 0, queue_key = COALESCE(\(queue), queue_key)
            WHERE key IN \(list: keys) AND ended_at IS NOT NULL AND (unique_key IS NULL OR NOT EXISTS (
                SELECT 1 FROM jobs o WHERE o.queue_key = COALESCE(\(queue), jobs.queue_key)
                    AND o.unique_key = jobs.unique_key AND o.key <> jobs.key
                    AND ((o.unique_mask >> CAST(o.state AS INTEGER)) & 1) = 1))
            """)
        if count > 0 { tx.signal(.jobs) }
        return count
    }

    /// Which dead letters are meant.
    struct Selection: Sendable {
        var ids: [String]?
        /// Of these kinds of targets.
        var kind: String?
        /// Not of these, which whoever asks may not run.
        var hiddenKinds: [String] = []
        var hidesHandlers = false
        /// With this code, or one that begins so when `.*` stands behind it.
        var error: String?
    }

    /// The oldest dead letters of a queue that are meant, kept as they are until the commit.
    static func dead(
        in queue: Int64, _ selection: Selection, behind key: Int64, limit: Int, _ tx: borrowing Transaction
    ) throws -> (keys: [Int64], last: Int64?) {
        var condition: SQL = "queue_key = \(queue) AND state = 4 AND ended_at IS NOT NULL AND key > \(key)"
        if let ids = selection.ids { condition = "\(condition) AND id IN \(list: ids)" }
        for kind in selection.hiddenKinds { condition = "\(condition) AND kind <> \(kind)" }
        if selection.hidesHandlers { condition = "\(condition) AND kind NOT LIKE 'handler:%'" }
        if let kind = selection.kind { condition = "\(condition) AND kind = \(kind)" }
        let found = try tx.query(
            "SELECT key, error, unique_key FROM jobs WHERE \(condition) ORDER BY key LIMIT \(limit) \(fragment: .forUpdate)"
        ) { row in (key: try row[0] as Int64, error: try row[1] as String?, unique: try row[2] as String?) }
        let rule = selection.error.map { JobRetry.Rule(error: $0, action: .retry, delay: nil) }
        var keys: Set<String> = []
        let meant = try found.filter { item in
            // Of several with one unique key one is enough.
            if let unique = item.unique, !keys.insert(unique).inserted { return false }
            guard let rule else { return true }
            let code = try item.error.map { try JSONValue(parsing: $0) }?["code"]?.stringValue
            return code.map(rule.matches) ?? false
        }
        return (meant.map(\.key), found.count == limit ? found.last?.key : nil)
    }
}
