import CognitionCore
import CognitionStorage

/// Sessions as their user sees them.
extension SessionStore {
    /// Those of a user that have not ended, the newest first.
    static func live(of user: UserID, now: Timestamp, _ tx: borrowing Transaction) throws -> [SessionDetails] {
        try tx.query(
            """
            SELECT id, workspace_id, address, user_agent, created_at, last_seen_at, expires_at FROM sessions
            WHERE user_id = \(user) AND revoked_at IS NULL AND expires_at > \(now)
            ORDER BY id DESC LIMIT \(Identity.sessionsPerUserMax)
            """
        ) { row in
            SessionDetails(
                id: try row[0], workspace: try row[1], client: ClientInfo(address: try row[2], userAgent: try row[3]),
                createdAt: try row[4], lastSeenAt: try row[5], expiresAt: try row[6])
        }
    }

    static func owner(of id: SessionID, _ tx: borrowing Transaction) throws -> UserID? {
        try tx.first("SELECT user_id FROM sessions WHERE id = \(id)") { try $0[0] as UserID }
    }

    /// Notes that sessions were seen until `now`.
    static func touch(_ ids: [SessionID], now: Timestamp, _ tx: borrowing Transaction) throws {
        try tx.send("UPDATE sessions SET last_seen_at = \(now) WHERE id IN \(list: ids) AND last_seen_at < \(now)")
    }
}
