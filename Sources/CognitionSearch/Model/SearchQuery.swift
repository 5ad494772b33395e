package import CognitionCore

/// What is looked for, as it was written or as a program said it; not yet analyzed, as each field reads words its own way.
package indirect enum QueryNode: Sendable, Equatable {
    /// Every document, with score 1.
    case all
    /// No document, e.g. what is left of a query of stop words only.
    case nothing
    /// Words of running text: each is one clause, combined by the request's operator, or `minimum` of them where it is said.
    /// A word that an analyzer makes several terms of (an identifier's parts, CJK bigrams) is a phrase of them.
    case words(WordsQuery)
    /// Terms side by side and in this order; `slop` positions may lie between.
    case phrase(text: String, fields: [String]?, slop: Int)
    /// Terms that begin so.
    case prefix(text: String, fields: [String]?)
    /// A value of a keyword, number or date field, with the field's boost as its score; of a text field: the words as they
    /// stand, without typo tolerance.
    case equals(field: String, value: JSONValue)
    case range(field: String, ValueRange)
    /// The field has a value.
    case exists(field: String)
    case and([QueryNode])
    /// At least `minimum` of them, 1 if nothing else is said.
    case or([QueryNode], minimum: Int)
    /// What the node matches is left out. Alone it is everything else.
    case not(QueryNode)
    /// The same matches; their scores multiplied.
    case boosted(QueryNode, by: Double)
    /// The same matches, with score 0: a condition.
    case filter(QueryNode)
}

package struct WordsQuery: Sendable, Equatable {
    /// As written, white space between words; never empty.
    package var text: String
    /// Fields to look in; `nil` for the request's, or all text fields.
    package var fields: [String]?
    /// Whether all words must match, at least so many (`0 < minimum`), or any; `nil` for the request's operator.
    package var minimum: MinimumMatch?
    /// Whether a word may match a misspelling: as the request says where it is `nil`, `false` for what stood in quotes.
    package var fuzzy: Bool?
    /// The last word is still being typed, and matches what begins so.
    package var lastIsPrefix = false

    package init(_ text: String, fields: [String]? = nil) {
        self.text = text
        self.fields = fields
    }
}

package enum MinimumMatch: Sendable, Equatable {
    case all
    case any
    case count(Int)
    /// Of the words, rounded down, at least 1; 1...100.
    case percent(Int)
}

/// Bounds of a value; an absent one is open. Keywords compare by their UTF-8 bytes.
package struct ValueRange: Sendable, Equatable {
    package struct Bound: Sendable, Equatable {
        package var value: JSONValue
        package var isInclusive: Bool

        package init(_ value: JSONValue, isInclusive: Bool) {
            self.value = value
            self.isInclusive = isInclusive
        }
    }

    package var lower: Bound?
    package var upper: Bound?

    package init(lower: Bound? = nil, upper: Bound? = nil) {
        self.lower = lower
        self.upper = upper
    }
}

/// A search: what is looked for, among what, and how much of it is to be shown.
package struct SearchRequest: Sendable {
    package enum Fuzziness: Sendable, Equatable {
        case off
        /// Misspellings are tried for words that the index does not know, or when too few documents match.
        case auto
        /// Misspellings are tried for every word.
        case on
    }

    package var query: QueryNode
    /// Text fields that words without a field look in; `nil` for all.
    package var fields: [String]?
    /// Conditions that all hits meet, by name of a field: what its facet leaves out of itself.
    package var filters: [FieldFilter] = []
    package var facets: [FacetRequest] = []
    package var fuzziness = Fuzziness.auto
    /// Words are to match all or any.
    package var minimum = MinimumMatch.any
    /// 0...1000.
    package var limit = 20
    package var page = Page.offset(0)
    /// By score, then by the order of documents, where it is empty.
    package var sort: [SortKey] = []
    /// Roles of whoever asks: a document that names roles is there for these only. `nil` for whoever may see all.
    package var roles: Set<String>?
    /// Whether to count all matches, which forbids to skip those that cannot be on the page.
    package var countsExactly = false
    /// Adds words of the best hits to the query (pseudo-relevance feedback).
    package var expands = false
    /// Says of each hit how its score came about.
    package var explains = false
    /// Says of each hit which terms matched, for a highlighter.
    package var namesTerms = false
    /// The id of a document, of which the answer is to say why it is no hit.
    package var whyNot: String?
    /// The moment from which the age of a document counts; `nil` leaves out what the ranking says of age.
    package var now: Timestamp?

    package init(_ query: QueryNode) { self.query = query }

    package enum Page: Sendable, Equatable {
        /// Hits to skip; with `limit` at most 10,000.
        case offset(Int)
        /// After the hit that an answer's `nextCursor` stands for.
        case after(SearchCursor)
    }
}

/// The place of a hit in an order: the values it was sorted by, and what tells equal ones apart.
package struct SearchCursor: Sendable, Equatable {
    /// One for each sort key; the score alone where hits are sorted by score. A missing value is `null`.
    package var values: [JSONValue]
    /// Which of the indexes that were searched together; 0 for one.
    package var index: Int
    /// The change that put the document: the order of documents.
    package var sequence: Int64

    package init(values: [JSONValue], index: Int = 0, sequence: Int64) {
        self.values = values
        self.index = index
        self.sequence = sequence
    }
}

package struct FieldFilter: Sendable, Equatable {
    package var field: String
    /// Of the kinds that concern one field: `equals`, `range`, `exists`, and `and`, `or`, `not` of these.
    package var condition: QueryNode

    package init(field: String, condition: QueryNode) {
        self.field = field
        self.condition = condition
    }
}

package struct FacetRequest: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// The values with most hits, at most so many; then by value.
        case values(limit: Int)
        /// Values as paths, `a/b/c`: those one level below `parent`, `nil` for the first.
        case hierarchy(separator: String, parent: String?, limit: Int)
        /// Counts in ranges of numbers or dates, each with its name.
        case ranges([(name: String, range: ValueRange)])

        package static func == (left: Kind, right: Kind) -> Bool {
            switch (left, right) {
            case (.values(let a), .values(let b)): a == b
            case (.hierarchy(let a, let b, let c), .hierarchy(let d, let e, let f)): a == d && b == e && c == f
            case (.ranges(let a), .ranges(let b)):
                a.count == b.count && zip(a, b).allSatisfy { $0.name == $1.name && $0.range == $1.range }
            default: false
            }
        }
    }

    package var field: String
    package var kind: Kind

    package init(field: String, kind: Kind) {
        self.field = field
        self.kind = kind
    }
}

package struct SortKey: Sendable, Equatable {
    package enum Subject: Sendable, Equatable {
        case score
        case field(String)
    }

    package var subject: Subject
    package var isDescending: Bool

    package init(_ subject: Subject, isDescending: Bool) {
        self.subject = subject
        self.isDescending = isDescending
    }
}
