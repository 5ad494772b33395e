import CognitionCore
import CognitionStorage

/// Secrets in the database, encrypted before they come here.
enum SecretStore {
    /// Secrets of a workspace.
    static let countMax = 1_000

    static let migration = Migration(
        "workflows.004_secrets",
        [
            """
            CREATE TABLE secrets (
                key \(fragment: .identity), workspace_id \(fragment: .text) NOT NULL, name \(fragment: .text) NOT NULL,
                key_id \(fragment: .text) NOT NULL, sealed \(fragment: .bytes) NOT NULL,
                created_at \(fragment: .int64) NOT NULL, updated_at \(fragment: .int64) NOT NULL,
                UNIQUE (workspace_id, name)
            ) \(fragment: .strict)
            """,
            "CREATE INDEX secrets_order ON secrets (workspace_id, key)",
        ])

    /// Stores a value, or replaces the one that is there.
    ///
    /// - Throws: `secret.too_many`.
    static func set(
        _ name: String, to sealed: SealedSecret, in workspace: WorkspaceID, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws -> (secret: StoredSecret, isNew: Bool) {
        // The number of rows is bounded, and there may be no row to lock yet.
        try tx.lock("workflows.secrets \(workspace)")
        if let old = try find(name, in: workspace, tx) {
            try tx.execute(
                """
                UPDATE secrets SET key_id = \(sealed.keyID), sealed = \(sealed.bytes), updated_at = \(now)
                WHERE workspace_id = \(workspace) AND name = \(name)
                """)
            return (StoredSecret(name: name, createdAt: old.createdAt, updatedAt: now), false)
        }
        let count = try tx.first("SELECT COUNT(*) FROM secrets WHERE workspace_id = \(workspace)") { try $0[0] as Int }
        guard (count ?? 0) < countMax else {
            throw WorkflowError(.tooManySecrets, "a workspace has at most \(countMax) secrets; delete one first")
        }
        try tx.execute(
            """
            INSERT INTO secrets (workspace_id, name, key_id, sealed, created_at, updated_at)
            VALUES (\(workspace), \(name), \(sealed.keyID), \(sealed.bytes), \(now), \(now))
            """)
        return (StoredSecret(name: name, createdAt: now, updatedAt: now), true)
    }

    /// - Returns: Whether there was one.
    static func delete(_ name: String, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> Bool {
        try tx.execute("DELETE FROM secrets WHERE workspace_id = \(workspace) AND name = \(name)") > 0
    }

    private static func find(
        _ name: String, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> StoredSecret? {
        try tx.first(
            "SELECT name, created_at, updated_at FROM secrets WHERE workspace_id = \(workspace) AND name = \(name)"
        ) { row in StoredSecret(name: try row[0], createdAt: try row[1], updatedAt: try row[2]) }
    }

    /// Secrets in the order in which they first were stored, after the one with key `after`.
    static func page(
        after: Int64, limit: Int, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [(key: Int64, secret: StoredSecret)] {
        try tx.query(
            """
            SELECT key, name, created_at, updated_at FROM secrets
            WHERE workspace_id = \(workspace) AND key > \(after) ORDER BY key LIMIT \(limit)
            """
        ) { row in
            (key: try row[0], secret: StoredSecret(name: try row[1], createdAt: try row[2], updatedAt: try row[3]))
        }
    }

    /// The sealed values of those of `names` that are there.
    static func sealed(
        _ names: [String], in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [(name: String, value: SealedSecret)] {
        guard !names.isEmpty else { return [] }
        return try tx.query(
            "SELECT name, key_id, sealed FROM secrets WHERE workspace_id = \(workspace) AND name IN \(list: names)"
        ) { row in (name: try row[0], value: SealedSecret(keyID: try row[1], bytes: try row[2])) }
    }
}
