import CognitionCore
import CognitionStorage

/// Tokens of links in mails, as hashes.
enum AccountTokenStore {
    static func insert(
        _ hash: SHA256Digest, _ purpose: AccountTokenPurpose, of user: UserID, expiresAt: Timestamp, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        try tx.execute(
            """
            INSERT INTO account_tokens (sha256, purpose, user_id, created_at, expires_at)
            VALUES (\(hash.bytes), \(purpose), \(user), \(now), \(expiresAt))
            """)
    }

    /// Who a token belongs to, if it is good.
    static func owner(
        of hash: SHA256Digest, _ purpose: AccountTokenPurpose, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> UserID? {
        try tx.first(
            """
            SELECT user_id FROM account_tokens
            WHERE sha256 = \(hash.bytes) AND purpose = \(purpose) AND expires_at > \(now)
            """
        ) { try $0[0] as UserID }
    }

    /// Uses a token up.
    /// - Returns: Whose it was; `nil` when it is not good. Of two who use it at once one gets it.
    static func consume(
        _ hash: SHA256Digest, _ purpose: AccountTokenPurpose, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> UserID? {
        try tx.first(
            """
            DELETE FROM account_tokens
            WHERE sha256 = \(hash.bytes) AND purpose = \(purpose) AND expires_at > \(now)
            RETURNING user_id
            """
        ) { try $0[0] as UserID }
    }

    /// Lets links of one kind die; they still count against the next mail.
    static func expire(
        _ purpose: AccountTokenPurpose, of user: UserID, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        try tx.execute(
            """
            UPDATE account_tokens SET expires_at = \(now)
            WHERE user_id = \(user) AND purpose = \(purpose) AND expires_at > \(now)
            """)
    }

    /// Lets the other links of a user die.
    static func removeAll(of user: UserID, _ tx: borrowing Transaction) throws {
        try tx.execute("DELETE FROM account_tokens WHERE user_id = \(user)")
    }

    /// Whether a user gets another mail of a kind now.
    static func mayMail(
        _ user: UserID, _ purpose: AccountTokenPurpose, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Bool {
        // Of two requests at once the second sees what the first has written.
        try tx.lock("identity.account_mails \(user)")
        let since = now - AccountTokenPurpose.window
        let moments = try tx.query(
            """
            SELECT created_at FROM account_tokens
            WHERE user_id = \(user) AND purpose = \(purpose) AND created_at > \(since)
            ORDER BY created_at DESC LIMIT \(AccountTokenPurpose.mailsMax)
            """
        ) { try $0[0] as Timestamp }
        return moments.count < AccountTokenPurpose.mailsMax
            && moments.first.map { $0 + AccountTokenPurpose.pause <= now } ?? true
    }

    /// Removes what has expired, at most `limit`.
    /// - Returns: Whether more may be left.
    static func prune(now: Timestamp, limit: Int, _ tx: borrowing Transaction) throws -> Bool {
        // What is no longer good still counts against the next mail for a while.
        let before = now - AccountTokenPurpose.window
        return try tx.execute(
            """
            DELETE FROM account_tokens WHERE sha256 IN
                (SELECT sha256 FROM account_tokens WHERE expires_at <= \(before) ORDER BY expires_at LIMIT \(limit)
                 \(fragment: .skipLocked))
            """) == limit
    }
}
