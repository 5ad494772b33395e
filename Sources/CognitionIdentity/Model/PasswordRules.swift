import CognitionCore

/// What a new password must be. Length and the list of common ones, not kinds of characters, as NIST SP 800-63B has it.
enum PasswordRules {
    /// bcrypt looks at 72 bytes; what it would cut off is refused instead.
    static let bytes = 8...72

    /// - Throws: `identity.password_refused`.
    static func check(_ password: Secret, for email: EmailAddress) throws {
        let text = password.reveal()
        guard bytes.contains(text.utf8.count) else {
            throw refused("a password has \(bytes.lowerBound) to \(bytes.upperBound) bytes")
        }
        guard !text.utf8.contains(0) else { throw refused("a password has no NUL character") }
        let folded = text.lowercased()
        guard folded != email.text, folded != email.localPart else {
            throw refused("a password is not the e-mail address or a part of it")
        }
        guard !CommonPasswords.contain(text) else { throw refused("this password is among the most common ones") }
    }

    private static func refused(_ reason: String) -> IdentityError { IdentityError(.passwordRefused, reason) }
}
