import CognitionCore
package import CognitionStorage
import Synchronization

/// Reads events that have left the database back from their files, where these are at hand.
///
/// The last files that were read stay in memory, at most 32 MiB of them.
package final class EventArchives: Sendable {
    private static let cachedBytesMax = 32 << 20

    /// Where files lie; `nil` where there are none, so that what they have is told to be elsewhere.
    let archive: (any Archive)?
    /// The one that was used last comes last.
    private let cache = Mutex<[ArchiveFile]>([])

    package init(_ archive: any Archive) { self.archive = archive }

    private init() { archive = nil }

    package static let none = EventArchives()

    // MARK: Files

    /// - Throws: `event.archived` when it is not at hand; `event.damaged`.
    @concurrent func file(_ range: ArchivedRange) async throws -> ArchiveFile {
        let cached = cache.withLock { files -> ArchiveFile? in
            guard let place = files.firstIndex(where: { $0.range.sha256 == range.sha256 }) else { return nil }
            files.append(files.remove(at: place))
            return files.last
        }
        if let cached { return cached }
        let file = try read(range)
        cache.withLock { files in
            files.append(file)
            while files.count > 1, files.reduce(0, { $0 + $1.size }) > Self.cachedBytesMax { files.removeFirst() }
        }
        return file
    }

    /// Reads a file anew, so that what is found is what lies there now.
    func read(_ range: ArchivedRange) throws(EventError) -> ArchiveFile {
        let packed: [UInt8]?
        do {
            packed = try archive?.load(range.name, bytesMax: ArchiveFile.packedBytesMax)
        } catch {
            throw EventError(.eventDamaged, "the archive \(range.name) cannot be read", cause: error)
        }
        guard let packed else { throw EventError.archived(range) }
        guard SHA256Digest(of: packed) == range.sha256 else {
            throw EventError(.eventDamaged, "the archive \(range.name) is not the one that was noted")
        }
        return try ArchiveFile(range, packed: packed)
    }

    /// Whether a file is at hand, whatever is in it.
    package func has(_ range: ArchivedRange) -> Bool { archive?.has(range.name) ?? false }

    // MARK: Pages

    /// Puts a page together of the rows and what lies in the files.
    /// - Throws: `event.archived`, `event.damaged`.
    @concurrent func complete(_ window: LogWindow) async throws -> EventPage {
        guard let positions = window.positions, !window.files.isEmpty else { return window.page }
        var merged = MergedEvents(window.page.events, window.direction, limit: window.limit, end: window.page.position)
        for range in window.files {
            // What lies beyond what there is room for need not be looked at.
            guard let wanted = merged.wanted(of: positions), wanted.overlaps(range.positions) else { continue }
            var taken = 0
            try await file(range).events(in: wanted, window.direction) { event, bytes in
                guard window.filter.matches(event) else { return true }
                merged.add(event, bytes: bytes)
                taken += 1
                return taken < window.limit
            }
            merged.cut()
        }
        return window.page(merged.events, upTo: merged.end)
    }

    /// The same for a page of one stream, which may be shorter where many files have its events.
    /// - Throws: `event.archived`, `event.damaged`.
    @concurrent func complete(_ window: StreamWindow) async throws -> StreamPage {
        guard let missing = window.missing, !window.files.isEmpty else { return window.page }
        var events = window.direction == .forward ? [] : window.page.events
        var next = window.direction == .forward ? missing.lowerBound : missing.upperBound
        var bytes = 0
        var isFull = events.count >= window.limit
        for range in window.files where !isFull {
            try await file(range).events(in: range.positions, window.direction) { event, size in
                guard event.version == next, event.stream == window.stream, event.workspace == window.workspace else {
                    return true
                }
                events.append(event)
                bytes += size
                next += window.direction == .forward ? 1 : -1
                isFull = events.count >= window.limit || bytes >= EventReader.payloadBytesMax
                return !isFull && missing.contains(next)
            }
        }
        guard !events.isEmpty else {
            throw EventError(.eventDamaged, "events of \(window.stream) are missing at version \(next)")
        }
        // Rows follow only what they follow.
        if window.direction == .forward, !isFull, next > missing.upperBound {
            events += window.page.events.prefix(window.limit - events.count)
        }
        return StreamPage(events: events, version: window.page.version)
    }
}

/// Events of rows and files in one order, each once, cut to a page.
private struct MergedEvents {
    private(set) var events: [Event]
    /// The last position that the page speaks of.
    private(set) var end: Int64
    private let direction: ReadDirection
    private let limit: Int
    private var known: Set<Int64>
    private var bytes: [Int64: Int] = [:]

    init(_ rows: [Event], _ direction: ReadDirection, limit: Int, end: Int64) {
        events = rows
        self.end = end
        self.direction = direction
        self.limit = limit
        known = Set(rows.map(\.position))
    }

    /// What of `positions` there is room for.
    func wanted(of positions: ClosedRange<Int64>) -> ClosedRange<Int64>? {
        let (first, last) =
            direction == .forward
            ? (positions.lowerBound, min(positions.upperBound, end))
            : (max(positions.lowerBound, end), positions.upperBound)
        return first <= last ? first...last : nil
    }

    mutating func add(_ event: Event, bytes size: Int) {
        // One that is noted and not deleted yet is in both.
        guard known.insert(event.position).inserted else { return }
        events.append(event)
        bytes[event.position] = size
    }

    /// Lets go of what is too much for one page.
    mutating func cut() {
        events.sort { direction == .forward ? $0.position < $1.position : $0.position > $1.position }
        var size = 0
        var count = 0
        for event in events.prefix(limit) where count == 0 || size < EventReader.payloadBytesMax {
            size += bytes[event.position] ?? 0
            count += 1
        }
        guard count < events.count || count == limit, let last = events.prefix(count).last else { return }
        for event in events[count...] { known.remove(event.position) }
        events.removeSubrange(count...)
        end = last.position
    }
}
