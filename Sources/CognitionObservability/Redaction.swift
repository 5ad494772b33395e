import CognitionCore

/// What must not be written: the value of a key that names a secret, whatever is in it, and secrets in texts.
enum Redaction {
    /// Whether a key, or one of its dotted parts, names a secret: `password`, `db.password`, `apiKey`, `x-api-key`,
    /// `auth_token`.
    static func hides(_ key: String) -> Bool {
        key.utf8.split { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }.contains { part in
            let plain = part.compactMap { byte -> UInt8? in
                switch byte {
                case 0x41...0x5A: byte | 0x20
                case 0x61...0x7A: byte
                default: nil
                }
            }
            let word = String(decoding: plain, as: UTF8.self)
            return exact.contains(word) || endings.contains { word.hasSuffix($0) }
        }
    }

    private static let exact: Set<String> = [
        "auth", "bearer", "cookie", "cookies", "jwt", "passwd", "pwd", "pin", "otp", "session", "signature", "dsn",
        "proxyauthorization", "setcookie",
    ]
    /// Counts of tokens end in `tokens` and stay visible.
    private static let endings = [
        "password", "passphrase", "token", "secret", "authorization", "apikey", "secretkey", "privatekey", "accesskey",
        "signingkey", "encryptionkey", "credential", "credentials",
    ]
}
