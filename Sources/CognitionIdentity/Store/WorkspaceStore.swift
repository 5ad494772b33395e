import CognitionCore
import CognitionStorage

/// Workspaces and their members in the database.
enum WorkspaceStore {
    /// - Returns: `nil` when the name is taken.
    static func insert(
        _ id: WorkspaceID, title: String?, by actor: String, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Workspace? {
        try tx.first(
            """
            INSERT INTO workspaces (id, title, created_at, created_by, updated_at)
            VALUES (\(id), \(title), \(now), \(actor), \(now))
            ON CONFLICT (id) DO NOTHING RETURNING key, id, title, created_at
            """
        ) { try Workspace(row: $0, from: 1) }
    }

    static func find(_ id: WorkspaceID, _ tx: borrowing Transaction) throws -> Workspace? {
        try tx.first("SELECT key, id, title, created_at FROM workspaces WHERE id = \(id)") {
            try Workspace(row: $0, from: 1)
        }
    }

    /// Holds a workspace until the end of the transaction, so that its members do not change in two at a time.
    static func hold(_ id: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction) throws {
        try tx.execute("UPDATE workspaces SET updated_at = \(now) WHERE id = \(id)")
    }

    /// All workspaces, in the order they were made.
    static func page(_ request: PageRequest, _ tx: borrowing Transaction) throws -> Page<Membership> {
        let found = try tx.query(
            """
            SELECT key, id, title, created_at FROM workspaces WHERE key > \(request.after ?? 0)
            ORDER BY key LIMIT \(request.limit + 1)
            """
        ) { row in (try row[0] as Int64, Membership(workspace: try Workspace(row: row, from: 1), role: nil)) }
        return Page(found, limit: request.limit)
    }

    // MARK: Members

    static func role(of user: UserID, in id: WorkspaceID, _ tx: borrowing Transaction) throws -> Role? {
        try tx.first("SELECT role FROM workspace_members WHERE workspace_id = \(id) AND user_id = \(user)") {
            try $0[0] as Role
        }
    }

    /// Of the workspaces of a user the one that was joined first.
    static func firstMembership(
        of user: UserID, _ tx: borrowing Transaction
    ) throws -> (workspace: WorkspaceID, role: Role)? {
        try tx.first(
            "SELECT workspace_id, role FROM workspace_members WHERE user_id = \(user) ORDER BY key LIMIT 1"
        ) { (try $0[0], try $0[1]) }
    }

    static func membershipCount(of user: UserID, _ tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT count(*) FROM workspace_members WHERE user_id = \(user)") { try $0[0] as Int } ?? 0
    }

    static func adminCount(in id: WorkspaceID, _ tx: borrowing Transaction) throws -> Int {
        try tx.first(
            "SELECT count(*) FROM workspace_members WHERE workspace_id = \(id) AND role = \(Role.admin)"
        ) { try $0[0] as Int } ?? 0
    }

    /// Workspaces of a user, in the order in which they were joined.
    static func memberships(
        of user: UserID, _ request: PageRequest, _ tx: borrowing Transaction
    ) throws -> Page<Membership> {
        let found = try tx.query(
            """
            SELECT m.key, m.role, w.id, w.title, w.created_at
            FROM workspace_members m JOIN workspaces w ON w.id = m.workspace_id
            WHERE m.user_id = \(user) AND m.key > \(request.after ?? 0) ORDER BY m.key LIMIT \(request.limit + 1)
            """
        ) { row in
            (try row[0] as Int64, Membership(workspace: try Workspace(row: row, from: 2), role: try row[1]))
        }
        return Page(found, limit: request.limit)
    }

    /// Members of a workspace, in the order in which they joined.
    static func members(
        of id: WorkspaceID, _ request: PageRequest, _ tx: borrowing Transaction
    ) throws -> Page<Member> {
        let found = try tx.query(
            """
            SELECT m.key, m.user_id, u.email, u.full_name, m.role, m.created_at
            FROM workspace_members m JOIN users u ON u.id = m.user_id
            WHERE m.workspace_id = \(id) AND m.key > \(request.after ?? 0) ORDER BY m.key LIMIT \(request.limit + 1)
            """
        ) { row in
            (
                try row[0] as Int64,
                Member(
                    user: try row[1], email: try row[2], fullName: try row[3], role: try row[4], since: try row[5])
            )
        }
        return Page(found, limit: request.limit)
    }

    /// - Returns: Whether the user was no member before.
    static func addMember(
        _ user: UserID, _ role: Role, to id: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            INSERT INTO workspace_members (workspace_id, user_id, role, created_at)
            VALUES (\(id), \(user), \(role), \(now)) ON CONFLICT (workspace_id, user_id) DO NOTHING
            """) == 1
    }

    static func setRole(_ role: Role, of user: UserID, in id: WorkspaceID, _ tx: borrowing Transaction) throws {
        try tx.execute(
            "UPDATE workspace_members SET role = \(role) WHERE workspace_id = \(id) AND user_id = \(user)")
    }

    static func removeMember(_ user: UserID, from id: WorkspaceID, _ tx: borrowing Transaction) throws {
        try tx.execute("DELETE FROM workspace_members WHERE workspace_id = \(id) AND user_id = \(user)")
    }
}

extension Workspace {
    fileprivate init(row: borrowing Row, from column: Int) throws {
        id = try row[column]
        title = try row[column + 1]
        createdAt = try row[column + 2]
    }
}
