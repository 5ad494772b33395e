import CognitionCore
import CognitionStorage
import OrderedCollections

/// What somebody who types may be about to look for, and what somebody may have meant.
extension Search {
    /// - Returns: The best first; their scores are comparable within one answer.
    /// - Throws: `search.index_not_found`, `search.query_invalid` for a text that is too long.
    package func suggest(
        _ typed: String, in names: String, limit: Int = 10, as caller: SearchCaller
    ) async throws -> [(text: String, score: Double)] {
        var found: OrderedDictionary<String, Double> = [:]
        for target in try await targets(names, as: caller) {
            for (text, score) in try await suggest(typed, in: target, limit: limit, as: caller) {
                found[text] = max(found[text] ?? 0, score)
            }
        }
        return found.elements.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(limit).map {
            ($0.key, $0.value)
        }
    }

    private func suggest(
        _ typed: String, in target: Target, limit: Int, as caller: SearchCaller
    ) async throws -> [(String, Double)] {
        let snapshot = target.build.index.snapshot()
        let suggester = try Suggester(typed, in: snapshot, roles: caller.roles, limit: limit)
        let candidates = try suggester.candidates()
        let documents = try await visible(candidates.map(\.documentID), of: target, for: caller)
        let kept = try await completions.of(target.copy.key, in: self)
        return try suggester.suggestions(candidates, documents: documents, completions: kept.table).filter {
            suggestion in
            // What others have looked for may have words that the caller finds nowhere.
            try caller.roles == nil || !kept.texts.contains(suggestion.text)
                || isFound(suggestion.text, in: snapshot, for: caller)
        }.map { ($0.text, $0.score) }
    }

    private func isFound(_ text: String, in snapshot: IndexSnapshot, for caller: SearchCaller) throws -> Bool {
        var words = WordsQuery(text)
        words.minimum = .all
        var request = SearchRequest(.filter(.words(words)))
        (request.limit, request.roles, request.fuzziness) = (1, caller.roles, .off)
        return try !snapshot.search(request).hits.isEmpty
    }

    /// Fields of documents as they are now, of those that are there for the caller.
    private func visible(
        _ ids: [String], of target: Target, for caller: SearchCaller
    ) async throws -> [String: JSONObject] {
        guard !ids.isEmpty else { return [:] }
        let key = target.copy.key
        let found = try await database.read { tx in try DocumentStore.find(ids, of: key, tx) }
        return try found.filter { $0.value.isThere(for: caller.roles) }.mapValues {
            try JSONValue(parsing: $0.fields).objectValue ?? [:]
        }
    }

    /// The query with words that the caller can find for those that the index does not know.
    func didYouMean(
        _ text: String, _ corrections: [String: String], in targets: [Target], for caller: SearchCaller
    ) async throws -> String? {
        var (known, forms): ([String: String], [String: String]) = ([:], [:])
        for (word, meant) in corrections {
            for target in targets {
                guard let (field, id) = try holder(of: meant, in: target, for: caller),
                    let document = try await visible([id], of: target, for: caller)[id],
                    let analyzer = target.build.settings.fields[field].flatMap({ try? Analyzers.named($0.analyzer) })
                else { continue }
                known[word] = meant
                let value = document[field] ?? .null
                let texts = (value.arrayValue ?? [value]).compactMap(\.stringValue)
                // As it is written there, since an index has stems.
                let written = WrittenForms(analyzer).forms(of: Self.terms(of: meant, by: analyzer), in: texts)
                forms[meant] = written.values.min()
                break
            }
        }
        return WrittenForms.didYouMean(text, corrections: known, forms: forms)
    }

    private static func terms(of word: String, by analyzer: any Analyzer) -> Set<String> {
        var (word, terms): (String, Set<String>) = (word, [])
        word.withUTF8 { bytes in
            analyzer.analyze(UnsafeRawBufferPointer(bytes)) { terms.insert(String(decoding: $0.term, as: UTF8.self)) }
        }
        return terms
    }

    /// A document that has a word, and the field in which it has it, among those that are there for the caller.
    private func holder(
        of word: String, in target: Target, for caller: SearchCaller
    ) throws -> (field: String, id: String)? {
        let snapshot = target.build.index.snapshot()
        for (name, field) in target.build.settings.fields where field.kind == .text {
            var words = WordsQuery(word, fields: [name])
            words.minimum = .all
            var request = SearchRequest(.filter(.words(words)))
            (request.limit, request.roles, request.fuzziness) = (1, caller.roles, .off)
            if let hit = try snapshot.search(request).hits.first { return (name, hit.id) }
        }
        return nil
    }
}
