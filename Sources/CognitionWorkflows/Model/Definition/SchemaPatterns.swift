import CognitionExpressions

/// Regular expressions for the schemas of definitions.
enum SchemaPatterns {
    /// A test whether a text has a match anywhere; a text on which the search exceeds its bound has none.
    static func compile(_ pattern: String) throws -> @Sendable (String) -> Bool {
        let expression = try RegularExpression(pattern)
        return { (try? expression.matches($0)) ?? false }
    }
}
