import CognitionCore
import CognitionHTTPClient
import NIOCore
import Synchronization
import Testing

extension OutboundHTTPClientTests {
    @Suite(.timeLimit(.minutes(1))) struct Streams {
        private struct OwnError: Error {}

        private static let head = "HTTP/1.1 200 OK\r\nX-Tea: green\r\nTransfer-Encoding: chunked\r\n\r\n"

        /// Streams from a peer that runs `script`.
        private func stream<Result: Sendable>(
            _ request: OutboundRequest = OutboundRequest(url: "", timeout: .seconds(600)),
            settings: HTTPClientSettings = .init(), firstByte: Duration = .seconds(60), idle: Duration = .seconds(60),
            _ script: @escaping @Sendable (inout PeerConnection) async throws -> Void,
            _ body: @escaping @Sendable (OutboundStream) async throws -> Result
        ) async throws -> Result {
            try await withPeer(script) { peer in
                try await withClient(settings) { client in
                    var request = request
                    request.url = peer.url(request.url.isEmpty ? "/start" : request.url)
                    return try await client.stream(
                        request, firstByteTimeout: firstByte, idleTimeout: idle, body: body)
                }
            }
        }

        private static func text(_ stream: OutboundStream) async throws -> String {
            var bytes: [UInt8] = []
            for try await chunk in stream.chunks { bytes += chunk }
            return String(decoding: bytes, as: UTF8.self)
        }

        @Test("Chunks are lent while the server still sends")
        func arrives() async throws {
            let (heard, hearing) = AsyncStream.makeStream(of: Void.self)
            let pieces = try await stream(.init(method: "POST", url: "", body: [65])) { connection in
                let request = try await connection.request()
                #expect(request?.hasSuffix("\r\n\r\nA") == true)
                try await connection.write(Self.head + "3\r\nabc\r\n")
                for await _ in heard { break }  // the second piece is not sent before the first was read
                try await connection.write("2\r\nde\r\n0\r\n\r\n")
            } _: { stream in
                #expect(stream.status == 200 && stream.header("x-tea") == "green" && stream.url.hasSuffix("/start"))
                var pieces: [String] = []
                for try await chunk in stream.chunks {
                    pieces.append(String(decoding: chunk, as: UTF8.self))
                    hearing.yield()
                }
                return pieces
            }
            #expect(pieces == ["abc", "de"])
        }

        @Test("A status that is no success is lent like any other, and redirects are followed when asked")
        func statuses() async throws {
            let script: @Sendable (inout PeerConnection) async throws -> Void = { connection in
                while let request = try await connection.request() {
                    let isStart = request.contains(" /start ")
                    try await connection.answer(
                        isStart ? "307 Temporary Redirect" : "503 Busy", headers: "Location: /next\r\n", body: "why")
                }
            }
            let plain = try await stream(.init(url: ""), script) { ($0.status, try await Self.text($0)) }
            #expect(plain == (307, "why"))
            let followed = try await stream(.init(url: "", followRedirects: true), script) {
                ($0.status, $0.url.hasSuffix("/next"), try await Self.text($0))
            }
            #expect(followed == (503, true, "why"))
        }

        @Test("What ends early closes the connection", arguments: ["return", "throw", "cancel"])
        func closes(_ how: String) async throws {
            let (ended, end) = AsyncStream.makeStream(of: Void.self)
            let (read, reading) = AsyncStream.makeStream(of: Void.self)
            try await withPeer { connection in
                _ = try await connection.request()
                try await connection.write(Self.head + "3\r\nabc\r\n")
                await connection.waitForEnd()
                end.yield()
            } _: { peer in
                try await withClient { client in
                    let task = Task {
                        try await client.stream(
                            .init(url: peer.url(), timeout: .seconds(600)), firstByteTimeout: .seconds(60),
                            idleTimeout: .seconds(60)
                        ) { stream in
                            for try await chunk in stream.chunks {
                                #expect(chunk == Array("abc".utf8))
                                reading.yield()
                                if how == "return" { break }
                                if how == "throw" { throw OwnError() }
                            }
                        }
                    }
                    for await _ in read { break }
                    if how == "cancel" { task.cancel() }
                    switch how {
                    case "return": try await task.value
                    case "throw": await #expect(throws: OwnError.self) { try await task.value }
                    default: await #expect(throws: CancellationError.self) { try await task.value }
                    }
                    for await _ in ended { break }  // or the time limit of the suite strikes
                }
            }
        }

        @Test("Silence and the whole time have their limits", arguments: ["head", "body", "middle", "drip"])
        func limits(_ place: String) async throws {
            let error = await #expect(throws: OutboundHTTPError.self) {
                try await stream(
                    .init(url: "", timeout: place == "drip" ? .milliseconds(300) : .seconds(600)),
                    firstByte: ["head", "body"].contains(place) ? .milliseconds(150) : .seconds(60),
                    idle: place == "middle" ? .milliseconds(150) : .seconds(60)
                ) { connection in
                    _ = try await connection.request()
                    if place != "head" { try await connection.write(Self.head) }
                    if place == "middle" { try await connection.write("1\r\na\r\n") }
                    while place == "drip", connection.channel.isActive {
                        try await connection.write("1\r\na\r\n")
                        try await Task.sleep(for: .milliseconds(10))
                    }
                    await connection.waitForEnd()
                } _: {
                    try await Self.text($0)
                }
            }
            #expect(error?.code == OutboundHTTPError.timeout)
            let words = ["head": "begin", "body": "begin", "middle": "silent", "drip": "did not end"]
            #expect(error?.message.contains(words[place] ?? "?") == true, "\(String(describing: error))")
        }

        @Test("The time that a reader takes for itself is no silence")
        func slowReader() async throws {
            let idle = Duration.milliseconds(300)
            let text = try await stream(firstByte: .seconds(60), idle: idle) { connection in
                _ = try await connection.request()
                try await connection.write(Self.head + "1\r\na\r\n")
                try await connection.write("1\r\nb\r\n0\r\n\r\n")
                await connection.waitForEnd()
            } _: { stream in
                var text = ""
                for try await chunk in stream.chunks {
                    text += String(decoding: chunk, as: UTF8.self)
                    try await Task.sleep(for: idle * 2)
                }
                return text
            }
            #expect(text == "ab")
        }

        @Test(
            "Answers that break, lie or never end are errors",
            arguments: [
                ("3\r\nabc\r\n", OutboundHTTPError.reset), ("zz\r\n", OutboundHTTPError.malformedResponse),
                ("fff\r\n" + String(repeating: "x", count: 0xFFF) + "\r\n0\r\n\r\n", OutboundHTTPError.bodyTooLarge),
            ])
        func breaks(_ body: String, _ code: ErrorCode) async throws {
            let error = await #expect(throws: OutboundHTTPError.self) {
                try await stream(.init(url: "", bodyBytesMax: 1_000)) { connection in
                    _ = try await connection.request()
                    try await connection.write(Self.head + body)
                    if code == OutboundHTTPError.reset { try await connection.reset() }
                    await connection.waitForEnd()
                } _: {
                    try await Self.text($0)
                }
            }
            #expect(error?.code == code)
        }

        @Test("Egress rules hold for streams")
        func egress() async throws {
            try await withClient { client in
                let error = await #expect(throws: OutboundHTTPError.self) {
                    try await client.stream(
                        .init(url: "http://169.254.169.254/"), firstByteTimeout: .seconds(1), idleTimeout: .seconds(1)
                    ) { _ in }
                }
                #expect(error?.code == OutboundHTTPError.refused)
            }
        }

        @Test("A server that breaks or falls silent opens the circuit; a reader's own errors do not")
        func circuit() async throws {
            var settings = HTTPClientSettings()
            settings.circuit = CircuitBreakerSettings(failuresMax: 2, rest: .seconds(600))
            settings.connectTimeout = .seconds(1)
            let limits = settings
            try await withPeer { connection in
                while let request = try await connection.request() {
                    try await connection.write(Self.head + "1\r\na\r\n")
                    if request.contains(" /break ") { return try await connection.reset() }
                    if request.contains(" /silent ") { continue }
                    try await connection.write("0\r\n\r\n")
                }
            } _: { peer in
                try await withClient(limits) { client in
                    func code(_ path: String, own: Bool = false) async -> ErrorCode? {
                        do {
                            _ = try await client.stream(
                                .init(url: peer.url(path)), firstByteTimeout: .seconds(60),
                                idleTimeout: path == "/silent" ? .seconds(1) : .seconds(60)
                            ) { stream in
                                if own { throw OwnError() }
                                return try await Self.text(stream)
                            }
                            return nil
                        } catch { return (error as? OutboundHTTPError)?.code }
                    }
                    for _ in 0..<3 { #expect(await code("/fine", own: true) == nil) }
                    #expect(await code("/break") == OutboundHTTPError.reset)
                    #expect(await code("/fine") == nil)  // closes it again
                    #expect(await code("/break") == OutboundHTTPError.reset)
                    #expect(await code("/silent") == OutboundHTTPError.timeout)
                    #expect(await code("/fine") == OutboundHTTPError.circuitOpen)
                }
            }
        }

        @Test("A client that cannot stream says so")
        func unsupported() async throws {
            struct Plain: OutboundHTTP {
                func send(_ request: OutboundRequest) async throws -> OutboundResponse {
                    OutboundResponse(status: 200, url: request.url)
                }
            }
            let error = await #expect(throws: OutboundHTTPError.self) {
                try await Plain().stream(
                    .init(url: "http://a.test/"), firstByteTimeout: .seconds(1), idleTimeout: .seconds(1)
                ) { _ in }
            }
            #expect(error?.code == OutboundHTTPError.unsupported)
        }
    }
}
