package import CognitionCore
import Foundation
import OrderedCollections

/// Offers what somebody who types may be about to look for.
///
/// Words come from the dictionary of the index, and are offered only if a document that the asker may find has them beside the
/// words before; whole texts come from a table. First what begins as it was typed, then what does with one letter wrong.
package struct Suggester {
    package struct Suggestion: Sendable, Equatable {
        package var text: String
        /// 0...1, comparable within one answer.
        package var score: Double
    }

    /// A word of the index that fits, and a document that shows how it is written.
    package struct Candidate: Sendable, Equatable {
        /// As the index has it.
        package var term: String
        package var field: String
        /// Documents that have it.
        package var documents: Int
        package var hasTypo: Bool
        /// Of a document that has it, and that the asker may find.
        package var documentID: String
    }

    package static let textBytesMax = 1_024
    package static let limitMax = 50
    /// Terms of the dictionaries that are looked at.
    private static let termsMax = 50_000

    private let snapshot: IndexSnapshot
    private let typed: String
    /// As it was typed, before the last word.
    private let before: String
    private let words: [[Unicode.Scalar]]
    private let roles: Set<String>?
    private let limit: Int

    /// - Parameters:
    ///   - typed: So far; its last word may be a beginning.
    ///   - roles: Of whoever asks; `nil` for whoever may see all.
    /// - Throws: `search.query_invalid` for a text that is too long.
    package init(_ typed: String, in snapshot: IndexSnapshot, roles: Set<String>?, limit: Int = 10) throws {
        guard typed.utf8.count <= Self.textBytesMax else {
            throw SearchError(
                .searchQueryInvalid, "the text has \(typed.utf8.count) bytes; \(Self.textBytesMax) are allowed")
        }
        self.snapshot = snapshot
        self.typed = typed
        self.roles = roles
        self.limit = min(max(0, limit), Self.limitMax)
        words = FoldedWords.of(typed)
        let lastWord = typed.lastIndex(where: \.isWhitespace).map(typed.index(after:)) ?? typed.startIndex
        before = String(typed[..<lastWord])
    }

    /// Words of the index that go on with the last one typed; the most frequent first, misspelt ones after them.
    package func candidates() throws -> [Candidate] {
        guard let last = words.last, limit > 0, typed.last?.isWhitespace == false else { return [] }
        let fields = snapshot.settings.fields.filter { $0.value.kind == .text }.map(\.key)
        var found = try candidates(terms(beginning: last, in: fields), hasTypo: false)
        if found.count < limit, last.count >= Misspelling.lettersMin {
            let known = Set(found.map(\.term))
            let near = try terms(near: last, in: fields).filter { !known.contains($0.term) }
            found += try candidates(near, hasTypo: true)
        }
        return Array(found.prefix(limit))
    }

    private struct Term {
        var term: String
        var field: String
        var documents: Int
    }

    private func terms(beginning last: [Unicode.Scalar], in fields: [String]) throws -> [Term] {
        let prefix = String(String.UnicodeScalarView(last))
        return try terms(in: fields, from: prefix) { $0.hasPrefix(prefix) }
    }

    private func terms(near last: [Unicode.Scalar], in fields: [String]) throws -> [Term] {
        let first = String(Character(last[0]))
        return try terms(in: fields, from: first) { Misspelling.isNear(last, beginningOf: Array($0.unicodeScalars)) }
    }

    /// Terms that begin so and are wanted, each once, with the field that has most of it.
    private func terms(in fields: [String], from prefix: String, _ isWanted: (String) -> Bool) throws -> [Term] {
        var found: [String: Term] = [:]
        for field in fields {
            var left = Self.termsMax
            try snapshot.forEachTerm(in: field, prefix: prefix) { term, documents in
                if documents > found[term]?.documents ?? 0, isWanted(term) {
                    found[term] = Term(term: term, field: field, documents: documents)
                }
                left -= 1
                return left > 0
            }
        }
        return found.values.sorted { ($1.documents, $0.term) < ($0.documents, $1.term) }
    }

    /// Those that a document has which the asker may find, beside the words before.
    private func candidates(_ terms: [Term], hasTypo: Bool) throws -> [Candidate] {
        var found: [Candidate] = []
        // Some may be nobody's for the asker, or stand with none of the words before.
        for term in terms.prefix(4 * limit) where found.count < limit {
            var nodes = [node(term)]
            if before.contains(where: { !$0.isWhitespace }) {
                var query = WordsQuery(before)
                query.minimum = .all
                nodes.append(.words(query))
            }
            var request = SearchRequest(.filter(.and(nodes)))
            (request.limit, request.roles, request.fuzziness) = (1, roles, .off)
            guard let hit = try snapshot.search(request).hits.first else { continue }
            found.append(
                Candidate(
                    term: term.term, field: term.field, documents: term.documents, hasTypo: hasTypo, documentID: hit.id)
            )
        }
        return found
    }

    private func node(_ term: Term) -> QueryNode {
        // A stem of a stem may be another, and then what begins so is near enough.
        let analyzer = snapshot.settings.fields[term.field].flatMap { try? Analyzers.named($0.analyzer) }
        guard analyzer?.queryWords(term.term).flatMap(\.terms) == [Array(term.term.utf8)] else {
            return .prefix(text: term.term, fields: [term.field])
        }
        return .words(WordsQuery(term.term, fields: [term.field]))
    }

    /// What is offered: texts of the table and words of the index, the best first.
    ///
    /// - Parameters:
    ///   - candidates: As ``candidates()`` found them.
    ///   - documents: Fields of the candidates' documents by id, which show how words are written.
    package func suggestions(
        _ candidates: [Candidate], documents: [String: JSONObject], completions: Completions
    ) -> [Suggestion] {
        var found: OrderedDictionary<String, Double> = [:]
        func add(_ text: String, _ score: Double) { found[text] = max(found[text] ?? 0, score) }
        let matches = words.isEmpty ? [] : completions.matches(words, roles: roles, toleratesTypos: true)
        let weightMax = matches.map(\.entry.weight).max() ?? 1
        for match in matches {
            let share = log1p(max(0, match.entry.weight)) / log1p(max(weightMax, 1e-9))
            add(match.entry.text, (match.hasTypo ? 0.2 : match.isAtStart ? 0.8 : 0.6) + share * 0.19)
        }
        let documentsMax = Double(candidates.map(\.documents).max() ?? 1)
        for candidate in candidates {
            guard let form = form(of: candidate, documents) else { continue }
            let share = log1p(Double(candidate.documents)) / log1p(documentsMax)
            add(before + form, (candidate.hasTypo ? 0 : 0.4) + share * 0.19)
        }
        return found.elements.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(limit).map {
            Suggestion(text: $0.key, score: $0.value)
        }
    }

    private func form(of candidate: Candidate, _ documents: [String: JSONObject]) -> String? {
        guard let field = snapshot.settings.fields[candidate.field],
            let value = documents[candidate.documentID]?[candidate.field],
            let analyzer = try? Analyzers.named(field.analyzer)
        else { return nil }
        let texts = (value.arrayValue ?? [value]).compactMap(\.stringValue)
        let typed = words.last.map { String(String.UnicodeScalarView($0)) } ?? ""
        return WrittenForms(analyzer).forms(of: [candidate.term], in: texts, beginning: typed)[candidate.term]
    }
}
