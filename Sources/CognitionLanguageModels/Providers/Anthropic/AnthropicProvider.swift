package import CognitionCore

/// Messages of Anthropic (`POST {base URL}/v1/messages`, version 2023-06-01).
///
/// All system texts of a conversation become its one system prompt, in their order. `max_tokens` is 4,096 unless given,
/// beyond what the model may think. Models up to 4.5 think by a budget, later ones by effort; the one is worked out of
/// the other (`AnthropicRequest.Thinking`). The later ones refuse a `temperature`. Thinking comes back as native blocks of the answer's `message`, so that a
/// loop of tool calls goes on where it stopped. An answer that the provider pauses is continued, at most 4 times.
package struct AnthropicProvider: LanguageModelProvider {
    package static let standardBaseURL = "https://api.anthropic.com"
    package static let standardModel = "claude-sonnet-5-5"
    static let version = "2023-06-01"
    static let continuationsMax = 4

    package let name: String
    package let defaultModel: String
    private let connection: ProviderConnection

    /// - Parameters:
    ///   - name: What `provider` in a request says.
    ///   - baseURL: Without the version.
    ///   - apiKey: `nil` for a gateway that asks for none.
    package init(
        name: String = "anthropic", baseURL: String = AnthropicProvider.standardBaseURL, apiKey: Secret?,
        http: any OutboundHTTP, defaultModel: String = AnthropicProvider.standardModel,
        limits: ProviderLimits = ProviderLimits(), clock: any WallClock = SystemWallClock()
    ) {
        self.name = name
        self.defaultModel = defaultModel
        let base = ProviderConnection.trimmed(baseURL)
        connection = ProviderConnection(
            provider: name, url: base + (base.hasSuffix("/v1") ? "/messages" : "/v1/messages"), http: http, key: apiKey,
            headers: [(name: "anthropic-version", value: Secret(Self.version))]
                + (apiKey.map { [(name: "x-api-key", value: $0)] } ?? []),
            requestIDHeaders: ["request-id", "x-request-id"], limits: limits, clock: clock)
    }

    package func complete(_ request: CompletionRequest, observer: CompletionObserver) async throws -> Completion {
        let model = request.model ?? defaultModel
        var body = try AnthropicRequest.body(of: request, provider: name, model: model)
        var whole = AnthropicAnswer()
        for _ in 0...Self.continuationsMax {
            let (answer, requestID): (AnthropicAnswer, String?)
            do {
                (answer, requestID) = try await connection.ask(
                    .object(body), into: AnthropicAnswer(), observer: observer)
            } catch var error as LanguageModelError {
                error.usage = whole.usage(adding: error.usage)
                throw error
            } catch let error as CancellationError where whole.usage != nil {
                throw connection.endedFromOutside(usage: whole.usage, requestID: whole.id, cause: error)
            }
            do {
                try whole.append(answer)
                guard answer.isPaused else {
                    return try completion(whole, of: request, model: model, requestID: requestID)
                }
            } catch let error as LanguageModelError {
                throw error.of(usage: whole.usage, requestID: requestID ?? answer.id, status: 200)
            }
            body["messages"] = .array(
                (body["messages"]?.arrayValue ?? []) + [
                    ["role": "assistant", "content": .array(answer.sendableBlocks)]
                ])
        }
        throw LanguageModelError(
            LanguageModelError.badAnswer, "\(name) paused its answer more than \(Self.continuationsMax) times.",
            advice: .fallBack, usage: whole.usage, providerRequestID: whole.id, status: 200)
    }

    private func completion(
        _ answer: AnthropicAnswer, of request: CompletionRequest, model: String, requestID: String?
    ) throws -> Completion {
        var completion = try answer.completion(provider: name, model: model)
        completion.providerRequestID = requestID ?? answer.id
        if request.responseSchema != nil, completion.finishReason == .stop {
            completion.json = try ResponseSchema.json(of: completion.text, provider: name, usage: completion.usage)
        }
        return completion
    }
}
