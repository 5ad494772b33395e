import OrderedCollections
import Synchronization

/// What of an index's settings decides how its files look: names and kinds of fields, and what makes terms of text.
///
/// Boosts, constants of ranking, synonyms and tolerance of typos are looked at when something is searched.
package final class IndexSchema: Sendable {
    package struct Field: Sendable {
        package let name: String
        package let kind: SearchField.Kind
        /// Of texts.
        package let analyzer: (any Analyzer)?
    }

    package let fields: [Field]
    package let settings: SearchSettings
    /// Differs where files made with other settings are of no use.
    package let fingerprint: UInt64
    /// Folds words that are still being typed, and makes no stems of them.
    let folder: any Analyzer
    /// By the place of a text field; only where there are some.
    let synonyms: [Int: Synonyms]
    private let places: [String: Int]
    /// Of each text field that was searched, the last.
    private let tables = Mutex<[String: ScoreTable]>([:])

    /// - Parameters:
    ///   - analyzers: Gives the analyzer of a name, or throws `search.settings_invalid`.
    ///   - analysisVersion: Differs where analyzers of the same names make other terms.
    package init(
        _ settings: SearchSettings, analysisVersion: Int, analyzers: (AnalyzerName) throws -> any Analyzer
    ) throws {
        var hash = Fingerprint(seed: UInt64(SegmentFormat.version))
        hash.add(UInt64(bitPattern: Int64(analysisVersion)))
        guard settings.fields.count <= 1_024 else {
            throw SearchError(.searchSettingsInvalid, "An index has at most 1,024 fields.")
        }
        var fields: [Field] = []
        for (name, field) in settings.fields {
            var analyzer: (any Analyzer)?
            hash.add(name)
            hash.add(field.kind.rawValue)
            if field.kind == .text {
                analyzer = try analyzers(field.analyzer)
                hash.add(field.analyzer.text)
                (analyzer as? TextAnalyzer)?.addStems(to: &hash)
            }
            fields.append(Field(name: name, kind: field.kind, analyzer: analyzer))
        }
        self.fields = fields
        self.settings = settings
        fingerprint = hash.value
        folder = try analyzers(.simple)
        var synonyms: [Int: Synonyms] = [:]
        for (place, field) in fields.enumerated() where !settings.synonyms.isEmpty {
            if let analyzer = field.analyzer { synonyms[place] = Synonyms(settings.synonyms, analyzer: analyzer) }
        }
        self.synonyms = synonyms
        places = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($1.name, $0) })
    }

    func place(of name: String) -> Int? { places[name] }

    /// What lengths make of scores in a text field, kept until the average changes.
    func table(of field: String, averageLength: Double) -> ScoreTable {
        tables.withLock { tables in
            if let known = tables[field], known.averageLength == averageLength { return known }
            let table = ScoreTable(ranking: settings.ranking, averageLength: averageLength)
            tables[field] = table
            return table
        }
    }
}
