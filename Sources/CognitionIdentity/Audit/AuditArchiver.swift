import CognitionCore
package import CognitionStorage
import Logging

/// Moves entries of the audit trail that are older than the rule says into an archive, and deletes them.
///
/// A file is durable before the database notes how far the archive goes, and only what lies before that mark is deleted,
/// 500 entries at a time. After a crash in between, the same entries are put into a file of the same name again. Of several
/// nodes one archives at a time, and files lie with it.
package struct AuditArchiver: Sendable {
    /// Entries of one file.
    package static let entriesPerFile = 5_000
    private static let entriesPerDeletion = 500
    /// Of entries younger than that, one may still be on its way.
    package static let retentionMin: Duration = .seconds(86_400)

    private let identity: Identity
    private let archive: any Archive
    private let retention: Duration
    private let claim: ArchiveClaim
    private let interval: Duration
    private let clock: any Clock<Duration>

    /// - Parameter retention: How long entries stay in the database; ``retentionMin`` or more.
    package init(
        _ identity: Identity, archive: any Archive, retention: Duration, interval: Duration = .seconds(3_600),
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        precondition(retention >= Self.retentionMin, "entries stay in the database for at least a day")
        self.identity = identity
        self.archive = archive
        self.retention = retention
        claim = ArchiveClaim("audit_retention", owner: identity.ids.next())
        self.interval = interval
        self.clock = clock
    }

    /// Archives every hour until the task is cancelled, and then returns.
    /// - Throws: What the database throws when it is closed.
    package func run() async throws {
        try await ArchiveRounds.run(every: interval, on: clock) {
            try await archiveDue()
        } failed: { error in
            Logger.current.error("Audit trail cannot be archived", metadata: ["error": "\(error)"])
        }
    }

    /// Archives and deletes everything that is due.
    /// - Returns: How many entries were archived.
    @discardableResult
    package func archiveDue() async throws -> Int {
        let (database, claim) = (identity.database, claim)
        guard try await database.write({ try claim.take(in: $0) }) else { return 0 }
        let before = identity.clock.now - retention
        var count = 0
        while try await database.write({ try claim.take(in: $0) }) {
            try await deleteArchived()
            guard let archived = try await archiveNext(before: before) else { break }
            count += archived
        }
        try await deleteArchived()
        try await database.write { try claim.end(in: $0) }
        return count
    }

    /// - Returns: How many entries were archived; `nil` when none is due, or another node archives by now.
    private func archiveNext(before: Timestamp) async throws -> Int? {
        let (place, entries) = try await identity.database.read { tx in
            let place = try AuditStore.archived(tx)
            return (place, try AuditStore.due(after: place, before: before, limit: Self.entriesPerFile, tx))
        }
        guard let first = entries.first, let last = entries.last else { return nil }
        let name = "audit-\(first.time.description.prefix(10))-\(first.key).jsonl"
        try archive.store(entries.flatMap { $0.json.jsonBytes + [UInt8(ascii: "\n")] }, as: name)
        let act = Act(actor: Act.server, client: .local, time: identity.clock.now, ids: identity.ids)
        let isNoted = try await identity.database.write { [owner = claim.owner] tx in
            let end = AuditStore.Place(time: last.time, key: last.key)
            guard try AuditStore.advance(from: place, to: end, as: owner, tx) else { return false }
            try act.audit(
                .auditArchive, in: nil,
                details: [
                    "file": .string(name), "entries": .integer(Int64(entries.count)),
                    "until": .string(last.time.description),
                ], tx)
            return true
        }
        guard isNoted else {
            try archive.discard(name)
            return nil
        }
        identity.metrics.countArchived(entries.count)
        return entries.count
    }

    private func deleteArchived() async throws {
        while true {
            let deleted = try await identity.database.write {
                try AuditStore.deleteArchived(limit: Self.entriesPerDeletion, $0)
            }
            guard deleted == Self.entriesPerDeletion else { return }
        }
    }
}
