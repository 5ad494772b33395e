/// The analyzers that settings can name.
package enum Analyzers {
    private static let known: [AnalyzerName: TextAnalyzer] = SnowballStemmer.Language.known.reduce(
        into: [.english: .english, .simple: .simple]
    ) {
        $0[AnalyzerName($1.rawValue)] = TextAnalyzer(stemmer: .snowball($1), leavesOutStopWords: false)
    }

    package static let names = known.keys.map(\.text).sorted()

    /// - Throws: `search.settings_invalid` for a name that is none.
    package static func named(_ name: AnalyzerName) throws -> any Analyzer {
        guard let analyzer = known[name] else {
            throw SearchError(
                .searchSettingsInvalid,
                "there is no analyzer '\(name.text)'; there are \(names.joined(separator: ", "))")
        }
        return analyzer
    }
}
