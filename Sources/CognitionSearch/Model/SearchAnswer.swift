/// What an index answers to a search: ids, scores and counts. What documents hold is read from where they are kept.
package struct SearchAnswer: Sendable, Equatable {
    package struct Total: Sendable, Equatable {
        package var value: Int
        /// Whether there may be more: the rest was skipped, as it could not be on the page.
        package var isLowerBound: Bool

        package init(value: Int, isLowerBound: Bool) {
            self.value = value
            self.isLowerBound = isLowerBound
        }
    }

    package struct Hit: Sendable, Equatable {
        package var id: String
        /// Which of the indexes that were searched together; 0 for one.
        package var index = 0
        package var score: Double
        /// Terms that matched, by field, as the index has them: what a highlighter marks. Empty unless asked for.
        package var terms: [String: Set<String>] = [:]
        package var explanation: ScoreExplanation?
        /// What an answer goes on after, when it ends with this hit.
        package var cursor: SearchCursor
    }

    package struct FacetCount: Sendable, Equatable {
        package var value: String
        package var count: Int

        package init(value: String, count: Int) {
            self.value = value
            self.count = count
        }
    }

    package var total: Total
    package var hits: [Hit]
    package var facets: [String: [FacetCount]]
    /// A bound cut the variants of a word that were tried.
    package var typoLimited: Bool
    /// Words that the index knows for words of the query that it does not, by the word as written.
    package var corrections: [String: String]
    /// Why the document that was asked about is no hit.
    package var whyNot: String?
    /// The change up to which the answer knows documents; the least of those of several indexes.
    package var sequence: Int64
}

/// How a number came about: a sentence, its value, and what it was made of.
package struct ScoreExplanation: Sendable, Equatable {
    package var text: String
    package var value: Double
    package var parts: [ScoreExplanation]

    package init(_ text: String, value: Double, parts: [ScoreExplanation] = []) {
        self.text = text
        self.value = value
        self.parts = parts
    }
}
