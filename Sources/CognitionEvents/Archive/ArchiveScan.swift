import CognitionCore
import CognitionStorage

/// Looks through the log for events that are due, and puts those of one file together.
///
/// Of a stream, events go from its first on, so that what is left of it has no gaps: one that stays holds those after it.
struct ArchiveScan: Sendable {
    /// Positions that one transaction looks through.
    private static let windowMax: Int64 = 10_000
    /// Positions from the first event of a file to its last at most, so that a reader of some positions needs few files.
    private static let spanMax: Int64 = 100_000
    private static let rowsMax = 100
    private static let streamsMax = 256
    /// Streams that are known at once.
    private static let knownMax = 100_000

    private let retention: EventRetention
    private let keepers: [String: EventArchiver.Keeper]
    private let now: Timestamp
    private let eventsMax: Int

    /// Everything up to here was looked through.
    private(set) var position: Int64
    /// The first event that is younger than the smallest age, and so may be due the next time.
    private(set) var firstYoung: Int64?
    private(set) var isFull = false
    /// In pieces, which a copy of this shares.
    private(set) var lines: [[UInt8]] = []
    private var bytes = 0
    private(set) var events = 0
    private(set) var times: (first: Timestamp, last: Timestamp)?
    private(set) var positions: ClosedRange<Int64>?
    /// For how long the first that was due has been.
    private(set) var overdue: Duration = .zero
    private var pieces: [Int64: ArchivedStream] = [:]
    /// The version of a stream that may go next; 0 for one whose events are needed.
    private var next: [Int64: Int64] = [:]

    private struct Candidate {
        let position: Int64
        let streamKey: Int64
        let version: Int64
        let type: String
        let time: Timestamp
    }

    init(
        after position: Int64, retention: EventRetention, keepers: [String: EventArchiver.Keeper], now: Timestamp,
        eventsMax: Int
    ) {
        self.position = position
        self.retention = retention
        self.keepers = keepers
        self.now = now
        self.eventsMax = eventsMax
    }

    var streams: [ArchivedStream] { pieces.values.sorted { $0.streamKey < $1.streamKey } }

    /// Looks through the next positions up to `end`.
    mutating func step(upTo end: Int64, in tx: borrowing Transaction) throws {
        let last = min(end, position + Self.windowMax)
        let found = try candidates(upTo: last, in: tx)
        // Those that are forgotten are learnt of again.
        if next.count > Self.knownMax { next = pieces.mapValues { $0.lastVersion + 1 } }
        try learn(found, in: tx)
        var chosen: [Candidate] = []
        var isTooWide = false
        for candidate in found where next[candidate.streamKey] == candidate.version {
            if let first = positions?.lowerBound ?? chosen.first?.position, candidate.position - first > Self.spanMax {
                isTooWide = true
                break
            }
            next[candidate.streamKey] = candidate.version + 1
            chosen.append(candidate)
        }
        for start in stride(from: 0, to: chosen.count, by: Self.rowsMax) {
            try take(chosen[start..<min(start + Self.rowsMax, chosen.count)], in: tx)
            if isFull, let positions { return position = positions.upperBound }
        }
        isFull = isTooWide
        position = isTooWide ? chosen.last?.position ?? position : last
    }

    /// Events whose age is beyond what their type is kept for.
    private mutating func candidates(upTo last: Int64, in tx: borrowing Transaction) throws -> [Candidate] {
        var ages: [String: Duration?] = [:]
        let rows = try tx.query(
            """
            SELECT position, stream_key, version, type, time FROM events
            WHERE position > \(position) AND position <= \(last) ORDER BY position
            """
        ) { row in
            Candidate(
                position: try row[0], streamKey: try row[1], version: try row[2], type: try row[3], time: try row[4])
        }
        if firstYoung == nil, let ageMin = retention.ageMin {
            firstYoung = rows.first { $0.time >= now - ageMin }?.position
        }
        return rows.filter { row in
            let age = ages[row.type] ?? retention.age(of: row.type)
            ages[row.type] = .some(age)
            return age.map { row.time < now - $0 } ?? false
        }
    }

    /// Learns of streams that have not come before which version is their first here, and whether they are needed.
    private mutating func learn(_ candidates: [Candidate], in tx: borrowing Transaction) throws {
        let keys = Set(candidates.map(\.streamKey)).filter { next[$0] == nil }.sorted()
        for start in stride(from: 0, to: keys.count, by: Self.streamsMax) {
            let streams = try tx.query(
                """
                SELECT s.key, s.type, s.id, (SELECT min(e.version) FROM events e WHERE e.stream_key = s.key)
                FROM streams s WHERE s.key IN \(list: keys[start..<min(start + Self.streamsMax, keys.count)])
                """
            ) { row in
                (
                    key: try row[0] as Int64, name: StreamName(try row[1], try row[2]),
                    version: try row[3] as Int64? ?? 0
                )
            }
            for stream in streams { next[stream.key] = stream.version }
            for (type, group) in Dictionary(grouping: streams, by: \.name.type) {
                guard let keeper = keepers[type] else { continue }
                let kept = try keeper(group.map(\.name.id), tx)
                for stream in group where kept.contains(stream.name.id) { next[stream.key] = 0 }
            }
        }
    }

    /// Adds events to the file, until it is full.
    private mutating func take(_ candidates: ArraySlice<Candidate>, in tx: borrowing Transaction) throws {
        let rows = try tx.query(
            """
            SELECT \(columns: EventRow.columns) FROM events e CROSS JOIN streams s
            WHERE s.key = e.stream_key AND e.position IN \(list: candidates.map(\.position)) ORDER BY e.position
            """, as: EventRow.init)
        guard rows.count == candidates.count else {
            throw EventError(.eventDamaged, "an event has no stream, so that it cannot be archived")
        }
        var piece: [UInt8] = []
        defer {
            lines.append(piece)
            bytes += piece.count
        }
        for (candidate, row) in zip(candidates, rows) {
            do {
                piece += try ArchiveLine.line(row, data: try row.loadData(in: tx))
            } catch let error as EventError {
                throw EventError(
                    error.code, "the event at position \(row.position) cannot be archived: \(error.message)",
                    position: row.position, cause: error)
            }
            note(candidate)
            if events >= eventsMax || bytes + piece.count >= ArchiveFile.bytesMax {
                isFull = true
                return
            }
        }
    }

    private mutating func note(_ event: Candidate) {
        events += 1
        positions = (positions?.lowerBound ?? event.position)...event.position
        times = (min(times?.first ?? event.time, event.time), max(times?.last ?? event.time, event.time))
        if let age = retention.age(of: event.type) { overdue = max(overdue, now - event.time - age) }
        pieces[
            event.streamKey,
            default: ArchivedStream(
                streamKey: event.streamKey, firstVersion: event.version, lastVersion: event.version)
        ].lastVersion = event.version
    }
}
