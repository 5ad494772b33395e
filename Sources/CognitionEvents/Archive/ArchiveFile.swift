import CognitionCore
import CognitionStorage

/// The events of one file, line by line: the envelope with the stored bytes of the data, in the order of positions.
final class ArchiveFile: Sendable {
    /// Events of one file.
    static let eventsMax = 5_000
    /// Bytes of lines after which a file ends; one event is always in it.
    static let bytesMax = 16 << 20
    /// What a file may have unpacked: the last line may be one of the largest events, and its envelope.
    private static let unpackedBytesMax = bytesMax + AppendLimits.dataBytesMax + (64 << 10)
    /// What the file itself may have; what nothing can be saved of gets a little longer.
    static let packedBytesMax = unpackedBytesMax + (1 << 20)

    let range: ArchivedRange
    private let bytes: [UInt8]
    /// Where each line is, without its end, and the position of its event.
    private let lines: [(position: Int64, place: Range<Int>)]

    /// Reads a file whose digest is right.
    /// - Throws: `event.damaged`.
    init(_ range: ArchivedRange, packed: [UInt8]) throws(EventError) {
        self.range = range
        do {
            bytes = try Gzip.unpacked(packed, bytesMax: Self.unpackedBytesMax)
        } catch {
            throw EventError(.eventDamaged, "the archive \(range.name) cannot be unpacked", cause: error)
        }
        lines = try Self.lines(of: bytes, in: range)
    }

    /// Bytes in memory.
    var size: Int { bytes.count }

    var positions: [Int64] { lines.map(\.position) }

    private static func lines(
        of bytes: [UInt8], in range: ArchivedRange
    ) throws(EventError) -> [(position: Int64, place: Range<Int>)] {
        var lines: [(position: Int64, place: Range<Int>)] = []
        var start = 0
        while start < bytes.count {
            guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")),
                let position = ArchiveLine.position(of: bytes[start..<end]), position > lines.last?.position ?? 0
            else { throw EventError(.eventDamaged, "line \(lines.count + 1) of the archive \(range.name) is none") }
            lines.append((position, start..<end))
            start = end + 1
        }
        guard lines.count == range.events, lines.first?.position == range.firstPosition,
            lines.last?.position == range.lastPosition
        else { throw EventError(.eventDamaged, "the archive \(range.name) has other events than were noted") }
        return lines
    }

    /// Events at some positions, in their order or against it, as long as `take` wants more.
    func events(
        in positions: ClosedRange<Int64>, _ direction: ReadDirection = .forward,
        take: (_ event: Event, _ bytes: Int) throws -> Bool
    ) throws {
        let chosen = lines.filter { positions.contains($0.position) }
        for line in direction == .forward ? chosen : chosen.reversed() {
            guard try take(try event(at: line.place), line.place.count) else { return }
        }
    }

    private func event(at place: Range<Int>) throws -> Event {
        do {
            return try ArchiveLine.event(bytes[place])
        } catch {
            throw EventError(
                .eventDamaged, "an event in the archive \(range.name) cannot be read",
                position: ArchiveLine.position(of: bytes[place]), cause: error)
        }
    }

    /// Positions whose data is not what was hashed when it was written, or that cannot be read.
    func damagedPositions() -> [Int64] {
        lines.filter { line in
            guard let data = ArchiveLine.data(of: bytes[line.place]), let event = try? event(at: line.place) else {
                return true
            }
            return SHA256Digest(of: Array(data)) != event.dataHash
        }.map(\.position)
    }

    /// The lines as they are.
    func text() -> [UInt8] { bytes }
}

/// An event as a line of an archive.
enum ArchiveLine {
    private static let start = Array(#"{"position":"#.utf8)
    private static let dataMark = Array(#","data":"#.utf8)
    private static let hashMark = Array(#","data_hash":""#.utf8)

    /// - Parameter data: As it is stored; it is not written anew, so that its hash stays right.
    /// - Throws: `event.damaged` for data that is not JSON, has not its hash, or is no line.
    static func line(_ row: EventRow, data: [UInt8]) throws -> [UInt8] {
        let event = try row.event(data: data)
        guard SHA256Digest(of: data) == event.dataHash, !data.contains(UInt8(ascii: "\n")) else {
            throw EventError(.eventDamaged, "its data is not what was hashed when it was written")
        }
        var line = JSONValue.object(event.envelope).jsonBytes
        line.removeLast()
        line += dataMark
        line += data
        line += hashMark
        line += event.dataHash.description.utf8
        line += Array("\"}\n".utf8)
        return line
    }

    static func position(of line: ArraySlice<UInt8>) -> Int64? {
        guard line.starts(with: start) else { return nil }
        let digits = line.dropFirst(start.count).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return Int64(String(decoding: digits, as: UTF8.self))
    }

    /// The bytes of the data: no member before it has a value in which the mark could stand unescaped.
    static func data(of line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let tail = hashMark.count + 64 + 2
        guard let mark = line.firstRange(of: dataMark), mark.upperBound <= line.endIndex - tail else { return nil }
        return line[mark.upperBound..<line.endIndex - tail]
    }

    static func event(_ line: ArraySlice<UInt8>) throws -> Event {
        guard let data = data(of: line) else { throw EventError(.eventDamaged, "it has no data") }
        // Apart, as the data may be as deep as a value can be.
        let envelope = line[..<(data.startIndex - dataMark.count)] + [UInt8(ascii: "}")]
        let value = try JSONValue(parsing: Array(envelope))
        let digits = line[(data.endIndex + hashMark.count)...].prefix(64)
        func text(_ name: String) -> String? { value[name]?.stringValue }
        func number(_ name: String) -> Int64? { value[name]?.integerValue }
        guard let position = number("position"), let workspace = text("workspace_id"),
            let streamType = text("stream_type"), let streamID = text("stream_id"), let version = number("version"),
            let id = text("event_id").flatMap({ UUIDv7($0) }), let type = text("type"),
            let typeVersion = number("type_version"), let time = text("time").flatMap({ Timestamp($0) }),
            let actor = text("actor"), let hash = SHA256Digest(String(decoding: digits, as: UTF8.self))
        else { throw EventError(.eventDamaged, "a member of its envelope is missing") }
        return Event(
            position: position, workspace: WorkspaceID(workspace), stream: StreamName(streamType, streamID),
            version: version, id: id, type: type, typeVersion: Int(typeVersion), time: time, actor: actor,
            causationID: text("causation_id"), correlationID: text("correlation_id"), traceparent: text("traceparent"),
            subject: text("subject"), keyID: text("key_id"), data: try JSONValue(parsing: Array(data)), dataHash: hash)
    }
}
