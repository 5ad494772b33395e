import CognitionCore
import CognitionStorage

/// API keys in the database.
enum APIKeyStore {
    /// How long a key that has ended is kept.
    static let keptAfterEnd: Duration = .seconds(30 * 86_400)

    static func insert(_ new: APIKey, _ hash: SHA256Digest, _ tx: borrowing Transaction) throws {
        try tx.execute(
            """
            INSERT INTO api_keys (id, user_id, workspace_id, name, prefix, sha256, scopes, version, created_at, expires_at)
            VALUES (\(new.id), \(new.user), \(new.workspace), \(new.name), \(new.prefix), \(hash.bytes),
                \(text(of: new.scopes)), 1, \(new.createdAt), \(new.expiresAt))
            """)
    }

    /// Keys of a user that neither were revoked nor have expired.
    static func liveCount(of user: UserID, now: Timestamp, _ tx: borrowing Transaction) throws -> Int {
        try tx.first(
            """
            SELECT count(*) FROM api_keys
            WHERE user_id = \(user) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > \(now))
            """
        ) { try $0[0] as Int } ?? 0
    }

    /// Keys that were not revoked, in the order in which they were made.
    static func page(_ user: UserID, _ request: PageRequest, _ tx: borrowing Transaction) throws -> Page<APIKey> {
        let found = try tx.query(
            """
            SELECT \(columns: columns), key FROM api_keys
            WHERE user_id = \(user) AND revoked_at IS NULL AND key > \(request.after ?? 0)
            ORDER BY key LIMIT \(request.limit + 1)
            """
        ) { row in (try row[columnCount] as Int64, try APIKey(row: row)) }
        return Page(found, limit: request.limit)
    }

    /// - Returns: `nil` also for one that was revoked.
    static func find(_ id: APIKeyID, _ tx: borrowing Transaction) throws -> APIKey? {
        try tx.first(
            "SELECT \(columns: columns) FROM api_keys WHERE id = \(id) AND revoked_at IS NULL", as: APIKey.init(row:))
    }

    static func presented(_ hash: SHA256Digest, _ tx: borrowing Transaction) throws -> PresentedAPIKey? {
        try tx.first(
            """
            SELECT k.id, k.user_id, k.workspace_id, k.scopes, k.version, k.expires_at, k.revoked_at, u.status,
                u.locked_until, u.is_operator, m.role
            FROM api_keys k
            JOIN users u ON u.id = k.user_id
            LEFT JOIN workspace_members m ON m.workspace_id = k.workspace_id AND m.user_id = k.user_id
            WHERE k.sha256 = \(hash.bytes)
            """, as: PresentedAPIKey.init(row:))
    }

    // MARK: Ends

    /// Revokes the keys that `condition` names.
    static func revoke(_ condition: SQL, now: Timestamp, _ tx: borrowing Transaction) throws -> [APIKey] {
        try tx.query(
            """
            UPDATE api_keys SET revoked_at = \(now), refused_at = \(now), version = version + 1
            WHERE revoked_at IS NULL AND \(condition)
            RETURNING \(columns: columns)
            """, as: APIKey.init(row:)
        ).sorted { $0.id < $1.id }
    }

    /// Has the keys that `condition` names looked up again wherever they are known.
    static func refuse(
        _ condition: SQL, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> [Refusal<APIKeyID>] {
        try tx.query(
            """
            UPDATE api_keys SET refused_at = \(now), version = version + 1 WHERE revoked_at IS NULL AND \(condition)
            RETURNING id, version
            """
        ) { Refusal(id: try $0[0], validFrom: try $0[1], at: now) }
    }

    /// What was changed since a moment, in the order of time and id, after `last`.
    static func refusals(
        since: Timestamp, after last: Refusal<APIKeyID>?, limit: Int, _ tx: borrowing Transaction
    ) throws -> [Refusal<APIKeyID>] {
        let from = last?.at ?? since
        let id = last?.id.description ?? ""
        return try tx.query(
            """
            SELECT id, version, refused_at, revoked_at FROM api_keys
            WHERE refused_at IS NOT NULL AND (refused_at > \(from) OR (refused_at = \(from) AND id > \(id)))
            ORDER BY refused_at, id LIMIT \(limit)
            """
        ) { row in
            let isRevoked = try row[3] as Timestamp? != nil
            return Refusal(id: try row[0], validFrom: isRevoked ? .max : try row[1], at: try row[2])
        }
    }

    /// Removes what ended a month ago, at most `limit` of each kind.
    /// - Returns: Whether more may be left.
    static func prune(now: Timestamp, limit: Int, _ tx: borrowing Transaction) throws -> Bool {
        let before = now - keptAfterEnd
        let revoked = try tx.execute(
            """
            DELETE FROM api_keys WHERE id IN
                (SELECT id FROM api_keys WHERE revoked_at <= \(before) ORDER BY revoked_at LIMIT \(limit)
                 \(fragment: .skipLocked))
            """)
        let expired = try tx.execute(
            """
            DELETE FROM api_keys WHERE id IN
                (SELECT id FROM api_keys WHERE expires_at <= \(before) ORDER BY expires_at LIMIT \(limit)
                 \(fragment: .skipLocked))
            """)
        return max(revoked, expired) == limit
    }

    // MARK: Uses

    static func note(_ uses: [APIKeyUses.Use], _ tx: borrowing Transaction) throws {
        for use in uses {
            try tx.send(
                """
                UPDATE api_keys SET last_used_at = \(use.time), last_used_address = \(use.address)
                WHERE id = \(use.key) AND (last_used_at IS NULL OR last_used_at < \(use.time))
                """)
        }
    }

    // MARK: Columns

    private static let columns: StaticString = """
        id, user_id, workspace_id, name, prefix, scopes, created_at, expires_at, last_used_at, last_used_address
        """
    /// Where a column stands that is read besides ``columns``.
    private static let columnCount = 10

    static func text(of scopes: Set<Permission>) -> String { scopes.map(\.rawValue).sorted().joined(separator: " ") }

    /// What a release does not know any more permits nothing.
    fileprivate static func scopes(_ text: String) -> Set<Permission> {
        Set(text.split(separator: " ").compactMap { Permission(rawValue: String($0)) })
    }
}

extension APIKey {
    fileprivate init(row: borrowing Row) throws {
        id = try row[0]
        user = try row[1]
        workspace = try row[2]
        name = try row[3]
        prefix = try row[4]
        scopes = APIKeyStore.scopes(try row[5])
        createdAt = try row[6]
        expiresAt = try row[7]
        lastUsedAt = try row[8]
        lastUsedAddress = try row[9]
    }
}

extension PresentedAPIKey {
    fileprivate init(row: borrowing Row) throws {
        id = try row[0]
        user = try row[1]
        workspace = try row[2]
        scopes = APIKeyStore.scopes(try row[3])
        version = try row[4]
        expiresAt = try row[5]
        isRevoked = try row[6] as Timestamp? != nil
        status = try row[7]
        lockedUntil = try row[8]
        isOperator = try row[9]
        role = try row[10]
    }
}
