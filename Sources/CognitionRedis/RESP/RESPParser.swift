package import NIOCore

/// Reads values of RESP3 from bytes that come in pieces of any size.
///
/// Aggregates are put together on a stack as their elements come, so each byte is looked at once, however it comes, and nesting
/// takes no stack of the thread. Memory is taken for what has come, never for what a peer announces.
package struct RESPParser: Sendable {
    /// An aggregate whose elements are still to come.
    private struct Frame {
        let kind: UInt8
        var left: Int
        var elements: [RESPValue] = []
    }

    private let limits: RESPLimits
    private var buffer = ByteBuffer()
    /// Bytes from the reader's place on in which there is no end of a line.
    private var scanned = 0
    private var frames: [Frame] = []
    /// The kind and length of a text whose bytes are still to come.
    private var text: (kind: UInt8, length: Int)?
    /// Of the value that is being read.
    private var bytes = 0
    private var elements = 0

    package init(limits: RESPLimits = RESPLimits()) { self.limits = limits }

    package mutating func append(_ part: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = part
        } else {
            buffer.writeImmutableBuffer(part)
        }
    }

    /// The next value, or `nil` when more has to come first.
    /// - Throws: `RESPFault`, after which nothing is read any more.
    package mutating func next() throws -> RESPValue? {
        while let value = try nextScalar() {
            if let whole = place(value) {
                (bytes, elements) = (0, 0)
                return whole
            }
        }
        if buffer.readableBytes == 0 { buffer = ByteBuffer() } else { buffer.discardReadBytes() }
        return nil
    }

    /// The next value without elements, or one whose elements have all come.
    private mutating func nextScalar() throws -> RESPValue? {
        while true {
            if let (kind, length) = text { return try readText(kind, length) }
            guard let line = try readLine() else { return nil }
            if let value = try begin(line) { return value }
        }
    }

    // MARK: Lines

    /// A line without its end.
    private mutating func readLine() throws -> [UInt8]? {
        let view = buffer.readableBytesView
        let unseen = view.dropFirst(scanned)
        guard let end = unseen.firstIndex(of: UInt8(ascii: "\n")) else {
            scanned = view.count
            guard scanned <= limits.lineBytesMax else { throw RESPFault("a line has no end") }
            return nil
        }
        let length = view.distance(from: view.startIndex, to: end)
        guard length <= limits.lineBytesMax else { throw RESPFault("a line is too long") }
        guard length >= 2, view[view.index(before: end)] == UInt8(ascii: "\r"),
            let line = buffer.readBytes(length: length - 1)
        else { throw RESPFault("a line has no type or does not end as it should") }
        buffer.moveReaderIndex(forwardBy: 2)
        scanned = 0
        return line
    }

    /// A value that is a line, or `nil` when more belongs to it.
    private mutating func begin(_ line: [UInt8]) throws -> RESPValue? {
        try count(bytes: line.count)
        let kind = line[0]
        let rest = line[1...]
        switch kind {
        case UInt8(ascii: "+"): return .text(try Self.string(rest))
        // Errors may repeat what was sent, which need not be UTF-8.
        case UInt8(ascii: "-"): return .error(String(decoding: rest, as: UTF8.self))
        case UInt8(ascii: ":"): return .integer(try Self.integer(rest))
        case UInt8(ascii: ","): return .double(try Self.double(rest))
        case UInt8(ascii: "#"): return .boolean(try Self.boolean(rest))
        case UInt8(ascii: "("): return .bigNumber(try Self.bigNumber(rest))
        case UInt8(ascii: "_"):
            guard rest.isEmpty else { throw RESPFault("a null has a value") }
            return .null
        case UInt8(ascii: "$"), UInt8(ascii: "!"), UInt8(ascii: "="):
            guard let length = try length(rest) else { return .null }
            try count(bytes: length)
            text = (kind, length)
            return nil
        case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: ">"), UInt8(ascii: "%"), UInt8(ascii: "|"):
            guard let length = try length(rest) else { return .null }
            return try open(kind, length)
        default: throw RESPFault("0x\(String(kind, radix: 16)) is no type of value")
        }
    }

    private mutating func readText(_ kind: UInt8, _ length: Int) throws -> RESPValue? {
        guard buffer.readableBytes >= length + 2, let bytes = buffer.readBytes(length: length) else { return nil }
        guard buffer.readInteger(as: UInt16.self) == 0x0D0A else { throw RESPFault("a text is longer than announced") }
        text = nil
        switch kind {
        case UInt8(ascii: "!"): return .error(String(decoding: bytes, as: UTF8.self))
        case UInt8(ascii: "="):
            // Three letters say what it is, and a colon.
            guard length >= 4, bytes[3] == UInt8(ascii: ":") else { throw RESPFault("a verbatim text has no format") }
            return .bytes(Array(bytes[4...]))
        default: return .bytes(bytes)
        }
    }

    // MARK: Aggregates

    private mutating func open(_ kind: UInt8, _ length: Int) throws -> RESPValue? {
        let left = kind == UInt8(ascii: "%") || kind == UInt8(ascii: "|") ? 2 * length : length
        elements += left
        guard elements <= limits.elementsMax else {
            throw RESPFault("a value has more than \(limits.elementsMax) elements")
        }
        guard frames.count < limits.depthMax else {
            throw RESPFault("values are nested deeper than \(limits.depthMax)")
        }
        if kind == UInt8(ascii: ">"), !frames.isEmpty { throw RESPFault("a push stands inside of another value") }
        let frame = Frame(kind: kind, left: left)
        if left == 0 { return Self.close(frame) }
        frames.append(frame)
        return nil
    }

    /// Puts a value where it belongs.
    /// - Returns: A value that is whole and belongs to no other.
    private mutating func place(_ value: RESPValue) -> RESPValue? {
        var value: RESPValue? = value
        while let element = value {
            guard var frame = frames.popLast() else { return element }
            frame.elements.append(element)
            frame.left -= 1
            guard frame.left == 0 else {
                frames.append(frame)
                return nil
            }
            value = Self.close(frame)
        }
        return nil
    }

    /// The value of a frame that is full; none of attributes.
    private static func close(_ frame: Frame) -> RESPValue? {
        switch frame.kind {
        case UInt8(ascii: "*"): .array(frame.elements)
        case UInt8(ascii: "~"): .set(frame.elements)
        case UInt8(ascii: ">"): .push(frame.elements)
        case UInt8(ascii: "%"):
            .map(
                stride(from: 0, to: frame.elements.count, by: 2).map {
                    RESPValue.Pair(frame.elements[$0], frame.elements[$0 + 1])
                })
        default: nil
        }
    }

    private mutating func count(bytes count: Int) throws {
        bytes += count
        guard bytes <= limits.bytesMax else { throw RESPFault("a value has more than \(limits.bytesMax) bytes") }
    }

    // MARK: Scalars

    private static func string(_ bytes: ArraySlice<UInt8>) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw RESPFault("a text is no UTF-8") }
        return text
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) throws -> Int64 {
        guard let number = Int64(String(decoding: bytes, as: UTF8.self)) else {
            throw RESPFault("an integer is none, or beyond 64 bits")
        }
        return number
    }

    /// - Returns: `nil` for -1, by which RESP2 says that there is no value.
    private func length(_ bytes: ArraySlice<UInt8>) throws -> Int? {
        let number = try Self.integer(bytes)
        if number == -1 { return nil }
        guard number >= 0 else { throw RESPFault("a length is negative") }
        // More than a bound allows is refused by it, without a calculation that could overflow.
        return Int(min(number, Int64(Int32.max)))
    }

    private static func double(_ bytes: ArraySlice<UInt8>) throws -> Double {
        let text = String(decoding: bytes, as: UTF8.self)
        let isNumber = bytes.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || "+-.eE".utf8.contains($0) }
        guard isNumber || ["inf", "-inf", "nan"].contains(text), let number = Double(text) else {
            throw RESPFault("a number is none")
        }
        return number
    }

    private static func boolean(_ bytes: ArraySlice<UInt8>) throws -> Bool {
        switch Array(bytes) {
        case Array("t".utf8): true
        case Array("f".utf8): false
        default: throw RESPFault("a truth value is neither t nor f")
        }
    }

    private static func bigNumber(_ bytes: ArraySlice<UInt8>) throws -> String {
        let digits = bytes.first == UInt8(ascii: "-") || bytes.first == UInt8(ascii: "+") ? bytes.dropFirst() : bytes
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw RESPFault("a big number is none")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
