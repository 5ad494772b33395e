import CognitionCore
import Testing

@Suite("Pages of other origins", .liveServer(["API_CORS_ORIGINS": "https://app.example.com, http://localhost:3000"]))
struct CORSTests {
    private func preflight(_ path: String, from origin: String, _ method: String = "POST") async throws -> HTTPAnswer {
        let request = LiveServer.request(
            "OPTIONS", path,
            headers: [
                ("Origin", origin), ("Access-Control-Request-Method", method),
                ("Access-Control-Request-Headers", "authorization, content-type"),
            ])
        return try await withSocket(to: LiveServer.current.port) { socket in
            try await socket.write(request)
            return try await socket.answer()
        }
    }

    @Test(
        "A preflight of a known origin is told that it may",
        arguments: ["https://app.example.com", "http://localhost:3000"])
    func known(origin: String) async throws {
        for path in ["/api/v3/auth/login", "/api/v3/workflows/a/1.0.0", "/nix"] {
            let answer = try await preflight(path, from: origin)
            #expect(answer.status == 204 && answer.body.isEmpty, "\(answer)")
            #expect(answer["access-control-allow-origin"] == origin, "\(answer)")
            #expect(answer["access-control-allow-credentials"] == "true", "\(answer)")
            #expect(answer["access-control-allow-methods"]?.contains("PATCH") == true, "\(answer)")
            #expect(answer["access-control-allow-headers"] == "authorization, content-type", "\(answer)")
            #expect(answer["access-control-max-age"] != nil && answer["vary"]?.contains("Origin") == true, "\(answer)")
        }
    }

    @Test(
        "A preflight of another origin is told nothing",
        arguments: [
            "https://evil.example", "http://app.example.com", "https://app.example.com:8443", "null",
            "https://app.example.com.evil.example", "https://xapp.example.com",
        ])
    func unknown(origin: String) async throws {
        let answer = try await preflight("/api/v3/auth/login", from: origin)
        #expect(
            answer["access-control-allow-origin"] == nil && answer["access-control-allow-methods"] == nil, "\(answer)")
        let get = try await LiveServer.current.send("GET", "/health", headers: [("Origin", origin)])
        #expect(get.status == 200 && get["access-control-allow-origin"] == nil, "\(get)")
        #expect(get["vary"]?.contains("Origin") == true, "\(get)")
    }

    @Test("Answers say which page may read them, errors as well, and what of them")
    func answers() async throws {
        let server = try LiveServer.current
        let origin = ("Origin", "https://app.example.com")
        for path in ["/health", "/nix", "/api/v3/auth/me", "/openapi.json"] {
            let answer = try await server.send("GET", path, headers: [origin])
            #expect(answer["access-control-allow-origin"] == origin.1, "\(answer.headers)")
            #expect(answer["access-control-allow-credentials"] == "true", "\(answer.headers)")
            #expect(answer["access-control-expose-headers"]?.contains("X-Request-ID") == true, "\(answer.headers)")
            #expect(answer["vary"]?.contains("Origin") == true, "\(answer.headers)")
        }
        // OPTIONS that is no preflight is another method.
        (try await server.send("OPTIONS", "/health")).expectProblem(405)
    }

    @Test("With * every page may read, and none with the cookies of a browser")
    func all() async throws {
        try await withSandbox { sandbox in
            let server = try await LiveServer.start(in: sandbox, ["API_CORS_ORIGINS": "*"])
            let answer = try await server.send("GET", "/health", headers: [("Origin", "https://any.example")])
            #expect(answer["access-control-allow-origin"] == "*", "\(answer)")
            #expect(answer["access-control-allow-credentials"] == nil && answer["vary"] == nil, "\(answer)")
            _ = await server.stop()
        }
    }

    @Test("What is no origin is an error of the configuration")
    func faults() async throws {
        try await withSandbox { sandbox in
            let ending = try await sandbox.run("check", environment: ["API_CORS_ORIGINS": "app.example.com"])
            #expect(ending.exitCode == 1 && ending.errors.contains("'app.example.com' is no origin"), "\(ending)")
        }
    }
}

extension ServerTests {
    @Suite("Without other origins") struct NoCORSTests {
        @Test("Nothing is said to pages unless origins are named")
        func off() async throws {
            let answer = try await LiveServer.current.send("GET", "/health", headers: [("Origin", "https://a.example")])
            #expect(!answer.headers.contains { $0.name.hasPrefix("access-control") }, "\(answer)")
        }
    }
}
