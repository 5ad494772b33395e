package import CognitionCore

/// Chat Completions of OpenAI, and of the many servers that speak the same (`POST {base URL}/chat/completions`).
///
/// A base URL at `api.openai.com` or `*.openai.azure.com` gets the current names of the API (`max_completion_tokens`,
/// role `developer`); any other gets the older ones (`max_tokens`, role `system`), which such servers know. A
/// `budget_tokens` becomes the effort that is nearest to it. `response_schema` is sent as strict where OpenAI takes it
/// so, else as a plain schema. Messages with `is_error` say so in their text, since the API has no word for it.
///
/// Usage that a server does not tell, or had not told when its stream broke off, is estimated as a quarter of the UTF-8
/// bytes.
package struct OpenAIProvider: LanguageModelProvider {
    package static let standardBaseURL = "https://api.openai.com/v1"
    package static let standardModel = "gpt-5.6-luna"
    static let toolCallIDBytesMax = 40

    package let name: String
    package let defaultModel: String
    private let connection: ProviderConnection
    private let dialect: OpenAIRequest.Dialect

    /// - Parameters:
    ///   - name: What `provider` in a request says; several servers may be configured under several names.
    ///   - baseURL: Up to and including the version, e.g. `http://localhost:11434/v1`.
    ///   - apiKey: `nil` for a server that asks for none.
    package init(
        name: String = "openai", baseURL: String = OpenAIProvider.standardBaseURL, apiKey: Secret?,
        http: any OutboundHTTP, defaultModel: String = OpenAIProvider.standardModel,
        limits: ProviderLimits = OpenAIProvider.standardLimits, clock: any WallClock = SystemWallClock()
    ) {
        self.name = name
        self.defaultModel = defaultModel
        let base = ProviderConnection.trimmed(baseURL)
        dialect = OpenAIRequest.Dialect(baseURL: base)
        connection = ProviderConnection(
            provider: name, url: base + "/chat/completions", http: http, key: apiKey,
            headers: apiKey.map { [(name: "Authorization", value: Secret("Bearer \($0.reveal())"))] } ?? [],
            requestIDHeaders: ["x-request-id", "request-id"], limits: limits, clock: clock)
    }

    /// As `ProviderLimits`, but with an idle limit of 120 s: these models are silent while they reason.
    package static var standardLimits: ProviderLimits {
        var limits = ProviderLimits()
        limits.idle = limits.firstByte
        return limits
    }

    package func complete(_ request: CompletionRequest, observer: CompletionObserver) async throws -> Completion {
        let model = request.model ?? defaultModel
        let body = try OpenAIRequest.body(of: request, provider: name, model: model, dialect: dialect)
        let (answer, requestID) = try await connection.ask(body, into: OpenAIAnswer(), observer: observer)
        let usage = answer.usage ?? answer.estimatedUsage(requestBytes: body.jsonBytes.count)
        do {
            var completion = try answer.completion(provider: name, model: model, usage: usage)
            completion.providerRequestID = requestID ?? answer.id
            if request.responseSchema != nil, completion.finishReason == .stop {
                completion.json = try ResponseSchema.json(of: completion.text, provider: name, usage: usage)
            }
            return completion
        } catch let error as LanguageModelError {
            throw error.of(usage: usage, requestID: requestID ?? answer.id, status: 200)
        }
    }
}
