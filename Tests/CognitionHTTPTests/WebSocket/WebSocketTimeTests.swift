import CognitionCore
import CognitionHTTP
import CognitionRealtime
import Testing

@Suite struct WebSocketTimeTests {
    @Test("A client is pinged, and one that gives no sign of life is closed")
    func silentClient() async throws {
        var settings = LiveSettings.quick
        settings.endpoint.heartbeat = .milliseconds(50)
        settings.endpoint.timeout = .milliseconds(400)
        try await withLiveServer(settings) { server in
            let socket = try await TestSocket.open(server.port, token: "ada")
            _ = try await socket.message()
            #expect(try await socket.next() == .frame(opcode: 9, payload: []))
            #expect(try await socket.closeCode() == 4408)
            // Answering pings is a sign of life.
            let alive = try await TestSocket.open(server.port, token: "ada")
            _ = try await alive.message()
            for _ in 0..<15 {
                guard case .frame(9, _) = try await alive.next() else { return #expect(Bool(false)) }
                alive.send(opcode: 10, [])
            }
        }
    }

    @Test("A client without an action is closed, however alive it is")
    func idleClient() async throws {
        var settings = LiveSettings.quick
        settings.endpoint.heartbeat = .milliseconds(30)
        settings.endpoint.idleTimeout = .milliseconds(300)
        settings.endpoint.closeTimeout = .milliseconds(100)
        try await withLiveServer(settings) { server in
            let socket = try await TestSocket.open(server.port, token: "ada", path: "/ws/connect?auto=false")
            while true {
                switch try await socket.next() {
                case .frame(9, _): socket.send(opcode: 10, [])
                case .frame(8, let payload):
                    #expect(payload.prefix(2) == [0x11, 0x38])
                    // It does not answer; the connection ends all the same.
                    return try await socket.end()
                default: continue
                }
            }
        }
    }

    @Test("The end of a token is announced; a new one is taken, an old one ends the connection")
    func tokenExpires() async throws {
        var settings = LiveSettings.quick
        settings.hub.expiryNotice = .milliseconds(600)
        settings.hub.expiryGrace = .milliseconds(100)
        try await withLiveServer(settings) { server in
            let ends = try await TestSocket.open(server.port, token: "ada!0.7")
            let goesOn = try await TestSocket.open(server.port, token: "ada!0.7")
            #expect(try await goesOn.message("token_expiring")["data"]?["expires_at"]?.stringValue != nil)
            goesOn.send(["action": "refresh", "token": "bad", "id": 1])
            #expect(try await goesOn.message("error")["id"] == 1)
            goesOn.send(["action": "refresh", "token": "ada", "id": 2])
            #expect(try await goesOn.message("connected")["id"] == 2)
            #expect(try await ends.closeCode() == 4401)
            #expect(try await goesOn.silence())
            goesOn.send(["action": "refresh", "token": "bob"])
            #expect(try await goesOn.closeCode() == 4403)
        }
    }

    @Test("A session that was ended elsewhere ends its connections")
    func revoked() async throws {
        try await withLiveServer { server in
            let socket = try await TestSocket.open(server.port, token: "ada")
            let other = try await TestSocket.open(server.port, token: "bob")
            _ = try await other.message()
            server.accounts.revoke("ada")
            #expect(try await socket.closeCode() == 4401)
            #expect(try await other.silence())
        }
    }

    @Test(
        "A client that sends more than it may is held back, loses nothing, does not count as silent, and holds up nobody"
    )
    func rate() async throws {
        var settings = LiveSettings.quick
        settings.endpoint.messagesPerSecond = 200
        settings.endpoint.heartbeat = .milliseconds(50)
        settings.endpoint.timeout = .milliseconds(600)
        try await withLiveServer(settings) { server in
            let socket = try await TestSocket.open(server.port, token: "ada")
            _ = try await socket.message("connected")
            let start = ContinuousClock.now
            // Larger than one read, so that most of it stays with the network.
            let padding = JSONValue.string(String(repeating: "x", count: 400))
            for number in 0..<800 as Range<Int64> {
                socket.send(["action": "ping", "id": .integer(number), "x": padding])
            }
            let other = try await TestSocket.open(server.port, token: "bob")
            #expect(try await other.silenceAfterGreeting())
            for number in 0..<800 as Range<Int64> {
                #expect(try await socket.message("pong")["id"] == .integer(number))
            }
            // 400 at once, and the others at 200 a second but for what one read brings.
            #expect(ContinuousClock.now - start > .milliseconds(1_800))
            #expect(try await socket.silence())
        }
    }

    @Test("Heads, bodies and connections that never come to an end are closed")
    func slowRequests() async throws {
        var settings = LiveSettings.quick
        settings.channel.headTimeout = .milliseconds(300)
        settings.channel.bodyTimeout = .milliseconds(300)
        settings.channel.idleTimeout = .milliseconds(400)
        try await withLiveServer(settings) { server in
            let silent = try await TestSocket.connect(server.port)
            let head = try await TestSocket.connect(server.port)
            head.write("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            let body = try await TestSocket.connect(server.port)
            body.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
            let second = try await TestSocket.connect(server.port)
            second.write("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await second.next().isHTTP(200))
            let drip = Task {
                // Small pieces, each a sign of life to a handler that only looks at the last.
                while !Task.isCancelled {
                    for socket in [head, body, second] { socket.write("x") }
                    try await Task.sleep(for: .milliseconds(30))
                }
            }
            for socket in [silent, head, body] { try await socket.end() }
            drip.cancel()
            try await second.end()
        }
    }

    @Test("Heads that are no HTTP, or too much of it, are answered and closed")
    func badHeads() async throws {
        try await withLiveServer { server in
            let garbage = try await TestSocket.connect(server.port)
            garbage.write("\u{16}\u{3}\u{1}\u{2}garbage\r\n\r\n")
            #expect(try await garbage.next().isHTTP(400))
            try await garbage.end()
            let large = try await TestSocket.connect(server.port)
            large.write("GET / HTTP/1.1\r\nHost: x\r\nX-Large: \(String(repeating: "x", count: 20_000))\r\n\r\n")
            #expect(try await large.next().isHTTP(431))
            let many = try await TestSocket.connect(server.port)
            many.write("GET / HTTP/1.1\r\n" + String(repeating: "X-Many: x\r\n", count: 200) + "\r\n")
            #expect(try await many.next().isHTTP(431))
            let fine = try await TestSocket.connect(server.port)
            fine.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await fine.next().isHTTP(200))
            fine.write("GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n")
            #expect(try await fine.next().isHTTP(431))
        }
    }
}
