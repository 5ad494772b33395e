import CognitionCore
import CognitionLanguageModels
import CognitionTestSupport
import Synchronization
import Testing

/// What a provider has told to have been used is kept, however the attempt ends.
@Suite(.timeLimit(.minutes(1))) struct UsageOfFailuresTests {
    /// Gives each request one list of pieces of a stream, and then ends the stream or waits until it is cancelled.
    private final class PiecesHTTP: OutboundHTTP {
        let type: String
        private let streams: Mutex<[[String]]>
        private let waits: Bool
        private let waiting = Gate()

        init(_ streams: [[String]], type: String = "text/event-stream", waits: Bool = false) {
            self.streams = Mutex(streams)
            self.type = type
            self.waits = waits
        }

        /// Returns when everything was given and the stream is silent.
        func waitUntilSilent() async { await waiting.wait() }

        func send(_ request: OutboundRequest) async throws -> OutboundResponse {
            throw OutboundHTTPError(OutboundHTTPError.unsupported, "it only streams")
        }

        func stream<Result: Sendable>(
            _ request: OutboundRequest, firstByteTimeout: Duration, idleTimeout: Duration,
            body: @escaping @Sendable (OutboundStream) async throws -> Result
        ) async throws -> Result {
            let pieces = streams.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            guard let pieces else {
                waiting.open()
                try await Task.sleep(for: .seconds(3_600))
                throw CancellationError()
            }
            let isLast = streams.withLock(\.isEmpty)
            let chunks = OutboundStream.Chunks { [waits, waiting] in
                var rest = pieces[...]
                return .init {
                    if let next = rest.popFirst() { return Array(next.utf8) }
                    guard waits, isLast else { return nil }
                    waiting.open()
                    try await Task.sleep(for: .seconds(3_600))
                    return nil
                }
            }
            return try await body(
                OutboundStream(
                    status: 200, headers: [("Content-Type", type), ("request-id", "req_1")], url: request.url,
                    chunks: chunks))
        }
    }

    private static let half = ProviderStreams.anthropic([ProviderStreams.anthropicStart])
    private static let openAIHalf = ProviderStreams.openAI(
        [ProviderStreams.openAIChunk(#"{"content":"\#(String(repeating: "x", count: 400))"}"#)], done: false)
    private static let paused = ProviderStreams.anthropic(
        [ProviderStreams.anthropicStart] + ProviderStreams.anthropicText(0, ["Part"])
            + ProviderStreams.anthropicEnd("pause_turn"))

    /// With a model that has had a price for longer than the clock of the tests says.
    private func anthropic(_ http: PiecesHTTP) -> AnthropicProvider {
        AnthropicProvider(apiKey: nil, http: http, defaultModel: "claude-opus-4-5")
    }

    private func error(of provider: some LanguageModelProvider) async throws -> LanguageModelError {
        try #require(
            await #expect(throws: LanguageModelError.self) {
                try await provider.complete(.init(prompt: "x"), observer: .none)
            })
    }

    private func models(_ provider: any LanguageModelProvider, clock: PassingClock = .init()) throws -> LanguageModels {
        try LanguageModels(
            providers: [provider], default: .init(provider: provider.name), clock: clock, wallClock: ManualClock(),
            seed: 7)
    }

    /// The attempts of a request that is cancelled when its provider is silent.
    private func cancelled(_ provider: any LanguageModelProvider, _ http: PiecesHTTP) async throws -> [ModelCall] {
        let models = try models(provider)
        let told = Mutex<[ModelCall]>([])
        let task = Task {
            try await models.complete(.init(prompt: "x")) { calls in told.withLock { $0 = calls } }
        }
        await http.waitUntilSilent()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        return told.withLock { $0 }
    }

    @Test("A tool call that max_tokens cut is not asked for again, and its whole use is told")
    func cutToolCall() async throws {
        for (reason, advice) in [
            ("max_tokens", .never), ("model_context_window_exceeded", .never), ("tool_use", .retry(after: nil)),
        ] as [(String, LanguageModelError.Advice)] {
            let stream = ProviderStreams.anthropic(
                [ProviderStreams.anthropicStart]
                    + ProviderStreams.anthropicBlock(
                        0, #"{"type":"tool_use","id":"c","name":"t","input":{}}"#,
                        [#"{"type":"input_json_delta","partial_json":"{\"a\": "}"#])
                    + ProviderStreams.anthropicEnd(reason))
            let error = try await error(of: anthropic(PiecesHTTP([[stream]])))
            #expect(error.code == LanguageModelError.badAnswer && error.advice == advice, "\(reason): \(error.advice)")
            #expect(error.usage?.inputTokens == 100 && error.usage?.outputTokens == 20)
        }
    }

    @Test("A cancelled attempt costs what was told till then, and its caller is cancelled")
    func cancelledAttempt() async throws {
        let http = PiecesHTTP([[Self.half]], waits: true)
        let call = try #require(try await cancelled(anthropic(http), http).first)
        #expect(call.outcome == .cancelled && call.errorCode == nil && call.providerRequestID == "req_1")
        #expect(call.usage?.inputTokens == 100 && call.quote.cost.micros > 0)
        let other = PiecesHTTP([[Self.openAIHalf]], waits: true)
        let estimated = try #require(try await cancelled(OpenAIProvider(apiKey: nil, http: other), other).first)
        #expect(estimated.outcome == .cancelled && estimated.usage?.outputTokens == 100)
    }

    @Test("The parts of a paused answer count when the next part is cancelled", arguments: [true, false])
    func cancelledContinuation(_ hasBegun: Bool) async throws {
        // The next part has told its use already, or nothing was heard of it.
        let http = PiecesHTTP(hasBegun ? [[Self.paused], [Self.half]] : [[Self.paused]], waits: hasBegun)
        let call = try #require(try await cancelled(anthropic(http), http).first)
        #expect(call.usage?.inputTokens == (hasBegun ? 200 : 100))
        #expect(call.usage?.outputTokens == (hasBegun ? 21 : 20) && call.providerRequestID != nil)
    }

    /// Answers when it is cancelled.
    private struct LateProvider: LanguageModelProvider {
        let name = "late"
        let defaultModel = "m"
        let isAsked = Gate()

        func complete(_ request: CompletionRequest, observer: CompletionObserver) async throws -> Completion {
            isAsked.open()
            do { try await Task.sleep(for: .seconds(3_600)) } catch {}  // now it answers
            // After the clock, which is cancelled with it.
            for _ in 0..<1_000 { await Task.yield() }
            return Completion(
                text: "late", finishReason: .stop, provider: name, model: defaultModel,
                usage: .init(inputTokens: 1, outputTokens: 1), cost: .zero("USD"))
        }
    }

    @Test("An answer that came while its caller was cancelled is not thrown away")
    func lateAnswer() async throws {
        let provider = LateProvider()
        let models = try models(provider)
        let task = Task { try await models.complete(.init(prompt: "x")) }
        await provider.isAsked.wait()
        task.cancel()
        let answered = try await task.value
        #expect(answered.completion.text == "late" && answered.attempts.map(\.outcome) == [.completed])
    }

    @Test("An attempt whose time is over costs what was told till then")
    func timedOut() async throws {
        let clock = PassingClock(passing: .zero)
        let http = PiecesHTTP([[Self.half]], waits: true)
        let models = try models(anthropic(http), clock: clock)
        async let ended = models.complete(.init(prompt: "x"), timeout: .seconds(90))
        await http.waitUntilSilent()
        await clock.waitForSleeper()
        clock.advance(by: .seconds(90))
        do {
            _ = try await ended
            Issue.record("It answered.")
        } catch let failure as LanguageModelFailure {
            #expect(failure.code == LanguageModelError.timeout && failure.attempts.first?.outcome == .failed)
            #expect(failure.attempts.first?.usage?.inputTokens == 100)
        }
    }

    @Test("What was told in the same piece as the error counts")
    func samePiece() async throws {
        let fault = ProviderStreams.anthropic([#"{"type":"error","error":{"type":"overloaded_error"}}"#])
        var told = try await error(of: anthropic(PiecesHTTP([[Self.half + fault]])))
        #expect(told.code == LanguageModelError.providerUnavailable && told.usage?.inputTokens == 100)
        let whole = #"{"id":"m","usage":{"input_tokens":7,"output_tokens":3},"stop_reason":"end_turn"}"#
        told = try await error(of: anthropic(PiecesHTTP([[whole]], type: "application/json")))
        #expect(told.code == LanguageModelError.badAnswer && told.usage?.inputTokens == 7)
    }

    @Test("A complete answer that cannot be used is paid for")
    func unusable() async throws {
        let nameless = ProviderStreams.anthropic(
            [ProviderStreams.anthropicStart] + ProviderStreams.anthropicBlock(0, #"{"type":"tool_use"}"#, [])
                + ProviderStreams.anthropicEnd("tool_use"))
        let error = try await error(of: anthropic(PiecesHTTP([[nameless]])))
        #expect(error.code == LanguageModelError.badAnswer && error.usage?.outputTokens == 20)
        #expect(error.providerRequestID == "req_1" && error.status == 200)
    }

    @Test("A stream that breaks off before its counts is estimated; one that never began is not")
    func estimated() async throws {
        let broken = try await error(of: OpenAIProvider(apiKey: nil, http: PiecesHTTP([[Self.openAIHalf]])))
        #expect(broken.code == LanguageModelError.badAnswer && broken.usage?.outputTokens == 100)
        #expect((20...80).contains(try #require(broken.usage?.inputTokens)))
        let refused = ProviderStreams.openAI([#"{"error":{"message":"x","type":"server_error"}}"#], done: false)
        #expect(try await error(of: OpenAIProvider(apiKey: nil, http: PiecesHTTP([[refused]]))).usage == nil)
    }
}
