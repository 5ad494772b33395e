import CognitionCore
import CognitionHTTPClient
import Metrics
import NIOSSL
import Synchronization
import Testing

// MARK: Egress
extension OutboundHTTPClientTests {
    @Test("A name that resolves to a refused address is refused")
    func names() async throws {
        let known = try #require(IPAddress("169.254.169.254"))
        let fine = try #require(IPAddress("127.0.0.1"))
        try await withClient(lookup: { $0 == "mixed.test" ? [fine, known] : [known] }) { client in
            for name in ["inner.test", "mixed.test"] {
                let error = await #expect(throws: OutboundHTTPError.self) {
                    try await client.send(.init(url: "http://\(name)/"))
                }
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
                    let error = await #expect(throws: OutboundHTTPError.self) {
                        try await client.send(.init(url: peer.url("/reset")))
                    }
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
    @Test(
        "TLS checks authority and name",
        arguments: [(true, "localhost", true), (false, "localhost", false), (true, "127.0.0.1", false)])
    func tls(_ trusted: Bool, _ host: String, _ works: Bool) async throws {
        let certificates = try NIOSSLCertificate.fromPEMBytes(Array(Self.certificate.utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(Self.key.utf8), format: .pem)
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key)))
        var settings = HTTPClientSettings()
        if trusted { settings.trustRootsPEM = Array(Self.certificate.utf8) }
        let limits = settings
        try await withPeer(tls: context) { connection in
            _ = try await connection.request()
            try await connection.answer(body: "secret")
        } _: { peer in
            try await withClient(limits) { client in
                let request = OutboundRequest(url: peer.url(host: host, scheme: "https"), timeout: .seconds(60))
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
