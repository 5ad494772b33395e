import CognitionCore

/// What one append may hold; anything beyond is refused before a byte is written.
package enum AppendLimits {
    /// Bytes of one event's data as compact JSON.
    package static let dataBytesMax = 8 << 20
    /// Arrays and objects inside one another in one event's data, as many as are read again.
    package static let dataDepthMax = JSONLimits.standard.depthMax
    /// Bytes of the data of all events of one append.
    package static let appendBytesMax = 64 << 20
    package static let eventsMax = 10_000
    /// Bytes of an id, of a type and of each text beside the data.
    package static let textBytesMax = 200

    static func check(_ events: [NewEvent], to stream: StreamName, in context: EventContext) throws(EventError) {
        guard (1...eventsMax).contains(events.count) else {
            throw EventError(.eventInvalid, "one append takes 1 to \(eventsMax) events, not \(events.count)")
        }
        guard isStreamType(stream.type) else {
            throw EventError(.eventInvalid, "a stream's type matches [a-z][a-z0-9_]{0,62}")
        }
        try check(stream.id, "a stream's id")
        try check(context.workspace.name, "a workspace's id")
        try check(context.actor, "an actor")
        try checkOptional(context.causationID, "a causation id")
        try checkOptional(context.correlationID, "a correlation id")
        try checkOptional(context.traceparent, "a traceparent")
        var bytes = 0
        for event in events {
            try check(event)
            bytes += event.data.count
        }
        guard bytes <= appendBytesMax else {
            throw EventError(
                .eventTooLarge, "the events have \(bytes) bytes together; at most \(appendBytesMax) are taken")
        }
    }

    private static func check(_ event: NewEvent) throws(EventError) {
        guard isEventType(event.type) else {
            throw EventError(
                .eventInvalid,
                "an event's type has dotted lower-case parts, such as workflow.created, and at most \(textBytesMax) bytes"
            )
        }
        guard event.typeVersion >= 1 else { throw EventError(.eventInvalid, "an event's type_version counts from 1") }
        try checkOptional(event.subject, "a subject")
        try checkOptional(event.keyID, "a key id")
        guard event.data.count <= dataBytesMax else {
            throw EventError(
                .eventTooLarge,
                "the data of a \(event.type) has \(event.data.count) bytes; at most \(dataBytesMax) are taken")
        }
        guard !isTooDeep(event.data) else {
            throw EventError(.eventInvalid, "the data of a \(event.type) is nested deeper than \(dataDepthMax) levels")
        }
    }

    private static func checkOptional(_ text: String?, _ what: StaticString) throws(EventError) {
        if let text { try check(text, what) }
    }

    private static func check(_ text: String, _ what: StaticString) throws(EventError) {
        guard (1...textBytesMax).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw EventError(.eventInvalid, "\(what) has 1 to \(textBytesMax) bytes and no control characters")
        }
    }

    static func isStreamType(_ text: String) -> Bool {
        guard let first = text.utf8.first, first.isLowercaseLetter, text.utf8.count <= 63 else { return false }
        return text.utf8.allSatisfy(\.isNameByte)
    }

    /// Whether a type of events may be called so.
    package static func isEventType(_ text: String) -> Bool {
        guard let first = text.utf8.first, first.isLowercaseLetter, text.utf8.count <= textBytesMax else {
            return false
        }
        var dots = 0
        var previous = first
        for byte in text.utf8.dropFirst() {
            if byte == UInt8(ascii: ".") {
                guard previous != UInt8(ascii: ".") else { return false }
                dots += 1
            } else if !byte.isNameByte {
                return false
            }
            previous = byte
        }
        return dots > 0 && previous != UInt8(ascii: ".")
    }

    /// Whether compact JSON is nested so deeply that it would not be read again.
    private static func isTooDeep(_ json: [UInt8]) -> Bool {
        // Each level takes two bytes at least.
        guard json.count > 2 * dataDepthMax else { return false }
        var depth = 0
        var isInString = false
        var isEscaped = false
        for byte in json {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                if depth > dataDepthMax { return true }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
        }
        return false
    }
}

extension UInt8 {
    fileprivate var isLowercaseLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }

    fileprivate var isNameByte: Bool {
        isLowercaseLetter || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || self == UInt8(ascii: "_")
    }
}
