import CognitionCore
import Synchronization

/// What is kept of what people look for.
package enum AnalyticsMode: String, Sendable, CaseIterable {
    /// Nothing.
    case off
    /// How many searches and how long they took; of texts only those that several people have looked for.
    case counts
    /// The text of every search.
    case queries
}

/// Counts searches in memory, until the database is told: a lock for a moment, and bounded, so that no search waits for it.
///
/// Of an index and day it knows at most ``queriesMax`` texts. When there are more, those that were looked for least often are
/// forgotten, so that what is looked for often stays.
final class QueryLog: Sendable {
    static let queriesMax = 1_000
    /// Indexes of which something is known at once; what comes for others before the database was told is not counted.
    private static let indexesMax = 1_000
    /// Of a text; longer ones are cut off.
    private static let bytesMax = 200
    /// People who must have looked for a text before it is kept, unless every text is.
    static let askersMin = 3
    /// Upper bounds of how long searches took, in microseconds; the last is without one.
    static let bounds: [Int64] = [
        250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 1_000_000, 5_000_000,
        .max,
    ]

    struct Key: Hashable, Sendable {
        let index: Int64
        /// Since 1970.
        let day: Int64
    }

    struct Counts: Sendable {
        var searches: Int64 = 0
        var empty: Int64 = 0
        var clicks: Int64 = 0
        var took: Int64 = 0
        var slowest: Int64 = 0
        var rankSum: Int64 = 0

        mutating func add(_ other: Counts) {
            searches += other.searches
            empty += other.empty
            clicks += other.clicks
            took += other.took
            slowest = max(slowest, other.slowest)
            rankSum += other.rankSum
        }
    }

    /// A text, and who looked for it.
    struct Entry: Sendable {
        /// Of today, whether the database knows it or not.
        var total = Counts()
        /// What the database does not know yet.
        var fresh = Counts()
        /// Hashes of actors, at most so many as decide.
        var askers: Set<Int> = []
    }

    struct Day: Sendable {
        var fresh = Counts()
        var latencies = [Int64](repeating: 0, count: QueryLog.bounds.count)
        var queries: [String: Entry] = [:]
    }

    let mode: AnalyticsMode
    private let days = Mutex<[Key: Day]>([:])

    init(mode: AnalyticsMode) { self.mode = mode }

    static func day(of moment: Timestamp) -> Int64 { moment.microseconds.floorDivided(by: 86_400_000_000).quotient }

    /// The same for texts that differ in case and white space alone.
    static func normalized(_ text: String) -> String {
        var result: [UInt8] = []
        var isGap = false
        for byte in text.utf8.prefix(4 * bytesMax) {
            if byte <= 0x20 || byte == 0x7F {
                isGap = !result.isEmpty
                continue
            }
            if isGap { result.append(0x20) }
            isGap = false
            result.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte)
            if result.count >= bytesMax { break }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// - Parameters:
    ///   - query: As it was written; `nil` for one that a program has put together.
    ///   - hits: How many there are.
    func note(_ query: String?, of index: Int64, at moment: Timestamp, by actor: String, hits: Int, took: Duration) {
        guard mode != .off else { return }
        let micros = took.microseconds
        let text = query.map(Self.normalized).flatMap { $0.isEmpty ? nil : $0 }
        let counts = Counts(searches: 1, empty: hits == 0 ? 1 : 0, took: micros, slowest: micros)
        let bound = Self.bounds.firstIndex { micros <= $0 } ?? Self.bounds.count - 1
        change(Key(index: index, day: Self.day(of: moment))) { day in
            day.fresh.add(counts)
            day.latencies[bound] += 1
            if let text { Self.add(counts, to: text, by: actor, &day) }
        }
    }

    /// Somebody has opened a hit.
    /// - Parameter rank: Its place, from 1.
    func noteClick(on query: String, of index: Int64, at moment: Timestamp, by actor: String, rank: Int) {
        guard mode != .off else { return }
        let text = Self.normalized(query)
        let counts = Counts(clicks: 1, rankSum: Int64(rank))
        change(Key(index: index, day: Self.day(of: moment))) { day in
            day.fresh.add(counts)
            // A click on what nobody has looked for says nothing.
            if day.queries[text] != nil { Self.add(counts, to: text, by: actor, &day) }
        }
    }

    private func change(_ key: Key, _ body: (inout Day) -> Void) {
        days.withLock { days in
            guard days[key] != nil || days.count < Self.indexesMax else { return }
            body(&days[key, default: Day()])
        }
    }

    private static func add(_ counts: Counts, to text: String, by actor: String, _ day: inout Day) {
        if day.queries[text] == nil, day.queries.count >= queriesMax { forgetRarest(of: &day) }
        day.queries[text, default: Entry()].note(counts, by: actor.hashValue)
    }

    /// Half of them at once, so that it is rarely done.
    private static func forgetRarest(of day: inout Day) {
        let kept = day.queries.sorted { $0.value.total.searches > $1.value.total.searches }.prefix(queriesMax / 2)
        day.queries = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
    }

    /// What the database is to be told, and is then known to it. Days that are over are forgotten.
    func take(today: Int64) -> [(key: Key, day: Day)] {
        let isKept = mode == .queries
        return days.withLock { days in
            var taken: [(Key, Day)] = []
            for (key, day) in days {
                var told = day
                told.queries = day.queries.filter { entry in
                    entry.value.fresh.searches + entry.value.fresh.clicks > 0
                        && (isKept || entry.value.askers.count >= Self.askersMin)
                }
                if told.fresh.searches + told.fresh.clicks > 0 || !told.queries.isEmpty { taken.append((key, told)) }
                guard key.day >= today else {
                    days[key] = nil
                    continue
                }
                var rest = day
                rest.fresh = Counts()
                rest.latencies = [Int64](repeating: 0, count: Self.bounds.count)
                for text in told.queries.keys { rest.queries[text]?.fresh = Counts() }
                days[key] = rest
            }
            return taken
        }
    }

    /// What could not be told is told later.
    func giveBack(_ taken: [(key: Key, day: Day)]) {
        days.withLock { days in
            for (key, day) in taken where days[key] != nil || days.count < Self.indexesMax {
                var current = days[key] ?? Day()
                current.fresh.add(day.fresh)
                for place in current.latencies.indices { current.latencies[place] += day.latencies[place] }
                for (text, entry) in day.queries { current.queries[text, default: entry].fresh = entry.fresh }
                days[key] = current
            }
        }
    }

    /// What the database does not know of an index.
    /// - Parameter actor: Who looks: sees what they have looked for themselves, besides what anybody may see.
    func fresh(of index: Int64, for actor: String) -> [(day: Int64, counts: Day)] {
        let (isKept, asker) = (mode == .queries, actor.hashValue)
        return days.withLock { days in
            days.filter { $0.key.index == index }.map { key, day in
                var seen = day
                seen.queries = day.queries.compactMapValues { entry in
                    if isKept || entry.askers.count >= Self.askersMin { return entry }
                    guard entry.askers.contains(asker) else { return nil }
                    // Of a text that is not kept the database knows nothing, and all of it is told from here.
                    var own = entry
                    own.fresh = entry.total
                    return own
                }
                return (key.day, seen)
            }
        }
    }
}

extension QueryLog.Entry {
    mutating func note(_ counts: QueryLog.Counts, by asker: Int) {
        total.add(counts)
        fresh.add(counts)
        if askers.count < QueryLog.askersMin { askers.insert(asker) }
    }
}
