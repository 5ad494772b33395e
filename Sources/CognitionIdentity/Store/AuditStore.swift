import CognitionCore
import CognitionStorage

/// The audit trail, read; it is written by ``Act/audit(_:_:target:in:details:_:)`` alone and never changed.
enum AuditStore {
    /// Entries, newest first.
    static func page(
        _ filter: AuditFilter, _ request: PageRequest, _ tx: borrowing Transaction
    ) throws -> Page<AuditEntry> {
        var conditions: SQL = "key < \(request.after ?? .max)"
        if let workspace = filter.workspace { conditions = "\(conditions) AND workspace_id = \(workspace)" }
        if let action = filter.action { conditions = "\(conditions) AND action = \(action)" }
        if let actor = filter.actor { conditions = "\(conditions) AND actor = \(actor)" }
        if let target = filter.target { conditions = "\(conditions) AND target = \(target)" }
        if let outcome = filter.outcome { conditions = "\(conditions) AND outcome = \(outcome)" }
        if let since = filter.since { conditions = "\(conditions) AND time >= \(since)" }
        if let until = filter.until { conditions = "\(conditions) AND time < \(until)" }
        let entries = try tx.query(
            """
            SELECT key, workspace_id, time, actor, action, target, outcome, address, user_agent, details
            FROM audit_entries WHERE \(conditions) ORDER BY key DESC LIMIT \(request.limit + 1)
            """, as: AuditEntry.init(row:))
        return Page(entries.map { ($0.key, $0) }, limit: request.limit)
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
