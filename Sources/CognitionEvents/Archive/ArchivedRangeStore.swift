import CognitionCore
import CognitionStorage

/// What the database notes of events that have left it.
enum ArchivedRangeStore {
    /// Files that one page of a stream is put together of at most.
    static let filesMax = 16
    static let claimTable: StaticString = "event_archiving"

    // MARK: Reading

    /// The head of the log, and the highest position that lies in any archive: what comes after is in the log.
    static func ends(in tx: borrowing Transaction) throws -> (head: Int64, archived: Int64) {
        let archived = try tx.first("SELECT archived_position FROM event_archiving WHERE id = 1") { try $0[0] as Int64 }
        return (try EventReader.head(in: tx), archived ?? 0)
    }

    /// Files that may have events at some of `positions`, by their first.
    /// - Parameter since: Files whose events are all older are left out.
    static func ranges(
        overlapping positions: ClosedRange<Int64>, since: Timestamp? = nil, in tx: borrowing Transaction
    ) throws -> [ArchivedRange] {
        try tx.query(
            """
            SELECT \(columns: ArchivedRange.columns) FROM event_archives
            WHERE last_position >= \(positions.lowerBound) AND first_position <= \(positions.upperBound)
                AND last_time >= \(since ?? Timestamp(microseconds: .min)) ORDER BY first_position, number
            """, as: ArchivedRange.init(row:))
    }

    /// Those of them that have events of one stream.
    static func ranges(
        of streamKey: Int64, overlapping positions: ClosedRange<Int64>, in tx: borrowing Transaction
    ) throws -> [ArchivedRange] {
        try tx.query(
            """
            SELECT \(columns: ArchivedRange.columns) FROM event_archives
            WHERE last_position >= \(positions.lowerBound) AND first_position <= \(positions.upperBound)
                AND number IN (SELECT archive FROM archived_streams WHERE stream_key = \(streamKey))
            ORDER BY first_position, number
            """, as: ArchivedRange.init(row:))
    }

    /// Files that have some of the versions of a stream, in the order of reading, at most ``filesMax``.
    static func ranges(
        of streamKey: Int64, versions: ClosedRange<Int64>, _ direction: ReadDirection, in tx: borrowing Transaction
    ) throws -> [ArchivedRange] {
        let order: SQL = direction == .forward ? "p.last_version" : "p.last_version DESC"
        return try tx.query(
            """
            SELECT \(columns: ArchivedRange.columns) FROM archived_streams p JOIN event_archives a ON a.number = p.archive
            WHERE p.stream_key = \(streamKey) AND p.last_version >= \(versions.lowerBound)
                AND p.first_version <= \(versions.upperBound)
            ORDER BY \(order) LIMIT \(filesMax)
            """, as: ArchivedRange.init(row:))
    }

    /// Whether any event of a stream has left the database.
    static func has(_ streamKey: Int64, in tx: borrowing Transaction) throws -> Bool {
        try tx.first("SELECT 1 FROM archived_streams WHERE stream_key = \(streamKey) LIMIT 1") { try $0[0] as Int }
            != nil
    }

    static func range(_ number: Int64, in tx: borrowing Transaction) throws -> ArchivedRange? {
        try tx.first(
            "SELECT \(columns: ArchivedRange.columns) FROM event_archives WHERE number = \(number)",
            as: ArchivedRange.init(row:))
    }

    /// - Parameter limit: 1...1,000.
    static func list(after number: Int64, limit: Int, in tx: borrowing Transaction) throws -> [ArchivedRange] {
        try tx.query(
            """
            SELECT \(columns: ArchivedRange.columns) FROM event_archives
            WHERE number > \(number) ORDER BY number LIMIT \(limit)
            """, as: ArchivedRange.init(row:))
    }

    // MARK: Archiving

    static func lastNumber(in tx: borrowing Transaction) throws -> Int64 {
        try tx.first("SELECT coalesce(max(number), 0) FROM event_archives") { try $0[0] } ?? 0
    }

    /// Notes a file that is durable, as long as `claim` is held.
    /// - Returns: `false`, and nothing is noted, when another node archives by now.
    static func note(
        _ range: ArchivedRange, _ streams: [ArchivedStream], as claim: ArchiveClaim, in tx: borrowing Transaction
    ) throws -> Bool {
        let isHeld = try tx.execute(
            """
            UPDATE event_archiving SET archived_position = CASE
                WHEN archived_position < \(range.lastPosition) THEN \(range.lastPosition) ELSE archived_position END
            WHERE id = 1 AND owner = \(claim.owner)
            """)
        guard isHeld == 1 else { return false }
        try tx.execute(
            """
            INSERT INTO event_archives (\(columns: ArchivedRange.columns))
            VALUES (\(range.number), \(range.name), \(range.firstPosition), \(range.lastPosition), \(range.events),
                \(range.firstTime), \(range.lastTime), \(range.bytes), \(range.sha256.bytes), \(range.archivedAt), 0)
            """)
        let values = streams.flatMap { stream -> [SQLValue] in
            [
                .integer(stream.streamKey), .integer(stream.firstVersion), .integer(stream.lastVersion),
                .integer(range.number),
            ]
        }
        try tx.insert(into: streamTable, values)
        return true
    }

    private static let streamTable = BulkTable(
        "archived_streams",
        ["stream_key": .integer, "first_version": .integer, "last_version": .integer, "archive": .integer])

    /// Files that are noted and some of whose events may still be in the log.
    static func undeleted(in tx: borrowing Transaction) throws -> [ArchivedRange] {
        try tx.query(
            """
            SELECT \(columns: ArchivedRange.columns) FROM event_archives WHERE is_deleted = 0 ORDER BY number LIMIT 100
            """, as: ArchivedRange.init(row:))
    }

    /// Deletes events that lie in a file that is noted, and what their data was stored in if nothing else needs it.
    /// - Returns: Whether none is left.
    static func delete(_ number: Int64, limit: Int, in tx: borrowing Transaction) throws -> Bool {
        let found = try tx.query(
            """
            SELECT e.position, s.workspace_id, e.data_hash, CASE WHEN e.data IS NULL THEN 1 ELSE 0 END
            FROM archived_streams p JOIN streams s ON s.key = p.stream_key
            JOIN events e ON e.stream_key = p.stream_key AND e.version >= p.first_version AND e.version <= p.last_version
            WHERE p.archive = \(number) ORDER BY p.stream_key, e.version LIMIT \(limit)
            """
        ) { row in
            (
                position: try row[0] as Int64, workspace: try row[1] as WorkspaceID, hash: try row[2] as [UInt8],
                isPayload: try row[3] as Bool
            )
        }
        // Another node may delete the same; what a row has held is given back by the one that has deleted it.
        let deleted = Set(
            try tx.query("DELETE FROM events WHERE position IN \(list: found.map(\.position)) RETURNING position") {
                try $0[0] as Int64
            })
        let payloads = found.filter { $0.isPayload && deleted.contains($0.position) }
        // In one order, so that two who give back wait for each other and not in a circle.
        for payload in payloads.sorted(by: { $0.hash.lexicographicallyPrecedes($1.hash) }) {
            guard let hash = SHA256Digest(bytes: payload.hash) else {
                throw EventError(.eventDamaged, "the hash of an event's data does not have 32 bytes")
            }
            try PayloadStore.release(.reference(hash), workspace: payload.workspace, in: tx)
        }
        guard found.count < limit else { return false }
        try tx.execute("UPDATE event_archives SET is_deleted = 1 WHERE number = \(number)")
        return true
    }

    static func look(in tx: borrowing Transaction) throws -> ArchiveLook {
        try tx.first("SELECT looked_position, everything_at, rules FROM event_archiving WHERE id = 1") { row in
            ArchiveLook(position: try row[0], everythingAt: try row[1], rules: try row[2])
        } ?? ArchiveLook(position: 0, everythingAt: Timestamp(microseconds: 0), rules: nil)
    }

    /// Keeps how far a round has looked, as long as `claim` is held.
    static func keep(_ look: ArchiveLook, as claim: ArchiveClaim, in tx: borrowing Transaction) throws {
        try tx.execute(
            """
            UPDATE event_archiving
            SET looked_position = \(look.position), everything_at = \(look.everythingAt), rules = \(look.rules)
            WHERE id = 1 AND owner = \(claim.owner)
            """)
    }

    /// The last position that everybody who follows the log has passed, and who is there.
    ///
    /// An event that was put aside is still to be handled; so are those after it.
    static func passed(in tx: borrowing Transaction) throws -> (position: Int64, by: String?) {
        let head = try EventReader.head(in: tx)
        let last = try tx.first("SELECT name, position FROM subscriptions ORDER BY position, name LIMIT 1") {
            (name: try $0[0] as String, position: try $0[1] as Int64)
        }
        let parked = try tx.first("SELECT subscription, position FROM parked_events ORDER BY position LIMIT 1") {
            (name: try $0[0] as String, position: try $0[1] as Int64 - 1)
        }
        let slowest = [last, parked].compactMap(\.self).min { $0.position < $1.position }
        guard let slowest, slowest.position < head else { return (head, nil) }
        return (slowest.position, slowest.name)
    }
}
