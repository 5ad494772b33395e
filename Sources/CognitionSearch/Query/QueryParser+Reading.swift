/// How a query is read, byte by byte.
extension QueryParser {
    @discardableResult
    mutating func skipWhiteSpace(before end: Int) -> Bool {
        while place < end, text[place].isWhiteSpace { place += 1 }
        return place < end
    }

    mutating func nextStart(before end: Int) -> Int? { skipWhiteSpace(before: end) ? place : nil }

    func hasMore(after index: Int, before end: Int) -> Bool {
        text[index..<end].contains { !$0.isWhiteSpace && $0 != UInt8(ascii: ")") }
    }

    /// The connective that stands at `index` by itself.
    func connective(at index: Int, _ end: Int) -> String? {
        for known in ["AND", "OR", "NOT"] where text[index..<end].starts(with: known.utf8) {
            let next = index + known.utf8.count
            return next == end || text[next].isWhiteSpace || text[next] == UInt8(ascii: "(") ? known : nil
        }
        return nil
    }

    func closingQuote(after index: Int) -> Int? {
        var next = index + 1
        while next < text.count, text[next] != UInt8(ascii: "\"") {
            next += text[next] == UInt8(ascii: "\\") ? 2 : 1
        }
        return next < text.count ? next : nil
    }

    /// Reads a text in quotes; `nil`, with `place` as it was, for a quote without an end.
    mutating func quoted(until end: Int) -> String? {
        guard let closing = closingQuote(after: place), closing < end else { return nil }
        let inner = unescaped(text[(place + 1)..<closing])
        place = closing + 1
        return inner
    }

    mutating func readWhile(until end: Int, _ belongs: (UInt8) -> Bool) -> String {
        let start = place
        while place < end, belongs(text[place]) {
            place += text[place] == UInt8(ascii: "\\") && place + 1 < end ? 2 : 1
        }
        return unescaped(text[start..<place])
    }

    func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
        guard bytes.contains(UInt8(ascii: "\\")) else { return String(decoding: bytes, as: UTF8.self) }
        var kept: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.endIndex { index += 1 }
            kept.append(bytes[index])
            index += 1
        }
        return String(decoding: kept, as: UTF8.self)
    }

    mutating func readValue(until end: Int) -> String { readWhile(until: end) { !$0.endsWord } }

    /// A word up to white space, a parenthesis, a quote, or what is said of it (`*`, `~`, `^`); whether a `*` ended it, and
    /// whether it may be followed by more of its kind.
    mutating func readWord(until end: Int) -> (String, star: Bool, isPlain: Bool) {
        let start = place
        while place < end, !text[place].endsWord {
            if text[place] == UInt8(ascii: "\\"), place + 1 < end {
                place += 2
                continue
            }
            if place > start || text[place] == UInt8(ascii: "*"), isSaid(at: place, end) { break }
            place += 1
        }
        let word = unescaped(text[start..<place])
        let star = place < end && text[place] == UInt8(ascii: "*")
        if star { place += 1 }
        return (word, star, !star)
    }

    mutating func readKeyword(until end: Int) -> (String, star: Bool, isPlain: Bool) {
        let start = place
        while place < end, !text[place].endsWord {
            if text[place] == UInt8(ascii: "*"), isSaid(at: place, end) { break }
            if place > start, text[place] == UInt8(ascii: "^"), isSaid(at: place, end) { break }
            place += text[place] == UInt8(ascii: "\\") && place + 1 < end ? 2 : 1
        }
        let word = unescaped(text[start..<place])
        let star = place < end && text[place] == UInt8(ascii: "*")
        if star { place += 1 }
        return (word, star, false)
    }

    /// Whether the sign at `index` says something of the word before it, and stands at its end.
    func isSaid(at index: Int, _ end: Int) -> Bool {
        guard [UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: "^")].contains(text[index]) else { return false }
        var next = index + 1
        while next < end, text[next].isNumberByte || text[next] == UInt8(ascii: "^") { next += 1 }
        return next == end || text[next].endsWord
    }

    mutating func boost(until end: Int) -> Double? {
        number(after: UInt8(ascii: "^"), until: end).flatMap { QueryBounds.boosts.contains($0) ? $0 : nil }
    }

    /// The number behind a sign at `place`; `standard` where none follows. `nil`, with `place` as it was, for another sign.
    mutating func number(after sign: UInt8, until end: Int, standard: Double? = nil) -> Double? {
        guard place < end, text[place] == sign else { return nil }
        var next = place + 1
        while next < end, text[next].isNumberByte { next += 1 }
        let digits = String(decoding: text[(place + 1)..<next], as: UTF8.self)
        guard let number = digits.isEmpty ? standard : Double(digits), number.isFinite else { return nil }
        place = next
        return number
    }
}

extension UInt8 {
    var isWhiteSpace: Bool { self == 0x20 || (0x9...0xD).contains(self) }
    /// Whether a word ends before it.
    var endsWord: Bool {
        isWhiteSpace || self == UInt8(ascii: "(") || self == UInt8(ascii: ")") || self == UInt8(ascii: "\"")
    }
    var isNumberByte: Bool { (48...57).contains(self) || self == UInt8(ascii: ".") }
    var isNameByte: Bool {
        (48...57).contains(self) || (65...90).contains(self & 0xDF) || self == UInt8(ascii: "_")
            || self == UInt8(ascii: ".") || self == UInt8(ascii: "-")
    }
}
