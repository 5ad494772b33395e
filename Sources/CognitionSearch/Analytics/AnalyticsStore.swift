import CognitionCore
import CognitionStorage

/// Analytics as they are kept, by index and day.
enum AnalyticsStore {
    /// Texts of an index and day that are kept, those that were looked for most often.
    private static let queriesMax = 1_000

    static func add(_ taken: [(key: QueryLog.Key, day: QueryLog.Day)], _ tx: borrowing Transaction) throws {
        // In one order on all nodes.
        let sorted = taken.sorted { ($0.key.index, $0.key.day) < ($1.key.index, $1.key.day) }
        var (dayRows, latencyRows, queryRows): ([SQLValue], [SQLValue], [SQLValue]) = ([], [], [])
        for (key, day) in sorted {
            let place: [SQLValue] = [.integer(key.index), .integer(key.day)]
            dayRows += place
            dayRows += [day.fresh.searches, day.fresh.empty, day.fresh.clicks, day.fresh.took].map(SQLValue.integer)
            for (bound, count) in zip(QueryLog.bounds, day.latencies) where count > 0 {
                latencyRows += place + [.integer(bound), .integer(count)]
            }
            for (text, entry) in day.queries.sorted(by: { $0.key < $1.key }) {
                let counts = entry.fresh
                queryRows += place + [.text(text)]
                queryRows += [
                    counts.searches, counts.empty, counts.took, counts.slowest, counts.clicks, counts.rankSum,
                ].map(SQLValue.integer)
            }
        }
        try tx.insert(into: days, dayRows)
        try tx.insert(into: latencies, latencyRows)
        try tx.insert(into: queries, queryRows)
        for (key, day) in sorted where !day.queries.isEmpty {
            try tx.send(
                """
                DELETE FROM search_queries WHERE index_key = \(key.index) AND day = \(key.day) AND query IN (
                    SELECT query FROM search_queries WHERE index_key = \(key.index) AND day = \(key.day)
                    ORDER BY searches DESC, query LIMIT \(Int.max) OFFSET \(queriesMax))
                """)
        }
    }

    private static let days = BulkTable(
        "search_days",
        [
            "index_key": .integer, "day": .integer, "searches": .integer, "empty": .integer, "clicks": .integer,
            "took": .integer,
        ],
        suffix: """
            ON CONFLICT (index_key, day) DO UPDATE SET searches = search_days.searches + excluded.searches,
                empty = search_days.empty + excluded.empty, clicks = search_days.clicks + excluded.clicks,
                took = search_days.took + excluded.took
            """)
    private static let latencies = BulkTable(
        "search_latencies", ["index_key": .integer, "day": .integer, "bound": .integer, "searches": .integer],
        suffix: """
            ON CONFLICT (index_key, day, bound) DO UPDATE SET searches = search_latencies.searches + excluded.searches
            """)
    private static let queries = BulkTable(
        "search_queries",
        [
            "index_key": .integer, "day": .integer, "query": .text, "searches": .integer, "empty": .integer,
            "took": .integer, "slowest": .integer, "clicks": .integer, "rank_sum": .integer,
        ],
        suffix: """
            ON CONFLICT (index_key, day, query) DO UPDATE SET searches = search_queries.searches + excluded.searches,
                empty = search_queries.empty + excluded.empty, took = search_queries.took + excluded.took,
                slowest = CASE WHEN search_queries.slowest > excluded.slowest THEN search_queries.slowest
                    ELSE excluded.slowest END,
                clicks = search_queries.clicks + excluded.clicks, rank_sum = search_queries.rank_sum + excluded.rank_sum
            """)

    /// Of all days from `day` on.
    static func days(of index: Int64, since day: Int64, _ tx: borrowing Transaction) throws -> QueryLog.Counts {
        try tx.first(
            """
            SELECT CAST(COALESCE(SUM(searches), 0) AS \(fragment: .int64)),
                CAST(COALESCE(SUM(empty), 0) AS \(fragment: .int64)),
                CAST(COALESCE(SUM(clicks), 0) AS \(fragment: .int64)),
                CAST(COALESCE(SUM(took), 0) AS \(fragment: .int64))
            FROM search_days WHERE index_key = \(index) AND day >= \(day)
            """
        ) { row in
            QueryLog.Counts(searches: try row[0], empty: try row[1], clicks: try row[2], took: try row[3])
        } ?? QueryLog.Counts()
    }

    static func latencies(
        of index: Int64, since day: Int64, _ tx: borrowing Transaction
    ) throws -> [(bound: Int64, searches: Int64)] {
        try tx.query(
            """
            SELECT bound, CAST(SUM(searches) AS \(fragment: .int64)) FROM search_latencies
            WHERE index_key = \(index) AND day >= \(day) GROUP BY bound ORDER BY bound
            """
        ) { row in (try row[0], try row[1]) }
    }

    static func queries(
        of index: Int64, since day: Int64, _ tx: borrowing Transaction
    ) throws -> [String: QueryLog.Counts] {
        let rows = try tx.query(
            """
            SELECT query, CAST(SUM(searches) AS \(fragment: .int64)), CAST(SUM(empty) AS \(fragment: .int64)),
                CAST(SUM(took) AS \(fragment: .int64)), MAX(slowest), CAST(SUM(clicks) AS \(fragment: .int64)),
                CAST(SUM(rank_sum) AS \(fragment: .int64))
            FROM search_queries WHERE index_key = \(index) AND day >= \(day) GROUP BY query
            """
        ) { row in
            (
                try row[0] as String,
                QueryLog.Counts(
                    searches: try row[1], empty: try row[2], clicks: try row[5], took: try row[3], slowest: try row[4],
                    rankSum: try row[6])
            )
        }
        return Dictionary(rows) { first, _ in first }
    }

    /// Texts that mostly find something, those that were looked for most often first.
    static func successful(
        of index: Int64, since day: Int64, searchesMin: Int64, limit: Int, _ tx: borrowing Transaction
    ) throws -> [(text: String, searches: Int64)] {
        try tx.query(
            """
            SELECT query, CAST(SUM(searches) AS \(fragment: .int64)) FROM search_queries
            WHERE index_key = \(index) AND day >= \(day) GROUP BY query
            HAVING SUM(searches) >= \(searchesMin) AND 2 * SUM(empty) < SUM(searches)
            ORDER BY 2 DESC, query LIMIT \(limit)
            """
        ) { row in (try row[0], try row[1]) }
    }

    static func forget(before day: Int64, _ tx: borrowing Transaction) throws {
        try tx.execute("DELETE FROM search_days WHERE day < \(day)")
        try tx.execute("DELETE FROM search_latencies WHERE day < \(day)")
        try tx.execute("DELETE FROM search_queries WHERE day < \(day)")
    }
}
