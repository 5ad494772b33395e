import CognitionCore
import CognitionLanguageModels
import CognitionTestSupport
import Metrics
import Synchronization
import Testing

@Suite struct LanguageModelMetricsTests {
    /// Keeps what is counted, by label and dimensions.
    private final class Book: MetricsFactory {
        private let sums = Mutex<[String: Int64]>([:])

        func sum(_ key: String) -> Int64? { sums.withLock { $0[key] } }
        var keys: Set<String> { sums.withLock { Set($0.keys) } }

        private final class Line: CounterHandler, TimerHandler, RecorderHandler, FloatingPointCounterHandler {
            let add: @Sendable (Int64) -> Void

            init(_ add: @escaping @Sendable (Int64) -> Void) { self.add = add }

            func increment(by amount: Int64) { add(amount) }
            func recordNanoseconds(_ duration: Int64) { add(duration) }
            func increment(by amount: Double) { add(Int64(amount)) }
            func record(_ value: Int64) { add(value) }
            func record(_ value: Double) { add(Int64(value)) }
            func reset() {}
        }

        private func line(_ label: String, _ dimensions: [(String, String)]) -> Line {
            let key = ([label] + dimensions.map { "\($0.0)=\($0.1)" }).joined(separator: " ")
            return Line { [self] amount in sums.withLock { $0[key, default: 0] += amount } }
        }

        func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
            line(label, dimensions)
        }
        func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
            line(label, dimensions)
        }
        func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { line(label, dimensions) }
        func destroyCounter(_ handler: any CounterHandler) {}
        func destroyRecorder(_ handler: any RecorderHandler) {}
        func destroyTimer(_ handler: any TimerHandler) {}
    }

    @Test("Attempts, tokens, cost, retries and fallbacks are counted by provider and model")
    func counts() async throws {
        let book = Book()
        let answer = Completion(
            text: "t", finishReason: .stop, provider: "openai", model: "gpt-4.1",
            usage: .init(inputTokens: 1_000, outputTokens: 10, cachedTokens: 600), cost: .zero("USD"))
        let a = ScriptedProvider("a", model: "m", [.fail(.overloaded), .fail(.noCredit)])
        let openai = ScriptedProvider("openai", model: "gpt-4.1", [.answer(answer)])
        let models = try LanguageModels(
            providers: [a, openai], default: .init(provider: "a"), fallbacks: [.init(provider: "openai")],
            clock: PassingClock(), wallClock: ManualClock(), seed: 1, metrics: book)
        let answered = try await models.complete(.init(prompt: "x"))
        #expect(answered.completion.cost == Money(micros: 1_180, currency: "USD"))
        #expect(answered.attempts.last?.quote.cost == answered.completion.cost)
        let (first, second) = ("provider=a model=m", "provider=openai model=gpt-4.1")
        #expect(book.sum("llm.requests \(first) outcome=provider_unavailable") == 1)
        #expect(book.sum("llm.requests \(first) outcome=billing") == 1)
        #expect(book.sum("llm.requests \(second) outcome=completed") == 1)
        #expect(book.sum("llm.retries \(first)") == 1 && book.sum("llm.fallbacks \(first)") == 1)
        #expect(book.sum("llm.tokens \(second) kind=input") == 400)
        #expect(book.sum("llm.tokens \(second) kind=cached") == 600)
        #expect(book.sum("llm.tokens \(second) kind=output") == 10)
        #expect(book.sum("llm.tokens \(second) kind=cache_write") == nil)
        #expect(book.sum("llm.cost \(second)") == 1_180)
        #expect(book.sum("llm.time_to_first_token \(second)") == 0)
        #expect(book.sum("llm.duration \(second) outcome=completed") == 0)
        #expect(!book.keys.contains { $0.hasPrefix("llm.unpriced") })
    }

    @Test("Models that are not configured share one label, and unpriced ones are counted")
    func bounded() async throws {
        let book = Book()
        let models = try LanguageModels(
            providers: [ScriptedProvider("a", model: "m")], default: .init(provider: "a", model: "n"),
            clock: PassingClock(), wallClock: ManualClock(), metrics: book)
        for model in ["m", "n", "x", "y"] {
            _ = try await models.complete(with: ["prompt": "x", "model": .string(model)])
        }
        #expect(book.sum("llm.requests provider=a model=other outcome=completed") == 2)
        #expect(book.sum("llm.requests provider=a model=m outcome=completed") == 1)
        #expect(book.sum("llm.requests provider=a model=n outcome=completed") == 1)
        #expect(book.sum("llm.unpriced provider=a model=other") == 2)
    }
}
