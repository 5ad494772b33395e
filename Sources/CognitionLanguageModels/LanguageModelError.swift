package import CognitionCore

/// Why a completion was not given, and what may help.
package struct LanguageModelError: CodedError {
    /// Whom it makes sense to ask now.
    package enum Advice: Sendable, Hashable {
        /// Nobody: the request itself is wrong, or its answer is final.
        case never
        /// Another provider or model; this one will say the same again.
        case fallBack
        /// The same provider, not before `after` when it named a time; or another.
        case retry(after: Duration?)
    }

    package var code: ErrorCode
    package var message: String
    package var cause: (any Error)?
    package var advice: Advice
    /// What the failed attempt is known to have used; providers bill what they made before they failed.
    package var usage: Completion.Usage?
    /// What the provider calls the request; to be told to its support.
    package var providerRequestID: String?
    /// Of HTTP; `nil` when no answer came.
    package var status: Int?

    /// - Parameter advice: `nil` takes what usually helps with this code.
    package init(
        _ code: ErrorCode, _ message: String, advice: Advice? = nil, usage: Completion.Usage? = nil,
        providerRequestID: String? = nil, status: Int? = nil, cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.advice = advice ?? Advice(usualFor: code)
        self.usage = usage
        self.providerRequestID = providerRequestID
        self.status = status
    }

    /// The request does not have the shape of `call: llm`, or the provider says it is wrong; the message says how.
    package static let requestInvalid = ErrorCode("llm.request_invalid", category: .invalid)
    /// No provider of that name is configured.
    package static let unknownProvider = ErrorCode("llm.unknown_provider", category: .invalid)
    /// The provider has no model of that name.
    package static let unknownModel = ErrorCode("llm.unknown_model", category: .invalid)
    /// The provider cannot do what the request asks for; another one may.
    package static let unsupported = ErrorCode("llm.unsupported", category: .unsupported)
    /// The text is longer than the provider takes.
    package static let promptTooLarge = ErrorCode("llm.prompt_too_large", category: .limited)
    /// The provider is overloaded, broken or out of reach.
    package static let providerUnavailable = ErrorCode("llm.provider_unavailable", category: .unavailable)
    /// Too many requests or tokens in a short time.
    package static let rateLimited = ErrorCode("llm.rate_limited", category: .limited)
    /// The account at the provider has no credit left, or has reached its spend limit.
    package static let billing = ErrorCode("llm.billing", category: .forbidden)
    /// The provider does not accept the key, or the key may not use the model.
    package static let authentication = ErrorCode("llm.authentication", category: .forbidden)
    /// Prompt and answer together do not fit the model's context window.
    package static let contextTooLong = ErrorCode("llm.context_too_long", category: .limited)
    /// The provider's content policy forbids the prompt.
    package static let refused = ErrorCode("llm.refused", category: .invalid)
    /// The answer broke off, or is not what the provider's own contract says.
    package static let badAnswer = ErrorCode("llm.bad_answer", category: .unavailable)
    /// The answer does not satisfy `response_schema`.
    package static let schemaMismatch = ErrorCode("llm.schema_mismatch", category: .unavailable)
}

extension LanguageModelError.Advice {
    fileprivate init(usualFor code: ErrorCode) {
        switch (code, code.category) {
        case (LanguageModelError.rateLimited, _), (_, .unavailable): self = .retry(after: nil)
        case (LanguageModelError.unknownModel, _), (_, .limited), (_, .forbidden), (_, .unsupported): self = .fallBack
        default: self = .never
        }
    }
}
