import CognitionCore
import JWTKit
import Synchronization

/// What an access token says. Names as in RFC 9068; `ws` is the workspace, `gen` the generation of the refresh token that
/// came with it.
struct AccessTokenClaims: JWTPayload, Hashable {
    let iss: String
    let aud: String
    let sub: String
    let sid: String?
    let ws: String
    let roles: [String]
    let gen: Int64?
    /// Seconds since 1970.
    let iat: Int64
    /// Seconds since 1970; at this moment it is over.
    let exp: Int64
    let jti: String

    /// Nothing: what depends on the clock and the settings is checked by `AccessTokens`.
    func verify(using algorithm: some JWTAlgorithm) async throws {}
}

/// Signs access tokens and checks them: JWTs with HS256, and nothing else (RFC 8725).
final class AccessTokens: Sendable {
    static let type = "at+jwt"
    static let algorithm = "HS256"
    static let bytesMax = 4_096
    /// How far the clock of the machine that signed may be ahead.
    static let leeway: Duration = .seconds(60)

    /// The end of the year 9999; nothing of ours lives that long, and further on microseconds run over.
    private static let lastSecond: Int64 = 253_402_300_799

    private let keys: SigningKeys
    private let serviceName: String
    private let collection = Mutex<JWTKeyCollection?>(nil)

    init(keys: SigningKeys, serviceName: String) {
        self.keys = keys
        self.serviceName = serviceName
    }

    func sign(
        subject: String, session: SessionID?, workspace: WorkspaceID, roles: [Role], generation: Int64?,
        life: Duration, id: UUIDv7, now: Timestamp
    ) async throws -> Secret {
        let issued = now.microseconds / 1_000_000
        let claims = AccessTokenClaims(
            iss: serviceName, aud: serviceName, sub: subject, sid: session?.description, ws: workspace.name,
            roles: roles.map(\.rawValue), gen: generation, iat: issued,
            exp: issued + max(1, life.microseconds / 1_000_000), jti: id.description)
        let header: JWTHeader = ["typ": .string(Self.type)]
        return Secret(try await signers().sign(claims, kid: JWKIdentifier(string: keys.currentID), header: header))
    }

    /// What a token says, after its signature, kind, issuer and times were checked.
    /// - Throws: `identity.token_invalid`; `identity.token_expired` for one that was good.
    func verify(_ token: String, now: Timestamp) async throws -> AccessTokenClaims {
        guard token.utf8.count <= Self.bytesMax, hasGoodHeader(token) else { throw IdentityError.tokenInvalid }
        let claims: AccessTokenClaims
        do {
            claims = try await signers().verify(token, as: AccessTokenClaims.self)
        } catch {
            throw IdentityError.tokenInvalid
        }
        let seconds = now.microseconds / 1_000_000
        guard claims.iss == serviceName, claims.aud == serviceName,
            claims.iat >= 0, claims.iat <= seconds + Self.leeway.components.seconds, claims.exp <= Self.lastSecond
        else { throw IdentityError.tokenInvalid }
        guard claims.exp > seconds else { throw IdentityError.tokenExpired }
        return claims
    }

    /// JWTKit takes its default key for a header without a known `kid`, and does not look at `typ` and `crit`.
    private func hasGoodHeader(_ token: String) -> Bool {
        let limits = JSONLimits(bytesMax: Self.bytesMax, depthMax: 4, allowsRepeatedNames: false)
        guard let end = token.utf8.firstIndex(of: UInt8(ascii: ".")), let bytes = Base64URL.decode(token[..<end]),
            // Whatever is wrong with it, it is no header of ours.
            let header = try? JSONValue(parsing: bytes, limits: limits)
        else { return false }
        return header["alg"]?.stringValue == Self.algorithm
            && header["typ"]?.stringValue == Self.type
            && header["crit"] == nil
            && header["kid"]?.stringValue.map { keys.tokenKeys[$0] != nil } == true
    }

    /// Made at first use, because it is an actor that has to be waited for; two that are made at once are equal.
    private func signers() async -> JWTKeyCollection {
        if let collection = collection.withLock({ $0 }) { return collection }
        let new = JWTKeyCollection()
        for (id, key) in keys.tokenKeys {
            await new.add(hmac: HMACKey(key: key), digestAlgorithm: .sha256, kid: JWKIdentifier(string: id))
        }
        collection.withLock { $0 = new }
        return new
    }
}
