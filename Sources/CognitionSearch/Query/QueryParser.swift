package import CognitionCore
import OrderedCollections

/// Reads a query as people type it. Whatever is not written as it has to be is read as words; only what is too much is
/// refused.
///
/// | written | means |
/// |---|---|
/// | `solar wind` | words: documents with any of them, or all, as the request says |
/// | `"solar wind"`, `"solar wind"~3` | side by side; with up to three positions between |
/// | `sol*` | words that begin so |
/// | `wind~` | also misspelt |
/// | `-wind`, `NOT wind` | without it |
/// | `+wind` | with it; words without a sign need not be there then, and count if they are |
/// | `solar AND wind`, `solar OR wind` | both; either. `OR` parts all that stands left and right of it |
/// | `(solar OR wind) power` | a group |
/// | `title:wind`, `title:"solar wind"`, `title:(solar wind)` | in a field |
/// | `state:failed`, `size:>=3`, `size:[1 TO 5]`, `size:{1 TO *]`, `day:2026-01-31` | a value, a bound, a range; `{` and `}` leave a bound out |
/// | `owner:*` | has a value |
/// | `wind^2` | counts twice |
/// | `*` | everything |
///
/// What is said of a field, and what stands in quotes, has to be there. A backslash takes the next character as it is.
package struct QueryParser {
    /// The kind of a field of the indexes that are searched; `nil` where there is none of that name, which is no field then.
    private let kind: (String) -> SearchField.Kind?
    private let matchesAll: Bool
    private let text: [UInt8]
    /// For each parenthesis that has a partner outside of quotes, where that stands.
    private var partners: [Int: Int] = [:]
    private var place = 0
    private var clauses = 0

    /// - Parameters:
    ///   - matchesAll: Words and groups beside one another have to match all.
    ///   - kind: Of a field, by its name.
    /// - Throws: `search.query_invalid` for what is too large, too deep, or has too many clauses.
    package static func parse(
        _ text: String, matchesAll: Bool = false, kind: (String) -> SearchField.Kind?
    ) throws -> QueryNode {
        try QueryBounds.check(bytes: text.utf8.count)
        return try withoutActuallyEscaping(kind) { kind in
            var parser = QueryParser(kind: kind, matchesAll: matchesAll, text: text.utf8.map { $0 == 0 ? 0x20 : $0 })
            try parser.findPartners()
            return try parser.alternatives(until: parser.text.count, in: nil) ?? .all
        }
    }

    package static func parse(
        _ text: String, matchesAll: Bool = false, settings: SearchSettings
    ) throws -> QueryNode {
        try parse(text, matchesAll: matchesAll) { settings.fields[$0]?.kind }
    }

    private init(kind: @escaping (String) -> SearchField.Kind?, matchesAll: Bool, text: [UInt8]) {
        self.kind = kind
        self.matchesAll = matchesAll
        self.text = text
    }

    private mutating func findPartners() throws {
        var open: [Int] = []
        var index = 0
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "\\"): index += 1
            case UInt8(ascii: "\""): index = closingQuote(after: index) ?? index
            case UInt8(ascii: "("): open.append(index)
            case UInt8(ascii: ")"):
                guard let partner = open.popLast() else { break }
                partners[partner] = index
                partners[index] = partner
            default: break
            }
            index += 1
        }
        var depth = 0
        for parenthesis in partners.keys.sorted() {
            depth += partners[parenthesis].unsafelyUnwrapped > parenthesis ? 1 : -1
            guard depth <= QueryBounds.depthMax else { throw QueryBounds.tooDeep() }
        }
    }

    // MARK: Groups

    private enum Need {
        case wanted
        /// `+`, or beside `AND`.
        case required
        /// As it is a condition by itself.
        case condition
        case excluded
    }

    private struct Clause {
        var node: QueryNode
        var need: Need
        /// A word without anything said of it, that is one with its neighbours.
        var word: String?
    }

    private mutating func alternatives(until end: Int, in field: String?) throws -> QueryNode? {
        var found: [QueryNode] = []
        var clauses: [Clause] = []
        var joinsNext = false
        var excludesNext = false
        while let word = nextStart(before: end) {
            switch connective(at: word, end) {
            case "OR" where !clauses.isEmpty && hasMore(after: word + 2, before: end):
                place = word + 2
                if let node = combined(clauses, in: field) { found.append(node) }
                (clauses, joinsNext, excludesNext) = ([], false, false)
                continue
            case "AND" where !clauses.isEmpty && hasMore(after: word + 3, before: end):
                place = word + 3
                if clauses[clauses.count - 1].need == .wanted { clauses[clauses.count - 1].need = .required }
                joinsNext = true
                continue
            case "NOT" where hasMore(after: word + 3, before: end):
                place = word + 3
                excludesNext = true
                continue
            default: break
            }
            guard var clause = try clause(until: end, in: field) else { continue }
            if excludesNext {
                clause.need = clause.need == .excluded ? .wanted : .excluded
            } else if joinsNext, clause.need == .wanted {
                clause.need = .required
            }
            (joinsNext, excludesNext) = (false, false)
            clauses.append(clause)
        }
        if let node = combined(clauses, in: field) { found.append(node) }
        return found.count > 1 ? .or(found, minimum: 1) : found.first
    }

    private func combined(_ clauses: [Clause], in field: String?) -> QueryNode? {
        var words: [String] = []
        var wanted: [QueryNode] = []
        for clause in clauses where clause.need == .wanted {
            if let word = clause.word { words.append(word) } else { wanted.append(clause.node) }
        }
        if !words.isEmpty {
            wanted.insert(.words(WordsQuery(words.joined(separator: " "), fields: field.map { [$0] })), at: 0)
        }
        var needed = clauses.filter { $0.need == .required || $0.need == .condition }.map(\.node)
        let excluded = clauses.filter { $0.need == .excluded }.map { QueryNode.not($0.node) }
        if !wanted.isEmpty {
            if matchesAll {
                needed += wanted
            } else if clauses.contains(where: { $0.need == .required }) {
                needed.append(.or(wanted, minimum: 0))
            } else {
                needed.append(wanted.count == 1 ? wanted[0] : .or(wanted, minimum: 1))
            }
        }
        needed += excluded
        return needed.count > 1 ? .and(needed) : needed.first
    }

    // MARK: Clauses

    private mutating func count() throws {
        clauses += 1
        guard clauses <= QueryBounds.clausesMax else { throw QueryBounds.tooManyClauses() }
    }

    /// Reads one clause at `place`; `nil` for a sign that means nothing.
    private mutating func clause(until end: Int, in field: String?) throws -> Clause? {
        var need = Need.wanted
        if text[place] == UInt8(ascii: "+") || text[place] == UInt8(ascii: "-") {
            guard place + 1 < end, !text[place + 1].isWhiteSpace else {
                place += 1
                return nil
            }
            need = text[place] == UInt8(ascii: "+") ? .required : .excluded
            place += 1
        }
        guard var clause = try unsignedClause(until: end, in: field) else { return nil }
        if let boost = boost(until: end) {
            clause.node = .boosted(clause.node, by: boost)
            clause.word = nil
        }
        if need != .wanted { clause.need = need }
        return clause
    }

    private mutating func unsignedClause(until end: Int, in field: String?) throws -> Clause? {
        switch text[place] {
        case UInt8(ascii: "("):
            guard let partner = partners[place], partner < end else {
                place += 1
                return nil
            }
            place += 1
            let node = try alternatives(until: partner, in: field)
            place = partner + 1
            return node.map { Clause(node: $0, need: .wanted) }
        case UInt8(ascii: ")"):
            place += 1
            return nil
        case UInt8(ascii: "\""):
            guard let phrase = quoted(until: end) else {
                place += 1
                return nil
            }
            guard !phrase.allSatisfy(\.isWhitespace) else { return nil }
            try count()
            let slop = number(after: UInt8(ascii: "~"), until: end).map { Int(min($0, 1_000)) } ?? 0
            return Clause(node: .phrase(text: phrase, fields: field.map { [$0] }, slop: slop), need: .condition)
        default:
            if field == nil, let clause = try fieldClause(until: end) { return clause }
            return try word(until: end, in: field)
        }
    }

    private mutating func word(until end: Int, in field: String?) throws -> Clause? {
        let fields = field.map { [$0] }
        let (word, star, isPlain) = readWord(until: end)
        guard !word.isEmpty else { return star ? Clause(node: .all, need: .wanted) : nil }
        guard !word.allSatisfy(\.isWhitespace) else { return nil }
        try count()
        if star { return Clause(node: .prefix(text: word, fields: fields), need: .wanted) }
        var query = WordsQuery(word, fields: fields)
        if isPlain, number(after: UInt8(ascii: "~"), until: end, standard: 1) != nil {
            query.fuzzy = true
            return Clause(node: .words(query), need: .wanted)
        }
        return Clause(node: .words(query), need: .wanted, word: word)
    }

    /// Reads what is said of a field; `nil`, with `place` as it was, where no field is named or nothing sensible follows.
    private mutating func fieldClause(until end: Int) throws -> Clause? {
        let start = place
        var colon = place
        while colon < end, text[colon].isNameByte { colon += 1 }
        guard colon > start, colon + 1 < end, text[colon] == UInt8(ascii: ":"), !text[colon + 1].isWhiteSpace else {
            return nil
        }
        let field = String(decoding: text[start..<colon], as: UTF8.self)
        guard let kind = kind(field) else { return nil }
        place = colon + 1
        if let node = try fieldNode(field, kind, until: end) { return Clause(node: node, need: .condition) }
        place = start
        return nil
    }

    private mutating func fieldNode(_ field: String, _ kind: SearchField.Kind, until end: Int) throws -> QueryNode? {
        switch text[place] {
        case UInt8(ascii: "("):
            guard let partner = partners[place], partner < end else { return nil }
            place += 1
            let node = kind == .text ? try alternatives(until: partner, in: field) : try values(field, kind, partner)
            place = partner + 1
            return node
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            guard let range = range(kind, until: end) else { return nil }
            try count()
            return .range(field: field, range)
        case UInt8(ascii: ">"), UInt8(ascii: "<"):
            let isLower = text[place] == UInt8(ascii: ">")
            place += 1
            let isInclusive = place < end && text[place] == UInt8(ascii: "=")
            if isInclusive { place += 1 }
            let value = readValue(until: end)
            guard !value.isEmpty,
                let bound = FieldValueText(kind).bound(value, isLower: isLower, isInclusive: isInclusive)
            else { return nil }
            try count()
            return .range(field: field, isLower ? ValueRange(lower: bound) : ValueRange(upper: bound))
        case UInt8(ascii: "\"") where kind == .text:
            guard let phrase = quoted(until: end), !phrase.allSatisfy(\.isWhitespace) else { return nil }
            try count()
            let slop = number(after: UInt8(ascii: "~"), until: end).map { Int(min($0, 1_000)) } ?? 0
            return .phrase(text: phrase, fields: [field], slop: slop)
        case UInt8(ascii: "\""):
            guard let value = quoted(until: end) else { return nil }
            try count()
            return FieldValueText(kind).equals(field, value)
        case UInt8(ascii: "*") where place + 1 == end || text[place + 1].endsWord:
            place += 1
            try count()
            return .exists(field: field)
        default:
            if kind == .text || kind == .keyword {
                let (word, star, _) = kind == .text ? readWord(until: end) : readKeyword(until: end)
                guard !word.allSatisfy(\.isWhitespace) else { return nil }
                try count()
                if star { return .prefix(text: word, fields: [field]) }
                return kind == .text
                    ? .words(WordsQuery(word, fields: [field])) : .equals(field: field, value: .string(word))
            }
            let value = readValue(until: end)
            guard !value.isEmpty, let node = FieldValueText(kind).equals(field, value) else { return nil }
            try count()
            return node
        }
    }

    /// `field:(a OR b)` of values: any of them.
    private mutating func values(_ field: String, _ kind: SearchField.Kind, _ end: Int) throws -> QueryNode? {
        var nodes: [QueryNode] = []
        while let start = nextStart(before: end) {
            if connective(at: start, end) == "OR" {
                place = start + 2
                continue
            }
            let before = place
            guard let node = try fieldNode(field, kind, until: end), place > before else { return nil }
            nodes.append(node)
        }
        return nodes.count > 1 ? .or(nodes, minimum: 1) : nodes.first
    }

    private mutating func range(_ kind: SearchField.Kind, until end: Int) -> ValueRange? {
        let includesLower = text[place] == UInt8(ascii: "[")
        place += 1
        guard let lower = rangeValue(until: end), skipWhiteSpace(before: end), place + 2 < end,
            text[place] == UInt8(ascii: "T"), text[place + 1] == UInt8(ascii: "O"), text[place + 2].isWhiteSpace
        else { return nil }
        place += 2
        guard let upper = rangeValue(until: end) else { return nil }
        _ = skipWhiteSpace(before: end)
        guard place < end, text[place] == UInt8(ascii: "]") || text[place] == UInt8(ascii: "}") else { return nil }
        let includesUpper = text[place] == UInt8(ascii: "]")
        place += 1
        var range = ValueRange()
        if lower != "*" {
            guard let bound = FieldValueText(kind).bound(lower, isLower: true, isInclusive: includesLower) else {
                return nil
            }
            range.lower = bound
        }
        if upper != "*" {
            guard let bound = FieldValueText(kind).bound(upper, isLower: false, isInclusive: includesUpper) else {
                return nil
            }
            range.upper = bound
        }
        return range
    }

    private mutating func rangeValue(until end: Int) -> String? {
        _ = skipWhiteSpace(before: end)
        guard place < end else { return nil }
        if text[place] == UInt8(ascii: "\"") { return quoted(until: end) }
        let value = readWhile(until: end) { !$0.isWhiteSpace && $0 != UInt8(ascii: "]") && $0 != UInt8(ascii: "}") }
        return value.isEmpty ? nil : value
    }

    // MARK: Bytes

    @discardableResult
    private mutating func skipWhiteSpace(before end: Int) -> Bool {
        while place < end, text[place].isWhiteSpace { place += 1 }
        return place < end
    }

    private mutating func nextStart(before end: Int) -> Int? { skipWhiteSpace(before: end) ? place : nil }

    private func hasMore(after index: Int, before end: Int) -> Bool {
        text[index..<end].contains { !$0.isWhiteSpace && $0 != UInt8(ascii: ")") }
    }

    /// The connective that stands at `index` by itself.
    private func connective(at index: Int, _ end: Int) -> String? {
        for known in ["AND", "OR", "NOT"] where text[index..<end].starts(with: known.utf8) {
            let next = index + known.utf8.count
            return next == end || text[next].isWhiteSpace || text[next] == UInt8(ascii: "(") ? known : nil
        }
        return nil
    }

    private func closingQuote(after index: Int) -> Int? {
        var next = index + 1
        while next < text.count, text[next] != UInt8(ascii: "\"") {
            next += text[next] == UInt8(ascii: "\\") ? 2 : 1
        }
        return next < text.count ? next : nil
    }

    /// Reads a text in quotes; `nil`, with `place` as it was, for a quote without an end.
    private mutating func quoted(until end: Int) -> String? {
        guard let closing = closingQuote(after: place), closing < end else { return nil }
        let inner = unescaped(text[(place + 1)..<closing])
        place = closing + 1
        return inner
    }

    private mutating func readWhile(until end: Int, _ belongs: (UInt8) -> Bool) -> String {
        let start = place
        while place < end, belongs(text[place]) {
            place += text[place] == UInt8(ascii: "\\") && place + 1 < end ? 2 : 1
        }
        return unescaped(text[start..<place])
    }

    private func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
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

    private mutating func readValue(until end: Int) -> String { readWhile(until: end) { !$0.endsWord } }

    /// A word up to white space, a parenthesis, a quote, or what is said of it (`*`, `~`, `^`); whether a `*` ended it, and
    /// whether it may be followed by more of its kind.
    private mutating func readWord(until end: Int) -> (String, star: Bool, isPlain: Bool) {
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

    private mutating func readKeyword(until end: Int) -> (String, star: Bool, isPlain: Bool) {
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
    private func isSaid(at index: Int, _ end: Int) -> Bool {
        guard [UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: "^")].contains(text[index]) else { return false }
        var next = index + 1
        while next < end, text[next].isNumberByte || text[next] == UInt8(ascii: "^") { next += 1 }
        return next == end || text[next].endsWord
    }

    private mutating func boost(until end: Int) -> Double? {
        number(after: UInt8(ascii: "^"), until: end).flatMap { QueryBounds.boosts.contains($0) ? $0 : nil }
    }

    /// The number behind a sign at `place`; `standard` where none follows. `nil`, with `place` as it was, for another sign.
    private mutating func number(after sign: UInt8, until end: Int, standard: Double? = nil) -> Double? {
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
    fileprivate var isWhiteSpace: Bool { self == 0x20 || (0x9...0xD).contains(self) }
    /// Whether a word ends before it.
    fileprivate var endsWord: Bool {
        isWhiteSpace || self == UInt8(ascii: "(") || self == UInt8(ascii: ")") || self == UInt8(ascii: "\"")
    }
    fileprivate var isNumberByte: Bool { (48...57).contains(self) || self == UInt8(ascii: ".") }
    fileprivate var isNameByte: Bool {
        (48...57).contains(self) || (65...90).contains(self & 0xDF) || self == UInt8(ascii: "_")
            || self == UInt8(ascii: ".") || self == UInt8(ascii: "-")
    }
}
