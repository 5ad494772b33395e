import CognitionStorage

/// Tables that grow for the first time.
///
/// The server plans for a table of which it has no statistics as if it had a few rows, and takes whatever index. Its own
/// statistics come a minute late, and in that minute the plans of a new database can be a hundred times too slow. So
/// tables that have got their first rows are analysed here, once; after that the server's own rules do.
enum YoungTables {
    static let pause: Duration = .seconds(3)
    private static let rowsMin = 100

    static func analyze(_ opener: PostgresOpener, _ connection: OpaquePointer) throws {
        let young = try opener.execute(
            """
            SELECT string_agg(format('%I.%I', schemaname, relname), ', ') FROM pg_stat_user_tables
            WHERE last_analyze IS NULL AND last_autoanalyze IS NULL AND n_live_tup >= \(rowsMin)
                AND schemaname = current_schema() AND pg_has_role(
                    (SELECT relowner FROM pg_class WHERE oid = relid), 'USAGE')
            """, on: connection)
        if !young.isEmpty { _ = try opener.execute("ANALYZE \(young)", on: connection) }
    }
}
