/// Reads a stream of server-sent events, however its bytes are cut.
///
/// Source: HTML Living Standard, section 9.2.6, "Interpreting an event stream". Lines end in LF, CR or CRLF; a byte
/// order mark at the start is skipped; bytes that are no UTF-8 become U+FFFD. An event is complete at its blank line:
/// what the end of the stream leaves unfinished is no event.
package struct ServerSentEvents: Sendable {
    package struct Event: Sendable, Hashable {
        /// `message` unless the stream names it.
        package var name: String
        /// The `data` lines, joined by LF.
        package var data: String

        package init(name: String, data: String) {
            self.name = name
            self.data = data
        }
    }

    package struct TooLarge: Error, Hashable {
        package var bytesMax: Int

        package init(bytesMax: Int) { self.bytesMax = bytesMax }
    }

    /// The last `id` of the stream; it stays in force for the events that follow.
    package private(set) var lastEventID = ""
    /// The last `retry` of the stream.
    package private(set) var reconnectMilliseconds: Int?

    private let eventBytesMax: Int
    private let totalBytesMax: Int
    private var total = 0
    /// The line that has begun.
    private var line: [UInt8] = []
    /// A LF that follows now belongs to the CR before it.
    private var endedWithCR = false
    private var isFirstLine = true
    private var name = ""
    private var data: [UInt8] = []
    private var hasData = false

    /// - Parameters:
    ///   - eventBytesMax: Of one line, and of the data of one event.
    ///   - totalBytesMax: Of the whole stream.
    package init(eventBytesMax: Int = 1 << 20, totalBytesMax: Int = 64 << 20) {
        self.eventBytesMax = eventBytesMax
        self.totalBytesMax = totalBytesMax
    }

    /// Takes the next bytes and returns the events that they complete.
    package mutating func feed(_ bytes: some Collection<UInt8>) throws(TooLarge) -> [Event] {
        total += bytes.count
        guard total <= totalBytesMax else { throw TooLarge(bytesMax: totalBytesMax) }
        var events: [Event] = []
        var rest = bytes[...]
        while let first = rest.first {
            if endedWithCR {
                endedWithCR = false
                if first == UInt8(ascii: "\n") {
                    rest.removeFirst()
                    continue
                }
            }
            guard let end = rest.firstIndex(where: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) else {
                line.append(contentsOf: rest)
                guard line.count <= eventBytesMax else { throw TooLarge(bytesMax: eventBytesMax) }
                break
            }
            line.append(contentsOf: rest[..<end])
            guard line.count <= eventBytesMax else { throw TooLarge(bytesMax: eventBytesMax) }
            endedWithCR = rest[end] == UInt8(ascii: "\r")
            rest = rest[rest.index(after: end)...]
            if let event = try endLine() { events.append(event) }
        }
        return events
    }

    private mutating func endLine() throws(TooLarge) -> Event? {
        defer { line.removeAll(keepingCapacity: true) }
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        }
        if line.isEmpty { return endEvent() }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "data":
            if hasData { data.append(UInt8(ascii: "\n")) }
            data.append(contentsOf: value)
            hasData = true
            guard data.count <= eventBytesMax else { throw TooLarge(bytesMax: eventBytesMax) }
        case "event":
            name = String(decoding: value, as: UTF8.self)
        case "id":
            if !value.contains(0) { lastEventID = String(decoding: value, as: UTF8.self) }
        case "retry":
            let digits = String(decoding: value, as: UTF8.self)
            if digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits) {
                reconnectMilliseconds = number
            }
        default:
            break  // a comment, or a field of a later day
        }
        return nil
    }

    private mutating func endEvent() -> Event? {
        defer {
            name = ""
            data.removeAll(keepingCapacity: true)
            hasData = false
        }
        guard hasData else { return nil }
        return Event(name: name.isEmpty ? "message" : name, data: String(decoding: data, as: UTF8.self))
    }
}
