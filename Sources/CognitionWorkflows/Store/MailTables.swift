package import CognitionStorage

extension Workflows {
    /// Mailboxes, listeners and approvals.
    package static let mailMigration = Migration(
        "workflows.003_mail",
        [
            "ALTER TABLE executions ADD COLUMN suspended_at \(fragment: .int64)",
            // Microseconds that its deadline has moved by.
            "ALTER TABLE executions ADD COLUMN paused \(fragment: .int64) NOT NULL DEFAULT 0",
            // `body` is what the kind of message makes of it; `state` see ``MailStore/State``. Of an accepted event `place` is
            // how many its task had accepted before, and `output` what `foreach` gave for it.
            """
            CREATE TABLE execution_messages (
                key \(fragment: .lastingIdentity), execution_key \(fragment: .int64) NOT NULL, kind \(fragment: .int64) NOT NULL,
                state \(fragment: .int64) NOT NULL, task \(fragment: .int64), body \(fragment: .bytes),
                place \(fragment: .int64), filter \(fragment: .int64), output \(fragment: .bytes),
                output_sha256 \(fragment: .bytes), created_at \(fragment: .int64) NOT NULL
            ) \(fragment: .strictWithRoom)
            """,
            "CREATE INDEX execution_messages_of ON execution_messages (execution_key, state, key)",
            "CREATE INDEX execution_messages_new ON execution_messages (key) WHERE state = 0",
            // What listeners ask of events, once per workspace; '' stands for any type and for no correlation.
            """
            CREATE TABLE event_filters (
                key \(fragment: .identity), workspace_id \(fragment: .text) NOT NULL, type \(fragment: .text) NOT NULL,
                correlation \(fragment: .text) NOT NULL, UNIQUE (workspace_id, type, correlation)
            ) \(fragment: .strict)
            """,
            "CREATE INDEX event_filters_type ON event_filters (type)",
            // `expected` is the SHA-256 of the correlation value, and empty where there is none.
            """
            CREATE TABLE event_listeners (
                filter_key \(fragment: .int64) NOT NULL, expected \(fragment: .bytes) NOT NULL,
                execution_key \(fragment: .int64) NOT NULL, task \(fragment: .int64) NOT NULL,
                PRIMARY KEY (filter_key, expected, execution_key, task)
            ) \(fragment: .strict)
            """,
            "CREATE INDEX event_listeners_of ON event_listeners (execution_key, task)",
            """
            CREATE TABLE approvals (
                execution_key \(fragment: .int64) NOT NULL, task \(fragment: .int64) NOT NULL,
                attempt \(fragment: .int64) NOT NULL, name \(fragment: .text) NOT NULL,
                digest \(fragment: .bytes) NOT NULL, request \(fragment: .bytes) NOT NULL,
                created_at \(fragment: .int64) NOT NULL, expires_at \(fragment: .int64), choice \(fragment: .text),
                comment \(fragment: .text), decided_by \(fragment: .text), decided_at \(fragment: .int64),
                withdrawn_at \(fragment: .int64), PRIMARY KEY (execution_key, task, attempt)
            ) \(fragment: .strictWithRoom)
            """,
        ])
}
