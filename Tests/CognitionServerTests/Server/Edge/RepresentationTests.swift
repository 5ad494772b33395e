import CognitionCore
import Testing

extension ServerTests {
    @Suite("How answers are written") struct RepresentationTests {
        private static let gzip = ("Accept-Encoding", "gzip, deflate")

        /// Unpacks with a program of the system.
        private func unpacked(_ answer: HTTPAnswer) async throws -> String {
            let sandbox = try LiveServer.current.sandbox
            let file = try sandbox.file("answer-\(UInt32.random(in: .min ... .max)).gz", answer.body)
            let ending = try await sandbox.start(["-dc", file], executable: "/usr/bin/gzip").ending()
            try #require(ending.exitCode == 0, "\(ending.errors)")
            return ending.output
        }

        @Test("Long answers are compressed for who takes that", arguments: ["/docs", "/openapi.json", "/metrics"])
        func compressed(path: String) async throws {
            let server = try LiveServer.current
            let plain = try await server.send("GET", path)
            #expect(plain["content-encoding"] == nil && plain["vary"] == "Accept-Encoding", "\(plain.headers)")
            let request = LiveServer.request("GET", path, headers: [Self.gzip])
            let packed = try await withSocket(to: server.port) { socket in
                try await socket.write(request)
                return try await socket.answer()
            }
            #expect(packed["content-encoding"] == "gzip" && packed["vary"] == "Accept-Encoding", "\(packed.headers)")
            #expect(packed.body.count < plain.body.count / 2 && packed["content-type"] == plain["content-type"])
            let text = try await unpacked(packed)
            if path != "/metrics" { #expect(text == plain.text && packed["etag"] == plain["etag"]) }
            for refusal in ["gzip;q=0", "identity", "br"] {
                let answer = try await server.send("GET", path, headers: [("Accept-Encoding", refusal)])
                #expect(answer["content-encoding"] == nil, "\(refusal)")
            }
        }

        @Test("Short answers, streams and what holds secrets are not")
        func plain() async throws {
            let user = try await LiveServer.current.newUser()
            let health = try await user.server.send("GET", "/health", headers: [Self.gzip])
            #expect(health["content-encoding"] == nil && health["vary"] == nil, "\(health)")
            let login = try await user.server.send(
                "POST", "/api/v3/auth/login", headers: [Self.gzip], type: "application/json",
                body: JSONValue.object(["email": .string(user.email), "password": .string(APIUser.password)]).jsonBytes)
            #expect(login.status == 200 && login["content-encoding"] == nil, "\(login.headers)")
            try await user.store("short", do: "[{a: {set: {x: 1}}}]")
            let id = try await user.run("short").text("execution_id")
            let events = LiveServer.request(
                "GET", "/api/v3/workflows/executions/\(id)/events", token: user.token,
                headers: [("Accept", "text/event-stream"), Self.gzip])
            try await withSocket(to: user.server.port) { socket in
                try await socket.write(events)
                let answer = try await socket.answer()
                #expect(answer["content-encoding"] == nil && answer.text.contains("event: execution.completed"))
            }
        }

        @Test(
            "Pages and the document are asked for again only when they have changed",
            arguments: ["/docs", "/redoc", "/openapi.json", "/docs/openapi.js"])
        func files(path: String) async throws {
            let server = try LiveServer.current
            let first = try await server.send("GET", path)
            let tag = try #require(first["etag"])
            #expect(first["cache-control"] == "no-cache", "\(first.headers)")
            let again = try await server.send("GET", path, headers: [("If-None-Match", tag)])
            #expect(again.status == 304 && again.body.isEmpty && again["etag"] == tag, "\(again)")
            #expect(again["cache-control"] == "no-cache" && again["vary"] == "Accept-Encoding", "\(again)")
            #expect(try await server.send("HEAD", path, headers: [("If-None-Match", tag)]).status == 304)
            #expect(try await server.send("GET", path, headers: [("If-None-Match", "\"other\"")]).status == 200)
        }

        @Test("Definitions and ended executions as well; what still moves has no tag")
        func resources() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("tagged", do: "[{a: {set: {x: 1}}}]")
            let definition = try await user.get("workflows/tagged/1.0.0")
            let tag = try #require(definition["etag"])
            #expect(definition["cache-control"] == "private, no-cache", "\(definition.headers)")
            let again = try await user.get("workflows/tagged/1.0.0", headers: [("If-None-Match", tag)])
            #expect(again.status == 304 && again.body.isEmpty, "\(again)")
            #expect(try await user.patch("workflows/tagged/1.0.0", ["state": "archived"]).status == 200)
            let changed = try await user.get("workflows/tagged/1.0.0", headers: [("If-None-Match", tag)])
            #expect(changed.status == 200 && changed["etag"] != tag, "\(changed.headers)")
            #expect(try await user.patch("workflows/tagged/1.0.0", ["state": "active"]).status == 200)

            let id = try await user.run("tagged").text("execution_id")
            let ended = try await user.get("workflows/executions/\(id)")
            let own = try #require(ended["etag"])
            #expect(try await user.get("workflows/executions/\(id)", headers: [("If-None-Match", own)]).status == 304)
            // A tag opens no door.
            let stranger = try await user.server.newUser()
            (try await stranger.get("workflows/executions/\(id)", headers: [("If-None-Match", own)])).expectProblem(404)

            try await user.store("waits", do: "[{a: {wait: {minutes: 10}}}]")
            let running = try await user.start("waits")
            let open = try await user.get("workflows/executions/\(running)")
            #expect(open["etag"] == nil && open["cache-control"] == "no-store", "\(open.headers)")
            #expect(try await user.post("workflows/executions/\(running)/cancel").status < 300)
        }

        @Test("Every answer says that it is no page and is not to be guessed at")
        func headers() async throws {
            let server = try LiveServer.current
            for path in ["/health", "/nix", "/api/v3/auth/me"] {
                let answer = try await server.send("GET", path)
                #expect(answer["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'", "\(answer)")
                #expect(answer["x-content-type-options"] == "nosniff" && answer["referrer-policy"] == "no-referrer")
                #expect(answer["strict-transport-security"] == nil, "a browser would not come back over HTTP")
            }
        }

        @Test("A body that is compressed is refused, and said what is taken")
        func codedBody() async throws {
            let user = try await LiveServer.current.newUser()
            for coding in ["gzip", "br", "deflate", "gzip, gzip"] {
                let answer = try await user.post("workflows/execute", [:], headers: [("Content-Encoding", coding)])
                answer.expectProblem(415, "request.content_coding_unsupported")
                #expect(answer["accept-encoding"] == "identity", "\(answer)")
            }
            (try await user.post("workflows/execute", [:], headers: [("Content-Encoding", "identity")]))
                .expectProblem(400, "request.body_invalid")
        }

        @Test("A path that is too long is refused as such, a head that is too long as well")
        func tooLong() async throws {
            let server = try LiveServer.current
            for (request, status, code) in [
                (
                    "GET /\(String(repeating: "a", count: 9_000)) HTTP/1.1\r\nHost: test\r\n\r\n", 414,
                    "request.target_too_long"
                ),
                (
                    "GET /health HTTP/1.1\r\nHost: test\r\nX-Long: \(String(repeating: "a", count: 20_000))\r\n\r\n",
                    431, "request.header_too_large"
                ),
                (
                    "GET /health HTTP/1.1\r\nHost: test\r\n\(String(repeating: "X-Many: a\r\n", count: 200))\r\n", 431,
                    "request.header_too_large"
                ),
            ] {
                try await withSocket(to: server.port) { socket in
                    try await socket.write(request)
                    (try await socket.answer()).expectProblem(status, code)
                    #expect(await socket.rest().isEmpty)
                }
            }
        }
    }
}
