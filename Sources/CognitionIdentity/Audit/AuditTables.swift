import CognitionStorage

extension Identity {
    static let auditMigration = Migration(
        "identity.005_audit_keys",
        [
            // Entries are listed by time, newest first; those of one time by key.
            "DROP INDEX audit_entries_workspace",
            "DROP INDEX audit_entries_action",
            "DROP INDEX audit_entries_actor",
            "DROP INDEX audit_entries_target",
            "CREATE INDEX audit_entries_time ON audit_entries (time, key)",
            "CREATE INDEX audit_entries_workspace_time ON audit_entries (workspace_id, time, key)",
            "CREATE INDEX audit_entries_action_time ON audit_entries (action, time, key)",
            "CREATE INDEX audit_entries_actor_time ON audit_entries (actor, time, key)",
            "CREATE INDEX audit_entries_target_time ON audit_entries (target, time, key)",
            // One row: the last entry that lies in an archive, and which node archives, by the database's clock.
            """
            CREATE TABLE audit_retention (
                id \(fragment: .int64) NOT NULL PRIMARY KEY, archived_time \(fragment: .int64) NOT NULL, archived_key \(fragment: .int64) NOT NULL,
                owner \(fragment: .text), owned_until \(fragment: .int64) NOT NULL
            ) \(fragment: .strict)
            """,
            """
            INSERT INTO audit_retention (id, archived_time, archived_key, owned_until)
            VALUES (1, -9223372036854775807, 0, 0)
            """,
        ])
}
