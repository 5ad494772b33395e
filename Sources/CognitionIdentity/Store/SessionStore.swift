import CognitionCore
import CognitionStorage

/// What an access token is made from.
struct Grant: Sendable, Hashable {
    let session: SessionID
    let user: UserID
    let workspace: WorkspaceID
    let roles: [Role]
    /// Of the refresh token that comes with it, from 1.
    let generation: Int64
}

/// A session that is to be stored.
struct NewSession: Sendable {
    let id: SessionID
    let user: UserID
    let workspace: WorkspaceID
    let client: ClientInfo
    let refreshHash: SHA256Digest
    let expiresAt: Timestamp
}

/// A session that was ended just now.
struct EndedSession: Sendable {
    let id: SessionID
    let user: UserID
    let workspace: WorkspaceID
}

/// Whose a session is.
struct SessionStanding: Sendable {
    let user: UserID
    let workspace: WorkspaceID
    /// The first of its tokens that tells the role of today.
    let validFrom: Int64
    let isOperator: Bool
}

/// What was given for a session, or an API key, below a generation is refused; all of it when that has ended.
struct Refusal<ID: Sendable & Hashable>: Sendable, Hashable {
    let id: ID
    /// `Int64.max` when it has ended.
    let validFrom: Int64
    let at: Timestamp
}

extension Refusal where ID == SessionID {
    init(session: SessionID, validFrom: Int64, at: Timestamp) {
        self.init(id: session, validFrom: validFrom, at: at)
    }
}

/// Sessions and their refresh tokens in the database.
enum SessionStore {
    static func insert(_ new: NewSession, now: Timestamp, _ tx: borrowing Transaction) throws {
        try tx.execute(
            """
            INSERT INTO sessions (id, user_id, workspace_id, address, user_agent, generation, valid_from, created_at,
                last_seen_at, expires_at)
            VALUES (\(new.id), \(new.user), \(new.workspace), \(new.client.address), \(new.client.userAgent), 1, 1,
                \(now), \(now), \(new.expiresAt))
            """)
        try insertToken(new.refreshHash, of: new.id, generation: 1, expiresAt: new.expiresAt, tx)
    }

    private static func insertToken(
        _ hash: SHA256Digest, of session: SessionID, generation: Int64, expiresAt: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        try tx.execute(
            """
            INSERT INTO refresh_tokens (sha256, session_id, generation, expires_at)
            VALUES (\(hash.bytes), \(session), \(generation), \(expiresAt))
            """)
    }

    // MARK: Rotation

    static func presented(_ hash: SHA256Digest, _ tx: borrowing Transaction) throws -> PresentedToken? {
        try tx.first(
            """
            SELECT t.session_id, t.generation, t.used_at, t.expires_at, s.user_id, s.workspace_id, s.revoked_at,
                u.status, u.is_operator, m.role, n.sha256, n.used_at
            FROM refresh_tokens t
            JOIN sessions s ON s.id = t.session_id
            JOIN users u ON u.id = s.user_id
            LEFT JOIN workspace_members m ON m.workspace_id = s.workspace_id AND m.user_id = s.user_id
            LEFT JOIN refresh_tokens n ON n.session_id = t.session_id AND n.generation = t.generation + 1
            WHERE t.sha256 = \(hash.bytes)
            """, as: PresentedToken.init(row:))
    }

    /// Marks a token as used and stores its successor.
    /// - Returns: `false`, and nothing is written, when it was used or its session ended meanwhile.
    static func rotate(
        _ hash: SHA256Digest, _ token: PresentedToken, to successor: SHA256Digest, from client: ClientInfo,
        expiresAt: Timestamp, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Bool {
        let claimed = try tx.execute(
            """
            UPDATE sessions SET generation = \(token.generation + 1), last_seen_at = \(now), expires_at = \(expiresAt),
                address = \(client.address), user_agent = \(client.userAgent)
            WHERE id = \(token.session) AND generation = \(token.generation) AND revoked_at IS NULL
            """)
        guard claimed == 1 else { return false }
        try tx.execute("UPDATE refresh_tokens SET used_at = \(now) WHERE sha256 = \(hash.bytes)")
        try insertToken(
            successor, of: token.session, generation: token.generation + 1, expiresAt: expiresAt, tx)
        return true
    }

    // MARK: Ends

    /// Ends the live sessions that `condition` names.
    static func end(_ condition: SQL, now: Timestamp, _ tx: borrowing Transaction) throws -> [EndedSession] {
        try tx.query(
            """
            UPDATE sessions SET revoked_at = \(now), refused_at = \(now)
            WHERE revoked_at IS NULL AND expires_at > \(now) AND \(condition)
            RETURNING id, user_id, workspace_id
            """
        ) { EndedSession(id: try $0[0], user: try $0[1], workspace: try $0[2]) }
        .sorted { $0.id < $1.id }
    }

    /// All live sessions of a user but the newest `count`, as a condition for ``end(_:now:_:)``.
    static func surplus(of user: UserID, beyond count: Int, now: Timestamp) -> SQL {
        """
        id IN (SELECT id FROM sessions WHERE user_id = \(user) AND revoked_at IS NULL AND expires_at > \(now)
               ORDER BY id DESC LIMIT 1000 OFFSET \(count))
        """
    }

    /// Lets the access tokens die that a user has for a workspace; the sessions go on with a refresh.
    static func refuseAccess(
        of user: UserID, in workspace: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> [Refusal<SessionID>] {
        try tx.query(
            """
            UPDATE sessions SET valid_from = generation + 1, refused_at = \(now)
            WHERE user_id = \(user) AND workspace_id = \(workspace) AND revoked_at IS NULL AND expires_at > \(now)
            RETURNING id, valid_from
            """
        ) { Refusal(session: try $0[0], validFrom: try $0[1], at: now) }
    }

    /// Of a session that is live.
    static func standing(
        of session: SessionID, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> SessionStanding? {
        try tx.query(
            """
            SELECT s.user_id, s.workspace_id, s.valid_from, u.is_operator
            FROM sessions s JOIN users u ON u.id = s.user_id
            WHERE s.id = \(session) AND s.revoked_at IS NULL AND s.expires_at > \(now)
            """
        ) { SessionStanding(user: try $0[0], workspace: try $0[1], validFrom: try $0[2], isOperator: try $0[3]) }
        .first
    }

    /// What was refused since a moment, in the order of time and id, after `last`.
    static func refusals(
        since: Timestamp, after last: Refusal<SessionID>?, limit: Int, _ tx: borrowing Transaction
    ) throws -> [Refusal<SessionID>] {
        let from = last?.at ?? since
        let id = last?.id.description ?? ""
        return try tx.query(
            """
            SELECT id, valid_from, refused_at, revoked_at FROM sessions
            WHERE refused_at IS NOT NULL AND (refused_at > \(from) OR (refused_at = \(from) AND id > \(id)))
            ORDER BY refused_at, id LIMIT \(limit)
            """
        ) { row in
            let isEnded = try row[3] as Timestamp? != nil
            return Refusal(session: try row[0], validFrom: isEnded ? .max : try row[1], at: try row[2])
        }
    }

    /// Removes what can no longer matter, at most `limit` rows of each kind.
    /// - Returns: Whether more may be left.
    static func prune(now: Timestamp, limit: Int, _ tx: borrowing Transaction) throws -> Bool {
        let tokens = try tx.execute(
            """
            DELETE FROM refresh_tokens WHERE sha256 IN
                (SELECT sha256 FROM refresh_tokens WHERE expires_at <= \(now) ORDER BY expires_at LIMIT \(limit)
                 \(fragment: .skipLocked))
            """)
        // A session stays for a day, longer than any access token that it gave away.
        let sessions = try tx.execute(
            """
            DELETE FROM sessions WHERE id IN
                (SELECT s.id FROM sessions s WHERE s.expires_at <= \(now - .seconds(86_400))
                    AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.session_id = s.id)
                 ORDER BY s.expires_at LIMIT \(limit) \(fragment: .skipLocked))
            """)
        return max(tokens, sessions) == limit
    }
}

extension PresentedToken {
    fileprivate init(row: borrowing Row) throws {
        session = try row[0]
        generation = try row[1]
        usedAt = try row[2]
        expiresAt = try row[3]
        user = try row[4]
        workspace = try row[5]
        isSessionEnded = try row[6] as Timestamp? != nil
        isUserActive = try row[7] as UserStatus == .active
        isOperator = try row[8]
        role = try row[9]
        successorHash = try row[10] as [UInt8]?
        isSuccessorUsed = try row[11] as Timestamp? != nil
    }
}
