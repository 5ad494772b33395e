package import CognitionCore

/// Who answers: picks the provider that a request names, or the default, and the next one when that is not available.
package struct LanguageModels: Sendable {
    private let providers: [String: any LanguageModelProvider]
    private let standard: ModelReference
    private let fallbacks: [ModelReference]

    /// - Parameters:
    ///   - default: Answers requests that name no provider. Its model is used when such a request names none either.
    ///   - fallbacks: Asked in order after the default; a request's own `fallbacks` replace them.
    /// - Throws: `llm.unknown_provider` when a reference names a provider that is not among `providers`.
    package init(
        providers: [any LanguageModelProvider], default standard: ModelReference, fallbacks: [ModelReference] = []
    ) throws {
        self.providers = Dictionary(providers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.standard = standard
        self.fallbacks = fallbacks
        for reference in [standard] + fallbacks { _ = try provider(named: reference.provider) }
    }

    /// Decodes the argument of `call: llm` and answers it.
    package func complete(with arguments: JSONValue) async throws -> Completion {
        try await complete(CompletionRequest(json: arguments))
    }

    /// Asks the provider, then each fallback while the failure is one of availability or limits.
    ///
    /// - Throws: `LanguageModelError`, what the last provider asked throws, or `CancellationError`. An unknown provider
    ///   among the fallbacks is refused before anybody is asked.
    package func complete(_ request: CompletionRequest) async throws -> Completion {
        let isDefault = request.provider == nil
        let first = ModelReference(
            provider: request.provider ?? standard.provider, model: request.model ?? (isDefault ? standard.model : nil))
        // The configured fallbacks belong to the configured default, not to a provider or model that a request insists
        // on.
        let later = request.fallbacks.isEmpty && isDefault && request.model == nil ? fallbacks : request.fallbacks
        let asked = try ([first] + later).map { (try provider(named: $0.provider), $0) }
        for (index, (provider, reference)) in asked.enumerated() {
            var own = request
            own.provider = reference.provider
            own.model = reference.model
            do {
                return try await provider.complete(own)
            } catch let error as any CodedError
                where index < asked.count - 1 && (error.category == .unavailable || error.category == .limited)
            {
                try Task.checkCancellation()
            }
        }
        preconditionFailure("The last provider either answers or throws.")
    }

    private func provider(named name: String) throws -> any LanguageModelProvider {
        if let provider = providers[name] { return provider }
        let known = providers.keys.sorted().joined(separator: ", ")
        throw LanguageModelError(
            LanguageModelError.unknownProvider,
            "No language model provider '\(name)' is configured; there is: \(known).")
    }
}
