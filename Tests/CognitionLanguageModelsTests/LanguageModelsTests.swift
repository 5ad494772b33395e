import CognitionCore
import CognitionLanguageModels
import Synchronization
import Testing

@Suite struct LanguageModelsTests {
    /// Stands for a service and records what it was asked.
    private final class Recorder: LanguageModelProvider {
        let name: String
        private let failure: ErrorCategory?
        private let log = Mutex<[CompletionRequest]>([])

        init(_ name: String, failing failure: ErrorCategory? = nil) {
            self.name = name
            self.failure = failure
        }

        var asked: [CompletionRequest] { log.withLock { $0 } }

        func complete(_ request: CompletionRequest) async throws -> Completion {
            log.withLock { $0.append(request) }
            if let failure { throw LanguageModelError(ErrorCode("test.failure", category: failure), name) }
            return Completion(
                text: name, finishReason: .stop, provider: name, model: request.model ?? "standard",
                usage: .init(inputTokens: 1, outputTokens: 1), cost: .zero("USD"))
        }
    }

    @Test("The default answers, with its model unless the request names one")
    func standard() async throws {
        let (a, b) = (Recorder("a"), Recorder("b"))
        let models = try LanguageModels(providers: [a, b], default: .init(provider: "a", model: "big"))
        #expect(try await models.complete(with: ["prompt": "x"]).model == "big")
        #expect(try await models.complete(with: ["prompt": "x", "model": "small"]).model == "small")
        #expect(try await models.complete(with: ["prompt": "x", "provider": "b"]).model == "standard")
        #expect(a.asked.count == 2 && b.asked.count == 1)
    }

    @Test("An unknown provider is refused before anybody is asked")
    func unknown() async throws {
        let a = Recorder("a")
        let models = try LanguageModels(providers: [a], default: .init(provider: "a"))
        for json in [["prompt": "x", "provider": "z"], ["prompt": "x", "fallbacks": [["provider": "z"]]]] as [JSONValue]
        {
            let error = await #expect(throws: LanguageModelError.self) { try await models.complete(with: json) }
            #expect(error?.code == LanguageModelError.unknownProvider)
        }
        #expect(a.asked.isEmpty)
        #expect(throws: LanguageModelError.self) { try LanguageModels(providers: [a], default: .init(provider: "z")) }
    }

    @Test("Fallbacks are asked when a provider is away, and only then", arguments: ErrorCategory.allCases)
    func fallbacks(_ category: ErrorCategory) async throws {
        let (a, b) = (Recorder("a", failing: category), Recorder("b"))
        let models = try LanguageModels(
            providers: [a, b], default: .init(provider: "a"), fallbacks: [.init(provider: "b", model: "m")])
        if category == .unavailable || category == .limited {
            #expect(try await models.complete(.init(prompt: "x")).model == "m")
            #expect(b.asked.first?.provider == "b")
        } else {
            await #expect(throws: LanguageModelError.self) { try await models.complete(.init(prompt: "x")) }
            #expect(b.asked.isEmpty)
        }
    }

    @Test("Configured fallbacks do not answer a request that insists on a provider")
    func insisting() async throws {
        let (a, b) = (Recorder("a", failing: .unavailable), Recorder("b"))
        let models = try LanguageModels(
            providers: [a, b], default: .init(provider: "a"), fallbacks: [.init(provider: "b")])
        await #expect(throws: LanguageModelError.self) {
            try await models.complete(with: ["prompt": "x", "provider": "a"])
        }
        #expect(b.asked.isEmpty)
        let own: JSONValue = ["prompt": "x", "provider": "a", "fallbacks": [["provider": "b"]]]
        #expect(try await models.complete(with: own).provider == "b")
    }
}
