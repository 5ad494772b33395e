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

/// Signs access tokens and checks them: JWTs, each key with its own algorithm and nothing else (RFC 8725).
final class AccessTokens: Sendable {
    static let type = "at+jwt"
    static let bytesMax = 4_096
    /// How far the clock of the machine that signed may be ahead.
    static let leeway: Duration = .seconds(60)

    /// The end of the year 9999; nothing of ours lives that long, and further on microseconds run over.
    private static let lastSecond: Int64 = 253_402_300_799

    private struct State {
        var keys: SigningKeys
        /// Made of them at first use, because it is an actor that has to be waited for; two that are made at once are equal.
        var collection: JWTKeyCollection?
        /// Counts the exchanges that ended tokens without a session.
        var epoch: Int64 = 0
    }

    private let serviceName: String
    private let state: Mutex<State>

    init(keys: SigningKeys, serviceName: String) {
        state = Mutex(State(keys: keys))
        self.serviceName = serviceName
    }

    var keys: SigningKeys { state.withLock { $0.keys } }

    /// A number that tells connections which outlast a request, and came with a token without a session, that its key may be
    /// gone.
    var epoch: Int64 { state.withLock { $0.epoch } }

    /// Signs and checks with these from now on.
    /// - Parameter endsUnbound: Whether keys are gone with which a token without a session may have been signed.
    func exchange(_ keys: SigningKeys, endsUnbound: Bool) {
        state.withLock { state in
            state = State(keys: keys, epoch: state.epoch + (endsUnbound ? 1 : 0))
        }
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
        let (keys, signers) = try await signers()
        return Secret(try await signers.sign(claims, kid: JWKIdentifier(string: keys.currentID), header: header))
    }

    /// What a token says, after its signature, kind, issuer and times were checked.
    /// - Throws: `identity.token_invalid`; `identity.token_expired` for one that was good.
    func verify(_ token: String, now: Timestamp) async throws -> AccessTokenClaims {
        let (keys, signers) = try await signers()
        guard token.utf8.count <= Self.bytesMax, let key = Self.key(of: token, keys) else {
            throw IdentityError.tokenInvalid
        }
        let claims: AccessTokenClaims
        do {
            claims = try await signers.verify(token, as: AccessTokenClaims.self)
        } catch {
            throw IdentityError.tokenInvalid
        }
        let seconds = now.microseconds / 1_000_000
        guard claims.iss == serviceName, claims.aud == serviceName,
            claims.iat >= 0, claims.iat <= seconds + Self.leeway.components.seconds, claims.exp <= Self.lastSecond,
            key.retiredAt.map({ Timestamp(microseconds: claims.iat * 1_000_000) <= $0 + Self.leeway }) ?? true
        else { throw IdentityError.tokenInvalid }
        guard claims.exp > seconds else { throw IdentityError.tokenExpired }
        return claims
    }

    /// The key that a token names, when its header is one of ours: JWTKit takes its default key for a header without a known
    /// `kid`, and does not look at `typ` and `crit`.
    private static func key(of token: String, _ keys: SigningKeys) -> SigningKeys.RingKey? {
        let limits = JSONLimits(bytesMax: bytesMax, depthMax: 4, allowsRepeatedNames: false)
        guard let end = token.utf8.firstIndex(of: UInt8(ascii: ".")), let bytes = Base64URL.decode(token[..<end]),
            // Whatever is wrong with it, it is no header of ours.
            let header = try? JSONValue(parsing: bytes, limits: limits),
            let key = header["kid"]?.stringValue.flatMap({ keys.tokenKeys[$0] })
        else { return nil }
        let isOurs =
            header["alg"]?.stringValue == key.key.algorithm.rawValue && header["typ"]?.stringValue == type
            && header["crit"] == nil
        return isOurs ? key : nil
    }

    private func signers() async throws -> (SigningKeys, JWTKeyCollection) {
        let (keys, known) = state.withLock { ($0.keys, $0.collection) }
        if let known { return (keys, known) }
        let new = JWTKeyCollection()
        for (id, key) in keys.tokenKeys { try await key.key.add(to: new, as: JWKIdentifier(string: id)) }
        state.withLock { state in
            // They may have been exchanged meanwhile.
            if state.collection == nil, state.keys.currentID == keys.currentID,
                state.keys.tokenKeys.count == keys.tokenKeys.count
            {
                state.collection = new
            }
        }
        return (keys, new)
    }
}
