import CognitionCore
import CognitionSearch
import Foundation
import OrderedCollections

/// The same as an index, without anything that makes it fast: all documents are looked at for each search.
struct NaiveIndex {
    var settings: SearchSettings
    private(set) var documents: [(sequence: Int64, document: SearchDocument)] = []

    init(settings: SearchSettings) { self.settings = settings }

    mutating func apply(_ change: DocumentChange) {
        documents.removeAll { $0.document.id == change.id }
        if case .put(let document) = change.content { documents.append((change.sequence, document)) }
    }

    var fingerprintSum: UInt64 { documents.reduce(0) { $0 &+ $1.document.fingerprint } }

    struct Hit: Equatable {
        var id: String
        var score: Double
        var place: Int
    }

    /// All hits in the order of documents, with scores from the statistics of the snapshot that is compared.
    func matches(_ query: QueryNode, _ request: SearchRequest, like snapshot: IndexSnapshot) -> [Hit] {
        documents.enumerated().compactMap { place, item in
            let document = item.document
            if let roles = request.roles, let own = document.roles, roles.isDisjoint(with: own) { return nil }
            guard let score = score(query, document, request, snapshot) else { return nil }
            return Hit(id: document.id, score: score * document.boost, place: place)
        }
    }

    func score(_ node: QueryNode, _ document: SearchDocument, _ request: SearchRequest, _ snapshot: IndexSnapshot)
        -> Double?
    {
        switch node {
        case .all: return 1
        case .nothing: return nil
        case .words(let words): return score(words, document, request, snapshot)
        case .phrase(let text, let fields, let slop):
            return sum((fields ?? textFields).map { phrase(text, slop, $0, document, snapshot) }, 1)
        case .prefix(let text, let fields):
            return sum((fields ?? textFields).map { prefix(text, $0, document, snapshot) }, 1)
        case .equals(let field, let value):
            return values(field, document).contains(value) ? boost(field) : nil
        case .range(let field, let range):
            return values(field, document).contains { Self.contains(range, $0) } ? boost(field) : nil
        case .exists(let field):
            let there =
                settings.fields[field]?.kind == .text
                ? !terms(field, document).isEmpty : !values(field, document).isEmpty
            return there ? boost(field) : nil
        case .and(let nodes): return sum(nodes.map { score($0, document, request, snapshot) }, nodes.count)
        case .or(let nodes, let minimum): return sum(nodes.map { score($0, document, request, snapshot) }, minimum)
        case .not(let inner): return score(inner, document, request, snapshot) == nil ? 0 : nil
        case .boosted(let inner, let factor):
            return score(inner, document, request, snapshot).map { $0 * factor }
        case .filter(let inner): return score(inner, document, request, snapshot).map { _ in 0 }
        }
    }

    private func sum(_ scores: [Double?], _ minimum: Int) -> Double? {
        let found = scores.compactMap(\.self)
        return found.count >= max(minimum, scores.isEmpty ? 0 : 1) || (scores.isEmpty && minimum == 0)
            ? found.reduce(0, +) : nil
    }

    private func boost(_ field: String) -> Double { settings.fields[field]?.boost ?? 1 }

    var textFields: [String] { settings.fields.filter { $0.value.kind == .text }.map(\.key) }

    func values(_ field: String, _ document: SearchDocument) -> [JSONValue] {
        switch document.fields[field] {
        case nil: []
        case .array(let values): values
        case .some(let value): [value]
        }
    }

    /// Terms with their positions.
    private func positions(_ field: String, _ document: SearchDocument) -> [(term: String, position: Int)] {
        var (base, all) = (0, [(term: String, position: Int)]())
        for value in values(field, document) {
            let terms = PlainAnalyzer.terms(value.stringValue ?? "")
            for (place, term) in terms.enumerated() { all.append((term, base + place)) }
            base += terms.count + 100
        }
        return all
    }

    private func terms(_ field: String, _ document: SearchDocument) -> [String] {
        positions(field, document).map(\.term)
    }

    private static func contains(_ range: ValueRange, _ value: JSONValue) -> Bool {
        func order(_ left: JSONValue, _ right: JSONValue) -> Int {
            if let a = left.doubleValue, let b = right.doubleValue { return a < b ? -1 : a > b ? 1 : 0 }
            let (a, b) = ((left.stringValue ?? "").utf8, (right.stringValue ?? "").utf8)
            return a.elementsEqual(b) ? 0 : a.lexicographicallyPrecedes(b) ? -1 : 1
        }
        if let lower = range.lower {
            let found = order(value, lower.value)
            if found < 0 || (found == 0 && !lower.isInclusive) { return false }
        }
        if let upper = range.upper {
            let found = order(value, upper.value)
            if found > 0 || (found == 0 && !upper.isInclusive) { return false }
        }
        return true
    }

    // MARK: - BM25

    private func idf(_ documents: Int, _ field: String, _ snapshot: IndexSnapshot) -> Double {
        log(1 + (Double(snapshot.lengths(of: field).documents - documents) + 0.5) / (Double(documents) + 0.5))
    }

    private func saturated(_ count: Int, _ field: String, _ document: SearchDocument, _ snapshot: IndexSnapshot)
        -> Double
    {
        let (k1, b) = (settings.ranking.k1, settings.ranking.b)
        let lengths = snapshot.lengths(of: field)
        let average = Double(lengths.terms) / Double(max(1, lengths.documents))
        let length = Double(Norm.length(Norm.byte(length: terms(field, document).count)))
        return Double(count) / (Double(count) + k1 * (1 - b + b * length / average)) * boost(field)
    }

    private func term(
        _ term: String, group: Int? = nil, _ field: String, _ document: SearchDocument, _ snapshot: IndexSnapshot
    ) -> Double? {
        let count = terms(field, document).count { $0 == term }
        guard count > 0 else { return nil }
        return idf(group ?? snapshot.documentFrequency(of: term, in: field), field, snapshot)
            * saturated(count, field, document, snapshot)
    }

    private func score(
        _ words: WordsQuery, _ document: SearchDocument, _ request: SearchRequest, _ snapshot: IndexSnapshot
    ) -> Double? {
        var counts: OrderedDictionary<String, Int> = [:]
        let all = words.text.split(separator: " ").map(String.init)
        for word in all { counts[word, default: 0] += 1 }
        let scores = counts.map { word, times in
            sum((words.fields ?? textFields).map { term(word, $0, document, snapshot) }, 1).map { $0 * Double(times) }
        }
        let minimum =
            switch words.minimum ?? request.minimum {
            case .all: counts.count
            case .any: 1
            case .count(let count): min(max(count, 1), counts.count)
            case .percent(let percent): max(1, counts.count * percent / 100)
            }
        return sum(scores, minimum)
    }

    private func phrase(
        _ text: String, _ slop: Int, _ field: String, _ document: SearchDocument, _ snapshot: IndexSnapshot
    ) -> Double? {
        let words = PlainAnalyzer.terms(text)
        if words.count == 1 { return term(words[0], field, document, snapshot) }
        let there = positions(field, document)
        var ends: Set<Int> = []
        for (word, start) in there where word == words[0] {
            var (place, fits) = (start, true)
            for next in words.dropFirst() {
                guard let found = there.first(where: { $0.term == next && $0.position > place }) else {
                    fits = false
                    break
                }
                place = found.position
            }
            if fits, place - start - (words.count - 1) <= slop { ends.insert(place) }
        }
        guard !ends.isEmpty else { return nil }
        let weight = words.reduce(0) { $0 + idf(snapshot.documentFrequency(of: $1, in: field), field, snapshot) }
        return weight * saturated(ends.count, field, document, snapshot)
    }

    private func prefix(_ text: String, _ field: String, _ document: SearchDocument, _ snapshot: IndexSnapshot)
        -> Double?
    {
        var most = 0
        try? snapshot.forEachTerm(in: field, prefix: text) { _, documents in
            most = max(most, documents)
            return true
        }
        return Set(terms(field, document)).filter { $0.hasPrefix(text) }
            .compactMap { term($0, group: most, field, document, snapshot) }.max()
    }
}
