package import CognitionCore

/// Why an expression did not compile or did not give its outputs.
package struct ExpressionError: CodedError {
    package let code: ErrorCode
    package let message: String
    /// What `try … catch .` would see: the sentence, or any other value that `error` was given.
    package let value: JSONValue
    /// Where in the source the fault is, 1-based, for a compile error; columns count code points.
    package let position: Position?
    package var cause: (any Error)? { nil }

    package struct Position: Sendable, Hashable {
        package let line: Int
        package let column: Int
    }

    /// A fault at compile time.
    static func invalid(_ reason: String, at position: Position) -> ExpressionError {
        ExpressionError(
            code: .expressionInvalid, message: "\(reason) (line \(position.line), column \(position.column))",
            value: .string(reason), position: position)
    }

    /// An uncaught error at run time.
    static func failed(_ value: JSONValue) -> ExpressionError {
        let message = value.stringValue ?? value.jsonText
        return ExpressionError(code: .expressionFailed, message: message, value: value, position: nil)
    }

    static func limitExceeded(_ limit: String) -> ExpressionError {
        let message = "The expression exceeds its limit: \(limit)."
        return ExpressionError(code: .expressionLimit, message: message, value: .string(message), position: nil)
    }
}

extension ErrorCode {
    /// The source is not an expression; the message names the place.
    package static let expressionInvalid = ErrorCode("expression.invalid", category: .invalid)
    /// The evaluation ended with an error that the expression did not catch.
    package static let expressionFailed = ErrorCode("expression.failed", category: .invalid)
    /// A bound of `ExpressionLimits` was reached; the message says which.
    package static let expressionLimit = ErrorCode("expression.limit_exceeded", category: .limited)
}
