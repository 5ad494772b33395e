import CognitionCore

/// An e-mail address in the one form in which it is stored and compared.
///
/// What is checked is what keeps records apart and logs clean; whether mail arrives only mail can tell.
struct EmailAddress: Sendable, Hashable {
    static let bytes = 3...254

    /// Trimmed and in lower case.
    let text: String

    /// - Throws: `identity.email_invalid`.
    init(_ raw: String) throws {
        // Looked at before the work of lower-casing, which may also change the length.
        guard raw.utf8.count <= 4 * Self.bytes.upperBound else {
            throw Self.invalid("it is longer than an address can be")
        }
        let text = raw.trimmed.lowercased()
        guard Self.bytes.contains(text.utf8.count) else {
            throw Self.invalid("it has \(Self.bytes.lowerBound) to \(Self.bytes.upperBound) bytes")
        }
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else {
            throw Self.invalid("it has one @ with something on each side")
        }
        guard text.unicodeScalars.allSatisfy(\.isPrintable) else {
            throw Self.invalid("it has no spaces and no control characters")
        }
        self.text = text
    }

    /// What stands before the `@`.
    var localPart: String { String(text.prefix { $0 != "@" }) }

    private static func invalid(_ rule: String) -> IdentityError {
        IdentityError(.emailInvalid, "this is not an e-mail address: \(rule)")
    }
}

extension Unicode.Scalar {
    /// Neither a space nor something that is not seen, such as a control character or a mark of direction.
    fileprivate var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .spaceSeparator, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: false
        default: true
        }
    }
}
