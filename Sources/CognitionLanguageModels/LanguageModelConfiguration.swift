package import CognitionCore
package import Metrics

/// Which providers there are and who answers when a request names nobody, as the settings say.
///
/// Provider `local` is always there. Another is there when it has a key or an address of its own: servers that speak
/// OpenAI's language in one's own network often ask for no key.
package struct LanguageModelConfiguration: Sendable {
    package struct Endpoint: Sendable, Hashable {
        package var apiKey: Secret?
        /// `nil` is the provider's own.
        package var baseURL: String?

        /// An empty text counts as none.
        package init(apiKey: Secret? = nil, baseURL: String? = nil) {
            self.apiKey = apiKey.flatMap { $0.isEmpty ? nil : $0 }
            self.baseURL = baseURL.flatMap { $0.isEmpty ? nil : $0 }
        }

        var isSet: Bool { apiKey != nil || baseURL != nil }
    }

    /// `nil` is the first that is set: openai, anthropic, else local.
    package var defaultProvider: String?
    /// Of the default provider; `nil` is its own default.
    package var defaultModel: String?
    /// Each `provider` or `provider:model`; a model's name may hold colons. At most 8.
    package var fallbacks: [String] = []
    package var openAI = Endpoint()
    package var anthropic = Endpoint()

    package init() {}

    /// Who answers when a request names nobody.
    package var standard: ModelReference {
        let provider =
            defaultProvider ?? (openAI.isSet ? "openai" : anthropic.isSet ? "anthropic" : ExtractiveProvider.name)
        return ModelReference(provider: provider, model: defaultModel)
    }

    /// - Throws: `llm.configuration_invalid`.
    package func fallbackReferences() throws -> [ModelReference] {
        guard fallbacks.count <= CompletionRequest.fallbacksMax else {
            throw LanguageModelError(
                LanguageModelError.configurationInvalid,
                "LLM_FALLBACKS names \(fallbacks.count) fallbacks; \(CompletionRequest.fallbacksMax) are allowed.")
        }
        return try fallbacks.map { text in
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let provider = parts.first, parts.allSatisfy({ (1...128).contains($0.utf8.count) }) else {
                throw LanguageModelError(
                    LanguageModelError.configurationInvalid,
                    "LLM_FALLBACKS: '\(text)' is not provider or provider:model.")
            }
            return ModelReference(provider: String(provider), model: parts.count == 2 ? String(parts[1]) : nil)
        }
    }

    fileprivate func providers(http: any OutboundHTTP, clock: any WallClock) -> [any LanguageModelProvider] {
        func model(of provider: String) -> String? { standard.provider == provider ? defaultModel : nil }
        var providers: [any LanguageModelProvider] = []
        if openAI.isSet {
            providers.append(
                OpenAIProvider(
                    baseURL: openAI.baseURL ?? OpenAIProvider.standardBaseURL, apiKey: openAI.apiKey, http: http,
                    defaultModel: model(of: "openai") ?? OpenAIProvider.standardModel, clock: clock))
        }
        if anthropic.isSet {
            providers.append(
                AnthropicProvider(
                    baseURL: anthropic.baseURL ?? AnthropicProvider.standardBaseURL, apiKey: anthropic.apiKey,
                    http: http, defaultModel: model(of: "anthropic") ?? AnthropicProvider.standardModel, clock: clock))
        }
        return providers + [ExtractiveProvider()]
    }
}

extension LanguageModels {
    /// - Throws: `llm.unknown_provider` when the default or a fallback is not set, `llm.configuration_invalid`.
    package init(
        _ configuration: LanguageModelConfiguration, http: any OutboundHTTP, settings: Settings = Settings(),
        prices: PriceTable = .list, checkSchema: @escaping SchemaCheck,
        clock: any Clock<Duration> = ContinuousClock(), wallClock: any WallClock = SystemWallClock(),
        ids: UUIDGenerator? = nil, metrics: any MetricsFactory = MetricsSystem.factory
    ) throws {
        try self.init(
            providers: configuration.providers(http: http, clock: wallClock), default: configuration.standard,
            fallbacks: try configuration.fallbackReferences(), settings: settings, prices: prices,
            checkSchema: checkSchema, clock: clock, wallClock: wallClock, ids: ids, metrics: metrics)
    }
}

extension LanguageModelError {
    /// The settings of language models contradict themselves; nothing is answered until they are corrected.
    package static let configurationInvalid = ErrorCode("llm.configuration_invalid", category: .invalid)
}
