package import OrderedCollections

/// How an index is made: its fields, its words, its ranking.
///
/// Fields are named by whoever made the index; a document's field that is not named here is stored and shown, and not
/// searched.
package struct SearchSettings: Sendable, Equatable {
    package var fields: OrderedDictionary<String, SearchField>
    /// Words that mean the same, each group in both directions; a member may be several words.
    package var synonyms: [[String]] = []
    package var ranking = Ranking()

    package init(fields: OrderedDictionary<String, SearchField> = [:]) { self.fields = fields }
}

/// A field of an index's documents.
package struct SearchField: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// Prose: analyzed into terms with positions, scored.
        case text
        /// Exact values, compared as they are: tags, states, names.
        case keyword
        /// Numbers, for ranges, facets and sorting.
        case number
        /// Moments, RFC 3339; the same as numbers of microseconds.
        case date
    }

    package var kind: Kind
    /// What a match in this field counts beside others; above 0.
    package var boost: Double = 1
    /// Name of how text becomes terms; texts only.
    package var analyzer: AnalyzerName = .english
    /// Whether values may be counted. Keywords, numbers and dates only.
    package var isFacet = false
    /// Whether hits may be sorted by it. Keywords, numbers and dates only.
    package var isSortable = false
    /// Whether a misspelt word may match in it; texts only.
    package var toleratesTypos = true

    package init(_ kind: Kind) { self.kind = kind }
}

/// The constants of BM25. Source: Robertson, Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009),
/// with the idf that Lucene uses, which is never negative.
package struct Ranking: Sendable, Equatable {
    /// How soon further occurrences of a term stop to count; 0...10.
    package var k1 = 1.2
    /// How much long fields are marked down; 0...1.
    package var b = 0.75
    /// Multiplies a score by `0.5 ^ (age / halfLife)` of a date field; `nil` for none.
    package var decay: Decay?

    package struct Decay: Sendable, Equatable {
        package var field: String
        package var halfLife: Duration
        /// The least that a document's age leaves of its score; 0...1.
        package var floor = 0.0

        package init(field: String, halfLife: Duration) {
            self.field = field
            self.halfLife = halfLife
        }
    }

    package init() {}
}

/// Name of an analyzer, e.g. `english`; ``Analyzers`` says which there are.
package struct AnalyzerName: Sendable, Hashable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static let english = AnalyzerName("english")
    /// Words folded, no stop words, no stemming.
    package static let simple = AnalyzerName("simple")
}
