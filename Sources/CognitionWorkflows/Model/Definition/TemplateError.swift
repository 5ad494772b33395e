package import CognitionCore

/// Why a template could not be read or gave no usable value.
package struct TemplateError: CodedError {
    package let code: ErrorCode
    package let message: String
    package let cause: (any Error)?
    /// Names and indexes from the template's root to the string that is at fault.
    let path: [JSONPathStep]
    /// The source of the expression that is at fault, if one is.
    let expression: String?

    init(
        _ message: String, code: ErrorCode = .templateInvalid, path: [JSONPathStep] = [], expression: String? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.path = path
        self.expression = expression
        self.cause = cause
    }

    /// The same error, one step further from the root.
    func under(_ step: JSONPathStep) -> TemplateError {
        TemplateError(message, code: code, path: [step] + path, expression: expression, cause: cause)
    }
}

/// One step into a JSON document.
enum JSONPathStep: Hashable {
    case member(String)
    case element(Int)
}

extension ErrorCode {
    /// A template, URI template or duration of a definition is malformed.
    package static let templateInvalid = ErrorCode("workflow.template_invalid", category: .invalid)
    /// An expression ran, but its value is not what its place needs, e.g. a list in a URI or a text as a duration.
    package static let expressionResultInvalid = ErrorCode("expression.result_invalid", category: .invalid)
}
