package import CognitionCore
import OrderedCollections

extension Highlighter.Options {
    private static let lengths = 0...10_000
    private static let counts = 1...10

    /// Reads `highlight` of a search: `true`, or an object of `fields`, `before`, `after`, `length`, `count`.
    /// - Returns: `nil` for `false`.
    /// - Throws: `search.query_invalid`, with the place in its message.
    package static func reading(_ json: JSONValue, at pointer: JSONPointer = .root) throws -> Highlighter.Options? {
        let place = JSONPlace(json, pointer, code: .searchQueryInvalid)
        if let flag = json.boolValue { return flag ? Highlighter.Options() : nil }
        _ = try place.object("'highlight'", ["fields", "before", "after", "length", "count"])
        var options = Highlighter.Options()
        options.fields = try place.member("fields")?.texts(max: SearchSettings.fieldsMax)
        if let before = place.member("before") { options.before = try before.text(bytes: 0...255) }
        if let after = place.member("after") { options.after = try after.text(bytes: 0...255) }
        if let length = place.member("length") { options.length = try length.whole(in: lengths) }
        if let count = place.member("count") { options.count = try count.whole(in: counts) }
        return options
    }
}

extension Highlighter {
    /// Snippets of what a document holds, by field.
    ///
    /// - Parameters:
    ///   - fields: Of the document.
    ///   - terms: What matched, by field: `terms` of the hit.
    ///   - weight: What a term of a field says: its idf.
    package static func highlights(
        of fields: JSONObject, terms: [String: Set<String>], settings: SearchSettings, options: Options = Options(),
        weight: (_ field: String, _ term: String) -> Double = { _, _ in 1 }
    ) -> [String: [String]] {
        var highlights: [String: [String]] = [:]
        for (name, terms) in terms where options.fields?.contains(name) ?? true {
            guard let field = settings.fields[name], let value = fields[name] else { continue }
            let weights = Dictionary(uniqueKeysWithValues: terms.map { ($0, weight(name, $0)) })
            let analyzer: any Analyzer
            switch field.kind {
            case .text:
                guard let known = try? Analyzers.named(field.analyzer) else { continue }
                analyzer = known
            case .keyword: analyzer = WholeValue()
            case .number, .date: continue
            }
            let highlighter = Highlighter(weights, analyzer: analyzer, options: options)
            let snippets = (value.arrayValue ?? [value]).lazy.compactMap(FieldText.of).flatMap(highlighter.snippets)
            let shown = Array(snippets.prefix(options.count))
            if !shown.isEmpty { highlights[name] = shown }
        }
        return highlights
    }
}

/// A value as one term.
private struct WholeValue: Analyzer {
    func analyze(_ text: UnsafeRawBufferPointer, _ emit: (AnalyzedTerm) -> Void) {
        guard !text.isEmpty else { return }
        emit(AnalyzedTerm(term: text, position: 0, range: 0..<text.count, isExact: true))
    }
}

private enum FieldText {
    static func of(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text): text
        case .integer, .number, .literal, .bool: value.jsonText
        case .null, .array, .object: nil
        }
    }
}
