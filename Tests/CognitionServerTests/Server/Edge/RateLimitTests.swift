import CognitionCore
import Testing

@Suite(
    "Rate limits over HTTP",
    .liveServer(["API_RATE_LIMIT_PER_MINUTE": "30", "API_RATE_LIMIT_WORKSPACE_PER_MINUTE": "40"]),
    .timeLimit(.minutes(2)))
struct RateLimitTests {
    @Test("Whoever asks too often is told when to go on, and nobody else is")
    func principal() async throws {
        let server = try LiveServer.current
        let (one, other) = (try await server.newUser(), try await server.newUser())
        var answers: [HTTPAnswer] = []
        while answers.last?.status != 429, answers.count < 60 { answers.append(try await one.get("auth/me")) }
        let first = try #require(answers.first)
        #expect(first["ratelimit-policy"] == #""principal";q=30;w=60, "workspace";q=40;w=60"#, "\(first)")
        #expect(first["ratelimit"]?.hasPrefix(#""principal";r=29;t=2, "workspace";r=39;t="#) == true, "\(first)")
        #expect(first["ratelimit-limit"] == "30" && first["ratelimit-remaining"] == "29", "\(first)")
        #expect(first["ratelimit-reset"] == "2" && first["retry-after"] == nil, "\(first)")
        // The bucket fills a little while it is emptied.
        #expect((31...45).contains(answers.count))
        let refused = try #require(answers.last)
        refused.expectProblem(429, "request.rate_limited")
        #expect(["1", "2"].contains(refused["retry-after"]) && refused["ratelimit-remaining"] == "0", "\(refused)")
        #expect(try await other.get("auth/me").status == 200)
        // Somebody has to get through at any time.
        for path in ["/api/v3/health/live", "/api/v3/health/ready", "/health", "/metrics"] {
            let answer = try await server.send("GET", path, token: one.token)
            #expect(answer.status == 200 && answer["ratelimit"] == nil, "\(answer)")
        }
        let metrics = try await server.send("GET", "/metrics")
        #expect(metrics.text.contains(#"http_server_limited_total{subject="principal"} "#))
    }

    @Test("Strangers are held to their address, each route without a token alike")
    func address() async throws {
        try await withSandbox { sandbox in
            let server = try await LiveServer.start(in: sandbox, ["API_RATE_LIMIT_PER_MINUTE": "10"])
            var statuses: [Int] = []
            for _ in 0..<20 { statuses.append(try await server.send("GET", "/docs").status) }
            #expect(statuses.first == 200 && statuses.contains(429))
            let refused = try await server.send("GET", "/redoc")
            refused.expectProblem(429, "request.rate_limited")
            #expect(refused["ratelimit-policy"] == #""address";q=10;w=60"#, "\(refused)")
            _ = await server.stop()
        }
    }
}
