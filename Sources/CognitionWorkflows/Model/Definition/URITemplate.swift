package import CognitionCore

/// A URI with `{name}` in it (RFC 6570, simple string expansion, section 3.2.2).
///
/// A name stands for the member of that very name of the input, which must be an object, e.g. `{pet.id}` for
/// `"pet.id"`. A missing member and null give nothing. Everything but letters, digits and `-._~` is percent-encoded.
package struct URITemplate: Sendable, Hashable {
    private enum Piece: Hashable, Sendable {
        case text(String)
        case names([String])
    }

    /// The template as it was written.
    package let source: String
    private let pieces: [Piece]

    /// - Throws: ``TemplateError`` for another operator than none, a modifier, a bad name or an unmatched brace.
    package init(_ source: String) throws {
        self.source = source
        var pieces: [Piece] = []
        var text = ""
        var rest = Substring(source)
        while let character = rest.popFirst() {
            switch character {
            case "{":
                guard let end = rest.firstIndex(of: "}") else { throw TemplateError("'{' has no matching '}'") }
                if !text.isEmpty { pieces.append(.text(text)) }
                text = ""
                pieces.append(.names(try URITemplate.names(rest[..<end])))
                rest = rest[end...].dropFirst()
            case "}":
                throw TemplateError("'}' has no matching '{'")
            default:
                URITemplate.appendLiteral(character, followedBy: rest, to: &text)
            }
        }
        if !text.isEmpty { pieces.append(.text(text)) }
        self.pieces = pieces
    }

    /// The URI, when there is nothing to expand.
    package var constant: String? {
        switch pieces.count {
        case 0: return ""
        case 1: if case .text(let text) = pieces[0] { return text } else { return nil }
        default: return nil
        }
    }

    /// Names that are expanded, in the order of their places.
    package var names: [String] {
        pieces.flatMap { piece in if case .names(let names) = piece { names } else { [String]() } }
    }

    /// The URI for one input.
    ///
    /// - Throws: ``TemplateError``, code `expression.result_invalid`, when a member is an array or an object.
    package func expand(_ input: JSONValue) throws -> String {
        var uri = ""
        for piece in pieces {
            switch piece {
            case .text(let text): uri += text
            case .names(let names):
                var isFirst = true
                for name in names {
                    guard let value = input[name], !value.isNull else { continue }
                    if !isFirst { uri += "," }
                    isFirst = false
                    try append(value, named: name, to: &uri)
                }
            }
        }
        return uri
    }

    private func append(_ value: JSONValue, named name: String, to uri: inout String) throws {
        switch value {
        case .array, .object:
            throw TemplateError(
                "'{\(name)}' of the URI '\(source)' is an \(value.typeName); only strings, numbers, booleans "
                    + "and null fit",
                code: .expressionResultInvalid)
        default:
            for byte in value.interpolated.utf8 {
                if URITemplate.isUnreserved(byte) {
                    uri.unicodeScalars.append(Unicode.Scalar(byte))
                } else {
                    URITemplate.appendEncoded(byte, to: &uri)
                }
            }
        }
    }

    // MARK: Reading

    private static func names(_ expression: Substring) throws -> [String] {
        if let first = expression.first, "+#./;?&=,!@|".contains(first) {
            throw TemplateError(
                "'{\(expression)}' uses the operator '\(first)' of RFC 6570; only simple expansion, "
                    + "'{name}', is supported"
            )
        }
        return try expression.split(separator: ",", omittingEmptySubsequences: false).map { name in
            if name.contains("*") || name.contains(":") {
                throw TemplateError("'{\(expression)}' uses a modifier of RFC 6570; only '{name}' is supported")
            }
            guard isName(name) else {
                throw TemplateError("'{\(expression)}' is not a name of letters, digits, '_', '.' and '%' codes")
            }
            return String(name)
        }
    }

    /// `varname` of RFC 6570, section 2.3; hyphens, which it leaves out, are taken too since members' names have them.
    private static func isName(_ name: Substring) -> Bool {
        guard !name.isEmpty, name.first != ".", name.last != "." else { return false }
        return name.utf8.allSatisfy {
            isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: "%")
        }
    }

    /// Literals (section 3.1): what a URI may hold is copied, also `%41`; the rest is percent-encoded.
    private static func appendLiteral(_ character: Character, followedBy rest: Substring, to text: inout String) {
        if character == "%" {
            let digits = rest.utf8.prefix(2)
            text += digits.count == 2 && digits.allSatisfy(isHexadecimal) ? "%" : "%25"
            return
        }
        for byte in String(character).utf8 {
            if isUnreserved(byte) || ":/?#[]@!$&'()*+,;=".utf8.contains(byte) {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                appendEncoded(byte, to: &text)
            }
        }
    }

    private static func appendEncoded(_ byte: UInt8, to text: inout String) {
        let digits = "0123456789ABCDEF".utf8.map { Unicode.Scalar($0) }
        text.unicodeScalars.append("%")
        text.unicodeScalars.append(digits[Int(byte >> 4)])
        text.unicodeScalars.append(digits[Int(byte & 0xF)])
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        "0123456789abcdefABCDEF".utf8.contains(byte)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "-._~".utf8.contains(byte)
    }
}
