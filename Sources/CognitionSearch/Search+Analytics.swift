package import CognitionCore
import CognitionStorage

/// What people look for, and how long it takes.
extension Search {
    /// Writes what was counted, and forgets what is kept no longer.
    package func flushAnalytics() async throws {
        guard settings.analytics != .off else { return }
        let today = QueryLog.day(of: clock.now)
        let taken = queries.take(today: today)
        // What is old is forgotten together with what is new, so that a quiet server has nothing to write.
        guard !taken.isEmpty else { return }
        do {
            let oldest = today - Int64(settings.analyticsDays)
            try await database.write { tx in
                try AnalyticsStore.add(taken, tx)
                try AnalyticsStore.forget(before: oldest, tx)
            }
        } catch {
            queries.giveBack(taken)
            throw error
        }
    }

    private static let listMax = 20

    /// Of the last days: what is looked for most, what finds nothing, what is slow, and how long searches take.
    ///
    /// Texts are shown that at least three people have looked for within a day, or all where the settings keep all; besides
    /// these, what the caller has looked for lately.
    package func analytics(of name: String, as caller: SearchCaller) async throws -> JSONValue {
        let address = try address(of: name, for: caller)
        let since = QueryLog.day(of: clock.now) - Int64(settings.analyticsDays)
        let (index, kept, latencies, texts) = try await database.read { tx in
            let index = try IndexStore.existing(address, tx)
            return (
                index, try AnalyticsStore.days(of: index.key, since: since, tx),
                try AnalyticsStore.latencies(of: index.key, since: since, tx),
                try AnalyticsStore.queries(of: index.key, since: since, tx)
            )
        }
        let build = try await copies.copy(of: address).answering(within: Self.buildingWait)
        let snapshot = build.index.snapshot()
        var (total, queries) = (kept, texts)
        var bounds = Dictionary(latencies.map { ($0.bound, $0.searches) }) { $0 + $1 }
        for (_, day) in self.queries.fresh(of: index.key, for: caller.principal.actor) {
            total.add(day.fresh)
            for (bound, count) in zip(QueryLog.bounds, day.latencies) { bounds[bound, default: 0] += count }
            for (text, entry) in day.queries { queries[text, default: QueryLog.Counts()].add(entry.fresh) }
        }
        return [
            "indexed_documents": .integer(Int64(snapshot.documentCount)),
            "vocabulary_size": .integer(Int64(build.vocabularySize)),
            "searches": .integer(total.searches), "zero_results": .integer(total.empty),
            "clicks": .integer(total.clicks),
            "popular_queries": Self.list(queries) { ($0.searches, true) },
            "zero_result_queries": Self.list(queries) { ($0.empty, $0.empty > 0) },
            "slow_queries": Self.list(queries) { ($0.slowest, $0.slowest > 0) },
            "latency": Self.latency(bounds, total),
            "texts": .string(settings.analytics.rawValue),
        ]
    }

    private static func list(
        _ queries: [String: QueryLog.Counts], by rank: (QueryLog.Counts) -> (Int64, Bool)
    ) -> JSONValue {
        let sorted = queries.filter { rank($0.value).1 }.sorted {
            (rank($1.value).0, $0.key) < (rank($0.value).0, $1.key)
        }
        return .array(
            sorted.prefix(listMax).map { text, counts in
                [
                    "query": .string(text), "count": .integer(counts.searches), "zero_results": .integer(counts.empty),
                    "clicks": .integer(counts.clicks),
                    "average_ms": JSONValue(
                        counts.searches == 0 ? 0 : milliseconds(Double(counts.took) / Double(counts.searches))),
                    "slowest_ms": JSONValue(milliseconds(Double(counts.slowest))),
                    "average_click_rank": counts.clicks == 0
                        ? .null : JSONValue(Double(counts.rankSum) / Double(counts.clicks)),
                ]
            })
    }

    private static func milliseconds(_ micros: Double) -> Double { (micros / 10).rounded() / 100 }

    /// The histogram, and upper bounds of quantiles that follow from it.
    private static func latency(_ bounds: [Int64: Int64], _ total: QueryLog.Counts) -> JSONValue {
        let sorted = bounds.filter { $0.value > 0 }.sorted { $0.key < $1.key }
        let count = sorted.reduce(0) { $0 + $1.value }
        func quantile(_ part: Double) -> JSONValue {
            var seen: Int64 = 0
            for (bound, searches) in sorted {
                seen += searches
                if Double(seen) >= part * Double(count) {
                    return bound == .max ? .null : JSONValue(milliseconds(Double(bound)))
                }
            }
            return .null
        }
        return [
            "average_ms": total.searches == 0
                ? .null : JSONValue(milliseconds(Double(total.took) / Double(total.searches))),
            "p50_ms": quantile(0.5), "p95_ms": quantile(0.95), "p99_ms": quantile(0.99),
            "histogram": .array(
                sorted.map { bound, searches in
                    [
                        "up_to_ms": bound == .max ? .null : JSONValue(milliseconds(Double(bound))),
                        "count": .integer(searches),
                    ]
                }),
        ]
    }

    /// Notes that somebody has opened a hit.
    /// - Parameter rank: Its place among the hits, from 1.
    package func noteClick(
        on query: String, rank: Int, in name: String, as caller: SearchCaller
    ) async throws {
        let copy = try await copies.copy(of: try address(of: name, for: caller))
        queries.noteClick(on: query, of: copy.key, at: clock.now, by: caller.principal.actor, rank: rank)
    }
}
