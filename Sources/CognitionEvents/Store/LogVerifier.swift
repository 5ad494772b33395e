package import CognitionCore
import CognitionStorage

/// What a check of a piece of the log has found.
package struct LogVerification: Sendable, Hashable {
    /// How far a check has come; a check may be continued from it at any time.
    package struct Cursor: Sendable, Hashable {
        /// Events up to here are checked.
        package var position: Int64 = 0
        /// Streams up to here are checked; they come after the events.
        package var streamKey: Int64 = 0

        package init(position: Int64 = 0, streamKey: Int64 = 0) {
            self.position = position
            self.streamKey = streamKey
        }
    }

    package enum Problem: Sendable, Hashable {
        /// Positions that no event has.
        case positionsMissing(ClosedRange<Int64>)
        /// The event before it in its stream is missing, or has a later position.
        case versionOutOfOrder(position: Int64, version: Int64)
        /// The event names a stream that does not exist.
        case streamMissing(position: Int64)
        /// The stored data is not what was hashed when it was written.
        case dataChanged(position: Int64)
        /// An event is in the log and in an archive, or in two archives.
        case positionTwice(Int64)
        /// An archive is not at hand; nothing is known of the events that only it has.
        case archiveMissing(String)
        /// An archive is not the one that was noted, or cannot be read.
        case archiveDamaged(String)
        /// The manifest beside an archive is missing, or says something else than the database.
        case manifestWrong(String)
        /// The data is a payload, which is not there.
        case payloadMissing(position: Int64)
        /// The stream's version is not that of its last event.
        case streamVersionWrong(StreamName, workspace: WorkspaceID, version: Int64, lastEvent: Int64)
    }

    package var problems: [Problem] = []
    /// In the database.
    package var events = 0
    /// In archives.
    package var archived = 0
    package var streams = 0
    package var cursor: Cursor
    /// Everything there was is checked.
    package var isComplete = false
}

extension EventLog {
    /// Checks a piece of the log: that positions and versions have no gaps, and that stored data has its hash; also what
    /// lies in archives, each of which is read anew.
    ///
    /// Memory is bounded by `limit`, 100,000 positions, one payload and two archives, and each event can add two problems
    /// at most. Events that are written or archived meanwhile do no harm.
    ///
    /// - Parameters:
    ///   - cursor: Where the piece before has ended.
    ///   - limit: Events, or streams, to be checked; 1...1,000.
    package func verify(from cursor: LogVerification.Cursor = .init(), limit: Int = 1_000) async throws
        -> LogVerification
    {
        let piece = try await database.read { try LogVerifier.verify(from: cursor, limit: limit, in: $0) }
        return try await ArchiveVerifier(archives).complete(piece)
    }

    /// Checks the whole log, piece by piece.
    ///
    /// - Parameter problemsMax: Problems after which the check ends, incomplete.
    package func verifyAll(problemsMax: Int = 100) async throws -> LogVerification {
        var total = LogVerification(cursor: .init())
        while !total.isComplete, total.problems.count < problemsMax {
            try Task.checkCancellation()
            let piece = try await verify(from: total.cursor)
            total.problems += piece.problems
            total.events += piece.events
            total.archived += piece.archived
            total.streams += piece.streams
            total.cursor = piece.cursor
            total.isComplete = piece.isComplete
        }
        return total
    }
}

/// What the rows of a piece say, and what else has to be looked at.
struct VerifiedRows: Sendable {
    var result: LogVerification
    /// Positions that have to be there, each once; `nil` for none.
    var positions: ClosedRange<Int64>?
    /// Those that rows have, rising.
    var found: [Int64] = []
    var files: [ArchivedRange] = []
}

private enum LogVerifier {
    /// Positions of one piece at most.
    private static let positionsMax: Int64 = 100_000

    private struct CheckedEvent {
        let position: Int64
        let version: Int64
        let hash: [UInt8]
        /// `nil`: a payload.
        let data: [UInt8]?
        /// `nil`: the stream is missing.
        let workspace: WorkspaceID?
        let hasPredecessor: Bool
    }

    static func verify(
        from cursor: LogVerification.Cursor, limit: Int, in tx: borrowing Transaction
    ) throws -> VerifiedRows {
        guard (1...EventReader.limitMax).contains(limit) else {
            throw EventError(.eventInvalid, "a check takes 1 to \(EventReader.limitMax) events, not \(limit)")
        }
        var piece = VerifiedRows(result: LogVerification(cursor: cursor))
        let head = try EventReader.head(in: tx)
        let isInLog = cursor.position < head
        let end = isInLog ? min(head, max(0, cursor.position) + positionsMax) : .max
        let checked = try events(after: cursor.position, upTo: end, limit: limit, in: tx)
        guard isInLog || !checked.isEmpty else {
            piece.result.cursor.position = max(cursor.position, head)
            try checkStreams(limit: limit, in: tx, &piece.result)
            return piece
        }
        for event in checked { try check(event, in: tx, &piece.result) }
        let last = checked.count < limit && isInLog ? end : checked.last?.position ?? end
        let positions = cursor.position + 1...last
        piece.result.events = checked.count
        piece.result.cursor.position = last
        piece.positions = positions
        piece.found = checked.map(\.position)
        piece.files = try ArchivedRangeStore.ranges(overlapping: positions, in: tx)
        return piece
    }

    private static func events(
        after position: Int64, upTo end: Int64, limit: Int, in tx: borrowing Transaction
    ) throws -> [CheckedEvent] {
        try tx.query(
            """
            SELECT e.position, e.version, e.data_hash, e.data, s.workspace_id,
                CASE WHEN e.version = 1 OR EXISTS (
                    SELECT 1 FROM events p
                    WHERE p.stream_key = e.stream_key AND p.version = e.version - 1 AND p.position < e.position
                ) OR EXISTS (
                    SELECT 1 FROM archived_streams a
                    WHERE a.stream_key = e.stream_key AND a.last_version >= e.version - 1
                        AND a.first_version <= e.version - 1
                ) THEN 1 ELSE 0 END
            FROM events e LEFT JOIN streams s ON s.key = e.stream_key
            WHERE e.position > \(position) AND e.position <= \(end) ORDER BY e.position LIMIT \(limit)
            """
        ) { row in
            CheckedEvent(
                position: try row[0], version: try row[1], hash: try row[2], data: try row[3],
                workspace: (try row[4] as String?).map(WorkspaceID.init), hasPredecessor: try row[5])
        }
    }

    private static func check(
        _ event: CheckedEvent, in tx: borrowing Transaction, _ result: inout LogVerification
    ) throws {
        if !event.hasPredecessor || event.version < 1 {
            result.problems.append(.versionOutOfOrder(position: event.position, version: event.version))
        }
        guard let workspace = event.workspace else {
            result.problems.append(.streamMissing(position: event.position))
            return
        }
        var data = event.data
        if data == nil {
            data = try tx.first(
                "SELECT bytes FROM payloads WHERE workspace_id = \(workspace) AND sha256 = \(event.hash)"
            ) { try $0[0] as [UInt8] }
        }
        guard let data else {
            result.problems.append(.payloadMissing(position: event.position))
            return
        }
        if SHA256Digest(of: data).bytes != event.hash { result.problems.append(.dataChanged(position: event.position)) }
    }

    private static func checkStreams(
        limit: Int, in tx: borrowing Transaction, _ result: inout LogVerification
    ) throws {
        let streams = try tx.query(
            """
            SELECT s.key, s.version, s.workspace_id, s.type, s.id,
                coalesce(
                    (SELECT max(e.version) FROM events e WHERE e.stream_key = s.key),
                    (SELECT max(a.last_version) FROM archived_streams a WHERE a.stream_key = s.key), 0)
            FROM streams s WHERE s.key > \(result.cursor.streamKey) ORDER BY s.key LIMIT \(limit)
            """
        ) { row in
            (
                key: try row[0] as Int64, version: try row[1] as Int64, workspace: try row[2] as WorkspaceID,
                name: StreamName(try row[3], try row[4]), last: try row[5] as Int64
            )
        }
        for stream in streams where stream.version != stream.last {
            result.problems.append(
                .streamVersionWrong(
                    stream.name, workspace: stream.workspace, version: stream.version, lastEvent: stream.last))
        }
        result.streams = streams.count
        result.cursor.streamKey = streams.last?.key ?? result.cursor.streamKey
        result.isComplete = streams.count < limit
    }
}
