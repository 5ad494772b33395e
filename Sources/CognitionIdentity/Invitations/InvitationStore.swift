import CognitionCore
import CognitionStorage

/// Invitations in the database.
enum InvitationStore {
    static func insert(_ new: Invitation, _ hash: SHA256Digest, _ tx: borrowing Transaction) throws {
        try tx.execute(
            """
            INSERT INTO workspace_invitations (id, workspace_id, email, role, sha256, invited_by, created_at, expires_at)
            VALUES (\(new.id), \(new.workspace), \(new.email), \(new.role), \(hash.bytes), \(new.invitedBy),
                \(new.createdAt), \(new.expiresAt))
            """)
    }

    /// The one that waits for an address, which may have expired.
    static func find(
        _ email: EmailAddress, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> Invitation? {
        try tx.first(
            """
            SELECT \(columns: columns) FROM workspace_invitations
            WHERE workspace_id = \(workspace) AND email = \(email.text)
            """, as: Invitation.init(row:))
    }

    static func count(in workspace: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction) throws -> Int {
        try tx.first(
            """
            SELECT count(*) FROM workspace_invitations WHERE workspace_id = \(workspace) AND expires_at > \(now)
            """
        ) { try $0[0] as Int } ?? 0
    }

    /// Those that may still be accepted, in the order in which they were made.
    static func page(
        _ workspace: WorkspaceID, _ request: PageRequest, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Page<Invitation> {
        let found = try tx.query(
            """
            SELECT \(columns: columns), key FROM workspace_invitations
            WHERE workspace_id = \(workspace) AND expires_at > \(now) AND key > \(request.after ?? 0)
            ORDER BY key LIMIT \(request.limit + 1)
            """
        ) { row in (try row[columnCount] as Int64, try Invitation(row: row)) }
        return Page(found, limit: request.limit)
    }

    static func delete(
        _ id: InvitationID, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> Invitation? {
        try tx.first(
            """
            DELETE FROM workspace_invitations WHERE id = \(id) AND workspace_id = \(workspace)
            RETURNING \(columns: columns)
            """, as: Invitation.init(row:))
    }

    /// Ends one before its time, for clocks of other nodes too. Its row stays for a while, so that the next one to the address
    /// does not come too soon.
    /// - Returns: `nil` when there is none that could have been accepted.
    static func expire(
        _ id: InvitationID, in workspace: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Invitation? {
        try tx.first(
            """
            UPDATE workspace_invitations SET expires_at = 0
            WHERE id = \(id) AND workspace_id = \(workspace) AND expires_at > \(now)
            RETURNING \(columns: columns)
            """, as: Invitation.init(row:))
    }

    /// Uses an invitation up; of two who try at once, one finds it.
    static func take(
        _ hash: SHA256Digest, for email: String, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Invitation? {
        try tx.first(
            """
            DELETE FROM workspace_invitations
            WHERE sha256 = \(hash.bytes) AND email = \(email) AND expires_at > \(now)
            RETURNING \(columns: columns)
            """, as: Invitation.init(row:))
    }

    /// Whether somebody with an address may accept an invitation with this token.
    static func isGood(
        _ hash: SHA256Digest, for email: EmailAddress, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.first(
            """
            SELECT 1 FROM workspace_invitations
            WHERE sha256 = \(hash.bytes) AND email = \(email.text) AND expires_at > \(now)
            """
        ) { try $0[0] as Int } != nil
    }

    /// Removes those that have expired, at most `limit`.
    /// - Returns: Whether more may be left.
    static func prune(now: Timestamp, limit: Int, _ tx: borrowing Transaction) throws -> Bool {
        try tx.execute(
            """
            DELETE FROM workspace_invitations WHERE id IN
                (SELECT id FROM workspace_invitations
                 WHERE expires_at <= \(now) AND created_at <= \(now - Invitation.interval)
                 ORDER BY expires_at LIMIT \(limit) \(fragment: .skipLocked))
            """) == limit
    }

    private static let columns: StaticString = """
        id, workspace_id, email, role, invited_by, created_at, expires_at
        """
    private static let columnCount = 7
}

extension Invitation {
    fileprivate init(row: borrowing Row) throws {
        id = try row[0]
        workspace = try row[1]
        email = try row[2]
        role = try row[3]
        invitedBy = try row[4]
        createdAt = try row[5]
        expiresAt = try row[6]
    }
}
