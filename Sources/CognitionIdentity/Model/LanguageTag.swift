/// The language and region in which a person is spoken to, such as `de-CH`.
enum LanguageTag {
    /// What RFC 5646, section 4.4.1, says that software has to have room for.
    static let bytesMax = 35

    /// The tag, written with the upper and lower case that is usual; `nil` for none.
    ///
    /// What is checked is the shape: a language of letters, then parts of letters and digits. Whether the parts are
    /// registered is for whoever speaks.
    ///
    /// Source: RFC 5646 (BCP 47), sections 2.1 and 2.1.1.
    ///
    /// - Throws: `identity.locale_invalid`.
    static func read(_ text: String?) throws -> String? {
        guard let text else { return nil }
        guard text.utf8.count <= bytesMax else { throw invalid }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard let language = parts.first, (2...8).contains(language.utf8.count), language.utf8.allSatisfy(\.isLetter),
            parts.allSatisfy({ (1...8).contains($0.utf8.count) && $0.utf8.allSatisfy { $0.isLetter || $0.isDigit } }),
            // A part of one character announces what follows.
            parts.last?.utf8.count != 1
        else { throw invalid }
        // What follows a part of one character is an extension's own.
        let extensions = parts.firstIndex { $0.utf8.count == 1 } ?? parts.endIndex
        return parts.enumerated().map { index, part in
            let lower = part.lowercased()
            guard index > 0, index < extensions else { return lower }
            switch part.utf8.count {
            case 2: return part.uppercased()
            case 4: return lower.prefix(1).uppercased() + lower.dropFirst()
            default: return lower
            }
        }.joined(separator: "-")
    }

    private static let invalid = IdentityError(
        .localeInvalid, "a locale is a language tag of at most \(bytesMax) bytes, such as en or de-CH")
}

extension UInt8 {
    fileprivate var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
