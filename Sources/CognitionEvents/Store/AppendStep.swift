import CognitionCore
package import CognitionStorage

/// Gives the events of all requests of a round their positions, and writes them in one statement: last before COMMIT.
///
/// An append that takes its stream as it is moves it here, with those of all other requests in one statement.
///
/// On PostgreSQL the log's head is locked from here to the end of the commit only, so writers wait for each other no longer
/// than that, and whoever reads a position has seen all before it.
final class AppendStep: CommitStep {
    /// One append, or one repeat of events of which some have no position yet.
    private struct Piece {
        let receipt: AppendReceipt
        let context: EventContext
        let destination: StreamAddress
        /// `nil` of a repeat, which moves no stream.
        let stream: StreamPlace?
        /// Where its events begin in `pending`.
        let start: Int
        /// Of a repeat: where each event's position comes from.
        let places: [Place]?

        func stand(at row: StreamRow) {
            stream?.row = row
            let first = row.version - Int64(receipt.eventIDs.count) + 1
            receipt.assign(versions: Array(first...row.version))
        }
    }

    private enum Place {
        case known(Int64)
        /// An index of `pending`.
        case pending(Int)
    }

    /// The row of a stream as an append has left it, once that is known.
    private final class StreamPlace {
        var row: StreamRow?
        /// The caller has not said where it stands, so it is moved here.
        let isMovedLater: Bool

        init(_ row: StreamRow?) {
            self.row = row
            isMovedLater = row == nil
        }
    }

    private struct PendingEvent {
        let event: NewEvent
        let id: UUIDv7
        /// Its place among the events of its append.
        let offset: Int
        let piece: Int
    }

    private var pieces: [Piece] = []
    private var pending: [PendingEvent] = []
    /// Where events are in `pending`; made only when somebody asks, and then for the first `indexedCount` of them.
    private var index: [UUIDv7: Int] = [:]
    private var indexedCount = 0
    /// Pieces before this one have moved their streams, and had so when the current request began.
    private var movedCount = 0
    private var movedCountBefore = 0
    /// Where the events of the round are, once that is known.
    private(set) var positions: ClosedRange<Int64>?

    init() {}

    /// After all other steps: from here to the end of the commit the head of the log is locked.
    static let rank = 2

    var count: Int { pieces.count }

    func beginRequest() { movedCountBefore = movedCount }

    func truncate(to count: Int) {
        // What the undone request has moved stands where it was, of whichever request.
        for piece in pieces[movedCountBefore..<movedCount] where piece.stream?.isMovedLater == true {
            piece.stream?.row = nil
        }
        movedCount = movedCountBefore
        guard count < pieces.count else { return }
        let start = pieces[count].start
        for event in pending[start...] { index[event.id] = nil }
        indexedCount = min(indexedCount, start)
        pending.removeSubrange(start...)
        pieces.removeSubrange(count...)
    }

    /// - Parameter row: Where the stream stands after these events; `nil` moves it later, wherever it is then.
    func add(
        _ events: [NewEvent], to stream: StreamName, row: StreamRow?, context: EventContext
    ) -> AppendReceipt {
        let ids = events.map { $0.id ?? context.ids.next() }
        let place = StreamPlace(row)
        let piece = Piece(
            receipt: AppendReceipt(eventIDs: ids), context: context,
            destination: StreamAddress(workspace: context.workspace, stream: stream), stream: place,
            start: pending.count, places: nil)
        for (offset, event) in events.enumerated() {
            pending.append(PendingEvent(event: event, id: ids[offset], offset: offset, piece: pieces.count))
        }
        pieces.append(piece)
        if let row { piece.stand(at: row) }
        return piece.receipt
    }

    /// Moves the streams of the appends that have not done so, in the order of their names, so that two rounds with the
    /// same streams wait for each other and not in a circle.
    func moveStreams(in tx: borrowing Transaction) throws {
        guard movedCount < pieces.count else { return }
        var moving: [StreamAddress: [Piece]] = [:]
        for piece in pieces[movedCount...] where piece.stream?.isMovedLater == true {
            moving[piece.destination, default: []].append(piece)
        }
        movedCount = pieces.count
        var values: [SQLValue] = []
        for (address, pieces) in moving.sorted(by: { $0.key < $1.key }) {
            let count = pieces.reduce(0) { $0 + $1.receipt.eventIDs.count }
            values += [
                .text(address.workspace.name), .text(address.stream.type), .text(address.stream.id),
                .integer(Int64(count)),
            ]
        }
        try tx.insert(into: Self.streams, values) { row in
            let address = StreamAddress(workspace: try row[2], stream: StreamName(try row[3], try row[4]))
            var last = try StreamRow(row)
            for piece in (moving[address] ?? []).reversed() {
                piece.stand(at: last)
                last = StreamRow(key: last.key, version: last.version - Int64(piece.receipt.eventIDs.count))
            }
        }
    }

    func run(in tx: borrowing Transaction) throws {
        guard !pending.isEmpty else { return }
        try moveStreams(in: tx)
        let first = try EventReader.head(locked: true, in: tx) + 1
        var values: [SQLValue] = []
        values.reserveCapacity(pending.count * Self.table.columns.count)
        for (index, event) in pending.enumerated() {
            try append(event, position: first + Int64(index), to: &values)
        }
        try tx.insert(into: Self.table, values)
        positions = first...first + Int64(pending.count) - 1
        for piece in pieces { piece.receipt.assign(positions: positions(of: piece, first: first)) }
        tx.signal(.log)
    }

    /// Once it has run, nothing is cut off any more.
    var committedWork: CommittedWork? {
        pending.isEmpty ? nil : CommittedWork(metric: "event.store.events", amount: pending.count)
    }

    private static let streams = BulkTable(
        "streams", ["workspace_id": .text, "type": .text, "id": .text, "version": .integer],
        suffix: """
            ON CONFLICT (workspace_id, type, id) DO UPDATE SET version = streams.version + excluded.version
            RETURNING key, version, workspace_id, type, id
            """)

    private static let table = BulkTable(
        "events",
        [
            "position": .integer, "stream_key": .integer, "version": .integer, "event_id": .bytes, "type": .text,
            "type_version": .integer, "time": .integer, "actor": .text, "causation_id": .text, "correlation_id": .text,
            "traceparent": .text, "subject": .text, "key_id": .text, "data": .bytes, "data_hash": .bytes,
        ])

    private func append(_ pending: PendingEvent, position: Int64, to values: inout [SQLValue]) throws {
        let event = pending.event
        let piece = pieces[pending.piece]
        let context = piece.context
        guard let row = piece.stream?.row else { throw EventError(.eventDamaged, "an append has not moved its stream") }
        let version = row.version - Int64(piece.receipt.eventIDs.count - 1 - pending.offset)
        values += [
            .integer(position), .integer(row.key), .integer(version), .bytes(pending.id.storedBytes),
            .text(event.type), .integer(Int64(event.typeVersion)), .integer(context.time.microseconds),
            .text(context.actor), context.causationID.sqlValue, context.correlationID.sqlValue,
            context.traceparent.sqlValue, event.subject.sqlValue, event.keyID.sqlValue,
            event.data.count > PayloadStore.inlineBytesMax ? .null : .bytes(event.data), .bytes(event.dataHash.bytes),
        ]
    }

    private func positions(of piece: Piece, first: Int64) -> [Int64] {
        if let places = piece.places {
            return places.map { place in
                switch place {
                case .known(let position): position
                case .pending(let index): first + Int64(index)
                }
            }
        }
        let start = first + Int64(piece.start)
        return Array(start..<start + Int64(piece.receipt.eventIDs.count))
    }
}

// MARK: - Repeats

extension AppendStep {
    /// An event that the log, or this round, has under an id that a caller gave.
    private struct Earlier {
        let destination: StreamAddress
        let version: Int64
        let place: Place
        let content: Content
    }

    /// What makes two events with one id the same; who sent them when and why may differ.
    private struct Content: Equatable {
        let type: String
        let typeVersion: Int
        let subject: String?
        let keyID: String?
        let dataHash: [UInt8]

        init(type: String, typeVersion: Int, subject: String?, keyID: String?, dataHash: [UInt8]) {
            self.type = type
            self.typeVersion = typeVersion
            self.subject = subject
            self.keyID = keyID
            self.dataHash = dataHash
        }

        init(_ event: NewEvent) {
            self.init(
                type: event.type, typeVersion: event.typeVersion, subject: event.subject, keyID: event.keyID,
                dataHash: event.dataHash.bytes)
        }
    }

    /// Looks for the ids that the caller has given, in this round and in the table.
    /// - Returns: `nil` when none of them is known.
    func receiptOfRepeat(
        _ events: [NewEvent], to destination: StreamAddress, in tx: borrowing Transaction
    ) throws -> AppendReceipt? {
        let ids = events.compactMap(\.id)
        guard Set(ids).count == ids.count else {
            throw EventError(.eventIDReused, "one append has two events with the same id")
        }
        // Of those in this round the versions have to be known.
        try moveStreams(in: tx)
        try tx.settle()
        let known = try earlier(ids, in: tx)
        guard !known.isEmpty else { return nil }
        let originals = try events.map { event in
            guard let id = event.id, let original = known[id] else {
                throw EventError(.eventIDReused, "some of the events are in the log already, others are not")
            }
            guard original.destination == destination, original.content == Content(event) else {
                throw EventError(.eventIDReused, "the id \(id) stands for another event")
            }
            return original
        }
        let positions = originals.compactMap { if case .known(let position) = $0.place { position } else { nil } }
        let isComplete = positions.count == originals.count
        let receipt = AppendReceipt(
            eventIDs: ids, versions: originals.map(\.version), positions: isComplete ? positions : [], isRepeat: true)
        if !isComplete { wait(receipt, for: originals) }
        return receipt
    }

    private func wait(_ receipt: AppendReceipt, for originals: [Earlier]) {
        for original in originals {
            guard case .pending(let index) = original.place else { continue }
            let piece = pieces[pending[index].piece]
            pieces.append(
                Piece(
                    receipt: receipt, context: piece.context, destination: piece.destination, stream: nil,
                    start: pending.count, places: originals.map(\.place)))
            return
        }
    }

    private func earlier(_ ids: [UUIDv7], in tx: borrowing Transaction) throws -> [UUIDv7: Earlier] {
        while indexedCount < pending.count {
            index[pending[indexedCount].id] = indexedCount
            indexedCount += 1
        }
        var known: [UUIDv7: Earlier] = [:]
        var unknown: [UUIDv7] = []
        for id in ids {
            guard let place = index[id] else {
                unknown.append(id)
                continue
            }
            let found = pending[place]
            known[id] = Earlier(
                destination: pieces[found.piece].destination,
                version: pieces[found.piece].receipt.versions[found.offset], place: .pending(place),
                content: Content(found.event))
        }
        for start in stride(from: 0, to: unknown.count, by: Self.lookupMax) {
            try find(unknown[start..<min(start + Self.lookupMax, unknown.count)], in: tx, into: &known)
        }
        return known
    }

    private static let lookupMax = 256

    private func find(
        _ ids: ArraySlice<UUIDv7>, in tx: borrowing Transaction, into known: inout [UUIDv7: Earlier]
    ) throws {
        // Lists of few lengths only, so that few statements are compiled; a value that comes twice does no harm.
        var bytes = ids.map(\.storedBytes)
        let length = ids.count == 1 ? 1 : ids.count <= 16 ? 16 : Self.lookupMax
        if let last = bytes.last { bytes += repeatElement(last, count: length - bytes.count) }
        let found = try tx.query(
            """
            SELECT e.event_id, s.workspace_id, s.type, s.id, e.version, e.position, e.type, e.type_version, e.subject,
                e.key_id, e.data_hash
            FROM events e JOIN streams s ON s.key = e.stream_key WHERE e.event_id IN \(list: bytes)
            """
        ) { row in
            let original = Earlier(
                destination: StreamAddress(workspace: try row[1], stream: StreamName(try row[2], try row[3])),
                version: try row[4], place: .known(try row[5]),
                content: Content(
                    type: try row[6], typeVersion: try row[7], subject: try row[8], keyID: try row[9],
                    dataHash: try row[10]))
            return (try UUIDv7(stored: row[0]), original)
        }
        for (id, original) in found { known[id] = original }
    }
}

extension SignalTopic {
    /// The log has grown.
    package static let log: SignalTopic = "log"
}
