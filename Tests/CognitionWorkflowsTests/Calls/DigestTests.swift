import CognitionCore
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

/// Digest authentication, against a peer that works it out as RFC 7616 has it.
@Suite("Digest authentication") struct DigestTests {
    private static func hash(_ text: String, _ algorithm: String) -> String {
        algorithm.hasPrefix("SHA-256")
            ? SHA256Digest(of: Array(text.utf8)).description : MD5Digest.hexadecimal(of: Array(text.utf8))
    }

    /// The members of a header such as `Digest a="b", c=d`.
    private static func members(_ header: String) -> [String: String] {
        var members: [String: String] = [:]
        for part in header.dropFirst("Digest ".count).split(separator: ", ") {
            let pair = part.split(separator: "=", maxSplits: 1)
            members[String(pair[0])] = String(pair[1].replacing("\"", with: ""))
        }
        return members
    }

    /// The value that the server expects of `response`.
    static func expected(_ given: [String: String], method: String, password: String, _ algorithm: String) -> String {
        func member(_ name: String) -> String { given[name] ?? "?" }
        var secret = hash("\(member("username")):\(member("realm")):\(password)", algorithm)
        if algorithm.hasSuffix("-sess") { secret = hash("\(secret):\(member("nonce")):\(member("cnonce"))", algorithm) }
        let target = hash("\(method):\(member("uri"))", algorithm)
        guard given["qop"] != nil else { return hash("\(secret):\(member("nonce")):\(target)", algorithm) }
        return hash(
            "\(secret):\(member("nonce")):\(member("nc")):\(member("cnonce")):auth:\(target)", algorithm)
    }

    @Test("The oracle of these tests gives the values of RFC 7616, section 3.9.1")
    func oracle() {
        let given = [
            "username": "Mufasa", "realm": "http-auth@example.org", "uri": "/dir/index.html", "nc": "00000001",
            "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "qop": "auth",
            "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        ]
        #expect(
            Self.expected(given, method: "GET", password: "Circle of Life", "MD5")
                == "8ca523f5e9506fed4657c9700eebdbec")
        #expect(
            Self.expected(given, method: "GET", password: "Circle of Life", "SHA-256")
                == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")
    }

    @Test(
        "The challenge is answered, with the strongest algorithm that is offered",
        arguments: [
            ("Digest realm=\"r\", nonce=\"n1\"", "MD5"),
            ("Digest realm=\"r\", nonce=\"n1\", qop=\"auth,auth-int\", algorithm=MD5, opaque=\"o\"", "MD5"),
            ("Digest realm=\"r\", nonce=\"n1\", qop=auth, algorithm=SHA-256-sess", "SHA-256-sess"),
            (
                "Basic realm=\"b\", Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=MD5, "
                    + "Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", algorithm=SHA-256", "SHA-256"
            ),
        ])
    func answers(_ challenge: String, _ algorithm: String) async throws {
        let http = ScriptedHTTP { request in
            guard let header = request.header("Authorization") else {
                return (401, [("WWW-Authenticate", challenge)], .null)
            }
            let given = Self.members(header)
            let isGood =
                given["response"]
                == Self.expected(given, method: request.method, password: "Circle of Life", algorithm)
            return isGood ? (200, [], .object(JSONObject(given.map { ($0.key, .string($0.value)) }))) : (403, [], .null)
        }
        let document = workflow(
            "digest", "1.0.0",
            """
            - a:
                call: http
                with:
                  method: post
                  endpoint:
                    uri: http://peer/dir/index.html?a=1
                    authentication: {digest: {username: Mufasa, password: Circle of Life}}
                  body: {x: 1}
            """)
        try await withSecrets(on: .sqliteMemory, [:], http: http) { harness in
            let ended = try await harness.running { try await harness.end(of: harness.execute(document)) }
            #expect(ended.status == .completed, "\(String(describing: ended.fault))")
            #expect(ended.output?["uri"] == "/dir/index.html?a=1" && ended.output?["username"] == "Mufasa")
            #expect(ended.output?["opaque"] == (challenge.contains("opaque") ? "o" : nil))
            #expect(http.requests.count == 2 && http.requests[0].body == http.requests[1].body)
        }
    }

    @Test("Without a challenge that can be met the refusal is the task's fault")
    func unknown() async throws {
        let http = ScriptedHTTP { _ in
            (401, [("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256")], .null)
        }
        let document = workflow(
            "digest", "1.0.0",
            """
            - a: {call: http, with: {method: get, endpoint: {uri: 'http://peer', authentication: {digest: {username: u, password: p}}}}}
            """)
        try await withSecrets(on: .sqliteMemory, [:], http: http) { harness in
            let ended = try await harness.running { try await harness.end(of: harness.execute(document)) }
            #expect(ended.fault?.status == 401 && http.requests.count == 1)
        }
    }
}
