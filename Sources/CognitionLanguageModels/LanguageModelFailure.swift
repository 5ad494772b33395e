package import CognitionCore

/// An answer, and every attempt that was made to get it, the failed ones first.
package struct Answered: Sendable {
    /// Its `cost` is that of the attempt that gave it; `attempts.cost` is that of all.
    package var completion: Completion
    package var attempts: [ModelCall]

    package init(completion: Completion, attempts: [ModelCall]) {
        self.completion = completion
        self.attempts = attempts
    }
}

/// No answer came; the attempts may have cost something all the same and belong into the ledger.
package struct LanguageModelFailure: CodedError {
    /// Of the provider that is most likely to answer later, else of the last that was asked.
    package var error: LanguageModelError
    /// Empty when nobody was asked.
    package var attempts: [ModelCall]

    package init(error: LanguageModelError, attempts: [ModelCall] = []) {
        self.error = error
        self.attempts = attempts
    }

    package var code: ErrorCode { error.code }
    package var message: String { error.message }
    package var cause: (any Error)? { error.cause }
}

extension LanguageModelError {
    /// The time for the whole request, or for this provider's share of it, is over.
    package static let timeout = ErrorCode("llm.timeout", category: .unavailable)
    /// The provider's model failed too often in a row and rests; nothing was sent.
    package static let circuitOpen = ErrorCode("llm.circuit_open", category: .unavailable)

    /// What any error of a provider means here. Ours pass; others are told by their category.
    init(of error: any Error, by provider: String) {
        switch error {
        case let error as LanguageModelError:
            self = error
        case let error as any CodedError where error.category == .unavailable:
            self.init(LanguageModelError.providerUnavailable, error.message, cause: error)
        default:
            self.init(
                LanguageModelError.providerUnavailable, "Provider \(provider) failed in an unexpected way.",
                advice: .fallBack, cause: error)
        }
    }

    var isRetryable: Bool {
        if case .retry = advice { true } else { false }
    }
}
