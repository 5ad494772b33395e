import CognitionCore
import CognitionLanguageModels
import Metrics
import Testing

@Suite struct LanguageModelConfigurationTests {
    /// Nobody is out there.
    private struct NoNetwork: OutboundHTTP {
        func send(_ request: OutboundRequest) async throws -> OutboundResponse {
            throw OutboundHTTPError(OutboundHTTPError.unreachable, "no network")
        }
    }

    private func models(_ configuration: LanguageModelConfiguration) throws -> LanguageModels {
        try LanguageModels(
            configuration, http: NoNetwork(), checkSchema: { _, _ in nil }, metrics: NOOPMetricsHandler.instance)
    }

    @Test("The default is the first provider that is set, else the local one")
    func standard() {
        var configuration = LanguageModelConfiguration()
        configuration.openAI = .init(apiKey: Secret(""), baseURL: "")
        #expect(configuration.standard == ModelReference(provider: "local"))
        configuration.anthropic = .init(apiKey: Secret("k"))
        #expect(configuration.standard.provider == "anthropic")
        configuration.openAI = .init(baseURL: "http://localhost:11434/v1")
        configuration.defaultModel = "llama3:8b"
        #expect(configuration.standard == ModelReference(provider: "openai", model: "llama3:8b"))
        configuration.defaultProvider = "local"
        #expect(configuration.standard.provider == "local")
    }

    @Test("Without anything set, the local provider answers and refuses tools and schemas itself")
    func nothing() async throws {
        let models = try models(.init())
        #expect(try await models.complete(.init(prompt: "The sky is blue.")).completion.provider == "local")
        let failure = await #expect(throws: LanguageModelFailure.self) {
            try await models.complete(with: ["prompt": "x", "tools": [["name": "t"]]])
        }
        #expect(failure?.code == LanguageModelError.unsupported)
    }

    @Test("Fallbacks name a provider and perhaps a model, colons included")
    func fallbacks() throws {
        var configuration = LanguageModelConfiguration()
        configuration.fallbacks = ["local", "openai:llama3:8b"]
        #expect(
            try configuration.fallbackReferences() == [
                ModelReference(provider: "local"), ModelReference(provider: "openai", model: "llama3:8b"),
            ])
        for wrong in [["openai:"], [":m"], [""], Array(repeating: "local", count: 9)] {
            configuration.fallbacks = wrong
            let error = #expect(throws: LanguageModelError.self) { try configuration.fallbackReferences() }
            #expect(error?.code == LanguageModelError.configurationInvalid)
        }
    }

    @Test("A default or a fallback that is not set is told at the start")
    func missing() {
        var configuration = LanguageModelConfiguration()
        configuration.fallbacks = ["anthropic"]
        #expect(throws: LanguageModelError.self) { try models(configuration) }
        configuration.anthropic = .init(apiKey: Secret("k"))
        #expect(throws: Never.self) { try models(configuration) }
        configuration.defaultProvider = "openai"
        #expect(throws: LanguageModelError.self) { try models(configuration) }
    }
}
