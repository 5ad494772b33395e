import CognitionStorage

extension Identity {
    static let invitationMigration = Migration(
        "identity.006_invitations",
        [
            // Only those that wait: one that was accepted or withdrawn is gone. Of the token only the SHA-256 is there.
            """
            CREATE TABLE workspace_invitations (
                key \(fragment: .lastingIdentity), id \(fragment: .text) NOT NULL UNIQUE,
                workspace_id \(fragment: .text) NOT NULL REFERENCES workspaces (id), email \(fragment: .text) NOT NULL, role \(fragment: .text) NOT NULL,
                sha256 \(fragment: .bytes) NOT NULL UNIQUE, invited_by \(fragment: .text) NOT NULL, created_at \(fragment: .int64) NOT NULL,
                expires_at \(fragment: .int64) NOT NULL, UNIQUE (workspace_id, email)
            ) \(fragment: .strict)
            """,
            "CREATE INDEX workspace_invitations_list ON workspace_invitations (workspace_id, key)",
            "CREATE INDEX workspace_invitations_expiry ON workspace_invitations (expires_at)",
        ])
}
