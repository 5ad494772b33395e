package import CognitionStorage

extension Search {
    package static let migrations = [
        Migration(
            "search.001_documents",
            [
                // Keys are never given again, as folders of a deleted index may still lie about on some node.
                """
                CREATE TABLE search_indexes (
                    key \(fragment: .lastingIdentity), workspace_id \(fragment: .text) NOT NULL,
                    name \(fragment: .text) NOT NULL, settings_version \(fragment: .int64) NOT NULL,
                    relevance \(fragment: .text), created_at \(fragment: .int64) NOT NULL,
                    changed_at \(fragment: .int64) NOT NULL, UNIQUE (workspace_id, name)
                ) \(fragment: .strict)
                """,
                // A table of its own, as its rows are changed by each write: `sequence` is the last that was given, and
                // `purged` that of the last removal which is not kept any more.
                """
                CREATE TABLE search_sequences (
                    index_key \(fragment: .int64) NOT NULL PRIMARY KEY, sequence \(fragment: .int64) NOT NULL,
                    purged \(fragment: .int64) NOT NULL
                ) \(fragment: .strictWithRoom)
                """,
                """
                CREATE TABLE search_settings (
                    index_key \(fragment: .int64) NOT NULL, version \(fragment: .int64) NOT NULL,
                    settings \(fragment: .text) NOT NULL, actor \(fragment: .text) NOT NULL,
                    created_at \(fragment: .int64) NOT NULL, PRIMARY KEY (index_key, version)
                ) \(fragment: .strict)
                """,
                // `fields` is the document's JSON, NULL for one that was removed; `bytes` is its length, and
                // `fingerprint` what the sum over all tells whether an index holds the same.
                """
                CREATE TABLE search_documents (
                    index_key \(fragment: .int64) NOT NULL, id \(fragment: .text) NOT NULL,
                    sequence \(fragment: .int64) NOT NULL, changed_at \(fragment: .int64) NOT NULL,
                    bytes \(fragment: .int64) NOT NULL, boost \(fragment: .double) NOT NULL, roles \(fragment: .text),
                    fields \(fragment: .text), digest \(fragment: .bytes) NOT NULL,
                    fingerprint \(fragment: .int64) NOT NULL, PRIMARY KEY (index_key, id)
                ) \(fragment: .strict)
                """,
                "CREATE UNIQUE INDEX search_documents_sequence ON search_documents (index_key, sequence, bytes)",
                """
                CREATE INDEX search_documents_removed ON search_documents (changed_at) WHERE fields IS NULL
                """,
                // Indexes that were deleted, and whose documents are not yet.
                """
                CREATE TABLE search_removals (
                    index_key \(fragment: .int64) NOT NULL PRIMARY KEY
                ) \(fragment: .strict)
                """,
                // How far the log was read for the indexes that the platform keeps of itself. `revision` is that of what is
                // made of events.
                """
                CREATE TABLE search_places (
                    name \(fragment: .text) NOT NULL PRIMARY KEY, position \(fragment: .int64) NOT NULL,
                    revision \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """,
            ]),
        Migration(
            "search.002_analytics",
            [
                // By day: searches, and those that found nothing; `took` is microseconds.
                """
                CREATE TABLE search_days (
                    index_key \(fragment: .int64) NOT NULL, day \(fragment: .int64) NOT NULL,
                    searches \(fragment: .int64) NOT NULL, empty \(fragment: .int64) NOT NULL,
                    clicks \(fragment: .int64) NOT NULL, took \(fragment: .int64) NOT NULL,
                    PRIMARY KEY (index_key, day)
                ) \(fragment: .strictWithRoom)
                """,
                // How many took at most `limit` microseconds, and longer than the limit before.
                """
                CREATE TABLE search_latencies (
                    index_key \(fragment: .int64) NOT NULL, day \(fragment: .int64) NOT NULL,
                    bound \(fragment: .int64) NOT NULL, searches \(fragment: .int64) NOT NULL,
                    PRIMARY KEY (index_key, day, bound)
                ) \(fragment: .strictWithRoom)
                """,
                // Texts that may be kept. `rank_sum` is of the places of hits that were clicked, from 1.
                """
                CREATE TABLE search_queries (
                    index_key \(fragment: .int64) NOT NULL, day \(fragment: .int64) NOT NULL,
                    query \(fragment: .text) NOT NULL, searches \(fragment: .int64) NOT NULL,
                    empty \(fragment: .int64) NOT NULL, took \(fragment: .int64) NOT NULL,
                    slowest \(fragment: .int64) NOT NULL, clicks \(fragment: .int64) NOT NULL,
                    rank_sum \(fragment: .int64) NOT NULL, PRIMARY KEY (index_key, day, query)
                ) \(fragment: .strictWithRoom)
                """,
            ]),
    ]
}
