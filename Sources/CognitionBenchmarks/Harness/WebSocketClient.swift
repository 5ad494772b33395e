import CognitionCore
import Foundation

/// A WebSocket of the server's, as small as it can be: text messages only, and pings go without an answer, as no
/// benchmark lasts until the second.
final class WebSocketClient {
    let socket: Socket
    private var unread: [UInt8] = []

    /// Opens one and waits until the server has said who is connected.
    convenience init(port: Int, token: String) throws {
        try self.init(port: port, path: "/ws/connect", headers: ["Authorization: Bearer \(token)"])
        _ = try message(of: "connected")
    }

    /// Opens one of any server.
    init(port: Int, path: String, headers: [String] = []) throws {
        socket = try Socket(port: port)
        let lines =
            [
                "GET \(path) HTTP/1.1", "Host: bench", "Connection: Upgrade", "Upgrade: websocket",
                "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ] + headers + ["", ""]
        try socket.write(Array(lines.joined(separator: "\r\n").utf8))
        let head = try HTTPConnection.head(from: socket, &unread)
        guard head[0].contains(" 101 ") else { throw BenchmarkFailure("no WebSocket: \(head[0])") }
    }

    /// Asks for what happens to an execution or a workflow, and waits until the server has said that it will tell.
    func subscribe(_ member: String, _ id: String) throws {
        try send(["action": "subscribe", member: .string(id)])
        _ = try message(of: "subscribed")
    }

    /// The next message of a type; others before it are passed over.
    func message(of type: String) throws -> JSONValue {
        while true {
            while let text = next() {
                let message = try JSONValue(parsing: text)
                switch message["type"]?.stringValue {
                case type: return message
                case "error": throw BenchmarkFailure("the server says \(message.jsonText)")
                default: continue
                }
            }
            try receive()
        }
    }

    /// The next message of one of these types, whatever it says.
    func answer(of types: Set<String>) throws -> JSONValue {
        while true {
            while let text = next() {
                let message = try JSONValue(parsing: text)
                if let type = message["type"]?.stringValue, types.contains(type) { return message }
            }
            try receive()
        }
    }

    /// Reads what has come, once there is something.
    func receive() throws { try socket.read(into: &unread) }

    /// The next text that has come as a whole.
    func next() -> [UInt8]? {
        while let frame = takeFrame() {
            if frame.opcode == 1 { return frame.payload }
        }
        return nil
    }

    /// A frame from the server: not masked, never in fragments.
    private func takeFrame() -> (opcode: UInt8, payload: [UInt8])? {
        guard unread.count >= 2 else { return nil }
        var start = 2
        var length = Int(unread[1] & 0x7F)
        let lengthBytes = length == 126 ? 2 : length == 127 ? 8 : 0
        if lengthBytes > 0 {
            start += lengthBytes
            guard unread.count >= start else { return nil }
            length = unread[2..<start].reduce(0) { $0 << 8 | Int($1) }
        }
        guard unread.count >= start + length else { return nil }
        defer { unread.removeFirst(start + length) }
        return (unread[0] & 0x0F, Array(unread[start..<start + length]))
    }

    func send(_ message: JSONValue) throws { try socket.write(Self.frame(message.jsonBytes)) }

    /// A mask of zeros leaves the text as it is.
    static func frame(_ text: [UInt8]) -> [UInt8] {
        precondition(text.count < 1 << 16, "a message of this client has a length of at most two bytes")
        let length: [UInt8] =
            text.count < 126
            ? [0x80 | UInt8(text.count)] : [0x80 | 126, UInt8(text.count >> 8), UInt8(text.count & 0xFF)]
        return [0x81] + length + [0, 0, 0, 0] + text
    }
}
