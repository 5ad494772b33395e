import CognitionCore
import CognitionStorage

/// Reads pieces of the log: bounded in events, in bytes and in how much is looked through.
enum EventReader {
    static let limitMax = 1_000
    /// Positions that one page looks through at most, however few events match.
    static let scanMax: Int64 = 10_000
    /// Bytes of payloads after which a page ends; one event is always read.
    static let payloadBytesMax = 16 << 20

    /// The last position, 0 of an empty log.
    ///
    /// It is that of the last event and no row of its own: such a row would be changed by every append, and when a stranger
    /// leaves a transaction open, PostgreSQL could clear none of its versions away and would go through all of them.
    ///
    /// - Parameter locked: Nobody appends until the commit. On PostgreSQL the statement behind the lock sees what those before
    ///   have committed.
    static func head(locked: Bool = false, in tx: borrowing Transaction) throws -> Int64 {
        if locked { try tx.lock("events.head") }
        // Events that have left the log have had their positions all the same.
        return try tx.first(
            """
            SELECT COALESCE(MAX(position), 0) FROM (
                SELECT MAX(position) AS position FROM events UNION ALL SELECT archived_position FROM event_archiving) ends
            """
        ) { try $0[0] } ?? 0
    }

    /// A page of a stream, and where the rest of it lies.
    static func streamWindow(
        _ stream: StreamName, workspace: WorkspaceID, fromVersion: Int64, _ direction: ReadDirection = .forward,
        limit: Int, in tx: borrowing Transaction
    ) throws -> StreamWindow {
        try check(limit)
        guard let row = try StreamRow.find(stream, workspace: workspace, in: tx) else {
            return StreamWindow(
                page: StreamPage(events: [], version: 0), stream: stream, workspace: workspace, direction: direction,
                limit: limit, missing: nil, files: [])
        }
        let range: SQL =
            switch direction {
            case .forward: "e.version >= \(fromVersion) ORDER BY e.version"
            case .backward: "e.version <= \(fromVersion) ORDER BY e.version DESC"
            }
        let rows = try tx.query(
            """
            SELECT \(columns: EventRow.columns) FROM events e CROSS JOIN streams s
            WHERE s.key = e.stream_key AND e.stream_key = \(row.key) AND \(range) LIMIT \(limit)
            """, as: EventRow.init)
        let missing = missingVersions(rows, of: row, fromVersion: fromVersion, direction, limit: limit)
        return StreamWindow(
            page: StreamPage(events: try events(rows, in: tx), version: row.version), stream: stream,
            workspace: workspace, direction: direction, limit: limit, missing: missing,
            files: try missing.map {
                try ArchivedRangeStore.ranges(of: row.key, versions: $0, direction, in: tx)
            } ?? [])
    }

    /// Versions that a page should have and the rows do not, at the end at which a stream is archived.
    private static func missingVersions(
        _ rows: [EventRow], of stream: StreamRow, fromVersion: Int64, _ direction: ReadDirection, limit: Int
    ) -> ClosedRange<Int64>? {
        switch direction {
        case .forward:
            let first = max(1, fromVersion)
            let last = (rows.first?.version ?? stream.version + 1) - 1
            return first <= last ? first...last : nil
        case .backward:
            guard rows.count < limit else { return nil }
            let last = (rows.last?.version).map { $0 - 1 } ?? min(fromVersion, stream.version)
            return last >= 1 ? 1...last : nil
        }
    }

    /// Events of the log that a page of rows has all of.
    /// - Throws: `event.archived` where it has not.
    static func readAll(
        after position: Int64, limit: Int, filter: EventFilter, in tx: borrowing Transaction
    ) throws -> EventPage {
        try window(after: position, limit: limit, filter: filter, in: tx).complete
    }

    /// A page of the log, and where the rest of it lies.
    static func window(
        after position: Int64, limit: Int, filter: EventFilter, in tx: borrowing Transaction
    ) throws -> LogWindow {
        try check(limit)
        try filter.check()
        let (head, archived) = try ArchivedRangeStore.ends(in: tx)
        let start = max(0, position, try startOfTime(filter.since, after: position, head: head, in: tx))
        // A position that is not there yet is kept, so that what comes before it is not taken for new.
        guard start < head else {
            return LogWindow(
                page: EventPage(events: [], position: max(position, start), head: head, isAtEnd: true), positions: nil,
                filter: filter, direction: .forward, limit: limit, last: head, files: [])
        }
        let end = filter.stream == nil ? min(head, start + scanMax) : head
        let (events, last) = try page(filter, in: start + 1...end, .forward, limit: limit, in: tx)
        let positions = start + 1...(last ?? end)
        return LogWindow(
            page: EventPage(events: events, position: last ?? end, head: head, isAtEnd: (last ?? end) == head),
            positions: positions, filter: filter, direction: .forward, limit: limit, last: head,
            files: start < archived ? try files(at: positions, filter, in: tx) : [])
    }

    /// The same towards the beginning; a page looks through as much.
    static func window(
        before position: Int64, limit: Int, filter: EventFilter, in tx: borrowing Transaction
    ) throws -> LogWindow {
        try check(limit)
        try filter.check()
        let (head, archived) = try ArchivedRangeStore.ends(in: tx)
        let start = min(position, head + 1)
        let first = try startOfTime(filter.since, after: 0, head: head, in: tx) + 1
        guard start > first else {
            return LogWindow(
                page: EventPage(events: [], position: first, head: head, isAtEnd: true), positions: nil, filter: filter,
                direction: .backward, limit: limit, last: first, files: [])
        }
        let end = filter.stream == nil ? max(first, start - scanMax) : first
        let (events, last) = try page(filter, in: end...start - 1, .backward, limit: limit, in: tx)
        let positions = (last ?? end)...start - 1
        return LogWindow(
            page: EventPage(events: events, position: last ?? end, head: head, isAtEnd: (last ?? end) <= first),
            positions: positions, filter: filter, direction: .backward, limit: limit, last: first,
            files: positions.lowerBound <= archived ? try files(at: positions, filter, in: tx) : [])
    }

    /// - Returns: Events of rows, and the position of the last if there may be more before the end.
    private static func page(
        _ filter: EventFilter, in positions: ClosedRange<Int64>, _ direction: ReadDirection, limit: Int,
        in tx: borrowing Transaction
    ) throws -> (events: [Event], last: Int64?) {
        let rows = try rows(filter, in: positions, direction, limit: limit, in: tx)
        let events = try events(rows, in: tx)
        let hasMore = events.count == limit || events.count < rows.count
        return (events, hasMore ? events.last?.position : nil)
    }

    /// Files that may have something of what is looked for.
    private static func files(
        at positions: ClosedRange<Int64>, _ filter: EventFilter, in tx: borrowing Transaction
    ) throws -> [ArchivedRange] {
        guard let stream = filter.stream, let workspace = filter.workspace else {
            return try ArchivedRangeStore.ranges(overlapping: positions, since: filter.since, in: tx)
        }
        guard let row = try StreamRow.find(stream, workspace: workspace, in: tx) else { return [] }
        return try ArchivedRangeStore.ranges(of: row.key, overlapping: positions, in: tx)
    }

    /// What matches among these positions.
    private static func rows(
        _ filter: EventFilter, in positions: ClosedRange<Int64>, _ direction: ReadDirection, limit: Int,
        in tx: borrowing Transaction
    ) throws -> [EventRow] {
        var wanted: SQL =
            "e.position >= \(positions.lowerBound) AND e.position <= \(positions.upperBound)\(conditions(of: filter))"
        var order: SQL = "e.position"
        if let stream = filter.stream, let workspace = filter.workspace {
            guard let row = try StreamRow.find(stream, workspace: workspace, in: tx) else { return [] }
            wanted = "e.stream_key = \(row.key) AND \(wanted)"
            order = "e.version"
        }
        if direction == .backward { order = "\(order) DESC" }
        // CROSS JOIN keeps SQLite's planner from starting at the streams of a workspace.
        return try tx.query(
            """
            SELECT \(columns: EventRow.columns) FROM events e CROSS JOIN streams s
            WHERE s.key = e.stream_key AND \(wanted) ORDER BY \(order) LIMIT \(limit)
            """, as: EventRow.init)
    }

    /// Reads the data of `rows`; ends early when their payloads are too many bytes for one page, and before an event
    /// that is damaged, so that an error always concerns the first.
    private static func events(_ rows: [EventRow], in tx: borrowing Transaction) throws -> [Event] {
        var events: [Event] = []
        events.reserveCapacity(rows.count)
        var payloadBytes = 0
        for row in rows {
            if row.data == nil, payloadBytes >= payloadBytesMax { break }
            do {
                let bytes = try row.loadData(in: tx)
                if row.data == nil { payloadBytes += bytes.count }
                events.append(try row.event(data: bytes))
            } catch let error as EventError {
                if !events.isEmpty { break }
                throw EventError(
                    error.code, "the event at position \(row.position) cannot be read: \(error.message)",
                    position: row.position, cause: error)
            }
        }
        return events
    }

    private static func check(_ limit: Int) throws(EventError) {
        guard (1...limitMax).contains(limit) else {
            throw EventError(.eventInvalid, "a page has 1 to \(limitMax) events, not \(limit)")
        }
    }

    /// What `filter` demands beside a range of positions, beginning with AND.
    private static func conditions(of filter: EventFilter) -> SQL {
        var conditions: SQL = ""
        if let workspace = filter.workspace { conditions = "\(conditions) AND s.workspace_id = \(workspace)" }
        if let type = filter.streamType { conditions = "\(conditions) AND s.type = \(type)" }
        if let types = filter.streamTypes { conditions = "\(conditions) AND s.type IN \(list: types.sorted())" }
        if !filter.hiddenStreamTypes.isEmpty {
            conditions = "\(conditions) AND s.type NOT IN \(list: filter.hiddenStreamTypes.sorted())"
        }
        if let types = filter.types { conditions = "\(conditions) AND e.type IN \(list: types)" }
        if let since = filter.since { conditions = "\(conditions) AND e.time >= \(since)" }
        return conditions
    }

    /// The last position before which no event is of `since` or later, found by halving: times follow positions, but for the
    /// skew of clocks.
    private static func startOfTime(
        _ since: Timestamp?, after position: Int64, head: Int64, in tx: borrowing Transaction
    ) throws -> Int64 {
        guard let since else { return 0 }
        let early = since - EventFilter.clockSkewMax
        var low = max(0, position)
        var high = head
        while low < high {
            let middle = low + (high - low) / 2 + 1
            // The next that is there, as some may have been archived: those before it are no younger.
            let next = try tx.first(
                "SELECT position, time FROM events WHERE position >= \(middle) ORDER BY position LIMIT 1"
            ) { (position: try $0[0] as Int64, time: try $0[1] as Timestamp) }
            if let next, next.time < early { low = min(next.position, high) } else { high = middle - 1 }
        }
        return low
    }
}

/// A row of the log with its stream's name.
struct EventRow {
    static let columns: StaticString = """
        e.position, s.workspace_id, s.type, s.id, e.version, e.event_id, e.type, e.type_version, e.time, e.actor, \
        e.causation_id, e.correlation_id, e.traceparent, e.subject, e.key_id, e.data, e.data_hash
        """

    let position: Int64
    let workspace: WorkspaceID
    let stream: StreamName
    let version: Int64
    let id: [UInt8]
    let type: String
    let typeVersion: Int
    let time: Timestamp
    let actor: String
    let causationID: String?
    let correlationID: String?
    let traceparent: String?
    let subject: String?
    let keyID: String?
    /// `nil` when it is a payload.
    let data: [UInt8]?
    let dataHash: [UInt8]

    init(_ row: borrowing Row) throws {
        position = try row[0]
        workspace = try row[1]
        stream = StreamName(try row[2], try row[3])
        version = try row[4]
        id = try row[5]
        type = try row[6]
        typeVersion = try row[7]
        time = try row[8]
        actor = try row[9]
        causationID = try row[10]
        correlationID = try row[11]
        traceparent = try row[12]
        subject = try row[13]
        keyID = try row[14]
        data = try row[15]
        dataHash = try row[16]
    }

    func loadData(in tx: borrowing Transaction) throws -> [UInt8] {
        if let data { return data }
        return try PayloadStore.load(.reference(try digest), workspace: workspace, in: tx)
    }

    func event(data bytes: [UInt8]) throws -> Event {
        Event(
            position: position, workspace: workspace, stream: stream, version: version, id: try UUIDv7(stored: id),
            type: type, typeVersion: typeVersion, time: time, actor: actor, causationID: causationID,
            correlationID: correlationID, traceparent: traceparent, subject: subject, keyID: keyID,
            data: try parse(bytes), dataHash: try digest)
    }

    private var digest: SHA256Digest {
        get throws(EventError) {
            guard let digest = SHA256Digest(bytes: dataHash) else {
                throw EventError(.eventDamaged, "the hash of its data does not have 32 bytes")
            }
            return digest
        }
    }

    private func parse(_ bytes: [UInt8]) throws(EventError) -> JSONValue {
        do {
            return try JSONValue(parsing: bytes)
        } catch {
            throw EventError(.eventDamaged, "its data is not JSON", cause: error)
        }
    }
}
