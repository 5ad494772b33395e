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
        /// The data is a payload, which is not there.
        case payloadMissing(position: Int64)
        /// The stream's version is not that of its last event.
        case streamVersionWrong(StreamName, workspace: WorkspaceID, version: Int64, lastEvent: Int64)
    }

    package var problems: [Problem] = []
    package var events = 0
    package var streams = 0
    package var cursor: Cursor
    /// Everything there was is checked.
    package var isComplete = false
}

extension EventLog {
    /// Checks a piece of the log: that positions and versions have no gaps, and that stored data has its hash.
    ///
    /// Memory is bounded by `limit` and one payload, and each event can add two problems at most. Events that are
    /// written meanwhile do no harm.
    ///
    /// - Parameters:
    ///   - cursor: Where the piece before has ended.
    ///   - limit: Events, or streams, to be checked; 1...1,000.
    package func verify(from cursor: LogVerification.Cursor = .init(), limit: Int = 1_000) async throws
        -> LogVerification
    {
        try await database.read { try LogVerifier.verify(from: cursor, limit: limit, in: $0) }
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
            total.streams += piece.streams
            total.cursor = piece.cursor
            total.isComplete = piece.isComplete
        }
        return total
    }
}

private enum LogVerifier {
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
    ) throws -> LogVerification {
        guard (1...EventReader.limitMax).contains(limit) else {
            throw EventError(.eventInvalid, "a check takes 1 to \(EventReader.limitMax) events, not \(limit)")
        }
        var result = LogVerification(cursor: cursor)
        let checked = try events(after: cursor.position, limit: limit, in: tx)
        if checked.isEmpty {
            try checkStreams(limit: limit, in: tx, &result)
            return result
        }
        for event in checked {
            try check(event, in: tx, &result)
            result.cursor.position = event.position
        }
        result.events = checked.count
        return result
    }

    private static func events(
        after position: Int64, limit: Int, in tx: borrowing Transaction
    ) throws -> [CheckedEvent] {
        try tx.query(
            """
            SELECT e.position, e.version, e.data_hash, e.data, s.workspace_id,
                CASE WHEN e.version = 1 OR EXISTS (
                    SELECT 1 FROM events p
                    WHERE p.stream_key = e.stream_key AND p.version = e.version - 1 AND p.position < e.position
                ) THEN 1 ELSE 0 END
            FROM events e LEFT JOIN streams s ON s.key = e.stream_key
            WHERE e.position > \(position) ORDER BY e.position LIMIT \(limit)
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
        let next = result.cursor.position + 1
        if event.position > next { result.problems.append(.positionsMissing(next...event.position - 1)) }
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
                (SELECT coalesce(max(e.version), 0) FROM events e WHERE e.stream_key = s.key)
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
