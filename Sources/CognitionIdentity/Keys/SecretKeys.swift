import CognitionCore
import Crypto

/// The keys that encrypt the secrets of workflows at rest: AES-256-GCM with a random nonce of 96 bits for each value.
///
/// What was sealed with an earlier key of the ring opens as long as the key is there; new values are sealed with the current
/// one.
package struct SecretKeys: Sendable {
    package let currentID: String
    private let keys: [String: SymmetricKey]

    /// - Parameter secrets: 32 bytes or more each; AES keys are derived from them by HKDF-SHA256.
    init(_ secrets: [String: [UInt8]], currentID: String) {
        precondition(secrets[currentID] != nil, "the current key is one of the keys")
        self.currentID = currentID
        keys = secrets.mapValues { bytes in
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: bytes), info: Array("cognitionos secrets AES-256-GCM".utf8),
                outputByteCount: 32)
        }
    }

    /// A key made of one that the settings give (`SECURITY_SECRET_KEY`), so that nodes which share it share secrets.
    static func derived(from given: Secret) -> (id: String, bytes: [UInt8]) {
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: Array(given.reveal().utf8)),
            info: Array("cognitionos secrets".utf8), outputByteCount: 32)
        let bytes = key.withUnsafeBytes { Array($0) }
        // Of a digest of the key a few bytes tell nothing about it.
        let id = CognitionCore.SHA256Digest(of: Array("cognitionos key id".utf8) + bytes).description.prefix(8)
        return ("given-\(id)", bytes)
    }

    /// - Parameter context: What the value belongs to; it opens in the same context only.
    /// - Returns: Nonce (12 bytes), ciphertext and tag (16 bytes).
    package func seal(_ plain: [UInt8], in context: [UInt8]) throws -> [UInt8] {
        guard let key = keys[currentID] else { preconditionFailure("the current key is one of the keys") }
        guard let sealed = try AES.GCM.seal(plain, using: key, authenticating: context).combined else {
            preconditionFailure("a nonce of the standard size combines")
        }
        return Array(sealed)
    }

    /// - Returns: `nil` when the key is not there, or the bytes were not sealed with it in this context.
    package func open(_ sealed: [UInt8], keyID: String, in context: [UInt8]) -> [UInt8]? {
        guard let key = keys[keyID], let box = try? AES.GCM.SealedBox(combined: sealed),
            let plain = try? AES.GCM.open(box, using: key, authenticating: context)
        else { return nil }
        return Array(plain)
    }
}

extension SecretKeys: CustomStringConvertible, CustomReflectable {
    package var description: String { "SecretKeys(current: \(currentID))" }
    package var customMirror: Mirror { Mirror(self, children: ["currentID": currentID]) }
}
