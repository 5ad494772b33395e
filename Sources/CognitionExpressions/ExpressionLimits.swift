/// What one evaluation may use. Every bound ends the evaluation with `expression.limit_exceeded`.
package struct ExpressionLimits: Sendable, Hashable {
    /// Calls, iterations and other units of work.
    package var steps: Int
    /// Nested calls of recursive functions; a call in tail position nests nothing.
    package var depth: Int
    package var outputsMax: Int
    /// Bytes of all values that the evaluation builds, estimated, whether they are still in use or not.
    package var bytesMax: Int
    /// Time on the wall, looked at every 1,024 steps.
    package var duration: Duration

    package init(
        steps: Int = 10_000_000, depth: Int = 10_000, outputsMax: Int = 1_000_000, bytesMax: Int = 256 << 20,
        duration: Duration = .seconds(5)
    ) {
        self.steps = steps
        self.depth = depth
        self.outputsMax = outputsMax
        self.bytesMax = bytesMax
        self.duration = duration
    }

    package static let standard = ExpressionLimits()

    /// The longest source that compiles.
    package static let sourceBytesMax = 64 << 10
    /// Levels of arrays and objects in a value that an expression builds; the same as the JSON parser's.
    package static let valueDepthMax = 512
    /// Levels of syntax in a source: brackets, operators, `if`, `def`.
    static let nestingMax = 400
    /// Levels of evaluation nodes up to which an evaluation starts on its caller's stack.
    static let nestingOnCaller = 100
    /// Evaluation nodes of one compiled expression, functions that are expanded in place included.
    static let nodesMax = 200_000
}
