/// Somebody who completes a prompt: a remote service or a model of our own.
package protocol LanguageModelProvider: Sendable {
    /// What `provider` in a request says.
    var name: String { get }

    /// - Parameter request: Its `provider` is this one; a `model` of `nil` means the provider's own default.
    /// - Throws: An error whose category tells whether another provider may help (`unavailable`, `limited`);
    ///   `llm.unsupported` for what this provider cannot do, and never an answer that quietly leaves it out.
    func complete(_ request: CompletionRequest) async throws -> Completion
}
