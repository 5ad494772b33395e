import CognitionCore
import CognitionHTTPClient
import Synchronization
import Testing

extension OutboundHTTPClientTests {
    /// Answers `/start` with a redirect and everything else with the request it got.
    private static func redirecting(_ status: Int, to location: String)
        -> @Sendable (inout PeerConnection) async throws -> Void
    {
        { connection in
            while let request = try await connection.request() {
                if request.contains(" /start ") {
                    try await connection.answer(
                        "\(status) Redirect", headers: "Location: \(location)\r\n", body: "moved")
                } else {
                    try await connection.answer(body: request)
                }
            }
        }
    }

    @Test(
        "Methods change as RFC 9110 says",
        arguments: [
            (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"),
            (308, "POST", "POST"),
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
                    url: "",
                    headers: [
                        ("Authorization", "Bearer x"), ("Cookie", "c=1"), ("X-API-Key", "k"), ("Idempotency-Key", "i"),
                    ],
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

    @Test(
        "Redirects to metadata and other schemes are refused",
        arguments: [
            ("http://169.254.169.254/latest/", OutboundHTTPError.refused),
            ("http://2852039166/", OutboundHTTPError.refused),
            ("http://[::ffff:169.254.169.254]/", OutboundHTTPError.refused),
            ("http://metadata.google.internal/", OutboundHTTPError.refused),
            ("file:///etc/passwd", OutboundHTTPError.invalidURL),
            ("http://u:p@127.0.0.1/", OutboundHTTPError.invalidURL),
        ])
    func metadata(_ location: String, _ code: ErrorCode) async throws {
        let result = try await exchange(.init(url: "", followRedirects: true), Self.redirecting(302, to: location))
        #expect(result.code == code)
    }
}
