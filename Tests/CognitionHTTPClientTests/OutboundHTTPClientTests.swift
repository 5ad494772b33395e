import CognitionCore
import CognitionHTTPClient
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct OutboundHTTPClientTests {
    /// For `localhost`, valid 2020 to 2120; it and its key are worth nothing outside these tests.
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBYTCCAQegAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
        c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
        CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJB3mIRQ+stypswW
        7Vv3eYsfoaKHvWIRRI4yoaLbdbumQQ2k+JOPSTtBd85y5ZBPCMcteEOP8UvHjuRT
        cGPsxvCjSDBGMA8GA1UdEwEB/wQFMAMBAf8wFAYDVR0RBA0wC4IJbG9jYWxob3N0
        MB0GA1UdDgQWBBTT6y1xuDZ9ZzeMLapTCnh8obxcEjAKBggqhkjOPQQDAgNIADBF
        AiBWXuChGCZNVQ00fpYJxwh1XcG/XPbe5Mc1TpXR7XOOHAIhAJs6OEXBoQ3xdb9a
        +X/BHdBv2gRNQFN2np+O2B5IiJBt
        -----END CERTIFICATE-----
        """
    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPcf1h2wKIjR8tYZq
        fdF/Kt6ECuDrlWtCOTqkHrCLcfehRANCAASQd5iEUPrLcqbMFu1b93mLH6Gih71i
        EUSOMqGi23W7pkENpPiTj0k7QXfOcuWQTwjHLXhDj/FLx47kU3Bj7Mbw
        -----END PRIVATE KEY-----
        """
}

extension OutboundHTTPClientTests {
    @Test("A request arrives as it was given, and the answer comes back whole")
    func plain() async throws {
        let seen = Mutex<String?>(nil)
        let request = OutboundRequest(
            method: "POST", url: "",
            headers: [("X-One", "1"), ("x-one", "2"), ("Content-Length", "999"), ("Host", "evil")],
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
        #expect(
            text.contains("X-One: 1\r\n") && text.contains("x-one: 2\r\n") && text.contains("Content-Length: 5\r\n"))
        #expect(!text.contains(": 999\r\n") && !text.contains("evil") && text.lowercased().contains("host: 127.0.0.1:"))
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

    @Test(
        "HEAD, 204 and chunked bodies",
        arguments: [
            ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", 200, ""),
            ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
            (
                "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200,
                "abcde"
            ),
            (
                "GET", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200,
                "x"
            ),
        ])
    func shapes(_ method: String, _ answer: String, _ status: Int, _ body: String) async throws {
        let response = try await exchange(.init(method: method, url: "", bodyBytesMax: 100)) { connection in
            _ = try await connection.request()
            try await connection.write(answer)
            await connection.waitForEnd()
        }.get()
        #expect(response.status == status && response.body == Array(body.utf8))
    }

    @Test(
        "What HTTP cannot say is refused before anything is sent",
        arguments: [
            ("GE T", []), ("CONNECT", []), ("", []), ("GET", [("Bad Name", "x")]), ("GET", [("X", "a\r\nY: b")]),
            ("GET", [("X", "a\0")]),
        ] as [(String, [(String, String)])])
    func unsendable(_ method: String, _ headers: [(String, String)]) async throws {
        try await withClient { client in
            let request = OutboundRequest(
                method: method, url: "http://127.0.0.1:9/", headers: headers.map { (name: $0.0, value: $0.1) })
            let error = await #expect(throws: OutboundHTTPError.self) { try await client.send(request) }
            #expect(error?.code == OutboundHTTPError.invalidURL)
        }
    }
}
