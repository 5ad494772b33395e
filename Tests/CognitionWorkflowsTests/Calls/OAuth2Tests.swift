import CognitionCore
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Foundation
import Synchronization
import Testing

/// Tokens of an authority, as the peers see it.
@Suite("OAuth 2 and OpenID Connect") struct OAuth2Tests {
    /// An authority that gives numbered tokens, and a peer that takes those which are not revoked.
    private final class World: Sendable {
        let given = Mutex(0)
        let revoked = Mutex<Set<String>>([])
        let life: JSONValue

        init(life: JSONValue = 3_600) { self.life = life }

        func http(_ refusal: (status: Int, body: JSONValue)? = nil) -> ScriptedHTTP {
            ScriptedHTTP { [self] request in
                if request.url.hasSuffix("openid-configuration") {
                    return (200, [], ["issuer": "http://auth", "token_endpoint": "http://auth/discovered"])
                }
                guard request.url.hasPrefix("http://auth") else {
                    let token = request.header("Authorization") ?? "none"
                    let isGood = token.hasPrefix("Bearer token-of") && revoked.withLock { !$0.contains(token) }
                    return isGood ? (200, [], ["you": .string(token)]) : (401, [], ["no": .string(token)])
                }
                if let refusal { return (refusal.status, [], refusal.body) }
                let number = given.withLock { number in
                    number += 1
                    return number
                }
                return (
                    200, [],
                    [
                        "access_token": .string("token-of-number-\(number)"), "token_type": "Bearer",
                        "expires_in": life, "refresh_token": .string("refresh-\(number)"),
                    ]
                )
            }
        }

        func revoke(_ number: Int) { revoked.withLock { _ = $0.insert("Bearer token-of-number-\(number)") } }
    }

    private static func executable(_ policy: String, calls: Int = 1) -> String {
        let tasks = (1...calls).map {
            """
            - call\($0):
                call: http
                with: {method: get, endpoint: {uri: 'http://peer/x', authentication: {use: policy}}}
            """
        }
        return workflow("tokens", "1.0.0", tasks.joined(separator: "\n"))
            .replacing("do:\n", with: "use: {authentications: {policy: \(policy)}}\ndo:\n")
    }

    private func run(
        _ policy: String, calls: Int = 1, input: JSONValue = [:], over http: ScriptedHTTP
    ) async throws -> Execution {
        var execution: Execution?
        try await withSecrets(on: .sqliteMemory, [:], http: http) { harness in
            execution = try await harness.running {
                try await harness.end(of: harness.execute(Self.executable(policy, calls: calls), input: input))
            }
        }
        return try #require(execution)
    }

    private static let credentials =
        "{oauth2: {authority: 'http://auth/', grant: client_credentials, client: {id: me, secret: 'a b'}}}"

    @Test("A token is asked for once, sent with each call, and told to nobody")
    func once() async throws {
        let http = World().http()
        let ended = try await run(Self.credentials, calls: 3, over: http)
        #expect(ended.status == .completed && ended.output == ["you": "Bearer ••••"])
        let asked = http.requests(to: "http://auth")
        #expect(asked.count == 1 && asked[0].url == "http://auth/oauth2/token" && asked[0].method == "POST")
        #expect(asked[0].header("Content-Type") == "application/x-www-form-urlencoded")
        #expect(asked[0].text == "grant_type=client_credentials&client_secret=a+b&client_id=me")
        #expect(!asked[0].followRedirects)
        #expect(
            http.requests(to: "http://peer").map { $0.header("Authorization") }
                == Array(repeating: "Bearer token-of-number-1", count: 3))
    }

    @Test("Tasks that run at the same time share one request for a token")
    func shared() async throws {
        let http = World().http()
        let branches = (1...20).map {
            """
            {b\($0): {call: http, with: {method: get, endpoint: {uri: 'http://peer/\($0)', authentication: \
            \(Self.credentials)}}}}
            """
        }
        let document = workflow("fork", "1.0.0", "- a: {fork: {branches: [\(branches.joined(separator: ", "))]}}")
        try await withSecrets(on: .sqliteMemory, [:], http: http) { harness in
            let ended = try await harness.running { try await harness.end(of: harness.execute(document)) }
            #expect(ended.status == .completed)
        }
        #expect(http.requests(to: "http://auth").count == 1 && http.requests(to: "http://peer").count == 20)
    }

    @Test("When the task that asks is stopped, one that waits for its answer asks itself")
    func stopped() async throws {
        let world = World().http()
        let asked = Mutex(0)
        let http = ScriptedHTTP { request in
            if request.url.hasPrefix("http://auth") {
                let number = asked.withLock { asked in
                    asked += 1
                    return asked
                }
                // Nobody answers the first, until its task times out.
                if number == 1 { try await Task.sleep(for: .seconds(60)) }
            }
            let answer = try await world.send(request)
            return (answer.status, [], try JSONValue(parsing: answer.body))
        }
        let call =
            "call: http, with: {method: get, endpoint: {uri: 'http://peer/x', authentication: \(Self.credentials)}}"
        let document = workflow(
            "stopped", "1.0.0",
            """
            - both:
                fork:
                  branches:
                    - first: {try: [{ask: {timeout: {after: PT0.2S}, \(call)}}], catch: {do: [{no: {set: {no: 1}}}]}}
                    - second: {do: [{later: {wait: PT0.05S}}, {ask: {\(call)}}]}
            """)
        try await withSecrets(on: .sqliteMemory, [:], http: http) { harness in
            let ended = try await harness.running { try await harness.end(of: harness.execute(document)) }
            #expect(ended.output == [["no": 1], ["you": "Bearer ••••"]], "\(ended.json.jsonText)")
        }
        #expect(asked.withLock { $0 } == 2)
    }

    @Test("One that has expired is asked for again")
    func expiry() async throws {
        let http = World(life: 0).http()
        #expect(try await run(Self.credentials, calls: 3, over: http).status == .completed)
        #expect(http.requests(to: "http://auth").count == 3)
    }

    @Test("One that is refused is asked for again, once")
    func refused() async throws {
        let world = World()
        world.revoke(1)
        let http = world.http()
        #expect(try await run(Self.credentials, calls: 2, over: http).status == .completed)
        #expect(
            http.requests(to: "http://peer").map { $0.header("Authorization")?.suffix(1) } == ["1", "2", "2"])
        let never = World()
        never.revoke(1)
        never.revoke(2)
        let faulted = try await run(Self.credentials, over: never.http())
        #expect(faulted.fault?.status == 401 && faulted.fault?.type == WorkflowFault.Standard.communication.type)
    }

    @Test(
        "Each grant and client authentication is sent as its RFC has it",
        arguments: [
            (
                "grant: password, username: ada, password: 'p&w', client: {id: me}, scopes: [a, b], audiences: [x, y]",
                "grant_type=password&username=ada&password=p%26w&scope=a+b&audience=x&audience=y&client_id=me", nil
            ),
            (
                "grant: client_credentials, client: {id: 'm:e', secret: s, authentication: client_secret_basic}",
                "grant_type=client_credentials", "Basic bSUzQWU6cw=="
            ),
            (
                "grant: client_credentials, client: {id: me, assertion: a.b.c, authentication: private_key_jwt}",
                "grant_type=client_credentials"
                    + "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
                    + "&client_assertion=a.b.c&client_id=me", nil
            ),
            (
                "grant: refresh_token, client: {id: me, authentication: none}, subject: {token: r1, type: t}",
                "grant_type=refresh_token&refresh_token=r1&client_id=me", nil
            ),
            (
                "grant: 'urn:ietf:params:oauth:grant-type:token-exchange', client: {authentication: none}, "
                    + "subject: {token: s1, type: 'x:y'}, actor: {token: a1, type: z}",
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=s1"
                    + "&subject_token_type=x%3Ay&actor_token=a1&actor_token_type=z", nil
            ),
            (
                "grant: client_credentials, client: {id: '${ .id }', secret: '${ .s }'}, endpoints: {token: /t}",
                "grant_type=client_credentials&client_secret=of-input&client_id=me-of-input", nil
            ),
        ] as [(String, String, String?)])
    func grants(_ members: String, _ body: String, _ authorization: String?) async throws {
        let http = World().http()
        let ended = try await run(
            "{oauth2: {authority: 'http://auth/{realm}', \(members)}}",
            input: ["realm": "r/1", "id": "me-of-input", "s": "of-input"], over: http)
        #expect(ended.status == .completed, "\(String(describing: ended.fault))")
        let asked = try #require(http.requests(to: "http://auth").first)
        #expect(asked.url == "http://auth/r%2F1" + (members.contains("/t}") ? "/t" : "/oauth2/token"))
        #expect(asked.text == body)
        #expect(asked.header("Authorization") == authorization)
    }

    @Test("A token request may be JSON, and a client may sign with its secret")
    func json() async throws {
        let http = World().http()
        let ended = try await run(
            """
            {oauth2: {authority: 'http://auth', grant: client_credentials, audiences: [x, y], request: {encoding: \
            application/json}, client: {id: me, secret: s, authentication: client_secret_jwt}}}
            """, over: http)
        #expect(ended.status == .completed)
        let body = try JSONValue(parsing: try #require(http.requests(to: "http://auth").first?.body))
        #expect(body["grant_type"] == "client_credentials" && body["audience"] == ["x", "y"])
        let parts = try #require(body["client_assertion"]?.stringValue).split(separator: ".").map(String.init)
        func decoded(_ text: String) throws -> [UInt8] {
            let plain = text.replacing("-", with: "+").replacing("_", with: "/")
            return Array(
                try #require(Data(base64Encoded: plain + String(repeating: "=", count: (4 - plain.count % 4) % 4))))
        }
        let claims = try JSONValue(parsing: try decoded(parts[1]))
        #expect(claims["iss"] == "me" && claims["sub"] == "me" && claims["aud"] == "http://auth/oauth2/token")
        let signature = try decoded(parts[2])
        #expect(signature == HMACSHA256.code(for: Array("\(parts[0]).\(parts[1])".utf8), key: Array("s".utf8)))
    }

    @Test(
        "The endpoint of OpenID Connect is discovered, once",
        arguments: ["http://auth/realm", "http://auth/realm/.well-known/openid-configuration"])
    func discovery(_ authority: String) async throws {
        let http = World(life: 0).http()
        let policy = "{oidc: {authority: '\(authority)', grant: client_credentials, client: {id: me, secret: s}}}"
        #expect(try await run(policy, calls: 2, over: http).status == .completed)
        #expect(
            http.requests(to: "http://auth").map(\.url) == [
                "http://auth/realm/.well-known/openid-configuration", "http://auth/discovered",
                "http://auth/discovered",
            ])
    }

    @Test(
        "What the authority answers instead of a token is the fault of its kind",
        arguments: [
            (400, ["error": "invalid_grant", "error_description": "no such user"], "authentication", 401),
            (401, ["error": "invalid_client"], "authentication", 401),
            (400, ["error": "unauthorized_client"], "authorization", 403), (403, [:], "authorization", 403),
            (400, ["error": "invalid_scope"], "authorization", 403), (500, [:], "communication", 500),
            (200, ["token": "x"], "communication", 502), (302, [:], "communication", 302),
            (200, ["access_token": "x", "token_type": "mac"], "authentication", 401),
        ] as [(Int, JSONValue, String, Int)])
    func refusals(_ status: Int, _ body: JSONValue, _ type: String, _ expected: Int) async throws {
        let http = World().http((status, body))
        let ended = try await run(Self.credentials, over: http)
        #expect(ended.fault?.type.hasSuffix("/errors/\(type)") == true && ended.fault?.status == expected)
        #expect(http.requests(to: "http://peer").isEmpty)
        if let error = body["error"]?.stringValue { #expect(ended.fault?.detail?.contains(error) == true) }
    }

    @Test("Settings from a secret work alike, and nothing of them is told")
    func fromSecret() async throws {
        let http = World().http()
        let document = Self.executable("{oauth2: {use: login}}").replacing(
            "use: {authentications", with: "use: {secrets: [login], authentications")
        let login: JSONValue = [
            "authority": "http://auth", "grant": "client_credentials",
            "client": ["id": "me-of-login", "secret": "secret-of-login"],
        ]
        try await withSecrets(on: .sqliteMemory, ["login": login], http: http) { harness in
            let (ended, second) = try await harness.running {
                let ended = try await harness.end(of: harness.execute(document))
                _ = try await harness.workflows.setSecret(
                    "login", to: ["authority": "http://auth"], as: .localOperator)
                let next = document.replacing("1.0.0", with: "1.0.1")
                return (ended, try await harness.end(of: harness.execute(next)))
            }
            #expect(ended.status == .completed)
            #expect(http.requests.first?.text.contains("client_secret=secret-of-login") == true)
            let told = try await harness.everything(of: ended.id) + harness.rows()
            #expect(!told.contains("of-login") && !told.contains("token-of-number"))
            #expect(second.fault?.type == WorkflowFault.Standard.authentication.type)
            #expect(second.fault?.detail == "oauth2: it needs 'client.id'")
        }
    }

    @Test("Issuers of tokens that are JWTs are checked", arguments: [("http://auth", true), ("http://other", false)])
    func issuers(_ issuer: String, _ isGood: Bool) async throws {
        let claims = Data(#"{"iss":"\#(issuer)"}"#.utf8).base64EncodedString().replacing("=", with: "")
        let http = ScriptedHTTP { request in
            request.url.hasPrefix("http://auth")
                ? (200, [], ["access_token": .string("e30.\(claims).c2ln")]) : (200, [], .null)
        }
        let ended = try await run(
            """
            {oauth2: {authority: 'http://auth', grant: client_credentials, issuers: ['http://auth'], client: {id: me, \
            secret: s}}}
            """, over: http)
        #expect((ended.status == .completed) == isGood)
    }

    @Test(
        "A policy that cannot work is refused at creation",
        arguments: [
            ("{authority: 'http://a'}", "needs 'grant'"),
            ("{authority: 'ftp://a', grant: password, client: {id: a}}", "http:// or https://"),
            ("{authority: 'http://a', grant: nix, client: {id: a}}", "'grant' must be 'client_credentials'"),
            ("{authority: 'http://a', grant: client_credentials, client: {id: a}}", "needs 'client.secret'"),
            ("{authority: 'http://a', grant: password, client: {id: a}}", "'username' and 'password'"),
            ("{authority: 'http://a', grant: refresh_token, client: {id: a}}", "needs 'subject'"),
            ("{authority: 'http://a/{+x}', grant: password}", "operator '+'"),
            ("{authority: 'http://a', grant: client_credentials, client: {id: a, sercet: b}}", "did you mean 'secret'"),
        ])
    func refusedPolicies(_ members: String, _ says: String) throws {
        let faults = try faults(in: document("use: {authentications: {p: {oauth2: \(members)}}}\ndo: []"))
        #expect(faults.count == 1 && faults[0].message.contains(says), "\(faults)")
    }
}
