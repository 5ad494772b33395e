/// A string cut into text and the sources of the expressions between `${` and `}`.
struct TemplateText {
    enum Piece: Equatable {
        case text(String)
        /// What is inside the braces, and how many bytes of the string lie before it.
        case expression(String, offset: Int)
    }

    let pieces: [Piece]

    /// - Throws: ``TemplateError`` when a `${` has no `}`.
    init(_ string: String) throws(TemplateError) {
        let bytes = Array(string.utf8)
        var pieces: [Piece] = []
        var textStart = 0
        var place = 0
        while place + 1 < bytes.count {
            guard bytes[place] == UInt8(ascii: "$"), bytes[place + 1] == UInt8(ascii: "{") else {
                place += 1
                continue
            }
            let start = place + 2
            guard let end = TemplateText.closingBrace(in: bytes, from: start) else {
                throw TemplateError(
                    """
                    '${' has no matching '}'; braces in jq strings and comments do not count (to write '${' itself: \
                    ${ "${" })
                    """)
            }
            if place > textStart { pieces.append(.text(String(decoding: bytes[textStart..<place], as: UTF8.self))) }
            pieces.append(.expression(String(decoding: bytes[start..<end], as: UTF8.self), offset: start))
            place = end + 1
            textStart = place
        }
        if textStart < bytes.count || pieces.isEmpty {
            pieces.append(.text(String(decoding: bytes[textStart...], as: UTF8.self)))
        }
        self.pieces = pieces
    }

    /// Whether a string may hold an expression at all; quick.
    static func hasExpression(_ string: String) -> Bool {
        var previous: UInt8 = 0
        for byte in string.utf8 {
            if byte == UInt8(ascii: "{"), previous == UInt8(ascii: "$") { return true }
            previous = byte
        }
        return false
    }

    /// The only expression of a string that has nothing but white space around it.
    var wholeExpression: (source: String, offset: Int)? {
        var found: (String, Int)?
        for piece in pieces {
            switch piece {
            case .text(let text):
                guard text.utf8.allSatisfy({ $0 == 0x20 || (0x09...0x0D).contains($0) }) else { return nil }
            case .expression(let source, let offset):
                guard found == nil else { return nil }
                found = (source, offset)
            }
        }
        return found
    }

    /// What the scan is inside of.
    private enum Level {
        case brace
        case parenthesis
        /// A string's `\(…)`.
        case interpolation
        case string
    }

    /// The place of the brace that closes an expression; jq's strings, interpolations, nesting and comments are
    /// respected.
    private static func closingBrace(in bytes: [UInt8], from start: Int) -> Int? {
        var levels: [Level] = [.brace]
        var place = start
        while place < bytes.count {
            let byte = bytes[place]
            if levels.last == .string {
                switch byte {
                case UInt8(ascii: "\""):
                    levels.removeLast()
                case UInt8(ascii: "\\"):
                    place += 1
                    if place < bytes.count, bytes[place] == UInt8(ascii: "(") { levels.append(.interpolation) }
                default:
                    break
                }
                place += 1
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): levels.append(.string)
            case UInt8(ascii: "#"): place = bytes[place...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            case UInt8(ascii: "{"): levels.append(.brace)
            case UInt8(ascii: "("): levels.append(.parenthesis)
            case UInt8(ascii: ")"):
                if levels.last == .parenthesis || levels.last == .interpolation { levels.removeLast() }
            case UInt8(ascii: "}"):
                // A parenthesis that is left open is the expression's fault to tell, not ours.
                while levels.last == .parenthesis { levels.removeLast() }
                if levels.last == .brace { levels.removeLast() }
                if levels.isEmpty { return place }
            default: break
            }
            place += 1
        }
        return nil
    }
}
