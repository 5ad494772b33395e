import CognitionCore
import CognitionHTTP
import CognitionRealtime
import Testing

/// Connections that have served HTTP before they become a WebSocket, as clients and proxies with a pool make them.
@Suite struct WebSocketUpgradeTests {
    private static let get = "GET /other HTTP/1.1\r\nHost: x\r\n\r\n"
    private static let post = "POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"
    private static let chunked =
        "POST /other HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

    private static func upgrade(_ token: String, headers: String = "") -> String {
        "GET /ws/connect?token=\(token) HTTP/1.1\r\nHost: localhost:8100\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\(headers)\r\n"
    }

    @Test("After requests with and without a body, a connection becomes a WebSocket that does all that others do")
    func afterRequests() async throws {
        try await withLiveServer { server in
            try await server.append()
            let socket = try await TestSocket.connect(server.port)
            for (request, answer) in [
                (Self.get, "GET /other 0"), (Self.post, "POST /other 5"), (Self.chunked, "POST /other 5"),
            ] {
                socket.write(request)
                #expect(try await socket.next().isHTTP(200, answer))
            }
            socket.write(Self.upgrade("ada"))
            #expect(try await socket.next().isHTTP(101))
            #expect(try await socket.message("connected")["data"]?["user_id"] == "ada")
            socket.send(["action": "subscribe", "execution_id": .string(TestExecutions.first)])
            let start = try #require(try await socket.message("subscribed")["offset"]?.integerValue)
            let last = try await server.append(300)
            for offset in start + 1...last {
                #expect(try await socket.message("workflow_status")["offset"]?.integerValue == offset)
            }
            // More than one read brings, and a message in pieces.
            for number in 0..<2_000 as Range<Int64> { socket.send(["action": "ping", "id": .integer(number)]) }
            for number in 0..<2_000 as Range<Int64> {
                #expect(try await socket.message("pong")["id"] == .integer(number))
            }
            let large = #"{"action":"ping","id":"large"}"# + String(repeating: " ", count: 60_000)
            socket.write([.text(large)], .pieces(997))
            #expect(try await socket.message("pong")["id"] == "large")
            #expect(server.hub.stats.connectedClients == 1)
            socket.sendClose()
            #expect(try await socket.closeCode() == 1000)
            try await socket.end()
            try await eventually { server.hub.stats.connectedClients == 0 }
        }
    }

    @Test(
        "Requests, handshake and frames that come at once, or byte by byte, are answered in their order",
        arguments: [true, false])
    func together(isWhole: Bool) async throws {
        try await withLiveServer { server in
            for before in [[], [Self.get], [Self.post, Self.chunked, Self.get]] {
                let socket = try await TestSocket.connect(server.port)
                let ping = WireFrame.text(#"{"action":"ping","id":"eager"}"#).bytes
                let bytes = Array((before.joined() + Self.upgrade("ada")).utf8) + ping + ping
                if isWhole { socket.write(bytes: bytes) } else { socket.write([WireFrame(raw: bytes)], .pieces(1)) }
                for _ in before { #expect(try await socket.next().isHTTP(200)) }
                #expect(try await socket.next().isHTTP(101))
                #expect(try await socket.message()["type"] == "connected")
                for _ in 0..<2 { #expect(try await socket.message("pong")["id"] == "eager") }
                await socket.close()
            }
            try await eventually { server.hub.stats.connectedClients == 0 }
        }
    }

    @Test(
        "A handshake that is refused leaves a connection on which the next request may be anything",
        arguments: [true, false])
    func afterRefusals(beginsWithHTTP: Bool) async throws {
        try await withLiveServer { server in
            let socket = try await TestSocket.connect(server.port)
            if beginsWithHTTP {
                socket.write(Self.get)
                #expect(try await socket.next().isHTTP(200))
            }
            socket.write(Self.upgrade("bad"))
            #expect(try await socket.next().isHTTP(401))
            // What is sent before the answer is not lost either.
            socket.write(
                Self.upgrade("bad") + Self.upgrade("ada", headers: "Origin: http://evil.example\r\n") + Self.post)
            #expect(try await socket.next().isHTTP(401))
            #expect(try await socket.next().isHTTP(403))
            #expect(try await socket.next().isHTTP(200, "POST /other 5"))
            socket.write(Self.upgrade("bad") + Self.upgrade("ada") + "\u{1}")
            #expect(try await socket.next().isHTTP(401))
            #expect(try await socket.next().isHTTP(101))
            #expect(try await socket.message()["type"] == "connected")
            #expect(server.hub.stats.connectedClients == 1)
            // The one byte was the beginning of an empty fragment; another one ends the message.
            socket.write(bytes: [0x80, 1, 2, 3, 4] + [0x80, 0x80, 1, 2, 3, 4])
            #expect(try await socket.message("error")["data"]?["code"] == "realtime.action_invalid")
        }
    }

    @Test("After a request that was to be the last, or a handshake with a body, nothing more is done")
    func last() async throws {
        try await withLiveServer { server in
            let closing = try await TestSocket.connect(server.port)
            closing.write("GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + Self.upgrade("ada"))
            #expect(try await closing.next().isHTTP(200))
            try await closing.end()

            let body = try await TestSocket.connect(server.port)
            body.write(Self.get + Self.upgrade("ada", headers: "Content-Length: 3\r\n") + "abc" + Self.get)
            #expect(try await body.next().isHTTP(200))
            #expect(try await body.next().isHTTP(400))
            try await body.end()
            #expect(server.hub.stats.connectedClients == 0)
        }
    }

    @Test("Who is gone before the answer, and the end of the server, are no different after requests")
    func ends() async throws {
        try await withLiveServer { server in
            for _ in 0..<20 {
                let socket = try await TestSocket.connect(server.port)
                socket.write(Self.get)
                #expect(try await socket.next().isHTTP(200))
                socket.write(Self.upgrade("ada"))
                await socket.close()
            }
            try await eventually { server.hub.stats.connectedClients == 0 }
            let socket = try await TestSocket.connect(server.port)
            socket.write(Self.post)
            #expect(try await socket.next().isHTTP(200))
            socket.write(Self.upgrade("ada"))
            #expect(try await socket.next().isHTTP(101))
            #expect(try await socket.message()["type"] == "connected")
            await server.shutDown()
            #expect(try await socket.closeCode() == 1001)
            socket.sendClose(1001)
            try await socket.end()
        }
    }

    @Test("A client that never reads is closed, also when its connection has served HTTP before")
    func neverReads() async throws {
        var settings = LiveSettings.quick
        settings.endpoint.budgetBytes = 64 << 10
        settings.endpoint.timeout = .milliseconds(500)
        settings.endpoint.closeTimeout = .milliseconds(200)
        try await withLiveServer(settings) { server in
            try await server.append()
            let socket = try await TestSocket.connect(server.port)
            socket.write(Self.get)
            #expect(try await socket.next().isHTTP(200))
            socket.write(Self.upgrade("ada"))
            #expect(try await socket.next().isHTTP(101))
            try await socket.stopReading()
            let sent = server.hub.stats.messagesSent
            let id = JSONValue.string(String(repeating: "x", count: 100))
            for _ in 0..<200_000 {
                socket.send(["action": "ping", "id": id])
                if server.hub.stats.connectedClients == 0 { break }
            }
            try await eventually { server.hub.stats.connectedClients == 0 }
            #expect(server.hub.stats.messagesSent - sent < 100_000)
        }
    }
}
