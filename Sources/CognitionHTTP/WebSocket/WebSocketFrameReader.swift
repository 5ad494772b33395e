import CognitionRealtime
import NIOCore
import NIOWebSocket

/// Cuts what comes into frames (RFC 6455, 5.2), and refuses a connection at the first byte that no valid frame can have.
///
/// In place of NIO's `WebSocketFrameDecoder`, which waits for whole frames: here a header that is not allowed is refused
/// before its payload has come, and text that is not UTF-8 while the rest of its message is still under way (RFC 6455, 8.1).
struct WebSocketFrameReader: ByteToMessageDecoder {
    typealias InboundOut = WebSocketFrame

    /// Why nothing further can be read.
    struct Violation: Error {
        let reason: CloseReason
    }

    /// Of a frame of which not everything has come.
    private struct Header {
        let first: UInt8
        let key: WebSocketMaskingKey
        let length: Int

        var opcode: WebSocketOpcode { WebSocketOpcode(encodedWebSocketOpcode: first & 0x0F) ?? .continuation }
        var isLast: Bool { first & 0x80 != 0 }
    }

    private let frameBytesMax: Int
    private var header: Header?
    /// The text of which a part has come; `nil` between messages and within one that is no text.
    private var text: UTF8Prefix?
    /// Bytes of the current frame's payload that `text` has seen.
    private var seen = 0

    /// - Parameter frameBytesMax: Of a frame's payload.
    init(frameBytesMax: Int) { self.frameBytesMax = frameBytesMax }

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        if header == nil { header = try readHeader(&buffer) }
        guard let header else { return .needMoreData }
        guard let data = buffer.readSlice(length: header.length) else {
            try look(at: buffer.readableBytesView, of: header)
            return .needMoreData
        }
        // A whole text in one frame is judged by who makes a string of it.
        if text != nil, !(header.opcode == .text && header.isLast && seen == 0) {
            try look(at: data.readableBytesView, of: header)
        }
        self.header = nil
        seen = 0
        if header.isLast, !header.opcode.isControlOpcode { text = nil }
        let frame = WebSocketFrame(
            fin: header.isLast, opcode: header.opcode, maskKey: header.key, data: data)
        context.fireChannelRead(Self.wrapInboundOut(frame))
        return .continue
    }

    mutating func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState {
        // What did not come as a whole is over with the connection.
        try decode(context: context, buffer: &buffer)
    }

    private mutating func readHeader(_ buffer: inout ByteBuffer) throws -> Header? {
        let start = buffer.readerIndex
        guard let first: UInt8 = buffer.getInteger(at: start), let second: UInt8 = buffer.getInteger(at: start + 1)
        else {
            // The first byte alone may be wrong.
            if let first: UInt8 = buffer.getInteger(at: start) { try check(first) }
            return nil
        }
        try check(first)
        try check(second, after: first)
        var place = start + 2
        var length = Int(second & 0x7F)
        switch length {
        case 126:
            guard let long: UInt16 = buffer.getInteger(at: place) else { return nil }
            guard long > 125 else {
                throw Violation(reason: .protocolError("a length is written in as few bytes as it can"))
            }
            (length, place) = (Int(long), place + 2)
        case 127:
            guard let long: UInt64 = buffer.getInteger(at: place) else { return nil }
            guard long > UInt16.max else {
                throw Violation(reason: .protocolError("a length is written in as few bytes as it can"))
            }
            (length, place) = (Int(clamping: long), place + 8)
        default: break
        }
        guard length <= frameBytesMax else {
            throw Violation(reason: .tooLarge("a message has at most \(frameBytesMax) bytes"))
        }
        guard let key = buffer.getBytes(at: place, length: 4).flatMap({ WebSocketMaskingKey($0) }) else { return nil }
        buffer.moveReaderIndex(to: place + 4)
        let header = Header(first: first, key: key, length: length)
        if header.opcode == .text { text = UTF8Prefix() }
        return header
    }

    private func check(_ first: UInt8) throws {
        guard first & 0x70 == 0 else { throw Violation(reason: .protocolError("no extension was agreed on")) }
        switch first & 0x0F {
        case 0, 1, 2: break
        case 8, 9, 10:
            guard first & 0x80 != 0 else { throw Violation(reason: .protocolError("a control frame in fragments")) }
        default: throw Violation(reason: .protocolError("unknown opcode"))
        }
    }

    private func check(_ second: UInt8, after first: UInt8) throws {
        guard second & 0x80 != 0 else { throw Violation(reason: .protocolError("a client's frames are masked")) }
        if first & 0x08 != 0, second & 0x7F > 125 {
            throw Violation(reason: .protocolError("a control frame of over 125 bytes"))
        }
    }

    /// Looks at the part of a text that is new.
    private mutating func look(at payload: ByteBufferView, of header: Header) throws {
        guard text != nil, header.opcode == .text || header.opcode == .continuation else { return }
        let part = payload.dropFirst(seen)
        for (offset, byte) in part.enumerated() {
            let mask = header.key[header.key.startIndex + (seen + offset) & 3]
            guard text?.takes(byte ^ mask) == true else { throw Violation(reason: .notUTF8) }
        }
        seen += part.count
    }
}

/// Tells byte by byte whether what has come so far can be the beginning of UTF-8 (RFC 3629, 4).
struct UTF8Prefix {
    /// Bytes that the current letter still needs.
    private var missing: UInt8 = 0
    /// What the next byte may be, when some are missing: narrower after a first byte that has overlong forms, surrogates
    /// or what lies beyond U+10FFFF.
    private var low: UInt8 = 0x80
    private var high: UInt8 = 0xBF

    /// - Returns: `false` when no further bytes can make it right.
    mutating func takes(_ byte: UInt8) -> Bool {
        guard missing == 0 else {
            guard (low...high).contains(byte) else { return false }
            missing -= 1
            (low, high) = (0x80, 0xBF)
            return true
        }
        switch byte {
        case 0...0x7F: break
        case 0xC2...0xDF: missing = 1
        case 0xE0...0xEF:
            missing = 2
            if byte == 0xE0 { low = 0xA0 }
            if byte == 0xED { high = 0x9F }
        case 0xF0...0xF4:
            missing = 3
            if byte == 0xF0 { low = 0x90 }
            if byte == 0xF4 { high = 0x8F }
        default: return false
        }
        return true
    }
}
