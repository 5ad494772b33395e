package import CognitionStorage

extension Identity {
    /// The tables of users, workspaces, sessions and the audit trail, in their order.
    package static let migrations = [
        Migration(
            "identity.001_users",
            [
                // `email` is in its normalised form. `is_operator` is 0 or 1.
                """
                CREATE TABLE users (
                    key \(fragment: .identity), id \(fragment: .text) NOT NULL UNIQUE, email \(fragment: .text) NOT NULL UNIQUE,
                    password_hash \(fragment: .text) NOT NULL, full_name \(fragment: .text), locale \(fragment: .text), time_zone \(fragment: .text), status \(fragment: .text) NOT NULL,
                    is_operator \(fragment: .int64) NOT NULL, home_workspace_id \(fragment: .text) NOT NULL,
                    failed_logins \(fragment: .int64) NOT NULL, locked_until \(fragment: .int64),
                    last_login_at \(fragment: .int64), created_at \(fragment: .int64) NOT NULL,
                    updated_at \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """,
                "CREATE INDEX users_status ON users (status, key)",
                """
                CREATE TABLE workspaces (
                    key \(fragment: .identity), id \(fragment: .text) NOT NULL UNIQUE, title \(fragment: .text), created_at \(fragment: .int64) NOT NULL,
                    created_by \(fragment: .text) NOT NULL, updated_at \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """,
                """
                CREATE TABLE workspace_members (
                    key \(fragment: .identity), workspace_id \(fragment: .text) NOT NULL REFERENCES workspaces (id),
                    user_id \(fragment: .text) NOT NULL REFERENCES users (id), role \(fragment: .text) NOT NULL, created_at \(fragment: .int64) NOT NULL,
                    UNIQUE (workspace_id, user_id)
                ) \(fragment: .strict)
                """,
                "CREATE INDEX workspace_members_list ON workspace_members (workspace_id, key)",
                "CREATE INDEX workspace_members_user ON workspace_members (user_id, key)",
                // The command line acts in it, so it is nobody's to take.
                """
                INSERT INTO workspaces (id, title, created_at, created_by, updated_at)
                VALUES ('default', 'Command line', 0, 'operator', 0)
                """,
            ]),
        Migration(
            "identity.002_sessions",
            [
                // `generation` is that of the newest refresh token. Access tokens of a generation below `valid_from` are
                // refused; `refused_at` is when that last changed, also by the end of the session.
                """
                CREATE TABLE sessions (
                    id \(fragment: .text) NOT NULL PRIMARY KEY, user_id \(fragment: .text) NOT NULL REFERENCES users (id), workspace_id \(fragment: .text) NOT NULL,
                    address \(fragment: .text), user_agent \(fragment: .text), generation \(fragment: .int64) NOT NULL,
                    valid_from \(fragment: .int64) NOT NULL, created_at \(fragment: .int64) NOT NULL,
                    last_seen_at \(fragment: .int64) NOT NULL, expires_at \(fragment: .int64) NOT NULL,
                    revoked_at \(fragment: .int64), refused_at \(fragment: .int64)
                ) \(fragment: .strict)
                """,
                "CREATE INDEX sessions_user ON sessions (user_id, id)",
                "CREATE INDEX sessions_expiry ON sessions (expires_at)",
                "CREATE INDEX sessions_refused ON sessions (refused_at, id) WHERE refused_at IS NOT NULL",
                // The parent of a token is the one of the generation before in the same session.
                """
                CREATE TABLE refresh_tokens (
                    sha256 \(fragment: .bytes) NOT NULL PRIMARY KEY,
                    session_id \(fragment: .text) NOT NULL REFERENCES sessions (id), generation \(fragment: .int64) NOT NULL,
                    used_at \(fragment: .int64), expires_at \(fragment: .int64) NOT NULL, UNIQUE (session_id, generation)
                ) \(fragment: .strict)
                """,
                "CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at)",
            ]),
        Migration(
            "identity.003_audit",
            [
                """
                CREATE TABLE audit_entries (
                    key \(fragment: .identity), workspace_id \(fragment: .text), time \(fragment: .int64) NOT NULL, actor \(fragment: .text) NOT NULL,
                    action \(fragment: .text) NOT NULL, target \(fragment: .text), outcome \(fragment: .text) NOT NULL, address \(fragment: .text), user_agent \(fragment: .text),
                    details \(fragment: .bytes) NOT NULL
                ) \(fragment: .strict)
                """,
                "CREATE INDEX audit_entries_workspace ON audit_entries (workspace_id, key)",
                "CREATE INDEX audit_entries_action ON audit_entries (action, key)",
                "CREATE INDEX audit_entries_actor ON audit_entries (actor, key)",
                "CREATE INDEX audit_entries_target ON audit_entries (target, key)",
            ]),
        Migration(
            "identity.004_mails_user_life",
            [
                // `sealed` holds recipient, subject and text, encrypted. Whoever sends a mail moves `due_at` on first, and
                // `attempts` tells its claim from a later one.
                """
                CREATE TABLE outbound_mails (
                    key \(fragment: .lastingIdentity), id \(fragment: .text) NOT NULL UNIQUE,
                    purpose \(fragment: .text) NOT NULL, sealed \(fragment: .bytes) NOT NULL,
                    created_at \(fragment: .int64) NOT NULL, expires_at \(fragment: .int64) NOT NULL,
                    due_at \(fragment: .int64) NOT NULL, attempts \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """,
                "CREATE INDEX outbound_mails_due ON outbound_mails (due_at, key)",
            ]),
        Migration(
            "identity.005_account_tokens_user_life",
            [
                // What the links of mails carry. `password_hash` is no longer used.
                """
                CREATE TABLE account_tokens (
                    sha256 \(fragment: .bytes) NOT NULL PRIMARY KEY, purpose \(fragment: .text) NOT NULL,
                    user_id \(fragment: .text) NOT NULL REFERENCES users (id), password_hash \(fragment: .text),
                    created_at \(fragment: .int64) NOT NULL, expires_at \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """,
                "CREATE INDEX account_tokens_user ON account_tokens (user_id, purpose, created_at)",
                "CREATE INDEX account_tokens_expiry ON account_tokens (expires_at)",
            ]),
        apiKeyMigration,
        auditMigration,
        invitationMigration,
    ]
}
