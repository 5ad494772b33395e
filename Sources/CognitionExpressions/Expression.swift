package import CognitionCore

/// A compiled expression of the jq language, without jq's access to files, environment, clock and further inputs.
///
/// Compile once, evaluate from any number of tasks at once. The language is jq 1.7's with the functions of 1.8; texts of
/// errors are those of 1.8. Evaluation is pure: the same input and values give the same outputs.
package struct Expression: Sendable {
    package let source: String
    /// The names (without `$`) of the values that evaluation takes, in their order.
    package let variables: [String]
    /// The names of those variables that the expression really reads.
    package let usedVariables: Set<String>
    private let program: Program

    /// Compiles.
    ///
    /// - Parameter variables: The names (without `$`) that evaluation will provide; any other free variable is an error.
    /// - Throws: `expression.invalid` with the position of the first fault, `expression.limit_exceeded` for a source that
    ///   is too long or too deeply nested.
    package init(_ source: String, variables: [String] = []) throws(ExpressionError) {
        guard source.utf8.count <= ExpressionLimits.sourceBytesMax else {
            throw .limitExceeded("a source has at most \(ExpressionLimits.sourceBytesMax) bytes")
        }
        let compile: @Sendable () -> Result<Program, ExpressionError> = {
            do throws(ExpressionError) {
                return .success(try Compiler.compile(source, variables: variables))
            } catch {
                return .failure(error)
            }
        }
        // Every level of syntax takes at least one sign or space: with few of them no thread's stack can be too small.
        let signs = source.utf8.count { !($0 &- 48 < 10 || ($0 | 0x20) &- 97 < 26) }
        guard let result = signs <= 64 ? compile() : LargeStack.run(compile) else {
            throw .limitExceeded("no thread can be started to compile on")
        }
        let program = try result.get()
        self.source = source
        self.variables = variables
        self.program = program
        usedVariables = program.usedVariables
    }

    /// All outputs.
    ///
    /// - Parameter values: One for each of `variables`; the order is theirs.
    /// - Throws: `expression.failed` with the error's value, `expression.limit_exceeded`.
    package func evaluate(
        _ input: JSONValue, _ values: [JSONValue] = [], limits: ExpressionLimits = .standard
    ) throws(ExpressionError) -> [JSONValue] {
        try program.evaluate(input, values, limits: limits, outputsMax: nil)
    }

    /// The first output, `nil` when there is none; evaluation stops there.
    package func first(
        _ input: JSONValue, _ values: [JSONValue] = [], limits: ExpressionLimits = .standard
    ) throws(ExpressionError) -> JSONValue? {
        try program.evaluate(input, values, limits: limits, outputsMax: 1).first
    }
}
