package import CognitionCore

/// Why a text is not a document, and where.
package struct YAMLError: CodedError {
    package let code: ErrorCode
    /// What was wrong, without the place.
    package let reason: String
    package let position: SourcePosition

    package var line: Int { position.line }
    package var column: Int { position.column }
    package var message: String { "\(reason) (\(position))" }
    package var cause: (any Error)? { nil }

    init(_ reason: String, at position: SourcePosition, code: ErrorCode = .documentMalformed) {
        self.code = code
        self.reason = reason
        self.position = position
    }
}

extension ErrorCode {
    /// The text is neither YAML 1.2 nor JSON, or uses what documents must not: repeated or merge keys, foreign tags, …
    package static let documentMalformed = ErrorCode("document.malformed", category: .invalid)
    /// The text, its nesting or what its aliases expand to exceeds a bound.
    package static let documentTooLarge = ErrorCode("document.too_large", category: .limited)
}

/// A place in a text; both count from 1, columns in Unicode code points.
package struct SourcePosition: Sendable, Hashable, CustomStringConvertible {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package var description: String { "line \(line), column \(column)" }

    package static let start = SourcePosition(line: 1, column: 1)
}
