import CognitionCore
import CognitionStorage

/// A user who is to be stored.
struct NewUser: Sendable {
    let id: UserID
    let email: EmailAddress
    let passwordHash: String
    let fullName: String?
    let locale: String?
    let timeZone: String?
    let isOperator: Bool
    var status = UserStatus.active
}

/// A user with what a login compares.
struct Credentials: Sendable {
    let user: User
    let passwordHash: String
}

/// Users in the database.
enum UserStore {
    /// - Returns: `nil` when the address is taken.
    static func insert(
        _ new: NewUser, home: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> User? {
        try tx.first(
            """
            INSERT INTO users (id, email, password_hash, full_name, locale, time_zone, status, is_operator,
                home_workspace_id, failed_logins, created_at, updated_at)
            VALUES (\(new.id), \(new.email.text), \(new.passwordHash), \(new.fullName), \(new.locale), \(new.timeZone),
                \(new.status), \(new.isOperator), \(home), 0, \(now), \(now))
            ON CONFLICT (email) DO NOTHING
            RETURNING \(columns: columns)
            """, as: User.init(row:))
    }

    static func find(_ id: UserID, _ tx: borrowing Transaction) throws -> User? {
        try tx.first("SELECT \(columns: columns) FROM users WHERE id = \(id)", as: User.init(row:))
    }

    static func find(_ email: EmailAddress, _ tx: borrowing Transaction) throws -> User? {
        try credentials(email, tx)?.user
    }

    /// Users in the order in which they were made.
    static func page(
        _ filter: UserFilter, _ request: PageRequest, _ tx: borrowing Transaction
    ) throws -> Page<User> {
        var conditions: SQL = "key > \(request.after ?? 0)"
        if let status = filter.status { conditions = "\(conditions) AND status = \(status)" }
        let found = try tx.query(
            """
            SELECT \(columns: columns), key FROM users WHERE \(conditions) ORDER BY key LIMIT \(request.limit + 1)
            """
        ) { row in (try row[columnCount] as Int64, try User(row: row)) }
        return Page(found, limit: request.limit)
    }

    static func credentials(_ email: EmailAddress, _ tx: borrowing Transaction) throws -> Credentials? {
        try tx.first("SELECT \(columns: columns), password_hash FROM users WHERE email = \(email.text)") { row in
            Credentials(user: try User(row: row), passwordHash: try row[columnCount])
        }
    }

    static func credentials(_ id: UserID, _ tx: borrowing Transaction) throws -> Credentials? {
        try tx.first("SELECT \(columns: columns), password_hash FROM users WHERE id = \(id)") { row in
            Credentials(user: try User(row: row), passwordHash: try row[columnCount])
        }
    }

    /// Counts a wrong password, and locks the user when it is the last that is let pass. A lock that has run out starts
    /// a new count; while one holds, nothing is counted.
    ///
    /// - Returns: The count so far and whether it locks; `nil` while the user is locked.
    static func countFailure(
        _ id: UserID, max: Int, lockout: Duration, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> (count: Int, locks: Bool)? {
        try tx.first(
            """
            UPDATE users SET
                failed_logins = CASE WHEN locked_until IS NULL THEN failed_logins + 1 ELSE 1 END,
                locked_until = CASE
                    WHEN (CASE WHEN locked_until IS NULL THEN failed_logins + 1 ELSE 1 END) >= \(max)
                    THEN CAST(\(now + lockout) AS \(fragment: .int64)) ELSE NULL END,
                updated_at = \(now)
            WHERE id = \(id) AND (locked_until IS NULL OR locked_until <= \(now))
            RETURNING failed_logins, locked_until
            """
        ) { row in (try row[0] as Int, try row[1] as Timestamp? != nil) }
    }

    /// Notes a login, unless the user was locked or stopped, or the password changed, since the password was checked.
    ///
    /// - Parameter newHash: The same password, hashed anew.
    static func acceptLogin(
        _ credentials: Credentials, newHash: String?, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> User? {
        try tx.first(
            """
            UPDATE users SET failed_logins = 0, locked_until = NULL, last_login_at = \(now), updated_at = \(now),
                password_hash = \(newHash ?? credentials.passwordHash)
            WHERE id = \(credentials.user.id) AND password_hash = \(credentials.passwordHash)
                AND status = \(UserStatus.active) AND (locked_until IS NULL OR locked_until <= \(now))
            RETURNING \(columns: columns)
            """, as: User.init(row:))
    }

    static func lock(_ id: UserID, until: Timestamp, now: Timestamp, _ tx: borrowing Transaction) throws -> User? {
        try tx.first(
            """
            UPDATE users SET locked_until = \(until), updated_at = \(now) WHERE id = \(id)
            RETURNING \(columns: columns)
            """, as: User.init(row:))
    }

    static func unlock(_ id: UserID, now: Timestamp, _ tx: borrowing Transaction) throws -> User? {
        try tx.first(
            """
            UPDATE users SET locked_until = NULL, failed_logins = 0, updated_at = \(now) WHERE id = \(id)
            RETURNING \(columns: columns)
            """, as: User.init(row:))
    }

    /// Holds a user until the end of the transaction, so that no login and no change of status comes between.
    static func hold(_ id: UserID, now: Timestamp, _ tx: borrowing Transaction) throws {
        try tx.execute("UPDATE users SET updated_at = \(now) WHERE id = \(id)")
    }

    static func setStatus(
        _ id: UserID, _ status: UserStatus, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> User? {
        try tx.first(
            """
            UPDATE users SET status = \(status), updated_at = \(now) WHERE id = \(id)
            RETURNING \(columns: columns)
            """, as: User.init(row:))
    }

    static let columns: StaticString = """
        id, email, full_name, locale, time_zone, status, is_operator, home_workspace_id, locked_until, last_login_at, \
        created_at
        """
    /// Where a column stands that is read besides ``columns``.
    private static let columnCount = 11
}

extension User {
    init(row: borrowing Row) throws {
        id = try row[0]
        email = try row[1]
        fullName = try row[2]
        locale = try row[3]
        timeZone = try row[4]
        status = try row[5]
        isOperator = try row[6]
        homeWorkspace = try row[7]
        lockedUntil = try row[8]
        lastLoginAt = try row[9]
        createdAt = try row[10]
    }
}
