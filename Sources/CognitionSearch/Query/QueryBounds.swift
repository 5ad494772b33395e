import CognitionCore

/// What a query may cost before it is looked at.
package enum QueryBounds {
    package static let textBytesMax = 1 << 20
    /// Words, phrases, values and ranges together.
    package static let clausesMax = 1_024
    /// Parentheses, or conditions of the JSON form, inside one another.
    package static let depthMax = 32
    static let boosts = 0.001...1_000.0
    static let slops = 0...1_000

    static func tooManyClauses() -> SearchError {
        SearchError(.searchQueryInvalid, "the query has more than \(clausesMax) words and conditions")
    }

    static func tooDeep() -> SearchError {
        SearchError(.searchQueryInvalid, "the query is more than \(depthMax) levels deep")
    }

    static func check(bytes: Int) throws {
        guard bytes <= textBytesMax else {
            throw SearchError(.searchQueryInvalid, "the query has \(bytes) bytes; \(textBytesMax) are allowed")
        }
    }
}
