import CognitionCore
import Testing

extension ServerTests {
    /// HTTP itself: what is sent byte by byte.
    @Suite("Bytes on the wire") struct WireTests {
        private static let health = "GET /api/v3/health/live HTTP/1.1\r\nHost: test\r\n"
        private static let login =
            "POST /api/v3/auth/login HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"

        @Test("Requests that come all at once are answered one by one, in their order")
        func pipelined() async throws {
            let statuses = try await withSocket(to: LiveServer.current.port) { socket in
                let requests = (0..<40).map { n in
                    n % 4 == 3
                        ? Self.login + "X-Request-ID: r\(n)\r\nContent-Length: 2\r\n\r\n{}"
                        : Self.health + "X-Request-ID: r\(n)\r\n\r\n"
                }
                try await socket.write(requests.joined())
                var answers: [String] = []
                for _ in requests {
                    let answer = try await socket.answer()
                    answers.append("\(answer["x-request-id"] ?? "") \(answer.status)")
                }
                return answers
            }
            #expect(statuses == (0..<40).map { "r\($0) \($0 % 4 == 3 ? 400 : 200)" })
        }

        @Test("A body comes in pieces of any size")
        func pieces() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            let body = #"{"email": "\#(user.email)", "password": "\#(APIUser.password)"}"#
            let answer = try await withSocket(to: server.port) { socket in
                let request =
                    Self.login + "Transfer-Encoding: chunked\r\n\r\n"
                    + body.map { "1\r\n\($0)\r\n" }.joined() + "0\r\n\r\n"
                for byte in request.utf8 { try await socket.write([byte]) }
                return try await socket.answer()
            }
            #expect(answer.status == 200, "\(answer)")
        }

        @Test(
            "A connection is closed when the client wishes so, however it says it",
            arguments: ["close", "Close", "foo, close"])
        func close(word: String) async throws {
            let rest = try await withSocket(to: LiveServer.current.port) { socket in
                try await socket.write(Self.health + "Connection: \(word)\r\n\r\n")
                #expect(try await socket.answer().status == 200)
                return await socket.rest()
            }
            #expect(rest.isEmpty)
        }

        @Test("HTTP/1.0 is answered, and its connection closed unless it is to be kept")
        func oldVersion() async throws {
            let port = try LiveServer.current.port
            try await withSocket(to: port) { socket in
                try await socket.write("GET /api/v3/health/live HTTP/1.0\r\n\r\n")
                #expect(try await socket.answer().status == 200)
                #expect(await socket.rest().isEmpty)
            }
            try await withSocket(to: port) { socket in
                for _ in 0..<2 {
                    try await socket.write("GET /api/v3/health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                    #expect(try await socket.answer().status == 200)
                }
            }
        }

        @Test("Who asks whether to go on is told so")
        func goOn() async throws {
            try await withSocket(to: LiveServer.current.port) { socket in
                try await socket.write(Self.login + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
                #expect(try await socket.answer().status == 100)
                try await socket.write("{}")
                #expect(try await socket.answer().status == 400)
            }
        }

        @Test("A body that is too long is refused, said before or found on the way, and the server goes on")
        func tooLong() async throws {
            let server = try LiveServer.current
            for length in ["8388609", "9223372036854775807"] {
                let answer = try await withSocket(to: server.port) { socket in
                    try await socket.write(Self.login + "Content-Length: \(length)\r\n\r\n{")
                    return try await socket.answer()
                }
                answer.expectProblem(413, "request.body_too_large", "\(length)")
            }
            let answer = try await withSocket(to: server.port) { socket in
                try await socket.write(Self.login + "Transfer-Encoding: chunked\r\n\r\n")
                let piece = "100000\r\n" + String(repeating: " ", count: 1 << 20) + "\r\n"
                for _ in 0..<9 { try await socket.write(piece) }
                try await socket.write("0\r\n\r\n")
                let answer = try await socket.answer()
                try await socket.write(Self.health + "\r\n")
                #expect(try await socket.answer().status == 200, "the connection is in order")
                return answer
            }
            answer.expectProblem(413, "request.body_too_large")
        }

        @Test(
            "What is no HTTP is answered as such or not at all, and the server goes on",
            arguments: [
                "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                "GET  HTTP/1.1\r\n\r\n", "FOO / HTTP/1.1\r\n\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /\u{0} HTTP/1.1\r\n\r\n",
                health + "Content-Length: -1\r\n\r\n", health + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
                health + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", health + ": x\r\n\r\n",
                health + "No colon\r\n\r\n", health + "A\u{0}B: x\r\n\r\n", health + "X: a\u{0}b\r\n\r\n",
                login + "Transfer-Encoding: chunked\r\n\r\nZZ\r\n\r\n",
                login + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n",
                login + "Transfer-Encoding: gzip\r\n\r\n{}", login + "Content-Length: 10\r\n\r\n{}",
            ])
        func malformed(bytes: String) async throws {
            let server = try LiveServer.current
            let answer = try await withSocket(to: server.port) { socket in
                try await socket.write(bytes)
                socket.finish()
                let answer = try? await socket.answer()  // none is good too
                _ = await socket.rest()
                return answer
            }
            if let answer { answer.expectProblem(400, nil, "\(bytes.debugDescription)") }
            #expect(try await server.send("GET", "/api/v3/health/live").status == 200)
        }

        @Test("A head that is too large is refused, first or later on a connection")
        func largeHead() async throws {
            let server = try LiveServer.current
            let heads = [
                Self.health + "X: " + String(repeating: "a", count: 20_000) + "\r\n\r\n",
                Self.health + (0..<200).map { "X-\($0): a\r\n" }.joined() + "\r\n",
                Self.health + (0..<90).map { "X-\($0): \(String(repeating: "a", count: 1_000))\r\n" }.joined() + "\r\n",
                "GET /" + String(repeating: "a", count: 100_000) + " HTTP/1.1\r\nHost: test\r\n\r\n",
            ]
            for head in heads {
                for isFirst in [true, false] {
                    let answer = try await withSocket(to: server.port) { socket in
                        if !isFirst {
                            try await socket.write(Self.health + "\r\n")
                            _ = try await socket.answer()
                        }
                        try? await socket.write(head)  // the server may have closed before its end
                        let answer = try? await socket.answer()  // or have reset the connection, and its answer with it
                        _ = await socket.rest()
                        return answer
                    }
                    if let answer {
                        #expect([400, 414, 431].contains(answer.status), "\(answer)")
                        answer.expectProblem(answer.status)
                    }
                }
            }
            #expect(try await server.send("GET", "/api/v3/health/live").status == 200)
        }

        @Test("A request needs one host")
        func host() async throws {
            for hosts in ["", "Host: a\r\nHost: b\r\n"] {
                let answer = try await withSocket(to: LiveServer.current.port) { socket in
                    try await socket.write("GET /api/v3/health/live HTTP/1.1\r\n\(hosts)Connection: close\r\n\r\n")
                    return try await socket.answer()
                }
                answer.expectProblem(400, nil, "\(hosts)")
            }
        }
    }
}
