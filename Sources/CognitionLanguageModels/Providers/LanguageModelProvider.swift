/// Somebody who completes a prompt: a remote service or a model of our own.
package protocol LanguageModelProvider: Sendable {
    /// What `provider` in a request says.
    var name: String { get }
    /// Answers requests that name no model.
    var defaultModel: String { get }

    /// Makes one attempt: retries, fallbacks and prices are the caller's.
    ///
    /// - Parameters:
    ///   - request: Its `provider` is this one; a `model` of `nil` means `defaultModel`.
    ///   - observer: Hears the text as it comes. What it heard counts only when this call returns.
    /// - Returns: The answer; its `cost` is zero.
    /// - Throws: `LanguageModelError`, whose advice tells whom to ask next; `llm.unsupported` for what this provider
    ///   cannot do, and never an answer that quietly leaves it out. Cancellation ends the exchange at once, with
    ///   `CancellationError`, or with a `LanguageModelError` that tells what was used till then.
    func complete(_ request: CompletionRequest, observer: CompletionObserver) async throws -> Completion
}
