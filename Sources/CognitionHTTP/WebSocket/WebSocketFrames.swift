import CognitionRealtime
import NIOCore
import NIOWebSocket

/// Frames that a server sends: whole and not masked, so that one buffer serves any number of connections.
enum WebSocketFrames {
    static let ping = control(.ping)

    static func text(_ json: [UInt8]) -> ByteBuffer {
        var frame = ByteBufferAllocator().buffer(capacity: json.count + headerBytesMax)
        write(json, to: &frame)
        return frame
    }

    static let headerBytesMax = 10

    /// Appends a frame of text.
    static func write(_ json: [UInt8], to frame: inout ByteBuffer) {
        frame.writeInteger(0x80 | UInt8(webSocketOpcode: .text))
        switch json.count {
        case ...125: frame.writeInteger(UInt8(json.count))
        case ...0xFFFF:
            frame.writeInteger(126 as UInt8)
            frame.writeInteger(UInt16(json.count))
        default:
            frame.writeInteger(127 as UInt8)
            frame.writeInteger(UInt64(json.count))
        }
        frame.writeBytes(json)
    }

    /// - Parameter payload: At most 125 bytes.
    static func control(_ opcode: WebSocketOpcode, _ payload: ByteBuffer = ByteBuffer()) -> ByteBuffer {
        precondition(payload.readableBytes <= 125, "a control frame has at most 125 bytes")
        var frame = ByteBufferAllocator().buffer(capacity: 2 + payload.readableBytes)
        frame.writeInteger(0x80 | UInt8(webSocketOpcode: opcode))
        frame.writeInteger(UInt8(payload.readableBytes))
        frame.writeImmutableBuffer(payload)
        return frame
    }

    static func close(_ reason: CloseReason) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(reason.code)
        payload.writeString(reason.text)
        return control(.connectionClose, payload)
    }

    static func close(_ code: UInt16?) -> ByteBuffer {
        control(.connectionClose, code.map { ByteBuffer(integer: $0) } ?? ByteBuffer())
    }
}
