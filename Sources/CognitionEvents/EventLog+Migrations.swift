package import CognitionStorage

extension EventLog {
    /// The tables of the log, in their order.
    package static let migrations = [
        Migration(
            "events.001_log",
            [
                """
                CREATE TABLE streams (
                    key \(fragment: .identity), workspace_id TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL,
                    version \(fragment: .int64) NOT NULL, UNIQUE (workspace_id, type, id)
                ) \(fragment: .strict)
                """,
                // `data` is NULL when it is a payload, which `data_hash` then names.
                """
                CREATE TABLE events (
                    position \(fragment: .int64) NOT NULL PRIMARY KEY, stream_key \(fragment: .int64) NOT NULL,
                    version \(fragment: .int64) NOT NULL, event_id \(fragment: .bytes) NOT NULL, type TEXT NOT NULL,
                    type_version \(fragment: .int64) NOT NULL, time \(fragment: .int64) NOT NULL, actor TEXT NOT NULL,
                    causation_id TEXT, correlation_id TEXT, traceparent TEXT, subject TEXT, key_id TEXT,
                    data \(fragment: .bytes), data_hash \(fragment: .bytes) NOT NULL,
                    UNIQUE (stream_key, version), UNIQUE (event_id)
                ) \(fragment: .strict)
                """,
                """
                CREATE TABLE log_head (
                    id \(fragment: .int64) NOT NULL PRIMARY KEY, position \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """,
                "INSERT INTO log_head (id, position) VALUES (1, 0)",
                """
                CREATE TABLE payloads (
                    workspace_id TEXT NOT NULL, sha256 \(fragment: .bytes) NOT NULL, refs \(fragment: .int64) NOT NULL,
                    bytes \(fragment: .bytes) NOT NULL, PRIMARY KEY (workspace_id, sha256)
                ) \(fragment: .strict)
                """,
                """
                CREATE TABLE subscriptions (
                    name TEXT NOT NULL PRIMARY KEY, position \(fragment: .int64) NOT NULL,
                    updated_at \(fragment: .int64) NOT NULL, error TEXT, failed_at \(fragment: .int64),
                    failed_position \(fragment: .int64)
                ) \(fragment: .strict)
                """,
            ])
    ]
}
