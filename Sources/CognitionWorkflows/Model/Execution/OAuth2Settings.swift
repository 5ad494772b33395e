import CognitionCore

/// What a token is asked for with (RFC 6749, RFC 8693), everything evaluated.
package struct OAuth2Settings: Sendable {
    package enum Grant: String, Sendable, CaseIterable {
        case clientCredentials = "client_credentials"
        case password
        /// `subject.token` is the refresh token.
        case refreshToken = "refresh_token"
        case tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
    }

    package enum ClientAuthentication: String, Sendable, CaseIterable {
        case secretBasic = "client_secret_basic"
        case secretPost = "client_secret_post"
        case secretJWT = "client_secret_jwt"
        /// With an assertion that the document gives.
        case privateKeyJWT = "private_key_jwt"
        case none
    }

    struct Token: Sendable {
        let value: String
        let type: String
    }

    static let members = [
        "authority", "grant", "client", "request", "issuers", "scopes", "audiences", "username", "password", "subject",
        "actor",
    ]
    static let tokenPath = "/oauth2/token"

    /// Endpoints are found by OpenID Connect Discovery, and not given.
    let isDiscovered: Bool
    let authority: String
    /// A path below the authority, or a whole URL.
    let tokenPath: String
    let grant: Grant
    let clientID: String?
    let clientSecret: String?
    let assertion: String?
    let clientAuthentication: ClientAuthentication
    let isJSON: Bool
    /// Issuers that tokens may have; empty for any.
    let issuers: [String]
    let scopes: [String]
    let audiences: [String]
    let username: String?
    let password: String?
    let subject: Token?
    let actor: Token?
    /// Tells equal settings from others.
    let hash: SHA256Digest

    /// - Throws: A `WorkflowFault` of type authentication, with nothing of the values in it.
    init(_ members: JSONValue, isDiscovered: Bool) throws {
        let reader = Reader(members: members, scheme: isDiscovered ? "oidc" : "oauth2")
        self.isDiscovered = isDiscovered
        authority = try reader.required("authority")
        tokenPath = try reader.text("endpoints", "token") ?? Self.tokenPath
        grant = try reader.choice("grant") ?? .clientCredentials
        clientID = try reader.text("client", "id")
        clientSecret = try reader.text("client", "secret")
        assertion = try reader.text("client", "assertion")
        clientAuthentication = try reader.choice("client", "authentication") ?? .secretPost
        switch try reader.text("request", "encoding") ?? "application/x-www-form-urlencoded" {
        case "application/x-www-form-urlencoded": isJSON = false
        case "application/json": isJSON = true
        default:
            throw reader.fault(
                "'request.encoding' must be application/x-www-form-urlencoded or application/json")
        }
        issuers = try reader.texts("issuers")
        scopes = try reader.texts("scopes")
        audiences = try reader.texts("audiences")
        username = try reader.text("username")
        password = try reader.text("password")
        subject = try reader.token("subject")
        actor = try reader.token("actor")
        hash = SHA256Digest(of: ([.bool(isDiscovered), members] as JSONValue).canonicalJSON)
        try check(reader)
    }

    /// What belongs together.
    private func check(_ reader: Reader) throws {
        guard let scheme = AbsoluteURI.scheme(of: authority), scheme == "http" || scheme == "https" else {
            throw reader.fault("'authority' must be a URL that begins with http:// or https://")
        }
        switch clientAuthentication {
        case .secretBasic, .secretPost, .secretJWT:
            guard clientID != nil else { throw reader.fault("it needs 'client.id'") }
            guard clientSecret != nil || clientAuthentication == .secretPost && grant != .clientCredentials else {
                throw reader.fault("'\(clientAuthentication.rawValue)' needs 'client.secret'")
            }
        case .privateKeyJWT:
            guard clientID != nil, assertion != nil else {
                throw reader.fault("'private_key_jwt' needs 'client.id' and 'client.assertion'")
            }
        case .none: break
        }
        switch grant {
        case .clientCredentials: break
        case .password:
            guard username != nil, password != nil else {
                throw reader.fault("the grant 'password' needs 'username' and 'password'")
            }
        case .refreshToken:
            guard subject != nil else {
                throw reader.fault("the grant 'refresh_token' needs 'subject', whose 'token' is the refresh token")
            }
        case .tokenExchange:
            guard subject != nil else { throw reader.fault("an exchange of tokens needs 'subject'") }
        }
    }
}

/// Reads members and says what is wrong with them, without what they are.
private struct Reader {
    let members: JSONValue
    let scheme: String

    func fault(_ reason: String) -> WorkflowFault { WorkflowFault(.authentication, "\(scheme): \(reason)") }

    func required(_ name: String) throws -> String {
        guard let text = try text(name) else { throw fault("it needs '\(name)'") }
        return text
    }

    /// `nil` for a member that is missing or null.
    func text(_ path: String...) throws -> String? { try text(path) }

    private func text(_ path: [String]) throws -> String? {
        let value = path.reduce(members as JSONValue?) { $0?[$1] }
        guard let value, !value.isNull else { return nil }
        guard let text = value.stringValue else {
            throw fault("'\(path.joined(separator: "."))' must be a string")
        }
        return text
    }

    func choice<Choice: RawRepresentable & CaseIterable>(_ path: String...) throws -> Choice?
    where Choice.RawValue == String {
        guard let text = try text(path) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).list(lastWord: "or")
            throw fault("'\(path.joined(separator: "."))' must be \(known)")
        }
        return choice
    }

    func texts(_ name: String) throws -> [String] {
        guard let value = members[name], !value.isNull else { return [] }
        let texts = value.arrayValue?.compactMap(\.stringValue) ?? []
        guard let elements = value.arrayValue, elements.count == texts.count else {
            throw fault("'\(name)' must be a list of strings")
        }
        return texts
    }

    func token(_ name: String) throws -> OAuth2Settings.Token? {
        guard let value = members[name], !value.isNull else { return nil }
        guard let token = try text(name, "token") else { throw fault("'\(name)' needs 'token'") }
        return .init(value: token, type: try text(name, "type") ?? "urn:ietf:params:oauth:token-type:access_token")
    }
}
