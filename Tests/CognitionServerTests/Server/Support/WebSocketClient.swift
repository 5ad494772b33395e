import CognitionCore
import Testing

/// A WebSocket of a well-behaved client.
struct WebSocketClient {
    private var socket: RawSocket

    /// Connects on `socket` and reads `connected`.
    init(_ socket: RawSocket, token: String) async throws {
        self.socket = socket
        try await self.socket.write(
            "GET /ws/connect HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                + "Authorization: Bearer \(token)\r\n\r\n")
        let head = try await self.socket.head()
        try #require(head.status == 101, "\(head)")
        #expect(try await next()["type"] == "connected")
    }

    /// A text frame of at most 64 KiB, masked with zeros (RFC 6455, section 5.2).
    func send(_ message: JSONValue) async throws {
        let payload = message.jsonBytes
        let length: [UInt8] =
            payload.count < 126
            ? [0x80 | UInt8(payload.count)] : [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        try await socket.write([0x81] + length + [0, 0, 0, 0] + payload)
    }

    /// The next message; frames of the protocol itself are passed over.
    mutating func next() async throws -> JSONValue {
        while true {
            let (opcode, payload) = try await frame()
            if opcode == 8 { throw TestFailure("the server has closed the connection: \(payload)") }
            if opcode == 1 { return try JSONValue(parsing: payload) }
        }
    }

    struct Close: Equatable {
        let code: Int
        let reason: String
    }

    /// How the server closes the connection; what comes before is passed over.
    mutating func closed() async throws -> Close {
        while true {
            let (opcode, payload) = try await frame()
            guard opcode == 8, payload.count >= 2 else { continue }
            return Close(
                code: Int(payload[0]) << 8 | Int(payload[1]), reason: String(decoding: payload[2...], as: UTF8.self))
        }
    }

    private mutating func frame() async throws -> (opcode: UInt8, payload: [UInt8]) {
        let head = try await socket.bytes(2)
        var length = Int(head[1] & 0x7F)
        if length >= 126 {
            length = try await socket.bytes(length == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) }
        }
        return (head[0] & 0x0F, try await socket.bytes(length))
    }
}
