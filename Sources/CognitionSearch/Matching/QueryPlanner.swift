import CognitionCore
import OrderedCollections

/// Turns what is looked for into a plan for one index.
///
/// Text is analyzed as each field reads it, words are looked up, and each term gets its weight: idf of its word, boosts of
/// field and query, how often it was asked for.
final class QueryPlanner {
    static let depthMax = 64
    static let clausesMax = 1_024

    let request: SearchRequest
    let snapshot: IndexSnapshot
    /// Of the snapshot among those that are searched together.
    let index: Int
    let statistics: CollectionStatistics
    /// Whether misspellings are tried for words that are known, too.
    let expandsKnown: Bool
    /// Whether another index may have a field that this one has not: conditions on it then match nothing here.
    let isOneOfSeveral: Bool
    private(set) var unknownFields: Set<String> = []
    /// Whether there are words of which misspellings could be tried, and were not.
    var couldExpand = false
    var typoLimited = false
    var corrections: [String: String] = [:]
    private(set) var clauseCount = 0
    private let textFields: [Int]

    init(
        _ request: SearchRequest, _ snapshot: IndexSnapshot, index: Int, statistics: CollectionStatistics,
        expandsKnown: Bool, isOneOfSeveral: Bool
    ) throws {
        (self.request, self.snapshot, self.index) = (request, snapshot, index)
        (self.statistics, self.expandsKnown, self.isOneOfSeveral) = (statistics, expandsKnown, isOneOfSeveral)
        let fields = snapshot.schema.fields
        textFields = fields.indices.filter { fields[$0].kind == .text }
    }

    var schema: IndexSchema { snapshot.schema }
    var segmentCount: Int { snapshot.contents.entries.count }

    func plan() throws -> Plan { try plan(request.query, boost: 1, depth: 1) }

    func plan(_ filter: FieldFilter) throws -> Plan {
        guard try place(filter.field) != nil else { return .nothing }
        return .filter(try plan(filter.condition, boost: 0, depth: 1))
    }

    func count(_ clauses: Int) throws {
        clauseCount += clauses
        guard clauseCount <= Self.clausesMax else {
            throw SearchError.query("The query has more than \(Self.clausesMax) words and conditions.")
        }
    }

    private func plan(_ node: QueryNode, boost: Double, depth: Int) throws -> Plan {
        guard depth <= Self.depthMax else {
            throw SearchError.query("The query is nested more than \(Self.depthMax) levels deep.")
        }
        switch node {
        case .all: return .all(weight: boost)
        case .nothing: return .nothing
        case .words(let words): return try plan(words, boost: boost)
        case .phrase(let text, let fields, let slop):
            try count(1)
            guard (0...1_000_000).contains(slop) else {
                throw SearchError.query("The slop of a phrase is not negative.")
            }
            let places = try self.fields(fields)
            let parts = try places.map { try phrase(text, field: $0, slop: slop, boost: boost) }
            return .named(.phrase(text), sum(parts))
        case .prefix(let text, let fields):
            try count(1)
            let places = try self.fields(fields)
            let parts = try places.map { try prefix(text, field: $0, boost: boost) }
            return .named(.beginning(text), sum(parts))
        case .equals(let field, let value):
            try count(1)
            guard let place = try place(field) else { return .nothing }
            return try equals(place, value, boost: boost)
        case .range(let field, let range):
            try count(1)
            guard let place = try place(field) else { return .nothing }
            return .values(try values(place, range: range, weight: boost * fieldBoost(place)))
        case .exists(let field):
            try count(1)
            guard let place = try place(field) else { return .nothing }
            return .values(
                ValuesLeaf(
                    field: place, fieldName: field, condition: .exists, weight: boost * fieldBoost(place),
                    text: "`\(field)` has a value"))
        case .and(let nodes):
            if nodes.isEmpty { return .all(weight: boost) }
            return .and(try nodes.map { try plan($0, boost: boost, depth: depth + 1) })
        case .or(let nodes, let minimum):
            guard minimum >= 0 else { throw SearchError.query("The least number of alternatives is not negative.") }
            if nodes.isEmpty { return minimum > 0 ? .nothing : .all(weight: boost) }
            let parts = try nodes.map { try plan($0, boost: boost, depth: depth + 1) }
            // None need match: those that do are worth more.
            return minimum > 0 ? combine(parts, minimum: minimum) : .or(parts + [.all(weight: 0)], minimum: 1)
        case .not(let node): return .not(try plan(node, boost: 0, depth: depth + 1))
        case .boosted(let node, let factor):
            guard factor >= 0, factor <= 1_000_000 else {
                throw SearchError.query("A boost is between 0 and 1,000,000.")
            }
            return try plan(node, boost: boost * factor, depth: depth + 1)
        case .filter(let node): return .filter(try plan(node, boost: 0, depth: depth + 1))
        }
    }

    func combine(_ parts: [Plan], minimum: Int) -> Plan {
        if minimum > parts.count { return .nothing }
        if parts.count == 1 { return parts[0] }
        return minimum == parts.count ? .and(parts) : .or(parts, minimum: minimum)
    }

    /// Any of the fields, scores added.
    func sum(_ parts: [Plan]) -> Plan {
        let parts = parts.filter { !$0.isNothing }
        return parts.isEmpty ? .nothing : combine(parts, minimum: 1)
    }

    // MARK: - Fields

    /// - Throws: `search.query_invalid` for a field that is not there, unless another index may have it.
    func place(_ field: String) throws -> Int? {
        if let place = schema.place(of: field) { return place }
        guard isOneOfSeveral else { throw SearchError.unknownField(field) }
        unknownFields.insert(field)
        return nil
    }

    func fieldBoost(_ place: Int) -> Double {
        min(max(schema.settings.fields.elements[place].value.boost, 0), 1_000_000)
    }

    /// Fields that have terms: those named, or the text fields of the request.
    func fields(_ names: [String]?) throws -> [Int] {
        guard let names = names ?? request.fields else { return textFields }
        var places: [Int] = []
        for name in names {
            guard let place = try place(name) else { continue }
            guard schema.fields[place].kind == .text || schema.fields[place].kind == .keyword else {
                throw SearchError.query(
                    "The field `\(name)` is a \(schema.fields[place].kind.rawValue); words are looked for in texts and keywords."
                )
            }
            if !places.contains(place) { places.append(place) }
        }
        return places
    }

    // MARK: - Parts

    /// The best of what may stand for one word in one field.
    func best(_ variants: [Plan]) -> Plan {
        let variants = variants.filter { !$0.isNothing }
        if variants.isEmpty { return .nothing }
        return variants.count == 1 ? variants[0] : .best(variants)
    }

    // MARK: - Terms

    struct Found {
        var field: Int
        var term: [UInt8]
        var entries: [TermEntry?]
        var documents: Int

        var isKnown: Bool { entries.contains { $0 != nil } }
    }

    func lookUp(_ term: [UInt8], field: Int) -> Found {
        term.withUnsafeBytes { bytes in
            let entries = statistics.entries(of: bytes, field: field, index: index)
            let documents = statistics.documents(of: bytes, field: schema.fields[field].name, known: index, entries)
            return Found(field: field, term: term, entries: entries, documents: documents)
        }
    }

    /// - Parameter group: Documents of the word that the term stands for.
    func leaf(_ found: Found, group: Int, factor: Double, boost: Double) -> Plan {
        guard found.isKnown else { return .nothing }
        let field = schema.fields[found.field]
        if field.kind == .keyword { return keyword(found, boost: boost * factor) }
        let idf = CollectionStatistics.idf(documents: group, of: statistics.lengths(of: field.name).documents)
        return .term(
            TermLeaf(
                field: found.field, fieldName: field.name, term: found.term,
                weight: idf * boost * factor * fieldBoost(found.field), idf: idf, documents: found.documents,
                factor: factor, entries: found.entries, table: statistics.table(index: index, field: field.name)))
    }

    func keyword(_ found: Found, boost: Double) -> Plan {
        guard found.isKnown else { return .nothing }
        return .term(
            TermLeaf(
                field: found.field, fieldName: schema.fields[found.field].name, term: found.term,
                weight: boost * fieldBoost(found.field), idf: 1, documents: found.documents, factor: 1,
                entries: found.entries, table: nil))
    }

    private func phrase(_ text: String, field: Int, slop: Int, boost: Double) throws -> Plan {
        if schema.fields[field].kind == .keyword {
            return keyword(lookUp(Array(text.utf8), field: field), boost: boost)
        }
        return try phrase(terms(of: text, field: field), text: text, field: field, slop: slop, boost: boost)
    }

    /// Terms one after the other, those of the same position instead of each other.
    func phrase(_ terms: [WordTerm], text: String, field: Int, slop: Int, boost: Double) throws -> Plan {
        guard let first = terms.first else { return .nothing }
        guard terms.count <= Self.clausesMax else {
            throw SearchError.query("A phrase has more than \(Self.clausesMax) words.")
        }
        var (places, weight): ([PhraseLeaf.Place], Double) = ([], 0)
        var start = 0
        let documents = statistics.lengths(of: schema.fields[field].name).documents
        while start < terms.count {
            var end = start
            while end < terms.count, terms[end].position == terms[start].position { end += 1 }
            let found = terms[start..<end].map { lookUp($0.term, field: field) }
            let group = found.map(\.documents).max() ?? 0
            let leaves = found.compactMap { found -> TermLeaf? in
                if case .term(let leaf) = leaf(found, group: group, factor: 1, boost: boost) { leaf } else { nil }
            }
            guard !leaves.isEmpty else { return .nothing }
            weight += CollectionStatistics.idf(documents: group, of: documents)
            places.append(PhraseLeaf.Place(offset: terms[start].position - first.position, terms: leaves))
            start = end
        }
        if places.count == 1 { return best(places[0].terms.map(Plan.term)) }
        return .phrase(
            PhraseLeaf(
                field: field, fieldName: schema.fields[field].name, text: text, places: places, slop: slop,
                weight: weight * boost * fieldBoost(field),
                table: statistics.table(index: index, field: schema.fields[field].name)))
    }

    func prefix(_ text: String, field: Int, boost: Double) throws -> Plan {
        let name = schema.fields[field].name
        var (start, isExact) = (Array(text.utf8), [[UInt8]]())
        if schema.fields[field].kind == .text {
            let folded = terms(of: text, with: schema.folder)
            // Of several terms the last is still being typed, and the others are as they are.
            guard let last = folded.last else { return .nothing }
            start = last.term
            isExact = terms(of: text, field: field).suffix(1).map(\.term)
        }
        var list = TermsLeaf.List()
        try snapshot.forEachEntry(in: name, from: start) { term, entries in
            guard term.starts(with: start) else { return false }
            list.append(term, documents: statistics.documents(of: term, field: name, known: index, entries), entries)
            return true
        }
        for term in isExact where !term.starts(with: start) {
            let found = lookUp(term, field: field)
            if found.isKnown { term.withUnsafeBytes { list.append($0, documents: found.documents, found.entries) } }
        }
        return terms(list, field: field, boost: boost)
    }

    /// The best of terms that stand for one word.
    private func terms(_ list: TermsLeaf.List, field: Int, boost: Double) -> Plan {
        guard list.count > 0 else { return .nothing }
        let (name, isText) = (schema.fields[field].name, schema.fields[field].kind == .text)
        let idf =
            isText
            ? CollectionStatistics.idf(documents: list.documentsMax, of: statistics.lengths(of: name).documents) : 1
        let leaf = TermsLeaf(
            list, field: field, fieldName: name, weight: idf * boost * fieldBoost(field), idf: idf,
            table: isText ? statistics.table(index: index, field: name) : nil)
        return list.count == 1 ? .term(leaf.leaf(0)) : .terms(leaf)
    }
}

extension SearchError {
    static func query(_ message: String) -> SearchError { SearchError(.searchQueryInvalid, message) }

    static func unknownField(_ name: String) -> SearchError {
        query("The index has no field `\(name)`.")
    }
}
