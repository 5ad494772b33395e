import CognitionCore

/// Finds a part of a JSON text, which must be valid, by stepping over everything before it.
struct JSONPositionScanner {
    private let bytes: [UInt8]
    private var place = 0

    static func position(of pointer: JSONPointer, in bytes: [UInt8]) -> SourcePosition {
        var scanner = JSONPositionScanner(bytes: bytes)
        scanner.skipSpace()
        var found = scanner.place
        for token in pointer.tokens {
            guard let next = scanner.enter(token) else { break }
            found = next
        }
        return scanner.position(at: found)
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// From the start of a container to the value that `token` names.
    /// - Returns: Where the element or the member's name begins; `nil` if there is none.
    private mutating func enter(_ token: String) -> Int? {
        switch current {
        case UInt8(ascii: "["):
            guard let wanted = JSONPointer.index(token) else { return nil }
            var index = 0
            while step(past: UInt8(ascii: "]")) {
                if index == wanted { return place }
                skipValue()
                index += 1
            }
        case UInt8(ascii: "{"):
            while step(past: UInt8(ascii: "}")) {
                let start = place
                skipString()
                let name = try? JSONValue(parsing: bytes[start..<place]).stringValue
                skipSpace()
                place += 1
                skipSpace()
                if name == token { return start }
                skipValue()
            }
        default:
            break
        }
        return nil
    }

    /// Moves over an opening bracket or a comma to what follows; `false` at the closing bracket.
    private mutating func step(past closing: UInt8) -> Bool {
        skipSpace()
        guard current != closing else { return false }
        place += 1
        skipSpace()
        return current != closing && current != nil
    }

    private mutating func skipValue() {
        var depth = 0
        repeat {
            switch current {
            case nil: return
            case UInt8(ascii: "\""): skipString()
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                place += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth -= 1
                place += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x0A, 0x0D, 0x09:
                place += 1
            default:
                while let byte = current, byte.isPartOfWord { place += 1 }
            }
        } while depth > 0
    }

    private mutating func skipString() {
        place += 1
        while let byte = current, byte != UInt8(ascii: "\"") { place += byte == UInt8(ascii: "\\") ? 2 : 1 }
        place += 1
    }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { place += 1 }
    }

    private var current: UInt8? { place < bytes.count ? bytes[place] : nil }

    private func position(at offset: Int) -> SourcePosition {
        var line = 1
        var column = 1
        for byte in bytes.prefix(offset) {
            if byte == 0x0A {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return SourcePosition(line: line, column: column)
    }
}

extension UInt8 {
    /// Whether the byte can be inside a number or one of JSON's three words.
    fileprivate var isPartOfWord: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "E"),
            UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
