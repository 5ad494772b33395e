import CognitionCore
import Crypto
import Foundation
import Testing

extension ServerTests {
    @Suite("Tokens") struct TokenTests {
        @Test("What is no token of this server opens nothing", arguments: ForgedToken.allCases)
        func forged(_ forgery: ForgedToken) async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            let token = try forgery.token(from: user)
            for (method, path) in [
                ("GET", "auth/me"), ("GET", "workflows"), ("POST", "workflows/execute"), ("POST", "auth/logout"),
                ("GET", "workflows/executions/01a1fcff-88a1-77b7-8af7-d9af5781d469"), ("GET", "workspaces"),
            ] {
                let answer = try await server.send(method, "/api/v3/" + path, token: token)
                answer.expectProblem(
                    401, forgery == .expired ? "identity.token_expired" : "identity.token_invalid", "\(path)")
                #expect(answer["www-authenticate"]?.contains("error=\"invalid_token\"") == true, "\(answer)")
            }
            #expect(try await user.get("auth/me").status == 200, "the real one is as good as before")
        }

        @Test(
            "A token made with the server's own key and a good header is taken, so that the forgeries are told by what is wrong with them"
        )
        func control() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            let token = try JWT(user.token).signed(with: JWT.secret(of: server))
            #expect(try await server.send("GET", "/api/v3/auth/me", token: token).status == 200)
        }

        @Test(
            "Without a token nothing is shown, and the answer says what is missing",
            arguments: [nil, "", "Basic YTpi", "Bearer", "Bearer ", "Token x"] as [String?])
        func missing(header: String?) async throws {
            let server = try LiveServer.current
            for operation in server.contract.operations.sorted() where !Self.open.contains(operation) {
                let words = operation.split(separator: " ")
                let path = String(words[1]).replacing("{id}", with: "a").replacing("{version}", with: "1")
                    .replacing("{user}", with: "a")
                let answer = try await server.send(
                    String(words[0]), path, headers: header.map { [("Authorization", $0)] } ?? [])
                answer.expectProblem(401, "request.token_missing", "\(operation)")
                #expect(answer["www-authenticate"] == "Bearer realm=\"cognitionos\"")
            }
        }

        /// Decision 11: what is open without a token.
        private static let open: Set<String> = [
            "GET /health", "GET /metrics", "GET /docs", "GET /docs/openapi.js", "GET /docs/openapi.css", "GET /redoc",
            "GET /openapi.json", "GET /ws/test", "GET /api/v3/health/live", "GET /api/v3/health/ready",
            "GET /api/v3/health/system", "GET /health/event-store", "GET /health/websocket", "GET /health/scheduler",
            "GET /health/search",
            "POST /api/v3/auth/register", "POST /api/v3/auth/login",
            "POST /api/v3/auth/refresh", "POST /api/v3/auth/verify-email", "POST /api/v3/auth/verify-email/send",
            "POST /api/v3/auth/password/forgot", "POST /api/v3/auth/password/reset", "GET /account/verify-email",
            "GET /account/reset-password", "GET /account/invitation",
            "GET /.well-known/jwks.json",
        ]

        @Test(
            "A refresh token is good once; the same one soon again gives the same successor, and a stolen one ends the session"
        )
        func rotation() async throws {
            let server = try LiveServer.current
            var user = try await server.newUser()
            func refresh(_ token: String) async throws -> HTTPAnswer {
                try await server.post("/api/v3/auth/refresh", ["refresh_token": .string(token)])
            }
            let first = try await refresh(user.refreshToken)
            #expect(first.status == 200 && first.json["token_type"] == "bearer", "\(first)")
            let lost = try await refresh(user.refreshToken)
            #expect(lost.json["refresh_token"] == first.json["refresh_token"], "\(lost)")
            user.token = try first.json.text("access_token")
            #expect(try await user.get("auth/me").status == 200)
            let second = try await refresh(try first.json.text("refresh_token"))
            #expect(second.status == 200, "\(second)")
            (try await refresh(user.refreshToken)).expectProblem(401, "identity.refresh_invalid")
            (try await refresh(try second.json.text("refresh_token"))).expectProblem(401, "identity.refresh_invalid")
            user.token = try second.json.text("access_token")
            (try await user.get("auth/me")).expectProblem(401, "identity.token_invalid")
            for token in ["x", user.token, String(repeating: "A", count: 512)] {
                (try await refresh(token)).expectProblem(401, "identity.refresh_invalid", "\(token.prefix(20))")
            }
        }

        @Test("Who logs out is out at once, with both tokens; other sessions of the user stay")
        func logout() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            let other = try await server.login(user.email).json.text("access_token")
            #expect(try await user.post("auth/logout").status == 204)
            (try await user.get("auth/me")).expectProblem(401, "identity.token_invalid")
            (try await user.get("workflows")).expectProblem(401, "identity.token_invalid")
            (try await user.post("auth/logout")).expectProblem(401, "identity.token_invalid")
            (try await server.post("/api/v3/auth/refresh", ["refresh_token": .string(user.refreshToken)]))
                .expectProblem(401, "identity.refresh_invalid")
            #expect(try await server.send("GET", "/api/v3/auth/me", token: other).status == 200)
        }

        @Test("After five wrong passwords the right one is answered like a wrong one, and like an unknown address")
        func lockout() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            func refusal(_ email: String, _ password: String) async throws -> JSONValue {
                let answer = try await server.login(email, password)
                answer.expectProblem(401, "identity.login_failed")
                guard case .object(var members) = answer.json else { return .null }
                members["request_id"] = nil
                return .object(members)
            }
            var refusals = [try await refusal(LiveServer.newEmail(), "whatever it is")]
            for _ in 0..<5 { refusals.append(try await refusal(user.email, "wrong horse battery")) }
            refusals.append(try await refusal(user.email, APIUser.password))
            refusals.append(try await refusal(user.email.uppercased(), APIUser.password))
            #expect(Set(refusals).count == 1)
            let other = try await server.newUser()
            for _ in 0..<4 { _ = try await refusal(other.email, "wrong horse battery") }
            #expect(try await server.login(other.email).status == 200)
        }

        @Test("An account is refused without a good address, a good password, or for an address that is taken")
        func registration() async throws {
            let server = try LiveServer.current
            func register(_ email: String, _ password: String, _ name: JSONValue = .null) async throws -> HTTPAnswer {
                let body: JSONValue = ["email": .string(email), "password": .string(password), "full_name": name]
                return try await server.post("/api/v3/auth/register", body)
            }
            let user = try await server.newUser()
            for email in [user.email, user.email.uppercased()] {
                (try await register(email, APIUser.password)).expectProblem(409, "identity.email_taken", "\(email)")
            }
            for email in ["nobody", "a@b@", "@b.cc", "a b@c.dd", "a@b\u{0}.cc", "a@b\r\nX: y.cc", "a@@b.cc"] {
                (try await register(email, APIUser.password)).expectProblem(400, "identity.email_invalid", "\(email)")
            }
            for password in [
                "short", "password", "12345678", String(repeating: "p", count: 73), "with\u{0}nul it is",
                String(repeating: "ä", count: 37),
            ] {
                (try await register(LiveServer.newEmail(), password))
                    .expectProblem(400, "identity.password_refused", "\(password)")
            }
            (try await register(LiveServer.newEmail(), APIUser.password, "a\u{1b}[2J")).expectProblem(
                400, "identity.name_invalid")
            let long = String(repeating: "ä", count: 36)
            let email = LiveServer.newEmail()
            #expect(try await register(email, long, "Ada 🧮").status == 201)
            #expect(try await server.login(email, long).status == 200)
        }
    }
}

/// Ways to make a token that the server must not take.
enum ForgedToken: String, CaseIterable, CustomTestStringConvertible {
    case garbage, empty, dots, expired, otherSignature, truncatedSignature, noAlgorithm, noAlgorithmWithSignature
    case otherKey, wrongKey, noKey, otherType, otherIssuer, otherAudience, fromTheFuture, otherWorkspace, moreRoles
    case otherAlgorithm, critical, twiceTheHeader, tooLong

    var testDescription: String { rawValue }

    func token(from user: APIUser) throws -> String {
        var jwt = try JWT(user.token)
        let secret = try JWT.secret(of: user.server)
        switch self {
        case .garbage: return "not-a-token"
        case .empty: return "."
        case .dots: return ".."
        case .expired:
            jwt.claims["exp"] = 1_700_000_000
            jwt.claims["iat"] = 1_699_999_000
        case .otherSignature: return jwt.signed(with: SymmetricKey(size: .bits256))
        case .truncatedSignature: return String(user.token.dropLast(4))
        case .noAlgorithm:
            jwt.header["alg"] = "none"
            return jwt.unsigned + "."
        case .noAlgorithmWithSignature: jwt.header["alg"] = "none"
        case .otherAlgorithm: jwt.header["alg"] = "HS512"
        case .otherKey:
            jwt.header["kid"] = "other"
            return jwt.signed(with: SymmetricKey(size: .bits256))
        case .wrongKey: jwt.header["kid"] = "../../dev/null"
        case .noKey: jwt.header["kid"] = nil
        case .otherType: jwt.header["typ"] = "JWT"
        case .critical: jwt.header["crit"] = ["exp"]
        case .otherIssuer: jwt.claims["iss"] = "somebody"
        case .otherAudience: jwt.claims["aud"] = "somebody"
        case .fromTheFuture:
            jwt.claims["iat"] = 4_000_000_000
            jwt.claims["exp"] = 4_000_001_000
        case .otherWorkspace:
            jwt.claims["ws"] = "default"
            return jwt.unsigned + "." + jwt.signature
        case .moreRoles:
            jwt.claims["roles"] = ["operator"]
            return jwt.unsigned + "." + jwt.signature
        case .twiceTheHeader: return user.token + "." + user.token
        case .tooLong: return user.token + String(repeating: "A", count: 8_000)
        }
        return jwt.signed(with: secret)
    }
}

/// A JSON Web Token, taken apart.
struct JWT {
    var header: JSONObject
    var claims: JSONObject
    let signature: String

    init(_ token: String) throws {
        let parts = token.split(separator: ".")
        guard parts.count == 3, case .object(let header) = try Self.json(parts[0]),
            case .object(let claims) = try Self.json(parts[1])
        else { throw TestFailure("no token: \(token)") }
        self.header = header
        self.claims = claims
        signature = String(parts[2])
    }

    var unsigned: String {
        Self.text(JSONValue.object(header).jsonBytes) + "." + Self.text(JSONValue.object(claims).jsonBytes)
    }

    func signed(with key: SymmetricKey) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Array(unsigned.utf8), using: key)
        return unsigned + "." + Self.text(Array(code))
    }

    /// The key with which a server signs.
    static func secret(of server: LiveServer) throws -> SymmetricKey {
        let file = try Data(contentsOf: URL(fileURLWithPath: server.sandbox.dataFolder + "/keys.json"))
        let keys = try JSONValue(parsing: Array(file))["keys"]?.arrayValue ?? []
        guard let text = keys.first(where: { $0["purpose"] == "jwt" })?["secret"]?.stringValue,
            let bytes = bytes(text)
        else { throw TestFailure("no key for tokens") }
        return SymmetricKey(data: bytes)
    }

    private static func json(_ part: Substring) throws -> JSONValue {
        guard let bytes = bytes(String(part)) else { throw TestFailure("no base64: \(part)") }
        return try JSONValue(parsing: Array(bytes))
    }

    private static func bytes(_ text: String) -> Data? {
        let plain = text.replacing("-", with: "+").replacing("_", with: "/")
        return Data(base64Encoded: plain + String(repeating: "=", count: (4 - plain.count % 4) % 4))
    }

    private static func text(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
