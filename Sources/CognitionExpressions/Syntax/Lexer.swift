import CognitionCore

/// A fault of the source at an offset in its bytes, before it is given line and column.
struct SyntaxFault: Error {
    var reason: String
    var offset: Int
    /// Whether a bound was reached rather than a rule broken.
    var isLimit = false
}

enum Token: Equatable {
    case end
    case identifier(String)
    case field(String)
    case variable(String)
    case format(String)
    case number(String)
    /// An opening quote; the parser reads what follows with `Lexer.textRun`.
    case quote
    case symbol(String)

    var text: String {
        switch self {
        case .end: "the end"
        case .identifier(let name): "\"\(name)\""
        case .field(let name): "\".\(name)\""
        case .variable(let name): "\"$\(name)\""
        case .format(let name): "\"@\(name)\""
        case .number(let text): "\"\(text)\""
        case .quote: "a string"
        case .symbol(let text): "\"\(text)\""
        }
    }
}

/// Cuts the source into tokens, one at a time.
struct Lexer {
    let bytes: [UInt8]
    private(set) var position = 0

    init(_ source: String) { bytes = Array(source.utf8) }

    /// The next token and the offset where it starts.
    mutating func next() throws(SyntaxFault) -> (token: Token, offset: Int) {
        skipSpace()
        let start = position
        guard start < bytes.count else { return (.end, start) }
        let byte = bytes[start]
        switch byte {
        case UInt8(ascii: "\""):
            position += 1
            return (.quote, start)
        case UInt8(ascii: "."):
            if isNameStart(at: start + 1) {
                position += 1
                return (.field(name()), start)
            }
            if isDigit(at: start + 1) { return (.number(try number()), start) }
        case UInt8(ascii: "$"):
            position += 1
            skipSpace()
            guard isNameStart(at: position) else {
                throw SyntaxFault(reason: "a name must follow \"$\"", offset: start)
            }
            return (.variable(qualifiedName()), start)
        case UInt8(ascii: "@"):
            position += 1
            guard isNameStart(at: position) || isDigit(at: position) else {
                throw SyntaxFault(reason: "a format's name must follow \"@\"", offset: start)
            }
            return (.format(name()), start)
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            return (.number(try number()), start)
        default:
            if isNameStart(at: start) { return (.identifier(qualifiedName()), start) }
        }
        for symbol in Self.symbols where bytes[start...].starts(with: symbol.utf8) {
            position += symbol.utf8.count
            return (.symbol(symbol), start)
        }
        throw SyntaxFault(reason: "a character that has no meaning here", offset: start)
    }

    /// What a run of a string's text ended with.
    enum RunEnd { case quote, interpolation }

    /// Reads text of a string up to its closing quote or the next `\(`, and steps over that.
    mutating func textRun() throws(SyntaxFault) -> (text: String, end: RunEnd) {
        var text: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") { return (String(decoding: text, as: UTF8.self), .quote) }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            guard position < bytes.count else { break }
            let escape = bytes[position]
            position += 1
            switch escape {
            case UInt8(ascii: "("): return (String(decoding: text, as: UTF8.self), .interpolation)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
            case UInt8(ascii: "b"): text.append(8)
            case UInt8(ascii: "f"): text.append(12)
            case UInt8(ascii: "n"): text.append(10)
            case UInt8(ascii: "r"): text.append(13)
            case UInt8(ascii: "t"): text.append(9)
            case UInt8(ascii: "u"): text.append(contentsOf: String(try escapedScalar()).utf8)
            default: throw SyntaxFault(reason: "an escape that strings do not have", offset: position - 2)
            }
        }
        throw SyntaxFault(reason: "the string has no closing quote", offset: position)
    }

    /// The scalar of `\uXXXX`, or of two of them that are a surrogate pair.
    private mutating func escapedScalar() throws(SyntaxFault) -> Character {
        let first = try hexadecimal()
        if (0xD800..<0xDC00).contains(first), position + 1 < bytes.count,
            bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
        {
            let mark = position
            position += 2
            let second = try hexadecimal()
            if (0xDC00..<0xE000).contains(second),
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            {
                return Character(scalar)
            }
            position = mark
        }
        guard let scalar = Unicode.Scalar(first) else {
            throw SyntaxFault(reason: "half of a surrogate pair", offset: position - 6)
        }
        return Character(scalar)
    }

    private mutating func hexadecimal() throws(SyntaxFault) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count, let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw SyntaxFault(reason: "\"\\u\" needs four hexadecimal digits", offset: position)
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 32, 9, 10, 13: position += 1
            case UInt8(ascii: "#"):
                // A backslash hides the line break, or another backslash, from the comment's end.
                while position < bytes.count, bytes[position] != 10 { position += bytes[position] == 92 ? 2 : 1 }
                position = min(position, bytes.count)
            default: return
            }
        }
    }

    private mutating func name() -> String {
        let start = position
        while isNameStart(at: position) || isDigit(at: position) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func qualifiedName() -> String {
        var text = name()
        while position + 2 < bytes.count, bytes[position] == 58, bytes[position + 1] == 58,
            isNameStart(at: position + 2)
        {
            position += 2
            text += "::" + name()
        }
        return text
    }

    private mutating func number() throws(SyntaxFault) -> String {
        let start = position
        while isDigit(at: position) { position += 1 }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            while isDigit(at: position) { position += 1 }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            var after = position + 1
            if after < bytes.count, bytes[after] == 43 || bytes[after] == 45 { after += 1 }
            if isDigit(at: after) {
                position = after
                while isDigit(at: position) { position += 1 }
            }
        }
        guard position - start <= 1_000 else { throw SyntaxFault(reason: "the number is too long", offset: start) }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private func isDigit(at index: Int) -> Bool { index < bytes.count && bytes[index] &- 48 < 10 }

    private func isNameStart(at index: Int) -> Bool {
        index < bytes.count && ((bytes[index] | 0x20) &- 97 < 26 || bytes[index] == 95)
    }

    /// Longer ones first.
    private static let symbols = [
        "?//=", "?//", "//=", "..", "!=", "==", "<=", ">=", "//", "|=", "+=", "-=", "*=", "/=", "%=", ".", "?", "[",
        "]",
        "(", ")", "{", "}", "|", ",", ":", ";", "=", "<", ">", "+", "-", "*", "/", "%",
    ].filter { $0 != "?//=" }
}
