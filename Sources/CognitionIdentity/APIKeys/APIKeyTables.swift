import CognitionStorage

extension Identity {
    static let apiKeyMigration = Migration(
        "identity.004_keys",
        [
            // Of the key's text only the SHA-256 is there: it has 256 bits of chance, so nothing slower is needed.
            // `scopes` are names of permissions with spaces between them. `version` counts what has changed about the
            // key, its user or the role; `refused_at` is when it last did.
            """
            CREATE TABLE api_keys (
                key \(fragment: .lastingIdentity), id \(fragment: .text) NOT NULL UNIQUE, user_id \(fragment: .text) NOT NULL REFERENCES users (id),
                workspace_id \(fragment: .text) NOT NULL REFERENCES workspaces (id), name \(fragment: .text) NOT NULL, prefix \(fragment: .text) NOT NULL,
                sha256 \(fragment: .bytes) NOT NULL UNIQUE, scopes \(fragment: .text) NOT NULL, version \(fragment: .int64) NOT NULL,
                created_at \(fragment: .int64) NOT NULL, expires_at \(fragment: .int64), last_used_at \(fragment: .int64), last_used_address \(fragment: .text),
                revoked_at \(fragment: .int64), refused_at \(fragment: .int64)
            ) \(fragment: .strict)
            """,
            "CREATE INDEX api_keys_user ON api_keys (user_id, key)",
            "CREATE INDEX api_keys_workspace ON api_keys (workspace_id, key)",
            "CREATE INDEX api_keys_refused ON api_keys (refused_at, id) WHERE refused_at IS NOT NULL",
            "CREATE INDEX api_keys_expiry ON api_keys (expires_at) WHERE expires_at IS NOT NULL",
            "CREATE INDEX api_keys_revoked ON api_keys (revoked_at) WHERE revoked_at IS NOT NULL",
        ])
}
