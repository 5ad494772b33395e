import CognitionCore
import CognitionDocuments
import CognitionExpressions
import CognitionHTTP
import CognitionHTTPClient
import CognitionLanguageModels
import CognitionObservability
import Logging

/// What the parts of the program are told of the settings.
extension ServerConfiguration {
    /// Writes to standard error as the settings say.
    ///
    /// - Parameter forServer: A server writes JSON from `info` on unless it is told otherwise. Commands show what they do
    ///   themselves; their log is text and speaks up when something is wrong.
    func logHandlers(forServer: Bool) -> @Sendable (String) -> any LogHandler {
        let sink = LogSink()
        let format: LogFormat =
            isGiven(.logFormat) ? LogFormat(rawValue: self[.logFormat].lowercased()) ?? .json : forServer ? .json : .text
        let level: Logger.Level =
            isGiven(.logLevel) || forServer ? Logger.Level(rawValue: self[.logLevel].lowercased()) ?? .info : .warning
        return { label in ServerLogHandler(label: label, level: level, format: format, sink: sink) }
    }

    var httpClient: HTTPClientSettings {
        get throws {
            var settings = HTTPClientSettings()
            settings.connectionsPerHost = number(.connectionsPerHost)
            settings.egress = try EgressRules(deny: list(.egressDeny), allow: list(.egressAllow))
            return settings
        }
    }

    var webSocket: WebSocketEndpoint.Settings {
        var settings = WebSocketEndpoint.Settings()
        settings.origins = list(.corsOrigins)
        settings.heartbeat = duration(.heartbeatInterval)
        settings.timeout = duration(.webSocketTimeout)
        settings.idleTimeout = duration(.webSocketIdleTimeout)
        return settings
    }

    /// The providers that have what they need, `local` always.
    ///
    /// - Throws: `CommandFailure` when a setting names a provider that lacks its key.
    func languageModels(over http: any OutboundHTTP, _ ids: UUIDGenerator) throws -> LanguageModels {
        var providers: [any LanguageModelProvider] = []
        // A server of one's own may want no key.
        if !self[.openAIKey].isEmpty || isGiven(.openAIBaseURL) {
            providers.append(
                OpenAIProvider(
                    baseURL: self[.openAIBaseURL], apiKey: self[.openAIKey].isEmpty ? nil : Secret(self[.openAIKey]),
                    http: http))
        }
        if !self[.anthropicKey].isEmpty || isGiven(.anthropicBaseURL) {
            providers.append(
                AnthropicProvider(
                    baseURL: self[.anthropicBaseURL],
                    apiKey: self[.anthropicKey].isEmpty ? nil : Secret(self[.anthropicKey]), http: http))
        }
        providers.append(ExtractiveProvider())
        let names = providers.map(\.name)
        let standard = self[.languageModelProvider].isEmpty ? names[0] : self[.languageModelProvider].lowercased()
        let references = [ModelReference(provider: standard, model: self[.languageModel].isEmpty ? nil : self[.languageModel])]
        let fallbacks = list(.languageModelFallbacks).map(Self.reference)
        for reference in references + fallbacks where !names.contains(reference.provider) {
            throw CommandFailure(
                "the language model provider \(reference.provider) is named, but it has no key: LLM_\(reference.provider.uppercased())_API_KEY")
        }
        var settings = LanguageModels.Settings()
        settings.timeout = duration(.languageModelTimeout)
        return try LanguageModels(
            providers: providers, default: references[0], fallbacks: fallbacks, settings: settings,
            checkSchema: Self.fault, ids: ids)
    }

    /// `provider` or `provider:model`.
    private static func reference(_ text: String) -> ModelReference {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        return ModelReference(provider: parts.first ?? "", model: parts.count > 1 ? parts[1] : nil)
    }

    /// What is wrong with a value by a schema.
    @Sendable private static func fault(_ schema: JSONValue, _ value: JSONValue) throws -> String? {
        let compiled = try JSONSchema(schema) { pattern in
            let expression = try RegularExpression(pattern)
            return { (try? expression.matches($0)) ?? false }
        }
        let faults = compiled.faults(in: value, atMost: 5)
        return faults.isEmpty ? nil : faults.map(\.description).joined(separator: "; ")
    }
}
