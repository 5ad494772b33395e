import CognitionCore

/// A token that says nothing: 256 random bits in base64url, of which only the SHA-256 is stored.
enum OpaqueToken {
    static func random() -> Secret {
        var random = SystemRandomNumberGenerator()
        return Secret(Base64URL.encode((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }))
    }

    /// What is stored of a token; `nil` for a text that is none.
    static func hash(_ token: Secret) -> SHA256Digest? {
        let text = token.reveal()
        guard text.utf8.count == 43 else { return nil }
        return SHA256Digest(of: Array(text.utf8))
    }
}
