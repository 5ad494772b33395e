import CognitionCore
import Foundation
import Synchronization

/// Asks authorities for tokens (RFC 6749, RFC 7523, RFC 8693), and where their endpoints are (OpenID Connect Discovery 1.0).
struct OAuth2Endpoint: Sendable {
    private static let timeout: Duration = .seconds(30)
    private static let answerBytesMax = 1 << 20
    /// Of a token whose answer does not say how long it is good for.
    private static let lifeUnknown: Duration = .seconds(300)
    private static let assertionLife: Int64 = 300

    private let client: any OutboundHTTP
    private let clock: any WallClock
    private let discoveries = DiscoveryCache()

    init(client: any OutboundHTTP, clock: any WallClock) {
        self.client = client
        self.clock = clock
    }

    /// - Parameter refreshToken: What the last answer gave for the next request.
    /// - Throws: A `WorkflowFault`: authentication when the authority does not know the client, the user or the token,
    ///   authorization when it does not allow what is asked, communication when it does not answer as it should; or what the
    ///   client throws.
    func token(for settings: OAuth2Settings, refreshToken: String?) async throws -> OAuth2Tokens.Token {
        let url = try await tokenURL(of: settings)
        var pairs = settings.grantPairs(refreshToken: refreshToken)
        var headers = [("Accept", "application/json")]
        try authenticate(settings, at: url, &pairs, &headers)
        let body: [UInt8]
        if settings.isJSON {
            headers.append(("Content-Type", "application/json"))
            body = Self.json(pairs).jsonBytes
        } else {
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
            body = Array(pairs.map { "\($0.formEncoded)=\($1.formEncoded)" }.joined(separator: "&").utf8)
        }
        let answer = try await client.send(
            OutboundRequest(
                method: "POST", url: url, headers: headers.map { (name: $0.0, value: $0.1) }, body: body,
                timeout: Self.timeout, bodyBytesMax: Self.answerBytesMax))
        return try token(in: answer, for: settings, refreshToken: refreshToken)
    }

    private static func json(_ pairs: [(String, String)]) -> JSONValue {
        var members: JSONObject = [:]
        for (name, value) in pairs {
            switch members[name] {
            case nil: members[name] = .string(value)
            case .array(let values)?: members[name] = .array(values + [.string(value)])
            case let first?: members[name] = [first, .string(value)]
            }
        }
        return .object(members)
    }

    private func authenticate(
        _ settings: OAuth2Settings, at url: String, _ pairs: inout [(String, String)],
        _ headers: inout [(String, String)]
    ) throws {
        let id = settings.clientID ?? ""
        switch settings.clientAuthentication {
        case .secretBasic:
            let pair = "\(id.formEncoded):\((settings.clientSecret ?? "").formEncoded)"
            headers.append(("Authorization", "Basic " + Data(pair.utf8).base64EncodedString()))
            return
        case .secretPost:
            if let secret = settings.clientSecret { pairs.append(("client_secret", secret)) }
        case .secretJWT, .privateKeyJWT:
            pairs.append(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"))
            let assertion =
                settings.clientAuthentication == .privateKeyJWT ? settings.assertion : assertion(settings, for: url)
            pairs.append(("client_assertion", assertion ?? ""))
        case .none:
            break
        }
        if settings.clientID != nil { pairs.append(("client_id", id)) }
    }

    /// A JWT that the client signs with its secret (RFC 7523, section 3).
    private func assertion(_ settings: OAuth2Settings, for url: String) -> String {
        let id = settings.clientID ?? ""
        let now = clock.now.microseconds / 1_000_000
        let claims: JSONValue = [
            "iss": .string(id), "sub": .string(id), "aud": .string(url), "jti": .string(UUID().uuidString),
            "iat": .integer(now), "exp": .integer(now + Self.assertionLife),
        ]
        let header: JSONValue = ["alg": "HS256", "typ": "JWT"]
        let signed = "\(Self.base64URL(header.jsonBytes)).\(Self.base64URL(claims.jsonBytes))"
        let code = HMACSHA256.code(for: Array(signed.utf8), key: Array((settings.clientSecret ?? "").utf8))
        return "\(signed).\(Self.base64URL(code))"
    }

    private static func base64URL(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    // MARK: The answer

    private func token(
        in answer: OutboundResponse, for settings: OAuth2Settings, refreshToken: String?
    ) throws -> OAuth2Tokens.Token {
        let body = try? JSONValue(parsing: answer.body)
        guard (200..<300).contains(answer.status) else { throw Self.refusal(answer.status, body) }
        guard let value = body?["access_token"]?.stringValue, !value.isEmpty else {
            throw WorkflowFault(.communication, "the answer of the token endpoint has no access_token", status: 502)
        }
        guard body?["token_type"]?.stringValue.map({ $0.lowercased() == "bearer" || $0 == "N_A" }) ?? true else {
            throw WorkflowFault(.authentication, "the token endpoint gives tokens of another type than Bearer")
        }
        try check(value, of: settings.issuers)
        let life = body?["expires_in"]?.doubleValue.map { Duration.seconds(min(max($0, 0), 31_536_000)) }
        let usable = life.map { max($0 - .seconds(30), $0 / 2) } ?? Self.lifeUnknown
        return OAuth2Tokens.Token(
            value: value, refreshToken: body?["refresh_token"]?.stringValue ?? refreshToken,
            renewAt: clock.now + usable)
    }

    /// Only of tokens that are JWTs can the issuer be told.
    private func check(_ token: String, of issuers: [String]) throws {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard !issuers.isEmpty, parts.count == 3 else { return }
        let text = parts[1].replacing("-", with: "+").replacing("_", with: "/")
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let claims = Data(base64Encoded: text + padding).flatMap { try? JSONValue(parsing: Array($0)) }
        guard let issuer = claims?["iss"]?.stringValue, issuers.contains(issuer) else {
            throw WorkflowFault(.authentication, "the token comes from an issuer that is not among 'issuers'")
        }
    }

    /// RFC 6749, section 5.2.
    private static func refusal(_ status: Int, _ body: JSONValue?) -> WorkflowFault {
        let error = body?["error"]?.stringValue ?? ""
        var detail = "the token endpoint answered \(status)"
        if !error.isEmpty { detail += ": \(error.prefix(100))" }
        if let description = body?["error_description"]?.stringValue { detail += " (\(description.prefix(300)))" }
        switch (status, error) {
        case (_, "unauthorized_client"), (_, "invalid_scope"), (_, "access_denied"), (_, "invalid_target"), (403, _):
            return WorkflowFault(.authorization, detail)
        case (400...401, _):
            return WorkflowFault(.authentication, detail)
        default:
            return WorkflowFault(.communication, detail, status: status, title: HTTPStatus.title(of: status))
        }
    }

    // MARK: Discovery

    private func tokenURL(of settings: OAuth2Settings) async throws -> String {
        guard settings.isDiscovered else {
            return AbsoluteURI.scheme(of: settings.tokenPath) == nil
                ? Self.join(settings.authority, settings.tokenPath) : settings.tokenPath
        }
        let wellKnown = "/.well-known/openid-configuration"
        let url =
            settings.authority.hasSuffix(wellKnown) ? settings.authority : Self.join(settings.authority, wellKnown)
        if let known = discoveries.find(url, now: clock.now) { return known }
        let answer = try await client.send(
            OutboundRequest(
                url: url, headers: [("Accept", "application/json")], timeout: Self.timeout,
                bodyBytesMax: Self.answerBytesMax, followRedirects: true))
        guard answer.status == 200 else {
            throw WorkflowFault(
                .communication, "\(url.prefix(200)) answered \(answer.status)", status: answer.status,
                title: HTTPStatus.title(of: answer.status))
        }
        let document = try? JSONValue(parsing: answer.body)
        guard let endpoint = document?["token_endpoint"]?.stringValue,
            let scheme = AbsoluteURI.scheme(of: endpoint), scheme == "http" || scheme == "https"
        else {
            throw WorkflowFault(.communication, "\(url.prefix(200)) names no token_endpoint", status: 502)
        }
        discoveries.keep(endpoint, for: url, now: clock.now)
        return endpoint
    }

    private static func join(_ base: String, _ path: String) -> String {
        base.trimmingSuffix("/") + "/" + path.drop { $0 == "/" }
    }
}

/// Token endpoints that authorities have named.
private final class DiscoveryCache: Sendable {
    private static let countMax = 64
    private static let life: Duration = .seconds(3_600)

    private let found = Mutex<[String: (endpoint: String, until: Timestamp)]>([:])

    func find(_ url: String, now: Timestamp) -> String? {
        found.withLock { found in found[url].flatMap { $0.until > now ? $0.endpoint : nil } }
    }

    func keep(_ endpoint: String, for url: String, now: Timestamp) {
        found.withLock { found in
            found[url] = (endpoint, now + Self.life)
            if found.count > Self.countMax, let oldest = found.min(by: { $0.value.until < $1.value.until })?.key {
                found[oldest] = nil
            }
        }
    }
}

extension OAuth2Settings {
    /// What the request says besides who the client is.
    fileprivate func grantPairs(refreshToken: String?) -> [(String, String)] {
        var pairs = [("grant_type", grant.rawValue)]
        switch grant {
        case .clientCredentials: break
        case .password: pairs += [("username", username ?? ""), ("password", password ?? "")]
        case .refreshToken: pairs.append(("refresh_token", refreshToken ?? subject?.value ?? ""))
        case .tokenExchange:
            if let subject { pairs += [("subject_token", subject.value), ("subject_token_type", subject.type)] }
            if let actor { pairs += [("actor_token", actor.value), ("actor_token_type", actor.type)] }
        }
        if !scopes.isEmpty { pairs.append(("scope", scopes.joined(separator: " "))) }
        return pairs + audiences.map { ("audience", $0) }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ character: Character) -> String {
        var text = self
        while text.last == character { text.removeLast() }
        return text
    }
}
