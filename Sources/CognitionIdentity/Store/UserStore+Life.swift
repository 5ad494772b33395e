import CognitionCore
import CognitionStorage

/// What changes a user's password, and whether the address is theirs.
extension UserStore {
    /// Leaves a user who waits and has never been in without a password that anybody knows.
    static func dropPassword(_ id: UserID, cost: Int, now: Timestamp, _ tx: borrowing Transaction) throws {
        try tx.execute(
            """
            UPDATE users SET password_hash = \(Bcrypt.hashOfNothing(cost: cost)), updated_at = \(now)
            WHERE id = \(id) AND status = \(UserStatus.pending) AND last_login_at IS NULL
            """)
    }

    /// Lets a user in whose address was found right.
    /// - Returns: `nil` for a user who does not wait for it.
    static func verify(_ id: UserID, now: Timestamp, _ tx: borrowing Transaction) throws -> User? {
        try tx.first(
            """
            UPDATE users SET status = \(UserStatus.active), updated_at = \(now)
            WHERE id = \(id) AND status = \(UserStatus.pending) RETURNING \(columns: columns)
            """, as: User.init(row:))
    }

    /// Replaces the password that was compared, unless it or the user's status has changed since.
    static func setPassword(
        _ hash: String, replacing credentials: Credentials, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> User? {
        try tx.first(
            """
            UPDATE users SET password_hash = \(hash), failed_logins = 0, updated_at = \(now)
            WHERE id = \(credentials.user.id) AND password_hash = \(credentials.passwordHash)
                AND status = \(UserStatus.active)
            RETURNING \(columns: columns)
            """, as: User.init(row:))
    }

    /// Whether a user waits for the address to be found right; holds the user until the end of the transaction.
    static func isPending(_ id: UserID, _ tx: borrowing Transaction) throws -> Bool? {
        try tx.first("SELECT status FROM users WHERE id = \(id) \(fragment: .forUpdate)") {
            try $0[0] as UserStatus == .pending
        }
    }

    /// Gives a user who has read the mail another password, and lets them in: also who waited for the address to be found
    /// right, or had typed too many wrong passwords. What an operator has locked stays locked.
    static func resetPassword(
        _ hash: String, of id: UserID, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> User? {
        try tx.first(
            """
            UPDATE users SET password_hash = \(hash), failed_logins = 0, status = \(UserStatus.active),
                updated_at = \(now),
                locked_until = CASE WHEN locked_until = \(User.lockedForever) THEN locked_until ELSE NULL END
            WHERE id = \(id) AND status IN (\(UserStatus.active), \(UserStatus.pending))
            RETURNING \(columns: columns)
            """, as: User.init(row:))
    }
}
