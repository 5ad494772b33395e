import CognitionExpressions

/// Regular expressions for the schemas of definitions.
enum SchemaPatterns {
    /// A test whether a text has a match anywhere.
    static func compile(_ pattern: String) throws -> @Sendable (String) -> Bool {
        let expression = try RegularExpression(pattern)
        return { expression.matches($0) }
    }
}
