import CognitionCore
import CognitionHTTP
import HTTPTypes
import NIOCore
import Testing

@Suite("Trusted proxies") struct TrustedProxiesTests {
    private let proxies: TrustedProxies

    init() throws { proxies = try TrustedProxies(["10.0.0.0/8", "127.0.0.1", "2001:db8:1::/48"]) }

    private func origin(
        _ peer: String, _ headers: [(String, String)], _ proxies: TrustedProxies? = nil
    ) throws -> ClientOrigin {
        var fields = HTTPFields()
        for (name, value) in headers { fields.append(HTTPField(name: try #require(.init(name)), value: value)) }
        return (proxies ?? self.proxies).origin(
            of: fields, from: try SocketAddress(ipAddress: peer, port: 40_000), isEncrypted: false)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let peer: String
        let headers: [(String, String)]
        let address: String
        var testDescription: String { "\(peer) \(headers.map { "\($0.0): \($0.1)" })" }
    }

    @Test(
        "The list is read from the right, as far as proxies are trusted",
        arguments: [
            Case(peer: "192.0.2.1", headers: [], address: "192.0.2.1"),
            // Nobody else is believed.
            Case(peer: "192.0.2.1", headers: [("X-Forwarded-For", "203.0.113.9")], address: "192.0.2.1"),
            Case(peer: "192.0.2.1", headers: [("Forwarded", "for=203.0.113.9")], address: "192.0.2.1"),
            Case(peer: "10.0.0.1", headers: [("X-Forwarded-For", "203.0.113.9")], address: "203.0.113.9"),
            // What the client wrote itself stands further left.
            Case(peer: "10.0.0.1", headers: [("X-Forwarded-For", "127.0.0.1, 203.0.113.9")], address: "203.0.113.9"),
            Case(
                peer: "10.0.0.1", headers: [("X-Forwarded-For", "6.6.6.6, 203.0.113.9, 10.2.2.2")],
                address: "203.0.113.9"),
            Case(
                peer: "10.0.0.1", headers: [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "203.0.113.9")],
                address: "203.0.113.9"),
            Case(peer: "10.0.0.1", headers: [("X-Forwarded-For", "10.9.9.9, 10.2.2.2")], address: "10.9.9.9"),
            Case(peer: "10.0.0.1", headers: [("X-Forwarded-For", "203.0.113.9:51234")], address: "203.0.113.9"),
            Case(peer: "10.0.0.1", headers: [("X-Forwarded-For", "[2001:db8::9]:443")], address: "2001:db8::9"),
            Case(peer: "10.0.0.1", headers: [("X-Forwarded-For", "2001:db8::9")], address: "2001:db8::9"),
            Case(peer: "2001:db8:1::5", headers: [("X-Forwarded-For", "203.0.113.9")], address: "203.0.113.9"),
            Case(peer: "::ffff:10.0.0.1", headers: [("X-Forwarded-For", "203.0.113.9")], address: "203.0.113.9"),
            Case(
                peer: "10.0.0.1", headers: [("Forwarded", "for=6.6.6.6, for=\"[2001:db8:cafe::17]:4711\";proto=https")],
                address: "2001:db8:cafe::17"),
            // What cannot be read ends the way back.
            Case(peer: "10.0.0.1", headers: [("X-Forwarded-For", "6.6.6.6, unknown")], address: "10.0.0.1"),
            Case(peer: "10.0.0.1", headers: [("X-Forwarded-For", "6.6.6.6, <script>")], address: "10.0.0.1"),
            Case(peer: "10.0.0.1", headers: [("Forwarded", "for=_hidden, for=_secret")], address: "10.0.0.1"),
            Case(peer: "10.0.0.1", headers: [("X-Forwarded-For", ", ,")], address: "10.0.0.1"),
        ])
    func addresses(_ sample: Case) throws {
        let origin = try origin(sample.peer, sample.headers)
        #expect(origin.address?.description == sample.address)
    }

    @Test("Of two kinds of headers the one that proxies do not write may be the client's, so neither is believed")
    func kinds() throws {
        let both = [
            ("Forwarded", "for=127.0.0.1;proto=https;host=evil.example"), ("X-Forwarded-For", "203.0.113.9"),
            ("X-Forwarded-Proto", "http"),
        ]
        let unclear = try origin("10.0.0.1", both)
        #expect(unclear.address?.description == "10.0.0.1" && unclear.isHearsay)
        #expect(!unclear.isEncrypted && unclear.host == nil)
        #expect(try !origin("127.0.0.1", both).isLoopback)
        // Those who have said what their proxies write are not disturbed by the other.
        let listed = try origin("127.0.0.1", both, TrustedProxies(["127.0.0.1"], writing: .xForwarded))
        #expect(listed.address?.description == "203.0.113.9" && !listed.isEncrypted && listed.host == nil)
        let standard = try origin("127.0.0.1", both, TrustedProxies(["127.0.0.1"], writing: .forwarded))
        #expect(standard.address?.description == "127.0.0.1" && standard.isEncrypted)
        // A quote that the client leaves open does not swallow what the proxy has added.
        for text in [#"for=127.0.0.1;x=", for=203.0.113.9"#, #"for=127.0.0.1;x="\", for=203.0.113.9"#] {
            let hidden = try origin("10.0.0.1", [("Forwarded", text)])
            #expect(hidden.address?.description == "10.0.0.1" && hidden.isHearsay && !hidden.isLoopback)
        }
        // What they write is missing: they have seen a request of their own, or are not set up as was said.
        let silent = try origin(
            "127.0.0.1", [("Forwarded", "for=203.0.113.9")], TrustedProxies(["127.0.0.1"], writing: .xForwarded))
        #expect(silent.address?.description == "127.0.0.1" && silent.isHearsay && !silent.isLoopback)
    }

    @Test("Scheme and host are those that the client has used with the first proxy that is trusted")
    func schemes() throws {
        let one = try origin(
            "10.0.0.1",
            [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "a.example.com")])
        #expect(one.isEncrypted && one.host == "a.example.com")
        let two = try origin(
            "10.0.0.1",
            [
                ("X-Forwarded-For", "6.6.6.6, 203.0.113.9, 10.0.0.2"), ("X-Forwarded-Proto", "gopher, https, http"),
                ("X-Forwarded-Host", "evil.example, a.example.com, inner"),
            ])
        #expect(two.isEncrypted && two.host == "a.example.com")
        let standard = try origin(
            "10.0.0.1", [("Forwarded", "for=203.0.113.9;host=\"a.example.com:8443\";proto=HTTPS;by=10.0.0.1")])
        #expect(standard.isEncrypted && standard.host == "a.example.com:8443")
        let stranger = try origin("192.0.2.1", [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-Proto", "https")])
        #expect(!stranger.isEncrypted && stranger.host == nil)
        for host in ["a b", "a/b", "user@host", "a\"b", "", String(repeating: "a", count: 300)] {
            let bad = try origin("10.0.0.1", [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Host", host)])
            #expect(bad.host == nil, "\(host)")
        }
    }

    @Test("Loopback is where nobody says otherwise")
    func loopback() throws {
        #expect(try origin("127.0.0.1", [], TrustedProxies.none).isLoopback)
        #expect(try origin("127.9.9.9", [], TrustedProxies.none).isLoopback)
        #expect(try origin("::1", [], TrustedProxies.none).isLoopback)
        #expect(try origin("::ffff:127.0.0.1", [], TrustedProxies.none).isLoopback)
        #expect(try !origin("192.0.2.1", [], TrustedProxies.none).isLoopback)
        // A proxy on this machine that was not declared.
        #expect(try !origin("127.0.0.1", [("X-Forwarded-For", "203.0.113.9")], TrustedProxies.none).isLoopback)
        #expect(try !origin("127.0.0.1", [("Forwarded", "for=127.0.0.1")], TrustedProxies.none).isLoopback)
        // One that was: the client decides.
        #expect(try !origin("127.0.0.1", [("X-Forwarded-For", "203.0.113.9")]).isLoopback)
        #expect(try origin("127.0.0.1", [("X-Forwarded-For", "127.0.0.5")]).isLoopback)
        #expect(try !origin("127.0.0.1", [("X-Forwarded-For", "unknown")]).isLoopback)
    }

    @Test("What is no range is named")
    func faults() {
        let error = #expect(throws: RequestError.self) {
            try TrustedProxies(["10.0.0.0/8", "proxy.local", "1.2.3.4/33"])
        }
        #expect(error?.code == .proxyInvalid)
        #expect(error?.message.contains("'proxy.local', '1.2.3.4/33'") == true)
    }
}
