package import CognitionCore
import Crypto

/// What signs access tokens, by id, and what makes refresh tokens from one another.
package struct SigningKeys: Sendable {
    package static let secretBytesMin = 32

    /// Names the key that signs new tokens.
    package let currentID: String
    let tokenKeys: [String: RingKey]
    let refreshKey: SymmetricKey

    /// A key of the ring.
    struct RingKey: Sendable {
        let key: TokenKey
        /// When another took its place: tokens that say they were signed later are forged. `nil` while it signs.
        var retiredAt: Timestamp?
    }

    /// - Parameters:
    ///   - tokenSecrets: Keys of HS256, 32 bytes or more each, by id; tokens of any of them are good.
    ///   - currentID: Which of them signs.
    ///   - refreshSecret: 32 bytes or more.
    /// - Throws: `identity.keys_invalid`.
    package init(tokenSecrets: [String: [UInt8]], currentID: String, refreshSecret: [UInt8]) throws {
        let keys = try tokenSecrets.mapValues { secret in
            guard let key = TokenKey(.hs256, secret: secret) else {
                throw IdentityError(.keysInvalid, "a key has fewer than \(Self.secretBytesMin) bytes")
            }
            return RingKey(key: key)
        }
        try self.init(keys: keys, currentID: currentID, refreshSecret: refreshSecret)
    }

    init(keys: [String: RingKey], currentID: String, refreshSecret: [UInt8]) throws {
        guard keys[currentID] != nil else { throw IdentityError(.keysInvalid, "no key signs tokens") }
        guard refreshSecret.count >= Self.secretBytesMin else {
            throw IdentityError(.keysInvalid, "a key has fewer than \(Self.secretBytesMin) bytes")
        }
        self.currentID = currentID
        tokenKeys = keys
        refreshKey = SymmetricKey(data: refreshSecret)
    }

    /// A key for something else than tokens, of 32 bytes; the same on all nodes with these keys.
    /// - Parameter purpose: Names what it is for, in the words `cognitionos …`.
    func derivedKey(for purpose: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: refreshKey, info: Array(purpose.utf8), outputByteCount: 32)
    }

    /// The public keys by which others can check tokens, as a JWK set (RFC 7517): that of the key that signs first.
    package var publicKeySet: JSONValue {
        let ids = tokenKeys.keys.sorted { ($0 != currentID ? 1 : 0, $0) < ($1 != currentID ? 1 : 0, $1) }
        return ["keys": .array(ids.compactMap { id in tokenKeys[id]?.key.publicJWK(id: id) })]
    }

    /// Keys from one secret of the settings (`SECURITY_SECRET_KEY`): with HS256 tokens are signed with its very bytes, so
    /// that other programs which have it can check them; the rest is derived from it by HKDF-SHA256.
    ///
    /// - Throws: `identity.keys_invalid` for a secret of fewer than 32 bytes.
    package init(secret: Secret, algorithm: SigningAlgorithm = .hs256) throws {
        let bytes = Array(secret.reveal().utf8)
        guard bytes.count >= Self.secretBytesMin else {
            throw IdentityError(
                .keysInvalid, "SECURITY_SECRET_KEY has \(bytes.count) bytes; it takes \(Self.secretBytesMin) or more")
        }
        let refresh = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: bytes), info: Array("cognitionos refresh tokens".utf8),
            outputByteCount: 32)
        // Of a digest of the secret a few bytes tell nothing about it.
        let digest = CognitionCore.SHA256Digest(of: Array("cognitionos key id".utf8) + bytes).description.prefix(8)
        let id = algorithm == .hs256 ? "given-\(digest)" : "given-\(algorithm.rawValue.lowercased())-\(digest)"
        try self.init(
            keys: [id: RingKey(key: TokenKey(algorithm, given: bytes))], currentID: id,
            refreshSecret: refresh.withUnsafeBytes { Array($0) })
    }
}

extension SigningKeys: CustomStringConvertible, CustomReflectable {
    package var description: String { "SigningKeys(current: \(currentID))" }
    package var customMirror: Mirror { Mirror(self, children: ["currentID": currentID]) }
}
