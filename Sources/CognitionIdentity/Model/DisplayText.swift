/// Names and titles that people give for people to read.
enum DisplayText {
    static let bytesMax = 200

    /// The text without spaces around it; `nil` when nothing is left.
    /// - Throws: `identity.name_invalid`.
    static func read(_ text: String?, _ what: StaticString) throws -> String? {
        guard let text, text.utf8.count <= 2 * bytesMax else {
            if text == nil { return nil }
            throw invalid(what)
        }
        let trimmed = text.trimmed
        guard trimmed.utf8.count <= bytesMax,
            trimmed.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
        else { throw invalid(what) }
        return trimmed.isEmpty ? nil : trimmed
    }

    private static func invalid(_ what: StaticString) -> IdentityError {
        IdentityError(.identityNameInvalid, "\(what) has at most \(bytesMax) bytes and no control characters")
    }
}

extension String {
    /// Without the white space at both ends.
    var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
