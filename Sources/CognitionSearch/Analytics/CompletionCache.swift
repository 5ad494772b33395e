import CognitionCore
import CognitionStorage
import Synchronization

/// What several people have looked for with success, for whoever types the beginning of it; read from the database once in a
/// while.
final class CompletionCache: Sendable {
    struct Entry: Sendable {
        let table: Completions
        let texts: Set<String>
        let readAt: ContinuousClock.Instant
    }

    private static let life: Duration = .seconds(60)
    private static let indexesMax = 256
    private static let textsMax = 1_000
    /// Where every text is kept, those that were looked for so often.
    private static let searchesMin: Int64 = 3

    private let entries = Mutex<[Int64: Entry]>([:])

    func of(_ index: Int64, in search: Search) async throws -> Entry {
        let known = entries.withLock { $0[index] }
        if let known, .now - known.readAt < Self.life { return known }
        guard search.settings.analytics != .off else {
            return Entry(table: Completions(), texts: [], readAt: .now)
        }
        let since = QueryLog.day(of: search.clock.now) - Int64(search.settings.analyticsDays)
        let texts = try await search.database.read { tx in
            try AnalyticsStore.successful(
                of: index, since: since, searchesMin: search.settings.analytics == .queries ? Self.searchesMin : 1,
                limit: Self.textsMax, tx)
        }
        let entry = Entry(
            table: Completions(texts.map { Completions.Entry($0.text, weight: Double($0.searches)) }),
            texts: Set(texts.map(\.text)), readAt: .now)
        entries.withLock { entries in
            if entries.count >= Self.indexesMax, let oldest = entries.min(by: { $0.value.readAt < $1.value.readAt }) {
                entries[oldest.key] = nil
            }
            entries[index] = entry
        }
        return entry
    }
}
