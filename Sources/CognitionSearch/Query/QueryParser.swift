import CognitionCore
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
    let kind: (String) -> SearchField.Kind?
    let matchesAll: Bool
    let text: [UInt8]
    /// For each parenthesis that has a partner outside of quotes, where that stands.
    var partners: [Int: Int] = [:]
    var place = 0
    var clauses = 0

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

    enum Need {
        case wanted
        /// `+`, or beside `AND`.
        case required
        /// As it is a condition by itself.
        case condition
        case excluded
    }

    struct Clause {
        var node: QueryNode
        var need: Need
        /// A word without anything said of it, that is one with its neighbours.
        var word: String?
    }

    mutating func alternatives(until end: Int, in field: String?) throws -> QueryNode? {
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
}
