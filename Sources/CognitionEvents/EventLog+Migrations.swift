package import CognitionStorage

extension EventLog {
    /// The tables of the log, in their order.
    package static let migrations = [
        Migration(
            "events.001_log",
            [
                """
                CREATE TABLE streams (
                    key \(fragment: .identity), workspace_id \(fragment: .text) NOT NULL, type \(fragment: .text) NOT NULL, id \(fragment: .text) NOT NULL,
                    version \(fragment: .int64) NOT NULL, UNIQUE (workspace_id, type, id)
                ) \(fragment: .strictWithRoom)
                """,
                // `data` is NULL when it is a payload, which `data_hash` then names.
                """
                CREATE TABLE events (
                    position \(fragment: .int64) NOT NULL PRIMARY KEY, stream_key \(fragment: .int64) NOT NULL,
                    version \(fragment: .int64) NOT NULL, event_id \(fragment: .bytes) NOT NULL, type \(fragment: .text) NOT NULL,
                    type_version \(fragment: .int64) NOT NULL, time \(fragment: .int64) NOT NULL, actor \(fragment: .text) NOT NULL,
                    causation_id \(fragment: .text), correlation_id \(fragment: .text), traceparent \(fragment: .text), subject \(fragment: .text), key_id \(fragment: .text),
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
                    workspace_id \(fragment: .text) NOT NULL, sha256 \(fragment: .bytes) NOT NULL, refs \(fragment: .int64) NOT NULL,
                    bytes \(fragment: .bytes) NOT NULL, PRIMARY KEY (workspace_id, sha256)
                ) \(fragment: .strict)
                """,
                """
                CREATE TABLE subscriptions (
                    name \(fragment: .text) NOT NULL PRIMARY KEY, position \(fragment: .int64) NOT NULL,
                    updated_at \(fragment: .int64) NOT NULL, error \(fragment: .text), failed_at \(fragment: .int64),
                    failed_position \(fragment: .int64)
                ) \(fragment: .strict)
                """,
            ]),
        Migration(
            "events.002_snapshots",
            [
                // What the events of a stream up to `version` add up to, by the fold that `fold_version` counts.
                """
                CREATE TABLE snapshots (
                    stream_key \(fragment: .int64) NOT NULL, name \(fragment: .text) NOT NULL, version \(fragment: .int64) NOT NULL,
                    fold_version \(fragment: .int64) NOT NULL, state \(fragment: .bytes) NOT NULL,
                    state_hash \(fragment: .bytes) NOT NULL, PRIMARY KEY (stream_key, name, version)
                ) \(fragment: .strict)
                """
            ]),
        Migration(
            "events.003_projections",
            [
                // `live` is the generation that is read, `building` the one that is made, `generations` the last that there was.
                """
                CREATE TABLE projections (
                    name \(fragment: .text) NOT NULL PRIMARY KEY, fold_version \(fragment: .int64) NOT NULL,
                    live \(fragment: .int64) NOT NULL, building \(fragment: .int64),
                    generations \(fragment: .int64) NOT NULL, paused_at \(fragment: .int64)
                ) \(fragment: .strict)
                """,
                """
                CREATE TABLE parked_events (
                    subscription \(fragment: .text) NOT NULL, position \(fragment: .int64) NOT NULL,
                    error \(fragment: .text) NOT NULL, parked_at \(fragment: .int64) NOT NULL,
                    PRIMARY KEY (subscription, position)
                ) \(fragment: .strict)
                """,
                """
                CREATE TABLE event_types (
                    generation \(fragment: .int64) NOT NULL, workspace_id \(fragment: .text) NOT NULL,
                    type \(fragment: .text) NOT NULL, type_version \(fragment: .int64) NOT NULL,
                    count \(fragment: .int64) NOT NULL, first_position \(fragment: .int64) NOT NULL,
                    last_position \(fragment: .int64) NOT NULL, first_at \(fragment: .int64) NOT NULL,
                    last_at \(fragment: .int64) NOT NULL, PRIMARY KEY (generation, workspace_id, type, type_version)
                ) \(fragment: .strict)
                """,
            ]),
        Migration(
            "events.004_schemas",
            [
                """
                CREATE TABLE event_schemas (
                    key \(fragment: .identity), workspace_id \(fragment: .text) NOT NULL,
                    type \(fragment: .text) NOT NULL, type_version \(fragment: .int64) NOT NULL,
                    compatibility \(fragment: .text) NOT NULL, schema \(fragment: .bytes) NOT NULL,
                    schema_hash \(fragment: .bytes) NOT NULL, revision \(fragment: .int64) NOT NULL,
                    created_at \(fragment: .int64) NOT NULL, updated_at \(fragment: .int64) NOT NULL,
                    actor \(fragment: .text) NOT NULL, UNIQUE (workspace_id, type, type_version)
                ) \(fragment: .strict)
                """
            ]),
        Migration(
            "events.005_archives",
            [
                // Files of events that have left the table, or will, once they are durable.
                """
                CREATE TABLE event_archives (
                    number \(fragment: .int64) NOT NULL PRIMARY KEY, name \(fragment: .text) NOT NULL,
                    first_position \(fragment: .int64) NOT NULL, last_position \(fragment: .int64) NOT NULL,
                    events \(fragment: .int64) NOT NULL, first_time \(fragment: .int64) NOT NULL,
                    last_time \(fragment: .int64) NOT NULL, bytes \(fragment: .int64) NOT NULL,
                    sha256 \(fragment: .bytes) NOT NULL, archived_at \(fragment: .int64) NOT NULL,
                    is_deleted \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """,
                "CREATE INDEX event_archives_last ON event_archives (last_position)",
                // Which versions of which streams: those of a stream go from its first on.
                """
                CREATE TABLE archived_streams (
                    stream_key \(fragment: .int64) NOT NULL, first_version \(fragment: .int64) NOT NULL,
                    last_version \(fragment: .int64) NOT NULL, archive \(fragment: .int64) NOT NULL,
                    PRIMARY KEY (stream_key, last_version)
                ) \(fragment: .strict)
                """,
                "CREATE INDEX archived_streams_archive ON archived_streams (archive)",
                // One row: after which position everything is in the log, and which node archives, by the database's clock.
                """
                CREATE TABLE event_archiving (
                    id \(fragment: .int64) NOT NULL PRIMARY KEY, archived_position \(fragment: .int64) NOT NULL,
                    owner \(fragment: .text), owned_until \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """,
                "INSERT INTO event_archiving (id, archived_position, owned_until) VALUES (1, 0, 0)",
            ]),
        // The end of the log is where its last event is, or was; `events.008_no_former_head` takes the view away again.
        Migration(
            "events.006_head",
            [
                "DROP TABLE log_head",
                """
                CREATE VIEW log_head (id, position) AS
                SELECT 1, (
                    SELECT COALESCE(MAX(position), 0) FROM (
                        SELECT MAX(position) AS position FROM events
                        UNION ALL SELECT archived_position FROM event_archiving) ends)
                """,
            ],
            onPostgres: [
                // Whoever gives positions in the former way waits for those who do so in this one, and goes on behind them.
                """
                CREATE OR REPLACE FUNCTION move_log_head() RETURNS trigger LANGUAGE plpgsql AS $$
                DECLARE added BIGINT := NEW.position - OLD.position;
                BEGIN
                    PERFORM pg_advisory_xact_lock(hashtextextended('events.head', 0));
                    SELECT added + position INTO NEW.position FROM log_head;
                    RETURN NEW;
                END $$
                """,
                """
                CREATE TRIGGER move_log_head INSTEAD OF UPDATE ON log_head
                FOR EACH ROW EXECUTE FUNCTION move_log_head()
                """,
            ]),
        Migration(
            "events.007_looks",
            [
                // How far archiving has looked, when it has looked at everything, and by which rules.
                "ALTER TABLE event_archiving ADD COLUMN looked_position \(fragment: .int64) NOT NULL DEFAULT 0",
                "ALTER TABLE event_archiving ADD COLUMN everything_at \(fragment: .int64) NOT NULL DEFAULT 0",
                "ALTER TABLE event_archiving ADD COLUMN rules \(fragment: .bytes)",
            ]),
        // No release has appended by way of the view.
        Migration(
            "events.008_no_former_head", ["DROP VIEW log_head"], onPostgres: ["DROP FUNCTION move_log_head()"]),
    ]
}
