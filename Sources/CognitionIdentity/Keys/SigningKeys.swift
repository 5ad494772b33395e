package import CognitionCore
import Crypto

/// What signs access tokens, by id, and what makes refresh tokens from one another.
package struct SigningKeys: Sendable {
    package static let secretBytesMin = 32

    /// Names the key that signs new tokens.
    package let currentID: String
    let tokenKeys: [String: SymmetricKey]
    let refreshKey: SymmetricKey

    /// - Parameters:
    ///   - tokenSecrets: 32 bytes or more each, by id; tokens of any of them are good.
    ///   - currentID: Which of them signs.
    ///   - refreshSecret: 32 bytes or more.
    /// - Throws: `identity.keys_invalid`.
    package init(tokenSecrets: [String: [UInt8]], currentID: String, refreshSecret: [UInt8]) throws {
        guard tokenSecrets[currentID] != nil else {
            throw IdentityError(.keysInvalid, "no key signs tokens")
        }
        guard tokenSecrets.values.allSatisfy({ $0.count >= Self.secretBytesMin }),
            refreshSecret.count >= Self.secretBytesMin
        else {
            throw IdentityError(.keysInvalid, "a key has fewer than \(Self.secretBytesMin) bytes")
        }
        self.currentID = currentID
        tokenKeys = tokenSecrets.mapValues { SymmetricKey(data: $0) }
        refreshKey = SymmetricKey(data: refreshSecret)
    }

    /// Keys from one secret of the settings (`SECURITY_SECRET_KEY`): tokens are signed with its very bytes, so that other
    /// programs which have it can check them; the rest is derived from it by HKDF-SHA256.
    ///
    /// - Throws: `identity.keys_invalid` for a secret of fewer than 32 bytes.
    package init(secret: Secret) throws {
        let bytes = Array(secret.reveal().utf8)
        guard bytes.count >= Self.secretBytesMin else {
            throw IdentityError(
                .keysInvalid, "SECURITY_SECRET_KEY has \(bytes.count) bytes; it takes \(Self.secretBytesMin) or more")
        }
        let refresh = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: bytes), info: Array("cognitionos refresh tokens".utf8),
            outputByteCount: 32)
        // Of a digest of the secret a few bytes tell nothing about it.
        let id =
            "given-" + CognitionCore.SHA256Digest(of: Array("cognitionos key id".utf8) + bytes).description.prefix(8)
        try self.init(
            tokenSecrets: [id: bytes], currentID: id, refreshSecret: refresh.withUnsafeBytes { Array($0) })
    }
}

extension SigningKeys: CustomStringConvertible, CustomReflectable {
    package var description: String { "SigningKeys(current: \(currentID))" }
    package var customMirror: Mirror { Mirror(self, children: ["currentID": currentID]) }
}
