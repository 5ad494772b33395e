import CognitionCore
import Testing

/// Clients that take their time, on purpose or not, and how little that is to others.
@Suite("Slow clients", .liveServer(["API_REQUEST_TIMEOUT": "5s", "API_IDLE_TIMEOUT": "2s"]), .timeLimit(.minutes(2)))
struct SlowClientTests {
    /// Runs `body` while somebody else looks at the server all the time, who has to be served.
    private func besideOthers<Value: Sendable>(_ body: @escaping @Sendable (LiveServer) async throws -> Value)
        async throws -> Value
    {
        let server = try LiveServer.current
        let user = try await server.newUser()
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body(server) }
            group.addTask {
                let clock = ContinuousClock()
                while !Task.isCancelled {
                    let start = clock.now
                    #expect(try await user.get("auth/me").status == 200)
                    let took = start.duration(to: clock.now)
                    #expect(took < .seconds(5), "others have to wait")
                    try await Task.sleep(for: .milliseconds(5))
                }
                return nil
            }
            defer { group.cancelAll() }
            while let next = try await group.next() {
                if let value = next { return value }
            }
            throw CancellationError()
        }
    }

    /// Sends a byte now and then until the server has enough of it.
    private func drip(_ start: String, _ server: LiveServer) async throws -> Duration {
        try await ContinuousClock().measure {
            try await withSocket(to: server.port) { socket in
                do {
                    try await socket.write(start)
                    while true {
                        try await socket.write("a")
                        try await Task.sleep(for: .milliseconds(20))
                    }
                } catch is CancellationError {
                    throw CancellationError()
                } catch {
                    // The server has closed.
                }
            }
        }
    }

    @Test(
        "A request that comes byte by byte is given up",
        arguments: [
            "GET /health HTTP/1.1\r\nHost: test\r\nX-Slow: ",
            "POST /api/v3/auth/login HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n\"",
            "POST /api/v3/auth/login HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n\"",
            "GET /health HTTP/1.1\r\nHost: test\r\n\r\nGET /health HTTP/1.1\r\nX-Slow: ",
        ])
    func bytewise(start: String) async throws {
        let took = try await besideOthers { server in try await drip(start, server) }
        #expect(took < .seconds(25))
    }

    @Test("Two hundred connections that say nothing are nobody's trouble, and end")
    func idle() async throws {
        try await besideOthers { server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 0..<200 {
                    group.addTask {
                        try await withSocket(to: server.port) { socket in
                            if n.isMultiple(of: 2) {
                                try await socket.write("GET /api/v3/health/live HTTP/1.1\r\nHost: test\r\n\r\n")
                                #expect(try await socket.answer().status == 200)
                            }
                            #expect(await socket.rest().isEmpty)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("Who asks for much and reads nothing is given up")
    func deaf() async throws {
        // More than all buffers on the way hold.
        let requests = String(repeating: "GET /docs HTTP/1.1\r\nHost: test\r\n\r\n", count: 1_000)
        let took = try await besideOthers { server in try await drip(requests, server) }
        #expect(took < .seconds(25))
    }

    @Test("Forty streams of events that nobody reads hold up neither the execution nor who reads it")
    func unreadStreams() async throws {
        try await besideOthers { server in
            let user = try await server.newUser()
            try await user.store("slow", do: "[{rest: {wait: {minutes: 10}}}]")
            let id = try await user.start("slow")
            let request = LiveServer.request(
                "GET", "/api/v3/workflows/executions/\(id)/events", token: user.token,
                headers: [("Accept", "text/event-stream")])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        try await withSocket(to: server.port) { socket in
                            try await socket.write(request)
                            #expect(try await socket.head().status == 200)
                            try await Task.sleep(for: .seconds(60))  // until the end of the test
                        }
                    }
                }
                let events = try await user.following(id) { stream in
                    var events = [try #require(try await stream.next())]
                    #expect(try await user.post("workflows/executions/\(id)/cancel").status < 300)
                    while let event = try await stream.next() { events.append(event) }
                    return events
                }
                #expect(events.last?.type == "execution.cancelled")
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError) { throw error }
                }
            }
        }
    }
}
