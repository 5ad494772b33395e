package import CognitionCore

/// Why a completion was not given.
package struct LanguageModelError: CodedError {
    package var code: ErrorCode
    package var message: String
    package var cause: (any Error)?

    package init(_ code: ErrorCode, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// The request does not have the shape of `call: llm`; the message names every fault.
    package static let requestInvalid = ErrorCode("llm.request_invalid", category: .invalid)
    /// No provider of that name is configured.
    package static let unknownProvider = ErrorCode("llm.unknown_provider", category: .invalid)
    /// The provider has no model of that name.
    package static let unknownModel = ErrorCode("llm.unknown_model", category: .invalid)
    /// The provider cannot do what the request asks for; another one may.
    package static let unsupported = ErrorCode("llm.unsupported", category: .unsupported)
    /// The text is longer than the provider takes.
    package static let promptTooLarge = ErrorCode("llm.prompt_too_large", category: .limited)
}
