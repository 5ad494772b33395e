package import CognitionCore

extension QueryNode {
    /// Reads a query as programs write it: a text in the words of ``QueryParser``, or an object with one of these members,
    /// which may have `boost` beside it:
    ///
    /// | member | beside it |
    /// |---|---|
    /// | `words`: a text | `fields`, `minimum` (`all`, `any`, a number, `"75%"`), `fuzzy`, `last_is_prefix` |
    /// | `phrase`: a text | `fields`, `slop` |
    /// | `prefix`: a text | `fields` |
    /// | `equals`: a value | `field` |
    /// | `range`: an object of `gt`, `gte`, `lt`, `lte` | `field` |
    /// | `exists`: a field | |
    /// | `and`, `or`: a list of queries | `minimum` of `or`, a number |
    /// | `not`, `filter`: a query | |
    /// | `query`: a text in the words of ``QueryParser`` | |
    /// | `all`, `nothing`: `true` | |
    ///
    /// - Throws: `search.query_invalid`, with the place in its message.
    package init(
        json: JSONValue, at pointer: JSONPointer = .root, matchesAll: Bool = false,
        kind: (String) -> SearchField.Kind?
    ) throws {
        self = try withoutActuallyEscaping(kind) { kind in
            var reader = QueryNodeReader(matchesAll: matchesAll, kind: kind)
            return try reader.node(JSONPlace(json, pointer, code: .searchQueryInvalid), depth: 1)
        }
    }

    /// The query as ``init(json:at:matchesAll:kind:)`` reads it.
    package var json: JSONValue {
        switch self {
        case .all: ["all": true]
        case .nothing: ["nothing": true]
        case .words(let query): .object(query.json)
        case .phrase(let text, let fields, let slop):
            .object(Self.object(["phrase": .string(text)], fields, slop == 0 ? [:] : ["slop": .integer(Int64(slop))]))
        case .prefix(let text, let fields): .object(Self.object(["prefix": .string(text)], fields))
        case .equals(let field, let value): ["equals": value, "field": .string(field)]
        case .range(let field, let range): ["range": range.json, "field": .string(field)]
        case .exists(let field): ["exists": .string(field)]
        case .and(let nodes): ["and": .array(nodes.map(\.json))]
        case .or(let nodes, let minimum):
            minimum == 1
                ? ["or": .array(nodes.map(\.json))]
                : ["or": .array(nodes.map(\.json)), "minimum": .integer(Int64(minimum))]
        case .not(let node): ["not": node.json]
        case .filter(let node): ["filter": node.json]
        case .boosted(let node, let boost): node.json(boostedBy: boost)
        }
    }

    private func json(boostedBy boost: Double) -> JSONValue {
        // A boost of a boost is one.
        if case .boosted(let node, let inner) = self { return node.json(boostedBy: inner * boost) }
        var object = json.objectValue ?? [:]
        object["boost"] = JSONValue(boost)
        return .object(object)
    }

    fileprivate static func object(_ members: JSONObject, _ fields: [String]?, _ more: JSONObject = [:]) -> JSONObject {
        var members = members
        if let fields { members["fields"] = .array(fields.map(JSONValue.string)) }
        members.merge(more)
        return members
    }
}

extension WordsQuery {
    fileprivate var json: JSONObject {
        var members = QueryNode.object(["words": .string(text)], fields)
        if let minimum { members["minimum"] = minimum.json }
        if let fuzzy { members["fuzzy"] = .bool(fuzzy) }
        if lastIsPrefix { members["last_is_prefix"] = true }
        return members
    }
}

extension MinimumMatch {
    package var json: JSONValue {
        switch self {
        case .all: "all"
        case .any: "any"
        case .count(let count): .integer(Int64(count))
        case .percent(let percent): .string("\(percent)%")
        }
    }

    init(_ place: JSONPlace) throws {
        switch place.value {
        case "all": self = .all
        case "any": self = .any
        case .string(let text) where text.hasSuffix("%"):
            guard let percent = Int(text.dropLast()), (1...100).contains(percent) else {
                throw place.refusal("a share is of 1% to 100%")
            }
            self = .percent(percent)
        case .string: throw place.refusal("all, any, a number, or a share such as 75% is needed")
        default: self = .count(try place.whole(in: 1...QueryBounds.clausesMax))
        }
    }
}

extension ValueRange {
    package var json: JSONValue {
        var members: JSONObject = [:]
        if let lower { members[lower.isInclusive ? "gte" : "gt"] = lower.value }
        if let upper { members[upper.isInclusive ? "lte" : "lt"] = upper.value }
        return .object(members)
    }

    static let members = ["gt", "gte", "lt", "lte"]

    /// - Parameter known: Members that it may have besides its own.
    init(_ place: JSONPlace, _ known: [String] = []) throws {
        let members = try place.object("a range", Self.members + known)
        func bound(_ open: String, _ closed: String) throws -> Bound? {
            guard members[open] == nil || members[closed] == nil else {
                throw place.refusal("a range has one of '\(open)' and '\(closed)'")
            }
            guard let given = place.member(closed) ?? place.member(open) else { return nil }
            switch given.value {
            case .integer, .number, .literal, .string: break
            default: throw given.refusal("a bound is a number or a text, not \(given.value.typeName)")
            }
            return Bound(given.value, isInclusive: members[closed] != nil)
        }
        self.init(lower: try bound("gt", "gte"), upper: try bound("lt", "lte"))
        guard lower != nil || upper != nil else {
            throw place.refusal("a range has one or two of \(Self.members.joined(separator: ", "))")
        }
    }
}

/// One reading of one query, with what it may still cost.
private struct QueryNodeReader {
    private let matchesAll: Bool
    private let kind: (String) -> SearchField.Kind?
    private var clauses = 0

    private static let kinds = [
        "words", "phrase", "prefix", "equals", "range", "exists", "and", "or", "not", "filter", "query", "all",
        "nothing",
    ]
    private static let beside: [String: [String]] = [
        "words": ["fields", "minimum", "fuzzy", "last_is_prefix"], "phrase": ["fields", "slop"],
        "prefix": ["fields"], "equals": ["field"], "range": ["field"], "or": ["minimum"],
    ]

    init(matchesAll: Bool, kind: @escaping (String) -> SearchField.Kind?) {
        self.matchesAll = matchesAll
        self.kind = kind
    }

    mutating func node(_ place: JSONPlace, depth: Int) throws -> QueryNode {
        guard depth <= QueryBounds.depthMax else { throw QueryBounds.tooDeep() }
        if place.value.stringValue != nil { return try parsed(place) }
        let members = try place.object("a query")
        let found = Self.kinds.filter { members[$0] != nil }
        guard found.count == 1, let name = found.first, let inner = place.member(name) else {
            throw place.refusal("a query has one of \(Self.kinds.joined(separator: ", "))")
        }
        _ = try place.object("'\(name)'", [name, "boost"] + Self.beside[name, default: []])
        let node = try node(name, inner, place, depth)
        guard let boost = place.member("boost") else { return node }
        return .boosted(node, by: try boost.number(in: QueryBounds.boosts))
    }

    private mutating func node(
        _ name: String, _ inner: JSONPlace, _ place: JSONPlace, _ depth: Int
    ) throws -> QueryNode {
        switch name {
        case "words": return .words(try words(inner, place))
        case "phrase":
            let slop = try place.member("slop")?.whole(in: QueryBounds.slops) ?? 0
            return .phrase(text: try text(inner), fields: try fields(place), slop: slop)
        case "prefix": return .prefix(text: try text(inner), fields: try fields(place))
        case "equals":
            try count()
            switch inner.value {
            case .array, .object, .null: throw inner.refusal("a value is a text, a number, true or false")
            default: return .equals(field: try field(place), value: inner.value)
            }
        case "range":
            try count()
            return .range(field: try field(place), try ValueRange(inner))
        case "exists":
            try count()
            return .exists(field: try inner.text())
        case "and": return .and(try nodes(inner, depth))
        case "or":
            let nodes = try nodes(inner, depth)
            let minimum = try place.member("minimum")?.whole(in: 0...nodes.count) ?? 1
            return .or(nodes, minimum: minimum)
        case "not": return .not(try node(inner, depth: depth + 1))
        case "filter": return .filter(try node(inner, depth: depth + 1))
        case "query": return try parsed(inner)
        default:
            guard try inner.flag() else { throw inner.refusal("true is needed") }
            return name == "all" ? .all : .nothing
        }
    }

    private mutating func words(_ inner: JSONPlace, _ place: JSONPlace) throws -> WordsQuery {
        let text = try inner.text(bytes: 0...QueryBounds.textBytesMax)
        let words = text.split(whereSeparator: \.isWhitespace).count
        guard words > 0 else { throw inner.refusal("a word is needed") }
        try count(words)
        var query = WordsQuery(text, fields: try fields(place))
        query.minimum = try place.member("minimum").map(MinimumMatch.init)
        query.fuzzy = try place.member("fuzzy")?.flag()
        query.lastIsPrefix = try place.member("last_is_prefix")?.flag() ?? false
        return query
    }

    private mutating func nodes(_ place: JSONPlace, _ depth: Int) throws -> [QueryNode] {
        let list = try place.list(max: QueryBounds.clausesMax)
        guard !list.isEmpty else { throw place.refusal("a list of one or more queries is needed") }
        return try list.map { try node($0, depth: depth + 1) }
    }

    private mutating func parsed(_ place: JSONPlace) throws -> QueryNode {
        let node = try QueryParser.parse(
            try place.text(bytes: 0...QueryBounds.textBytesMax), matchesAll: matchesAll, kind: kind)
        try count(node.clauseCount)
        return node
    }

    private mutating func text(_ place: JSONPlace) throws -> String {
        let text = try place.text(bytes: 1...QueryBounds.textBytesMax)
        try count(text.split(whereSeparator: \.isWhitespace).count)
        return text
    }

    private func fields(_ place: JSONPlace) throws -> [String]? {
        guard let fields = try place.member("fields")?.texts(max: SearchSettings.fieldsMax) else { return nil }
        guard !fields.isEmpty else { throw place.refusal("'fields' names one or more fields") }
        return fields
    }

    private func field(_ place: JSONPlace) throws -> String {
        guard let field = place.member("field") else { throw place.refusal("'field' is needed") }
        return try field.text()
    }

    private mutating func count(_ more: Int = 1) throws {
        clauses += more
        guard clauses <= QueryBounds.clausesMax else { throw QueryBounds.tooManyClauses() }
    }
}

extension QueryNode {
    /// Words, phrases, values and ranges in it.
    package var clauseCount: Int {
        switch self {
        case .all, .nothing: 0
        case .words(let query): query.text.split(whereSeparator: \.isWhitespace).count
        case .phrase, .prefix, .equals, .range, .exists: 1
        case .and(let nodes), .or(let nodes, _): nodes.reduce(0) { $0 + $1.clauseCount }
        case .not(let node), .filter(let node), .boosted(let node, _): node.clauseCount
        }
    }
}
