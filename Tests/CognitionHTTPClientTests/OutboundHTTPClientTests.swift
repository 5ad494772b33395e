import CognitionCore
import CognitionHTTPClient
import Metrics
import NIOCore
import NIOSSL
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct OutboundHTTPClientTests {
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBlDCCATugAwIBAgIUeIGQaFp1/umgu1EEkAVHQ9iRKxcwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTA0MTU1M1oYDzIxMjYxMDI4
        MDQxNTUzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAARYzJq6nSrIYkBAvUsMJiAfYISicvkzu80enJzN4MRIpDuf5RTYYn+S
        gw7CfJpGAQ9+ZU3dsTKXWibTY4rYpSUAo2kwZzAdBgNVHQ4EFgQUOY3GZsrNEo+a
        0+UMZxw2k7+oev8wHwYDVR0jBBgwFoAUOY3GZsrNEo+a0+UMZxw2k7+oev8wDwYD
        VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
        RwAwRAIgOE415C9sogR+iQhW8GXkOHS/06oa//XlnorQHQ3HlzUCIB73TyE32HX7
        MdwPIyOVh+7GsqhGc8hiGnzO/FMU1VeM
        -----END CERTIFICATE-----
        """
    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4qhcMf5nfCIP0VP4
        x+VDRxwywbnppcKDqBAB2Vwz2MKhRANCAARYzJq6nSrIYkBAvUsMJiAfYISicvkz
        u80enJzN4MRIpDuf5RTYYn+Sgw7CfJpGAQ9+ZU3dsTKXWibTY4rYpSUA
        -----END PRIVATE KEY-----
        """
}

/// Lends a client to `body` and shuts it down.
private func withClient<Result: Sendable>(
    _ settings: HTTPClientSettings = .init(),
    lookup: (@Sendable (String) throws -> [IPAddress])? = nil,
    _ body: (OutboundHTTPClient) async throws -> Result
) async throws -> Result {
    let client =
        lookup.map { OutboundHTTPClient(settings: settings, metrics: NOOPMetricsHandler.instance, lookup: $0) }
        ?? OutboundHTTPClient(settings: settings, metrics: NOOPMetricsHandler.instance)
    do {
        let result = try await body(client)
        await client.shutdown()
        return result
    } catch {
        await client.shutdown()
        throw error
    }
}

/// Sends one request to a peer that runs `script` and returns what came of it.
private func exchange(
    _ request: OutboundRequest = OutboundRequest(url: "", timeout: .seconds(10), bodyBytesMax: 1_000),
    settings: HTTPClientSettings = .init(),
    _ script: @escaping @Sendable (inout PeerConnection) async throws -> Void
) async throws -> Result<OutboundResponse, OutboundHTTPError> {
    try await withPeer(script) { peer in
        try await withClient(settings) { client in
            var request = request
            request.url = peer.url("/start")
            do { return .success(try await client.send(request)) } catch let error as OutboundHTTPError { return .failure(error) }
        }
    }
}

extension Result where Failure == OutboundHTTPError {
    fileprivate var code: ErrorCode? { if case .failure(let error) = self { error.code } else { nil } }
}

// MARK: Plain exchanges

extension OutboundHTTPClientTests {
    @Test("A request arrives as it was given, and the answer comes back whole")
    func plain() async throws {
        let seen = Mutex<String?>(nil)
        let request = OutboundRequest(
            method: "POST", url: "", headers: [("X-One", "1"), ("x-one", "2"), ("Content-Length", "999"), ("Host", "evil")],
            body: Array("hello".utf8))
        let response = try await exchange(request) { connection in
            let text = try await connection.request()
            seen.withLock { $0 = text }
            try await connection.answer("418 I'm a teapot", headers: "X-Tea: green\r\nx-tea: black\r\n", body: "body")
        }.get()
        #expect(response.status == 418 && response.body == Array("body".utf8) && response.url.hasSuffix("/start"))
        #expect(response.header("X-TEA") == "green")
        #expect(response.headers.filter { $0.name.lowercased() == "x-tea" }.map(\.value) == ["green", "black"])
        let text = try #require(seen.withLock { $0 })
        #expect(text.hasPrefix("POST /start HTTP/1.1\r\n") && text.hasSuffix("\r\n\r\nhello"))
        #expect(text.contains("X-One: 1\r\n") && text.contains("x-one: 2\r\n") && text.contains("Content-Length: 5\r\n"))
        #expect(!text.contains("999") && !text.contains("evil") && text.lowercased().contains("host: 127.0.0.1:"))
    }

    @Test("Connections are used again")
    func reuse() async throws {
        let connections = Mutex(0)
        try await withPeer { connection in
            connections.withLock { $0 += 1 }
            while try await connection.request() != nil { try await connection.answer(body: "ok") }
        } _: { peer in
            try await withClient { client in
                for _ in 0..<5 {
                    let status = try await client.send(.init(url: peer.url())).status
                    #expect(status == 200)
                }
            }
        }
        #expect(connections.withLock { $0 } == 1)
    }

    @Test("HEAD, 204 and chunked bodies", arguments: [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", 200, ""), ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        ("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200, "abcde"),
        ("GET", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x"),
    ])
    func shapes(_ method: String, _ answer: String, _ status: Int, _ body: String) async throws {
        let response = try await exchange(.init(method: method, url: "", bodyBytesMax: 100)) { connection in
            _ = try await connection.request()
            try await connection.write(answer)
            await connection.waitForEnd()
        }.get()
        #expect(response.status == status && response.body == Array(body.utf8))
    }

    @Test("What HTTP cannot say is refused before anything is sent", arguments: [
        ("GE T", []), ("CONNECT", []), ("", []), ("GET", [("Bad Name", "x")]), ("GET", [("X", "a\r\nY: b")]), ("GET", [("X", "a\0")]),
    ] as [(String, [(String, String)])])
    func unsendable(_ method: String, _ headers: [(String, String)]) async throws {
        try await withClient { client in
            let request = OutboundRequest(method: method, url: "http://127.0.0.1:9/", headers: headers.map { (name: $0.0, value: $0.1) })
            let error = await #expect(throws: OutboundHTTPError.self) { try await client.send(request) }
            #expect(error?.code == OutboundHTTPError.invalidURL)
        }
    }
}

// MARK: Servers that misbehave

extension OutboundHTTPClientTests {
    @Test("A server that never answers ends in a timeout")
    func hangs() async throws {
        let result = try await exchange(.init(url: "", timeout: .milliseconds(150))) { await $0.waitForEnd() }
        #expect(result.code == OutboundHTTPError.timeout)
    }

    @Test("A slow drip is ended by the timeout of the whole exchange")
    func drips() async throws {
        let result = try await exchange(.init(url: "", timeout: .milliseconds(300))) { connection in
            _ = try await connection.request()
            try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while connection.channel.isActive {
                try await connection.write("x")
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        #expect(result.code == OutboundHTTPError.timeout)
    }

    @Test("A server that falls silent in mid-body is ended by the idle timeout")
    func silent() async throws {
        var settings = HTTPClientSettings()
        settings.idleReadTimeout = .milliseconds(150)
        let result = try await exchange(settings: settings) { connection in
            _ = try await connection.request()
            try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            await connection.waitForEnd()
        }
        #expect(result.code == OutboundHTTPError.timeout)
    }

    @Test("Connections that end too early are resets", arguments: [
        "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ], [true, false])
    func resets(_ answer: String, _ hard: Bool) async throws {
        let result = try await exchange { connection in
            _ = try await connection.request()
            if !answer.isEmpty { try await connection.write(answer) }
            if hard { try await connection.reset() }
        }
        #expect(result.code == OutboundHTTPError.reset, "\(result)")
    }

    @Test("What is not HTTP is malformed", arguments: [
        "SSH-2.0-OpenSSH_9.6\r\n", "\u{16}\u{3}\u{1}garbage\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n", "HTTP/1.1 200 OK\r\nNo colon here\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ])
    func garbage(_ answer: String) async throws {
        let result = try await exchange { connection in
            _ = try await connection.request()
            try await connection.write(answer)
            await connection.waitForEnd()
        }
        #expect(result.code == OutboundHTTPError.malformedResponse, "\(result)")
    }

    @Test("More body than Content-Length says is cut off, and its connection not used again")
    func longBody() async throws {
        let connections = Mutex(0)
        try await withPeer { connection in
            connections.withLock { $0 += 1 }
            while try await connection.request() != nil {
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            }
        } _: { peer in
            try await withClient { client in
                for _ in 0..<3 {
                    let body = try? await client.send(.init(url: peer.url())).body
                    #expect(body == nil || body == Array("ok".utf8))
                }
            }
        }
        #expect(connections.withLock { $0 } >= 2)
    }

    @Test("Endless headers are too large", arguments: [false, true])
    func headers(_ manySmall: Bool) async throws {
        let result = try await exchange { connection in
            _ = try await connection.request()
            try await connection.write("HTTP/1.1 200 OK\r\n" + (manySmall ? "" : "X: "))
            while connection.channel.isActive {
                try await connection.write(manySmall ? "X-Header: value\r\n" : String(repeating: "x", count: 1_000))
            }
        }
        #expect(result.code == OutboundHTTPError.bodyTooLarge)
    }

    @Test("A body beyond the bound is too large, announced or endless", arguments: [
        "Content-Length: 1001\r\n\r\n", "Content-Length: 99999999999\r\n\r\n", "\r\n",
    ])
    func bodies(_ head: String) async throws {
        let closed = Mutex(false)
        let result = try await exchange { connection in
            _ = try await connection.request()
            try await connection.write("HTTP/1.1 200 OK\r\n" + head)
            while connection.channel.isActive { try await connection.write(String(repeating: "x", count: 500)) }
            closed.withLock { $0 = true }
        }
        #expect(result.code == OutboundHTTPError.bodyTooLarge)
    }

    @Test("A body of exactly the bound is fine")
    func exactBody() async throws {
        let response = try await exchange { connection in
            _ = try await connection.request()
            try await connection.answer(body: String(repeating: "x", count: 1_000))
        }.get()
        #expect(response.body.count == 1_000)
    }

    @Test("Nobody there is unreachable, and quickly")
    func unreachable() async throws {
        try await withClient { client in
            let port = try await withPeer { _ in } _: { $0.port }
            for url in ["http://127.0.0.1:\(port)/", "http://does-not-exist.invalid/"] {
                let error = await #expect(throws: OutboundHTTPError.self) { try await client.send(.init(url: url)) }
                #expect(error?.code == OutboundHTTPError.unreachable)
            }
        }
    }
}

// MARK: Redirects

extension OutboundHTTPClientTests {
    /// Answers `/start` with a redirect and everything else with the request it got.
    private static func redirecting(_ status: Int, to location: String) -> @Sendable (inout PeerConnection) async throws -> Void {
        { connection in
            while let request = try await connection.request() {
                if request.contains(" /start ") {
                    try await connection.answer("\(status) Redirect", headers: "Location: \(location)\r\n", body: "moved")
                } else {
                    try await connection.answer(body: request)
                }
            }
        }
    }

    @Test("Methods change as RFC 9110 says", arguments: [
        (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"), (308, "POST", "POST"),
        (301, "PUT", "PUT"), (302, "DELETE", "DELETE"), (303, "PUT", "GET"), (303, "GET", "GET"),
    ])
    func methods(_ status: Int, _ method: String, _ expected: String) async throws {
        let request = OutboundRequest(
            method: method, url: "", headers: [("Content-Type", "text/plain"), ("Authorization", "Bearer x")],
            body: Array("payload".utf8), followRedirects: true)
        let response = try await exchange(request, Self.redirecting(status, to: "/end?x=1")).get()
        let arrived = String(decoding: response.body, as: UTF8.self)
        #expect(arrived.hasPrefix("\(expected) /end?x=1 "))
        let keepsBody = expected == method && status != 303
        #expect(arrived.hasSuffix("payload") == keepsBody)
        #expect(arrived.contains("Content-Type") == keepsBody)
        #expect(arrived.contains("Authorization: Bearer x"), "credentials stay within an origin")
        #expect(response.url.hasSuffix("/end?x=1"))
    }

    @Test("Credentials do not follow to another origin")
    func credentials() async throws {
        let response = try await withPeer { connection in
            while let request = try await connection.request() { try await connection.answer(body: request) }
        } _: { other in
            try await exchange(
                .init(
                    url: "", headers: [("Authorization", "Bearer x"), ("Cookie", "c=1"), ("X-API-Key", "k"), ("Idempotency-Key", "i")],
                    followRedirects: true), Self.redirecting(307, to: other.url("/end")))
        }.get()
        let arrived = String(decoding: response.body, as: UTF8.self)
        #expect(arrived.hasPrefix("GET /end ") && arrived.contains("Idempotency-Key: i"))
        for header in ["Authorization", "Cookie", "X-API-Key"] { #expect(!arrived.contains(header)) }
    }

    @Test("A redirect is an answer unless it is to be followed")
    func unfollowed() async throws {
        let response = try await exchange(.init(url: ""), Self.redirecting(302, to: "/end")).get()
        #expect(response.status == 302 && response.header("location") == "/end" && response.body == Array("moved".utf8))
    }

    @Test("A loop ends")
    func loop() async throws {
        let requests = Mutex(0)
        let result = try await exchange(.init(url: "", followRedirects: true)) { connection in
            while try await connection.request() != nil {
                requests.withLock { $0 += 1 }
                try await connection.answer("302 Found", headers: "Location: /start\r\n")
            }
        }
        #expect(result.code == OutboundHTTPError.tooManyRedirects)
        #expect(requests.withLock { $0 } == 6)
    }

    @Test("Redirects to metadata and other schemes are refused", arguments: [
        ("http://169.254.169.254/latest/", OutboundHTTPError.refused), ("http://2852039166/", OutboundHTTPError.refused),
        ("http://[::ffff:169.254.169.254]/", OutboundHTTPError.refused), ("http://metadata.google.internal/", OutboundHTTPError.refused),
        ("file:///etc/passwd", OutboundHTTPError.invalidURL), ("http://u:p@127.0.0.1/", OutboundHTTPError.invalidURL),
    ])
    func metadata(_ location: String, _ code: ErrorCode) async throws {
        let result = try await exchange(.init(url: "", followRedirects: true), Self.redirecting(302, to: location))
        #expect(result.code == code)
    }
}

// MARK: Egress

extension OutboundHTTPClientTests {
    @Test("A name that resolves to a refused address is refused")
    func names() async throws {
        let known = try #require(IPAddress("169.254.169.254"))
        let fine = try #require(IPAddress("127.0.0.1"))
        try await withClient(lookup: { $0 == "mixed.test" ? [fine, known] : [known] }) { client in
            for name in ["inner.test", "mixed.test"] {
                let error = await #expect(throws: OutboundHTTPError.self) { try await client.send(.init(url: "http://\(name)/")) }
                #expect(error?.code == OutboundHTTPError.refused)
                #expect(error?.message.contains("169.254.169.254") == true)
            }
        }
    }

    @Test("A name that resolves differently the second time gets no request")
    func rebinding() async throws {
        let harmless = try #require(IPAddress("203.0.113.1"))
        let received = Mutex("")
        var settings = HTTPClientSettings()
        settings.egress = try EgressRules(deny: ["127.0.0.0/8", "::1"], allow: [])
        let rules = settings
        try await withPeer { connection in
            let text = try await connection.request()
            received.withLock { $0 += text ?? "" }
        } _: { peer in
            try await withClient(rules, lookup: { _ in [harmless] }) { client in
                for _ in 0..<3 {
                    let error = await #expect(throws: OutboundHTTPError.self) {
                        try await client.send(.init(url: peer.url(host: "localhost")))
                    }
                    #expect(error?.code == OutboundHTTPError.refused, "\(String(describing: error))")
                }
            }
        }
        #expect(received.withLock { $0 } == "")
    }

    @Test("A host that is allowed by name may be anywhere")
    func allowedName() async throws {
        var settings = HTTPClientSettings()
        settings.egress = try EgressRules(deny: ["private"], allow: ["localhost"])
        let rules = settings
        let status = try await withPeer { connection in
            _ = try await connection.request()
            try await connection.answer()
        } _: { peer in
            try await withClient(rules) { client in
                await #expect(throws: OutboundHTTPError.self) { try await client.send(.init(url: peer.url())) }
                return try await client.send(.init(url: peer.url(host: "localhost"))).status
            }
        }
        #expect(status == 200)
    }
}

// MARK: Limits

extension OutboundHTTPClientTests {
    @Test("Cancellation closes the connection at once")
    func cancellation() async throws {
        let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        try await withPeer { connection in
            _ = try await connection.request()
            try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            arrival.yield()
            await connection.waitForEnd()
            end.yield()
        } _: { peer in
            try await withClient { client in
                let task = Task { try await client.send(.init(url: peer.url(), timeout: .seconds(600))) }
                for await _ in arrived { break }
                task.cancel()
                await #expect(throws: CancellationError.self) { _ = try await task.value }
                for await _ in ended { break }  // or the time limit of the suite strikes
            }
        }
    }

    @Test("Only so many exchanges run at a time; a waiting one can be cancelled, and too many are refused")
    func gate() async throws {
        let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        let running = Mutex((now: 0, most: 0))
        var settings = HTTPClientSettings()
        settings.connectionsPerHost = 1
        settings.waitingMax = 1
        let limits = settings
        try await withPeer { connection in
            while try await connection.request() != nil {
                running.withLock {
                    $0.now += 1
                    $0.most = max($0.most, $0.now)
                }
                arrival.yield()
                for await _ in released { break }
                running.withLock { $0.now -= 1 }
                try await connection.answer()
            }
        } _: { peer in
            try await withClient(limits) { client in
                let first = Task { try await client.send(.init(url: peer.url())).status }
                for await _ in arrived { break }
                // With one running, of three more exactly one may wait.
                let others = (0..<3).map { _ in Task { try await client.send(.init(url: peer.url())).status } }
                var refused = 0
                await withTaskGroup(of: Bool.self) { group in
                    for other in others {
                        group.addTask {
                            if case .failure(let error as OutboundHTTPError) = await other.result {
                                return error.code == OutboundHTTPError.overloaded
                            }
                            return false
                        }
                    }
                    for await isRefused in group where isRefused {
                        refused += 1
                        if refused == 2 { others.forEach { $0.cancel() } }
                    }
                }
                #expect(refused == 2)
                release.yield()
                let firstStatus = try await first.value
                #expect(firstStatus == 200)
                let last = Task { try await client.send(.init(url: peer.url())).status }
                release.yield()
                let lastStatus = try await last.value
                #expect(lastStatus == 200)
            }
        }
        #expect(running.withLock { $0.most } == 1)
    }

    @Test("A host that fails too often is left alone, and statuses are no failures")
    func circuit() async throws {
        var settings = HTTPClientSettings()
        settings.circuit = CircuitBreakerSettings(failuresMax: 3, rest: .seconds(600))
        let limits = settings
        let requests = Mutex(0)
        try await withPeer { connection in
            while let request = try await connection.request() {
                requests.withLock { $0 += 1 }
                guard request.contains(" /500 ") else { return try await connection.reset() }
                try await connection.answer("500 Internal Server Error")
            }
        } _: { peer in
            try await withClient(limits) { client in
                for _ in 0..<5 {
                    let status = try await client.send(.init(url: peer.url("/500"))).status
                    #expect(status == 500)
                }
                for round in 0..<5 {
                    let error = await #expect(throws: OutboundHTTPError.self) { try await client.send(.init(url: peer.url("/reset"))) }
                    #expect(error?.code == (round < 3 ? OutboundHTTPError.reset : OutboundHTTPError.circuitOpen))
                }
            }
        }
        #expect(requests.withLock { $0 } == 8)
    }

    @Test("After shutdown requests fail")
    func shutdown() async throws {
        let client = OutboundHTTPClient(settings: .init(), metrics: NOOPMetricsHandler.instance)
        await client.shutdown()
        for url in ["http://127.0.0.1:9/", "http://localhost:9/"] {
            let error = await #expect(throws: OutboundHTTPError.self) { try await client.send(.init(url: url)) }
            #expect(error?.code == OutboundHTTPError.overloaded)
        }
    }
}

// MARK: TLS

extension OutboundHTTPClientTests {
    @Test("TLS checks authority and name", arguments: [(true, "localhost", true), (false, "localhost", false), (true, "127.0.0.1", false)])
    func tls(_ trusted: Bool, _ host: String, _ works: Bool) async throws {
        let certificates = try NIOSSLCertificate.fromPEMBytes(Array(Self.certificate.utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(Self.key.utf8), format: .pem)
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key)))
        var settings = HTTPClientSettings()
        if trusted { settings.trustRootsPEM = Array(Self.certificate.utf8) }
        let limits = settings
        try await withPeer(tls: context) { connection in
            _ = try await connection.request()
            try await connection.answer(body: "secret")
        } _: { peer in
            try await withClient(limits) { client in
                let request = OutboundRequest(url: peer.url(host: host, scheme: "https"), timeout: .seconds(10))
                if works {
                    let body = try await client.send(request).body
                    #expect(body == Array("secret".utf8))
                } else {
                    let error = await #expect(throws: OutboundHTTPError.self) { try await client.send(request) }
                    #expect(error?.code == OutboundHTTPError.unreachable)
                }
            }
        }
    }
}
