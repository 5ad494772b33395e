import CognitionCore
import Crypto

/// Makes refresh tokens: opaque for those who carry them, and only their SHA-256 is stored.
struct RefreshTokens: Sendable {
    /// The first of a session.
    static func first() -> Secret { OpaqueToken.random() }

    let key: SymmetricKey

    /// The one token that follows `parent`. It is worked out again when an answer was lost, so it need not be stored.
    ///
    /// Formula: HMAC-SHA256(key, "successor" ‖ parent).
    func successor(of parent: Secret) -> Secret {
        let message = Array("successor".utf8) + Array(parent.reveal().utf8)
        return Secret(Base64URL.encode(Array(HMAC<SHA256>.authenticationCode(for: message, using: key))))
    }

    /// What is stored of a token; `nil` for a text that is none.
    static func hash(_ token: Secret) -> CognitionCore.SHA256Digest? { OpaqueToken.hash(token) }
}
