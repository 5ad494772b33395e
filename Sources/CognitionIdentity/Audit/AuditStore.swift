import CognitionCore
import CognitionStorage

/// The audit trail, read and archived; it is written by ``Act/audit(_:_:target:in:details:_:)`` alone and never changed.
enum AuditStore {
    /// Where an entry stands in the trail.
    struct Place: Sendable, Hashable {
        let time: Timestamp
        let key: Int64
    }

    /// Entries, newest first.
    static func page(
        _ filter: AuditFilter, _ request: PageRequest, _ tx: borrowing Transaction
    ) throws -> Page<AuditEntry> {
        var conditions: SQL = "1 = 1"
        if let key = request.after {
            let time = try tx.first("SELECT time FROM audit_entries WHERE key = \(key)") { try $0[0] as Timestamp }
            // Where the page before ended has been archived, and what is older as well.
            guard let time else { return Page([], limit: request.limit) }
            conditions = "(time, key) < (\(time), \(key))"
        }
        if let workspace = filter.workspace { conditions = "\(conditions) AND workspace_id = \(workspace)" }
        if let action = filter.action { conditions = "\(conditions) AND action = \(action)" }
        if let actor = filter.actor { conditions = "\(conditions) AND actor = \(actor)" }
        if let target = filter.target { conditions = "\(conditions) AND target = \(target)" }
        if let outcome = filter.outcome { conditions = "\(conditions) AND outcome = \(outcome)" }
        if let since = filter.since { conditions = "\(conditions) AND time >= \(since)" }
        if let until = filter.until { conditions = "\(conditions) AND time < \(until)" }
        let entries = try tx.query(
            statement(conditions, involving: filter.involving, limit: request.limit + 1), as: AuditEntry.init(row:))
        return Page(entries.map { ($0.key, $0) }, limit: request.limit)
    }

    private static func statement(_ conditions: SQL, involving: String?, limit: Int) -> SQL {
        func newest(_ conditions: SQL) -> SQL {
            """
            SELECT \(columns: columns) FROM audit_entries WHERE \(conditions) ORDER BY time DESC, key DESC LIMIT \(limit)
            """
        }
        guard let involving else { return newest(conditions) }
        // Each half has an index of its own, which an OR would leave unused.
        let (done, suffered): (SQL, SQL) = (
            newest("actor = \(involving) AND \(conditions)"),
            newest("target = \(involving) AND actor <> \(involving) AND \(conditions)")
        )
        return """
            SELECT \(columns: columns) FROM (
                SELECT * FROM (\(done)) AS done UNION ALL SELECT * FROM (\(suffered)) AS suffered
            ) AS found ORDER BY time DESC, key DESC LIMIT \(limit)
            """
    }

    private static let columns: StaticString = """
        key, workspace_id, time, actor, action, target, outcome, address, user_agent, details
        """

    // MARK: Archiving

    /// The last entry that is archived.
    static func archived(_ tx: borrowing Transaction) throws -> Place {
        let place = try tx.first("SELECT archived_time, archived_key FROM audit_retention WHERE id = 1") { row in
            Place(time: try row[0], key: try row[1])
        }
        guard let place else { preconditionFailure("the migration has made the row") }
        return place
    }

    /// Entries that are not archived and older than a moment, oldest first.
    static func due(
        after place: Place, before moment: Timestamp, limit: Int, _ tx: borrowing Transaction
    ) throws -> [AuditEntry] {
        try tx.query(
            """
            SELECT \(columns: columns) FROM audit_entries
            WHERE (time, key) > (\(place.time), \(place.key)) AND time < \(moment) ORDER BY time, key LIMIT \(limit)
            """, as: AuditEntry.init(row:))
    }

    /// Notes that everything up to `place` is archived.
    /// - Returns: `false`, and nothing is noted, when another one archives by now.
    static func advance(
        from old: Place, to place: Place, as owner: String, _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            UPDATE audit_retention SET archived_time = \(place.time), archived_key = \(place.key)
            WHERE id = 1 AND owner = \(owner) AND archived_time = \(old.time) AND archived_key = \(old.key)
            """) == 1
    }

    /// Deletes what is archived, at most `limit` entries.
    /// - Returns: How many.
    static func deleteArchived(limit: Int, _ tx: borrowing Transaction) throws -> Int {
        let place = try archived(tx)
        return try tx.execute(
            """
            DELETE FROM audit_entries WHERE key IN
                (SELECT key FROM audit_entries WHERE (time, key) <= (\(place.time), \(place.key))
                 ORDER BY time, key LIMIT \(limit))
            """)
    }
}

extension AuditEntry {
    fileprivate init(row: borrowing Row) throws {
        key = try row[0]
        workspace = try row[1]
        time = try row[2]
        actor = try row[3]
        action = try row[4]
        target = try row[5]
        outcome = try row[6]
        client = ClientInfo(address: try row[7], userAgent: try row[8])
        details = try JSONValue(parsing: row[9] as [UInt8])
    }
}
