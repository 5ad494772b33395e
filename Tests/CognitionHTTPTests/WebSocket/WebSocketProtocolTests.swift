import CognitionCore
import CognitionHTTP
import CognitionRealtime
import Testing

/// Bytes on the wire that are allowed, and bytes that are not (RFC 6455).
@Suite struct WebSocketProtocolTests {
    private static let ping: [UInt8] = Array(#"{"action":"ping","id":"äöü"}"#.utf8)

    @Test("A message may come in fragments, with control frames between them, and byte by byte")
    func fragments() async throws {
        try await withLiveServer { server in
            let socket = try await TestSocket.open(server.port, token: "ada")
            _ = try await socket.message()
            // The cut is in the middle of a letter.
            let cut = Self.ping.firstIndex(of: 0xC3)! + 1
            socket.send(opcode: 1, Array(Self.ping[..<cut]), first: 0)
            socket.send(opcode: 9, [1, 2, 3])
            socket.send(opcode: 0, [], first: 0)
            socket.send(opcode: 0, Array(Self.ping[cut...]))
            #expect(try await socket.next() == .frame(opcode: 10, payload: [1, 2, 3]))
            #expect(try await socket.message()["id"] == "äöü")
            for byte in [0x81, 0x80 | UInt8(Self.ping.count), 0, 0, 0, 0] + Self.ping { socket.write(bytes: [byte]) }
            #expect(try await socket.message()["id"] == "äöü")
            // An unasked pong is nothing.
            socket.send(opcode: 10, [9])
            #expect(try await socket.silence())
        }
    }

    @Test("Frames that come together with the handshake are read")
    func earlyFrames() async throws {
        try await withLiveServer { server in
            for token in [nil, "ada"] {
                let socket = try await TestSocket.connect(server.port)
                let frame = [0x81, 0x80 | UInt8(Self.ping.count), 0, 0, 0, 0] + Self.ping
                let target = token.map { "?token=\($0)" } ?? ""
                socket.write(
                    bytes: Array(
                        ("GET /ws/connect\(target) HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").utf8)
                        + frame)
                #expect(try await socket.next().isHTTP(101))
                #expect(try await socket.message("pong")["id"] == "äöü")
            }
        }
    }

    @Test("A second request that comes with a handshake is not taken for a WebSocket's bytes", arguments: [nil, "ada"])
    func pipelined(token: String?) async throws {
        try await withLiveServer { server in
            let target = token.map { "?token=\($0)" } ?? ""
            for connection in ["Upgrade", "keep-alive, upgrade", "close", "keep-alive\r\nConnection: Upgrade"] {
                let socket = try await TestSocket.connect(server.port)
                socket.write(
                    "GET /ws/connect\(target) HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: \(connection)\r\n"
                        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                        + "GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
                let answer = try await socket.next()
                #expect(answer.isHTTP(101) || answer.isHTTP(426))
                await socket.close()
            }
            let body = try await TestSocket.connect(server.port)
            body.handshake(token: token, headers: [("Content-Length", "3")])
            body.write("abc")
            #expect(try await body.next().isHTTP(400))
            // Whatever became of those, the server is there.
            #expect(try await TestSocket.open(server.port, token: "bob").silenceAfterGreeting())
        }
    }

    static let violations: [(String, UInt16, @Sendable (TestSocket) -> Void)] = [
        ("not masked", 1002, { $0.send(opcode: 1, ping, isMasked: false) }),
        ("reserved bit", 1002, { $0.send(opcode: 1, ping, first: 0xC0) }),
        ("reserved opcode", 1002, { $0.send(opcode: 3, []) }),
        ("reserved control opcode", 1002, { $0.send(opcode: 0xB, []) }),
        ("fragmented ping", 1002, { $0.send(opcode: 9, [], first: 0) }),
        ("long ping", 1002, { $0.send(opcode: 9, [UInt8](repeating: 0, count: 126)) }),
        ("continuation of nothing", 1002, { $0.send(opcode: 0, ping) }),
        (
            "message in a message", 1002,
            {
                $0.send(opcode: 1, ping, first: 0)
                $0.send(opcode: 1, ping)
            }
        ),
        ("close code that is none", 1002, { $0.sendClose(1005) }),
        ("close code below all", 1002, { $0.sendClose(999) }),
        ("half a close code", 1002, { $0.send(opcode: 8, [3]) }),
        ("close reason that is no text", 1007, { $0.send(opcode: 8, [3, 232, 0xFF]) }),
        ("binary", 1003, { $0.send(opcode: 2, ping) }),
        ("no UTF-8", 1007, { $0.send(opcode: 1, [0xC3, 0x28]) }),
        ("a surrogate", 1007, { $0.send(opcode: 1, [0xED, 0xA0, 0x80]) }),
        ("overlong", 1007, { $0.send(opcode: 1, [0xC0, 0xAF]) }),
        ("half a letter", 1007, { $0.send(opcode: 1, [0x41, 0xC3]) }),
        ("too large", 1009, { $0.send(opcode: 1, [UInt8](repeating: 0x20, count: 65_537)) }),
        ("length that is a lie", 1009, { $0.write(bytes: [0x81, 0xFF, 0x7F] + [UInt8](repeating: 0xFF, count: 7)) }),
        (
            "too large in pieces", 1009,
            { socket in
                for number in 0..<3 {
                    socket.send(opcode: number == 0 ? 1 : 0, [UInt8](repeating: 0x20, count: 30_000), first: 0)
                }
            }
        ),
        (
            "too many pieces", 1009,
            { socket in
                for number in 0..<1_030 { socket.send(opcode: number == 0 ? 1 : 0, [], first: 0) }
            }
        ),
    ]

    @Test("What RFC 6455 forbids ends the connection with its code", arguments: 0..<violations.count)
    func violation(_ index: Int) async throws {
        let (name, code, send) = Self.violations[index]
        try await withLiveServer { server in
            let socket = try await TestSocket.open(server.port, token: "ada")
            _ = try await socket.message()
            send(socket)
            #expect(try await socket.closeCode() == code, "\(name)")
            if code == 1003 { socket.sendClose(code) }
            // Who does not end by itself is ended.
            await socket.close()
            try await eventually { server.hub.stats.connectedClients == 0 }
        }
    }

    @Test("The close handshake: the client's own code comes back, and then the connection ends")
    func closes() async throws {
        try await withLiveServer { server in
            for code: UInt16 in [1000, 1001, 3000, 4999] {
                let socket = try await TestSocket.open(server.port, token: "ada")
                socket.sendClose(code)
                #expect(try await socket.closeCode() == code)
                try await socket.end()
            }
            let empty = try await TestSocket.open(server.port, token: "ada")
            empty.send(opcode: 8, [])
            #expect(try await empty.closeCode() == nil)
            try await empty.end()
        }
    }

    @Test("A thousand idle sockets, and a message to each")
    func thousand() async throws {
        try await withLiveServer { server in
            try await server.append()
            var sockets: [TestSocket] = []
            for _ in 0..<1_000 { sockets.append(try await TestSocket.open(server.port, token: "ada")) }
            #expect(server.hub.stats.connectedClients == 1_000)
            for socket in sockets {
                socket.send(["action": "subscribe", "execution_id": .string(TestExecutions.first)])
            }
            for socket in sockets { _ = try await socket.message("subscribed") }
            let last = try await server.append(3)
            for socket in sockets {
                for offset in last - 2...last {
                    #expect(try await socket.message("workflow_status")["offset"]?.integerValue == offset)
                }
            }
            for socket in sockets { await socket.close() }
            try await eventually { server.hub.stats.connectedClients == 0 }
        }
    }
}

extension TestSocket {
    func silenceAfterGreeting() async throws -> Bool {
        _ = try await message("connected")
        return try await silence()
    }
}
