/// An address that a mail can be sent to: `local@domain`, as RFC 5322 and RFC 6531 have it.
///
/// Stricter than what names an account: a domain is letters, digits, hyphens and dots, so that no text of a stranger adds
/// another recipient or header.
package struct MailAddress: Sendable, Hashable {
    /// Source: RFC 5321, section 4.5.3.1.
    package static let localBytesMax = 64
    package static let domainBytesMax = 253

    package let local: String
    package let domain: String

    /// - Returns: `nil` for what no mail can be sent to.
    package init?(_ text: String) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let (local, domain) = (String(parts[0]), String(parts[1]))
        guard (1...Self.localBytesMax).contains(local.utf8.count),
            (1...Self.domainBytesMax).contains(domain.utf8.count),
            local.unicodeScalars.allSatisfy({ $0.isVisible }),
            domain.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(Self.isLabel)
        else { return nil }
        self.local = local
        self.domain = domain
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
            && label.unicodeScalars.allSatisfy { scalar in
                scalar.isASCII
                    ? scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "-" : scalar.isVisible
            }
    }

    /// As it stands in a header: what is before the `@` in quotes where it has to be.
    package var headerText: String {
        let isPlain = local.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part.unicodeScalars.allSatisfy { !$0.isASCII || $0.isAtomText }
        }
        return isPlain ? text : "\(local.quotedForHeader)@\(domain)"
    }

    package var text: String { "\(local)@\(domain)" }
}

extension Unicode.Scalar {
    fileprivate var isVisible: Bool {
        switch properties.generalCategory {
        case .control, .format, .spaceSeparator, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned,
            .privateUse:
            false
        default: true
        }
    }

    /// `atext` of RFC 5322, section 3.2.3.
    var isAtomText: Bool {
        isASCII
            && (properties.isAlphabetic || ("0"..."9").contains(self)
                || "!#$%&'*+-/=?^_`{|}~".unicodeScalars.contains(self))
    }
}

extension String {
    /// A `quoted-string` of RFC 5322, section 3.2.4.
    var quotedForHeader: String {
        "\"" + replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
