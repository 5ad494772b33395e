import CognitionCore
import CognitionDocuments
import CognitionEvents
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
    /// - Parameters:
    ///   - forServer: A server writes JSON from `info` on unless it is told otherwise. Commands show what they do
    ///     themselves; their log is text and speaks up when something is wrong.
    ///   - levels: Which lines are written from now on; `nil` for what ``logLevel(forServer:)`` says.
    func logHandlers(forServer: Bool, levels: LogLevels? = nil) -> @Sendable (String) -> any LogHandler {
        let sink = LogSink()
        let format: LogFormat =
            isGiven(.logFormat)
            ? LogFormat(rawValue: self[.logFormat].lowercased()) ?? .json : forServer ? .json : .text
        let levels = levels ?? LogLevels(logLevel(forServer: forServer))
        let provider = forServer && isOn(.enableTracing) ? OTLPTracer.logMetadata : nil
        return { label in
            ServerLogHandler(label: label, levels: levels, format: format, sink: sink, metadataProvider: provider)
        }
    }

    func logLevel(forServer: Bool) -> Logger.Level {
        isGiven(.logLevel) || forServer ? Logger.Level(rawValue: self[.logLevel].lowercased()) ?? .info : .warning
    }

    /// How long events stay in the database.
    /// - Throws: `event.invalid`.
    var eventRetention: EventRetention { get throws { try EventRetention(list(.eventRetention)) } }

    var httpClient: HTTPClientSettings {
        get throws {
            var settings = HTTPClientSettings()
            settings.connectionsPerHost = number(.connectionsPerHost)
            settings.egress = try EgressRules(deny: list(.egressDeny), allow: list(.egressAllow))
            return settings
        }
    }

    /// - Throws: `request.proxy_invalid`.
    var webSocket: WebSocketEndpoint.Settings {
        get throws {
            var settings = WebSocketEndpoint.Settings()
            settings.origins = list(.corsOrigins)
            settings.heartbeat = duration(.heartbeatInterval)
            settings.timeout = duration(.webSocketTimeout)
            settings.idleTimeout = duration(.webSocketIdleTimeout)
            settings.authenticationTimeout = duration(.webSocketAuthenticationTimeout)
            settings.messagesPerSecond = number(.webSocketMessageRate)
            settings.proxies = try trustedProxies
            return settings
        }
    }

    /// - Throws: `llm.unknown_provider` when a setting names a provider that has neither key nor address,
    ///   `llm.configuration_invalid`.
    func languageModels(over http: any OutboundHTTP, _ ids: UUIDGenerator) throws -> LanguageModels {
        func text(_ setting: Setting) -> String? { self[setting].isEmpty ? nil : self[setting] }
        var configuration = LanguageModelConfiguration()
        configuration.defaultProvider = text(.languageModelProvider)?.lowercased()
        configuration.defaultModel = text(.languageModel)
        configuration.fallbacks = list(.languageModelFallbacks)
        configuration.openAI = .init(apiKey: text(.openAIKey).map(Secret.init), baseURL: text(.openAIBaseURL))
        configuration.anthropic = .init(
            apiKey: text(.anthropicKey).map(Secret.init), baseURL: text(.anthropicBaseURL))
        var settings = LanguageModels.Settings()
        settings.timeout = duration(.languageModelTimeout)
        return try LanguageModels(configuration, http: http, settings: settings, checkSchema: Self.fault, ids: ids)
    }

    /// What is wrong with a value by a schema.
    @Sendable private static func fault(_ schema: JSONValue, _ value: JSONValue) throws -> String? {
        let compiled = try JSONSchema(schema, patterns: RegularExpression.test)
        let faults = compiled.faults(in: value, atMost: 5)
        return faults.isEmpty ? nil : faults.map(\.description).joined(separator: "; ")
    }
}
