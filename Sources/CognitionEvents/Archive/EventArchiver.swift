package import CognitionCore
package import CognitionStorage
import Logging
package import Metrics

/// Moves events that are older than their rule says out of the log, into files.
///
/// Only what everybody who follows the log has passed goes, and of a stream the first events before the later ones. A file
/// and its manifest are durable and read back before the database notes them, and only noted events are deleted, 500 at a
/// time. After a crash what was not noted is put into another file, and what was noted and not deleted is deleted. Of
/// several nodes one archives at a time, and files lie with it.
package struct EventArchiver: Sendable {
    /// Which of the streams of one type, by their ids, are needed as they are by who owns them.
    package typealias Keeper = @Sendable (_ ids: [String], _ tx: borrowing Transaction) throws -> Set<String>

    private static let eventsPerDeletion = 500
    /// How long a file that is not full waits for more events, so that there are not too many files.
    package static let patience: Duration = .seconds(86_400)

    private let log: EventLog
    private let retention: EventRetention
    private let keepers: [String: Keeper]
    private let wallClock: any WallClock
    private let interval: Duration
    private let clock: any Clock<Duration>
    private let eventsMax: Int
    private let claim: ArchiveClaim
    private let metrics: ArchiveMetrics

    /// - Parameters:
    ///   - log: With archives that can be written.
    ///   - keepers: By types of streams.
    ///   - owner: Names this node among those of the database.
    ///   - eventsMax: Events of one file, 1...5,000.
    package init(
        _ log: EventLog, retention: EventRetention, keepers: [String: Keeper] = [:], owner: UUIDv7,
        wallClock: any WallClock = SystemWallClock(), interval: Duration = .seconds(3_600),
        clock: any Clock<Duration> = ContinuousClock(), eventsMax: Int = ArchiveFile.eventsMax,
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        precondition(log.archives.archive != nil, "who archives has somewhere to put it")
        precondition((1...ArchiveFile.eventsMax).contains(eventsMax), "a file has 1 to 5,000 events")
        self.log = log
        self.retention = retention
        self.keepers = keepers
        self.wallClock = wallClock
        self.interval = interval
        self.clock = clock
        self.eventsMax = eventsMax
        claim = ArchiveClaim(ArchivedRangeStore.claimTable, owner: owner)
        self.metrics = ArchiveMetrics(factory: metrics)
    }

    /// Archives every hour until the task is cancelled, and then returns.
    /// - Throws: What the database throws when it is closed.
    package func run() async throws {
        try await ArchiveRounds.run(every: interval, on: clock) {
            let count = try await archiveDue()
            if count > 0 { Logger.current.notice("Events archived", metadata: ["events": "\(count)"]) }
        } failed: { error in
            Logger.current.error("Events cannot be archived", metadata: ["error": "\(error)"])
        }
    }

    /// Archives and deletes what is due; the last events that fill no file wait up to a day for more.
    ///
    /// Looks at what has come to the smallest age of the rules since the round before. Once a day, and when the rules have
    /// changed, it looks at everything: at what has a longer age, and at what was held by who owns its stream, or by an event
    /// before it.
    /// - Returns: How many events were archived.
    /// - Throws: `event.damaged` for one that cannot be kept as it is; nothing after it is archived.
    @discardableResult
    package func archiveDue() async throws -> Int {
        guard try await hold() else { return 0 }
        try await deleteNoted()
        var count = 0
        var look = try await beginLook()
        var firstYoung: Int64?
        while try await hold() {
            let scan = try await scan(after: look.position)
            firstYoung = firstYoung ?? scan.firstYoung
            guard scan.events > 0, scan.isFull || scan.overdue >= Self.patience else {
                // What fills no file is looked at again.
                look.position = scan.positions.map { $0.lowerBound - 1 } ?? scan.position
                break
            }
            guard let archived = try await archive(scan) else { break }
            count += archived
            look.position = scan.position
            try await deleteNoted()
        }
        try await tellOldest()
        if let firstYoung { look.position = min(look.position, firstYoung - 1) }
        let (claim, end) = (claim, look)
        try await log.database.write { tx in
            try ArchivedRangeStore.keep(end, as: claim, in: tx)
            try claim.end(in: tx)
        }
        return count
    }

    /// From where this round looks.
    private func beginLook() async throws -> ArchiveLook {
        let now = wallClock.now
        let last = try await log.database.read { try ArchivedRangeStore.look(in: $0) }
        let isRecent = (last.everythingAt...last.everythingAt + Self.patience).contains(now)
        guard last.rules == retention.digest, isRecent else {
            return ArchiveLook(position: 0, everythingAt: now, rules: retention.digest)
        }
        return last
    }

    private func hold() async throws -> Bool {
        let claim = claim
        return try await log.database.write { try claim.take(in: $0) }
    }

    // MARK: One file

    /// - Returns: The events of the next file, as far as it gets.
    private func scan(after position: Int64) async throws -> ArchiveScan {
        let now = wallClock.now
        var scan = ArchiveScan(
            after: position, retention: retention, keepers: keepers, now: now, eventsMax: eventsMax)
        let (end, follower) = try await log.database.read { try ArchivedRangeStore.passed(in: $0) }
        while !scan.isFull, scan.position < end, try await mayBeDue(after: scan.position, now: now) {
            try Task.checkCancellation()
            let before = scan
            scan = try await log.database.read { tx in
                var scan = before
                try scan.step(upTo: end, in: tx)
                return scan
            }
        }
        if let follower, scan.position >= end, try await mayBeDue(after: end, now: now) {
            Logger.current.warning(
                "Archiving waits for who follows the log",
                metadata: ["subscription.name": "\(follower)", "event.position": "\(end)"])
        }
        return scan
    }

    /// Whether an event after a position is so old that one of the rules could let it go: times follow positions, but for
    /// the skew of clocks.
    private func mayBeDue(after position: Int64, now: Timestamp) async throws -> Bool {
        guard let age = retention.ageMin else { return false }
        let time = try await log.database.read { tx in
            try tx.first("SELECT time FROM events WHERE position > \(position) ORDER BY position LIMIT 1") {
                try $0[0] as Timestamp
            }
        }
        return time.map { $0 < now - age + EventFilter.clockSkewMax } ?? false
    }

    /// Makes a file and notes it.
    /// - Returns: How many events are in it; `nil` when another node archives by now, or somebody else has to pass them.
    private func archive(_ scan: ArchiveScan) async throws -> Int? {
        let number = try await log.database.read { try ArchivedRangeStore.lastNumber(in: $0) } + 1
        let range = try await store(scan, as: number)
        let claim = claim
        let isNoted = try await log.database.write { tx in
            guard try ArchivedRangeStore.passed(in: tx).position >= range.lastPosition else { return false }
            return try ArchivedRangeStore.note(range, scan.streams, as: claim, in: tx)
        }
        // A file that is not noted stays: it does no harm, and may be another node's by now.
        guard isNoted else { return nil }
        metrics.archived.increment(by: range.events)
        metrics.bytes.increment(by: range.bytes)
        return range.events
    }

    /// Writes file and manifest, and reads them back.
    @concurrent private func store(_ scan: ArchiveScan, as number: Int64) async throws -> ArchivedRange {
        guard let positions = scan.positions, let times = scan.times, let archive = log.archives.archive else {
            preconditionFailure("a file has events")
        }
        let packed = Gzip.packed(Array(scan.lines.joined()))
        let digest = SHA256Digest(of: packed)
        let digits = String(number)
        let padded = String(repeating: "0", count: max(0, 8 - digits.count)) + digits
        // Two nodes that have both taken the number do not write over each other.
        let range = ArchivedRange(
            number: number, name: "events-\(padded)-\(digest.description.prefix(12)).jsonl.gz",
            firstPosition: positions.lowerBound, lastPosition: positions.upperBound, events: scan.events,
            firstTime: times.first, lastTime: times.last, bytes: packed.count, sha256: digest,
            archivedAt: wallClock.now, isDeleted: false)
        try archive.store(packed, as: range.name)
        try archive.store(
            range.manifest.jsonBytes + [UInt8(ascii: "\n")], as: ArchivedRange.manifestName(of: range.name))
        let damaged = try log.archives.read(range).damagedPositions()
        guard damaged.isEmpty else {
            throw EventError(.eventDamaged, "the archive \(range.name) is not what was written", position: damaged[0])
        }
        return range
    }

    private func deleteNoted() async throws {
        for range in try await log.database.read({ try ArchivedRangeStore.undeleted(in: $0) }) {
            var isDone = false
            while !isDone {
                guard try await hold() else { return }
                isDone = try await log.database.write {
                    try ArchivedRangeStore.delete(range.number, limit: Self.eventsPerDeletion, in: $0)
                }
            }
        }
    }

    private func tellOldest() async throws {
        let time = try await log.database.read { tx in
            try tx.first("SELECT time FROM events ORDER BY position LIMIT 1") { try $0[0] as Timestamp }
        }
        metrics.oldest.record(time.map { max(.zero, wallClock.now - $0).seconds } ?? 0)
    }
}

/// What archiving counts.
private struct ArchiveMetrics: Sendable {
    let archived: Counter
    let bytes: Counter
    /// Seconds.
    let oldest: Gauge

    init(factory: any MetricsFactory) {
        archived = Counter(label: "events.archived", factory: factory)
        bytes = Counter(label: "events.archive.bytes", factory: factory)
        oldest = Gauge(label: "events.oldest.age", factory: factory)
    }
}
