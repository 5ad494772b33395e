import CognitionCore
import CognitionHTTP
import CognitionRealtime
import Testing

@Suite struct WebSocketConnectTests {
    @Test("A token in the query, in the header and as a sub-protocol is the same token")
    func tokens() async throws {
        try await withLiveServer { server in
            let sockets = [
                try await TestSocket.open(server.port, token: "ada"),
                try await TestSocket.open(server.port, headers: [("Authorization", "Bearer ada")]),
                try await TestSocket.open(server.port, headers: [("Sec-WebSocket-Protocol", "bearer, ada")]),
            ]
            for socket in sockets {
                let connected = try await socket.message()
                #expect(connected["type"] == "connected")
                #expect(connected["data"]?["authenticated"] == true)
                #expect(connected["data"]?["user_id"] == "ada")
                #expect(connected["data"]?["workspace_id"] == "w1")
                #expect(connected["data"]?["heartbeat_interval"] == 30)
                #expect(connected["data"]?["connection_id"]?.stringValue.flatMap { UUIDv7($0) } != nil)
            }
            #expect(server.hub.stats.authenticatedConnections == 3)
        }
    }

    @Test("The answer to the handshake has the key's hash and the sub-protocol that was offered")
    func answer() async throws {
        try await withLiveServer { server in
            let socket = try await TestSocket.connect(server.port)
            socket.handshake(headers: [("Sec-WebSocket-Protocol", "Bearer, ada")])
            guard case .http(101, let headers, _) = try await socket.next() else { return #expect(Bool(false)) }
            // The example of RFC 6455, 1.3.
            #expect(headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            #expect(headers["sec-websocket-protocol"] == "Bearer")
        }
    }

    @Test("A token that is not valid is answered 401 with a problem document")
    func badToken() async throws {
        try await withLiveServer { server in
            let socket = try await TestSocket.connect(server.port)
            socket.handshake(token: "bad")
            guard case .http(401, let headers, let body) = try await socket.next() else { return #expect(Bool(false)) }
            #expect(headers["www-authenticate"]?.hasPrefix("Bearer") == true)
            #expect(headers["x-request-id"] != nil)
            #expect(headers["content-type"] == "application/problem+json")
            let problem = try JSONValue(parsing: body)
            #expect(problem["status"] == 401)
            #expect(problem["code"] == "realtime.unauthenticated")
            #expect(problem["title"] == "Unauthorized")
            #expect(server.hub.stats.connectedClients == 0)
        }
    }

    @Test("Without a token a client may only say who it is, and has to do so in time")
    func authenticates() async throws {
        var settings = LiveSettings.quick
        settings.endpoint.authenticationTimeout = .milliseconds(400)
        try await withLiveServer(settings) { server in
            let late = try await TestSocket.open(server.port)
            let socket = try await TestSocket.open(server.port)
            #expect(try await socket.message()["data"]?["authenticated"] == false)
            socket.send(["action": "subscribe", "execution_id": .string(TestExecutions.first), "id": 7])
            let error = try await socket.message()
            #expect(error["type"] == "error")
            #expect(error["id"] == 7)
            #expect(error["data"]?["code"] == "realtime.unauthenticated")
            socket.send(["action": "authenticate", "token": "ada", "id": "a"])
            let connected = try await socket.message()
            #expect(connected["type"] == "connected")
            #expect(connected["id"] == "a")
            #expect(connected["data"]?["user_id"] == "ada")
            #expect(try await late.closeCode() == 4401)
            socket.send(["action": "ping"])
            #expect(try await socket.message()["type"] == "pong")
        }
    }

    @Test("A first message with a token that is not valid ends the connection")
    func refusedLater() async throws {
        try await withLiveServer { server in
            let socket = try await TestSocket.open(server.port)
            socket.send(["action": "authenticate", "token": "bad"])
            #expect(try await socket.message("error")["data"]?["code"] == "realtime.unauthenticated")
            #expect(try await socket.closeCode() == 4401)
        }
    }

    @Test("What is no handshake is told what it should be, and other paths stay HTTP")
    func plainHTTP() async throws {
        try await withLiveServer { server in
            let plain = try await TestSocket.connect(server.port)
            plain.write("GET /ws/connect HTTP/1.1\r\nHost: x\r\n\r\n")
            guard case .http(426, let headers, let body) = try await plain.next() else { return #expect(Bool(false)) }
            #expect(headers["sec-websocket-version"] == "13")
            #expect(try JSONValue(parsing: body)["code"] == "realtime.upgrade_required")
            // The connection goes on.
            plain.write("POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
            #expect(try await plain.next().isHTTP(200, "POST /other 3"))

            let old = try await TestSocket.connect(server.port)
            old.handshake(version: "8")
            #expect(try await old.next().isHTTP(426))

            for key in [nil, "", "c2hvcnQ=", "not base64 at all 123456"] {
                let socket = try await TestSocket.connect(server.port)
                socket.handshake(key: key)
                #expect(try await socket.next().isHTTP(400))
            }

            let elsewhere = try await TestSocket.connect(server.port)
            elsewhere.handshake(path: "/other")
            #expect(try await elsewhere.next().isHTTP(200, "GET /other 0"))
            // As some clients of HTTP/2 always ask; nothing is read after it, so the connection ends.
            let h2c = try await TestSocket.connect(server.port)
            h2c.write(
                "POST /h2c HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                    + "Content-Length: 3\r\n\r\nabc")
            #expect(try await h2c.next().isHTTP(200, "POST /h2c 3"))
            try await h2c.end()
        }
    }

    @Test("Pages of other origins may not connect unless they are named")
    func origins() async throws {
        var settings = LiveSettings.quick
        settings.endpoint.origins = ["https://app.example"]
        try await withLiveServer(settings) { server in
            for origin in ["http://localhost:8100", "https://APP.example/", "https://app.example:443"] {
                _ = try await TestSocket.open(server.port, token: "ada", headers: [("Origin", origin)])
            }
            for origin in ["http://evil.example", "null", "http://localhost:81", "https://app.example.evil"] {
                let socket = try await TestSocket.connect(server.port)
                socket.handshake(token: "ada", headers: [("Origin", origin)])
                guard case .http(403, _, let body) = try await socket.next() else { return #expect(Bool(false)) }
                #expect(try JSONValue(parsing: body)["code"] == "realtime.origin_refused")
            }
        }
    }

    @Test("A user has so many connections and the server so many; a place that is left can be taken")
    func limits() async throws {
        var settings = LiveSettings.quick
        settings.hub.connectionsPerUserMax = 2
        settings.hub.connectionsMax = 4
        try await withLiveServer(settings) { server in
            let first = try await TestSocket.open(server.port, token: "ada")
            _ = try await TestSocket.open(server.port, token: "ada").message()
            let third = try await TestSocket.open(server.port, token: "ada")
            #expect(try await third.closeCode() == 4429)
            third.sendClose(4429)
            try await third.end()

            let other = try await TestSocket.open(server.port)
            other.send(["action": "authenticate", "token": "ada"])
            #expect(try await other.closeCode() == 4429)
            await other.close()

            await first.close()
            try await eventually { server.hub.stats.connectedClients == 1 }
            for user in ["bob", "eve", "ada"] { _ = try await TestSocket.open(server.port, token: user).message() }
            let fifth = try await TestSocket.connect(server.port)
            fifth.handshake(token: "zoe")
            #expect(try await fifth.next().isHTTP(503))
        }
    }

    @Test("Where the oldest gives way, it is told so and closed, and the newest goes on; an address has so many")
    func eviction() async throws {
        var settings = LiveSettings.quick
        settings.hub.connectionsPerUserMax = 1
        settings.hub.evictsOldest = true
        settings.hub.connectionsPerAddressMax = 3
        try await withLiveServer(settings) { server in
            let first = try await TestSocket.open(server.port, token: "ada")
            let second = try await TestSocket.open(server.port)
            second.send(["action": "authenticate", "token": "ada"])
            #expect(try await first.closeCode() == 4001)
            #expect(try await second.message("connected")["data"]?["authenticated"] == false)
            #expect(try await second.silenceAfterGreeting())
            let third = try await TestSocket.open(server.port, token: "ada")
            #expect(try await second.closeCode() == 4001)
            #expect(try await third.silenceAfterGreeting())
            #expect(server.hub.stats.authenticatedConnections == 3)
            // Those that are being closed count until they are.
            let fourth = try await TestSocket.connect(server.port)
            fourth.handshake(token: "bob")
            guard case .http(429, let headers, let body) = try await fourth.next() else { return #expect(Bool(false)) }
            #expect(headers["retry-after"] != nil)
            #expect(try JSONValue(parsing: body)["code"] == "realtime.address_connections_exceeded")
            for socket in [first, second] {
                socket.sendClose(4001)
                try await socket.end()
            }
            try await eventually { server.hub.stats.connectedClients == 1 }
            fourth.handshake(token: "bob")
            #expect(try await fourth.next().isHTTP(101))
            #expect(try await third.silence())
        }
    }

    @Test("A server that goes away says so to every client")
    func shutdown() async throws {
        try await withLiveServer { server in
            let open = try await TestSocket.open(server.port, token: "ada")
            _ = try await open.message()
            let silent = try await TestSocket.connect(server.port)
            await server.shutDown()
            #expect(try await open.closeCode() == 1001)
            open.sendClose(1001)
            try await open.end()
            try await silent.end()
        }
    }
}

extension TestSocket.Event {
    func isHTTP(_ wanted: Int, _ text: String? = nil) -> Bool {
        guard case .http(let status, _, let body) = self else { return false }
        return status == wanted && (text == nil || text == body)
    }
}

struct NeverHappened: Error {}

/// Waits until `condition` holds, for ten seconds at most.
func eventually(_ condition: @Sendable () async throws -> Bool) async throws {
    for _ in 0..<2_000 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    throw NeverHappened()
}
