import CognitionCore

/// What stands between connectives: a word, a phrase, a group, or what is said of a field.
extension QueryParser {
    mutating func count() throws {
        clauses += 1
        guard clauses <= QueryBounds.clausesMax else { throw QueryBounds.tooManyClauses() }
    }

    /// Reads one clause at `place`; `nil` for a sign that means nothing.
    mutating func clause(until end: Int, in field: String?) throws -> Clause? {
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

    mutating func unsignedClause(until end: Int, in field: String?) throws -> Clause? {
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

    mutating func word(until end: Int, in field: String?) throws -> Clause? {
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
    mutating func fieldClause(until end: Int) throws -> Clause? {
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

    mutating func fieldNode(_ field: String, _ kind: SearchField.Kind, until end: Int) throws -> QueryNode? {
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
    mutating func values(_ field: String, _ kind: SearchField.Kind, _ end: Int) throws -> QueryNode? {
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

    mutating func range(_ kind: SearchField.Kind, until end: Int) -> ValueRange? {
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

    mutating func rangeValue(until end: Int) -> String? {
        _ = skipWhiteSpace(before: end)
        guard place < end else { return nil }
        if text[place] == UInt8(ascii: "\"") { return quoted(until: end) }
        let value = readWhile(until: end) { !$0.isWhiteSpace && $0 != UInt8(ascii: "]") && $0 != UInt8(ascii: "}") }
        return value.isEmpty ? nil : value
    }
}
