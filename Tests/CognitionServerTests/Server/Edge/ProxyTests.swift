import CognitionCore
import Testing

@Suite("Behind a proxy", .liveServer(["API_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8"])) struct ProxyTests {
    @Test("The address in the audit trail is the client's, as the proxy has seen it")
    func audit() async throws {
        let user = try await LiveServer.current.newUser()
        let login = try await user.server.send(
            "POST", "/api/v3/auth/login", headers: [("X-Forwarded-For", "6.6.6.6, 203.0.113.77, 10.1.1.1")],
            type: "application/json",
            body: JSONValue.object(["email": .string(user.email), "password": .string(APIUser.password)]).jsonBytes)
        try #require(login.status == 200, "\(login)")
        let boss = try await user.server.operatorToken()
        let entries = try await user.server.send("GET", "/api/v3/auth/audit?limit=5", token: boss)
        #expect(entries.text.contains("\"203.0.113.77\""), "\(entries)")
        #expect(!entries.text.contains("6.6.6.6") && !entries.text.contains("10.1.1.1"), "\(entries)")
    }

    @Test("Metrics are the machine's own, not what a proxy brings")
    func metrics() async throws {
        let server = try LiveServer.current
        #expect(try await server.send("GET", "/metrics").status == 200)
        (try await server.send("GET", "/metrics", headers: [("X-Forwarded-For", "203.0.113.77")])).expectProblem(401)
        (try await server.send("GET", "/metrics", headers: [("Forwarded", "for=_hidden")])).expectProblem(401)
    }

    @Test("Who came over TLS is to come back so")
    func strictTransport() async throws {
        let server = try LiveServer.current
        let encrypted = try await server.send(
            "GET", "/health", headers: [("X-Forwarded-For", "203.0.113.77"), ("X-Forwarded-Proto", "https")])
        #expect(encrypted["strict-transport-security"]?.hasPrefix("max-age=") == true, "\(encrypted)")
        let plain = try await server.send("GET", "/health", headers: [("X-Forwarded-For", "203.0.113.77")])
        #expect(plain["strict-transport-security"] == nil, "\(plain)")
    }

    @Test("A page of the host that the client has named may open a WebSocket")
    func webSocket() async throws {
        let server = try LiveServer.current
        for (origin, status) in [("https://app.example.com", 101), ("https://evil.example", 403)] {
            try await withSocket(to: server.port) { socket in
                try await socket.write(
                    "GET /ws/connect HTTP/1.1\r\nHost: 127.0.0.1:8100\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                        + "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Host: app.example.com\r\nOrigin: \(origin)\r\n\r\n"
                )
                #expect(try await socket.head().status == status, "\(origin)")
            }
        }
    }

    @Test("What is neither address nor range is an error of the configuration")
    func faults() async throws {
        try await withSandbox { sandbox in
            let ending = try await sandbox.run("check", environment: ["API_TRUSTED_PROXIES": "proxy, 10.0.0.0/8"])
            #expect(ending.exitCode == 1 && ending.errors.contains("'proxy'"), "\(ending)")
        }
    }
}

extension ServerTests {
    @Suite("Proxies that nobody has declared") struct UndeclaredProxyTests {
        @Test("Nobody is believed, and what comes through one is not taken for the machine itself")
        func ignored() async throws {
            let server = try LiveServer.current
            let answer = try await server.send("GET", "/health", headers: [("X-Forwarded-Proto", "https")])
            #expect(answer["strict-transport-security"] == nil, "\(answer)")
            (try await server.send("GET", "/metrics", headers: [("X-Forwarded-For", "127.0.0.1")])).expectProblem(401)
        }
    }
}
