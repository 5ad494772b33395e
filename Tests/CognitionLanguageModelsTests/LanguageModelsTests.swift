import CognitionCore
import CognitionLanguageModels
import CognitionTestSupport
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct LanguageModelsTests {
    private let clock = PassingClock()

    private func models(
        _ providers: [ScriptedProvider], default standard: ModelReference? = nil, fallbacks: [ModelReference] = [],
        settings: LanguageModels.Settings = .init(), checkSchema: LanguageModels.SchemaCheck? = nil,
        clock: PassingClock? = nil
    ) throws -> LanguageModels {
        try LanguageModels(
            providers: providers, default: standard ?? ModelReference(provider: providers[0].name),
            fallbacks: fallbacks, settings: settings, checkSchema: checkSchema, clock: clock ?? self.clock,
            wallClock: ManualClock(), seed: 7)
    }

    private func failure(
        _ models: LanguageModels, _ request: CompletionRequest = .init(prompt: "x"), timeout: Duration? = nil
    ) async throws -> LanguageModelFailure {
        try #require(
            await #expect(throws: LanguageModelFailure.self) { try await models.complete(request, timeout: timeout) })
    }

    // MARK: Who is asked

    @Test("The default answers, with its model unless the request names one")
    func standard() async throws {
        let (a, b) = (ScriptedProvider("a"), ScriptedProvider("b"))
        let models = try models([a, b], default: .init(provider: "a", model: "big"))
        #expect(try await models.complete(with: ["prompt": "x"]).completion.model == "big")
        #expect(try await models.complete(with: ["prompt": "x", "model": "small"]).completion.model == "small")
        #expect(try await models.complete(with: ["prompt": "x", "provider": "b"]).completion.model == "standard")
        #expect(a.asked.count == 2 && b.asked.count == 1)
    }

    @Test("An unknown provider is refused before anybody is asked")
    func unknown() async throws {
        let a = ScriptedProvider("a")
        let models = try models([a])
        for json in [["prompt": "x", "provider": "z"], ["prompt": "x", "fallbacks": [["provider": "z"]]]] as [JSONValue]
        {
            let failure = try #require(
                await #expect(throws: LanguageModelFailure.self) { try await models.complete(with: json) })
            #expect(failure.code == LanguageModelError.unknownProvider && failure.attempts.isEmpty)
        }
        #expect(a.asked.isEmpty)
        #expect(throws: LanguageModelError.self) { try self.models([a], default: .init(provider: "z")) }
    }

    @Test("Configured fallbacks do not answer a request that insists on a provider")
    func insisting() async throws {
        let (a, b) = (ScriptedProvider("a", [.fail(.noCredit), .fail(.noCredit)]), ScriptedProvider("b"))
        let models = try models([a, b], fallbacks: [.init(provider: "b")])
        await #expect(throws: LanguageModelFailure.self) {
            try await models.complete(with: ["prompt": "x", "provider": "a"])
        }
        #expect(b.asked.isEmpty)
        let own: JSONValue = ["prompt": "x", "provider": "a", "fallbacks": [["provider": "b", "model": "m"]]]
        #expect(try await models.complete(with: own).completion.model == "m")
    }

    @Test("The extractive provider never stands in unasked for tools, images or a schema")
    func local() async throws {
        let a = ScriptedProvider("a", Array(repeating: .fail(.noCredit), count: 9))
        let local = ScriptedProvider("local")
        let models = try models([a, local], fallbacks: [.init(provider: "local")], checkSchema: { _, _ in nil })
        #expect(try await models.complete(with: ["prompt": "x"]).completion.provider == "local")
        for more in [
            ["prompt": "x", "tools": [["name": "t"]]], ["prompt": "x", "response_schema": ["type": "object"]],
            ["messages": [["role": "user", "content": [["type": "image", "url": "https://example.com/a.png"]]]]],
        ] as [JSONValue] {
            let failure = await #expect(throws: LanguageModelFailure.self) { try await models.complete(with: more) }
            #expect(failure?.code == LanguageModelError.billing)
        }
        #expect(local.asked.count == 1)
        // Asked for by name it is asked.
        _ = try await models.complete(
            with: ["prompt": "x", "tools": [["name": "t"]], "fallbacks": [["provider": "local"]]])
        #expect(local.asked.count == 2)
    }

    // MARK: Retries

    @Test("What may pass is tried twice more, with growing delays that chance shortens")
    func retries() async throws {
        let a = ScriptedProvider("a", [.fail(.overloaded), .fail(.overloaded)])
        let answered = try await models([a]).complete(.init(prompt: "x"))
        #expect(answered.completion.text == "a")
        #expect(answered.attempts.map(\.outcome) == [.failed, .failed, .completed])
        #expect(answered.attempts.map(\.attempt) == [1, 2, 3])
        #expect(answered.attempts.map(\.errorCode) == ["llm.provider_unavailable", "llm.provider_unavailable", nil])
        #expect(Set(answered.attempts.map(\.id)).count == 3)
        try #require(clock.slept.count == 2)
        #expect((.milliseconds(375)...(.milliseconds(500))).contains(clock.slept[0]))
        #expect((.milliseconds(750)...(.seconds(1))).contains(clock.slept[1]))
        #expect(answered.attempts[1].duration == .zero)
    }

    @Test("After the retries comes the end, with every attempt")
    func exhausted() async throws {
        let a = ScriptedProvider("a", Array(repeating: .fail(.overloaded), count: 5))
        let failure = try await failure(try models([a]))
        #expect(failure.code == LanguageModelError.providerUnavailable && failure.attempts.count == 3)
        #expect(a.asked.count == 3)
    }

    @Test("What is wrong is told at once, whoever else is there")
    func never() async throws {
        let (a, b) = (ScriptedProvider("a", [.fail(.wrong)]), ScriptedProvider("b"))
        let failure = try await failure(try models([a, b], fallbacks: [.init(provider: "b")]))
        #expect(failure.error.status == 400 && failure.attempts.count == 1 && b.asked.isEmpty && clock.slept.isEmpty)
    }

    @Test("A provider's own delay is kept exactly, up to a minute")
    func retryAfter() async throws {
        let a = ScriptedProvider("a", [.fail(.limited(after: .seconds(60))), .fail(.limited(after: .zero))])
        _ = try await models([a]).complete(.init(prompt: "x"))
        #expect(clock.slept.first == .seconds(60))
        // No time counts as none said; the second delay is the second of the formula.
        #expect((.milliseconds(750)...(.seconds(1))).contains(try #require(clock.slept.last)))
    }

    @Test("A longer delay is not waited for: the next is asked, or the failure says when")
    func longRetryAfter() async throws {
        let later = Duration.milliseconds(60_001)
        let (a, b) = (ScriptedProvider("a", [.fail(.limited(after: later))]), ScriptedProvider("b"))
        let answered = try await models([a, b], fallbacks: [.init(provider: "b")]).complete(.init(prompt: "x"))
        #expect(answered.completion.provider == "b" && a.asked.count == 1)
        let alone = ScriptedProvider("a", [.fail(.limited(after: later))])
        let failure = try await failure(try models([alone]))
        #expect(failure.error.advice == .retry(after: later) && alone.asked.count == 1 && clock.slept.isEmpty)
    }

    @Test("An error of another module is one of availability, or nobody's")
    func strangers() async throws {
        let lost = OutboundHTTPError(OutboundHTTPError.unreachable, "no route")
        let a = ScriptedProvider("a", [.failOtherwise(lost)])
        #expect(try await models([a]).complete(.init(prompt: "x")).attempts.count == 2)
        struct Odd: Error {}
        let odd = ScriptedProvider("a", [.failOtherwise(Odd())])
        let failure = try await failure(try models([odd]))
        #expect(failure.code == LanguageModelError.providerUnavailable && failure.attempts.count == 1)
    }

    // MARK: Fallbacks

    @Test("Billing goes to the next at once; overload after the retries; each has retries of its own")
    func fallbacks() async throws {
        let a = ScriptedProvider("a", [.fail(.noCredit)])
        let b = ScriptedProvider("b", Array(repeating: .fail(.overloaded), count: 3))
        let c = ScriptedProvider("c", [.fail(.overloaded)])
        let answered = try await models(
            [a, b, c], fallbacks: [.init(provider: "b"), .init(provider: "c", model: "big")]
        ).complete(.init(prompt: "x"))
        #expect(answered.completion.provider == "c" && answered.completion.model == "big")
        #expect(answered.attempts.map(\.provider) == ["a", "b", "b", "b", "c", "c"])
        #expect(answered.attempts.map(\.attempt) == [1, 2, 3, 4, 5, 6])
        #expect(c.asked.first?.provider == "c" && c.asked.first?.model == "big")
    }

    @Test("When all fail, the failure is the one that may pass")
    func hopeful() async throws {
        let a = ScriptedProvider("a", Array(repeating: .fail(.overloaded), count: 3))
        let b = ScriptedProvider("b", [.fail(.noCredit)])
        let failure = try await failure(try models([a, b], fallbacks: [.init(provider: "b")]))
        #expect(failure.code == LanguageModelError.providerUnavailable && failure.attempts.count == 4)
    }

    @Test("Nobody is asked twice in a chain")
    func duplicates() async throws {
        let a = ScriptedProvider("a", [.fail(.noCredit), .fail(.noCredit)])
        let models = try models([a], fallbacks: [.init(provider: "a"), .init(provider: "a", model: "standard")])
        #expect(try await failure(models).attempts.count == 1)
    }

    @Test("What was heard is taken back when the answer begins again, and only then")
    func resets() async throws {
        let a = ScriptedProvider("a", [.fail(.overloaded), .breakOff("half", .overloaded), .fail(.noCredit)])
        let b = ScriptedProvider("b")
        let heard = Mutex<[CompletionObserver.Event]>([])
        _ = try await models([a, b], fallbacks: [.init(provider: "b")]).complete(
            .init(prompt: "x"), observer: CompletionObserver { event in heard.withLock { $0.append(event) } })
        #expect(heard.withLock { $0 } == [.text("half"), .reset(reason: "overloaded"), .text("b")])
    }

    @Test("An answer under a name without a price costs what was ordered; one that fails costs what it used")
    func prices() async throws {
        let usage = Completion.Usage(inputTokens: 1_000, outputTokens: 10)
        let answer = Completion(
            text: "t", finishReason: .stop, provider: "openai", model: "behind-an-alias", usage: usage,
            cost: .zero("USD"))
        var broken = LanguageModelError(LanguageModelError.badAnswer, "half a stream")
        broken.usage = usage
        let openai = ScriptedProvider("openai", model: "gpt-4.1", [.fail(broken), .answer(answer)])
        let answered = try await models([openai]).complete(.init(prompt: "x"))
        // 1,000 · 2 + 10 · 8 dollars per million
        #expect(answered.completion.cost.micros == 2_080)
        #expect(answered.attempts.map(\.model) == ["gpt-4.1", "behind-an-alias"])
        #expect(answered.attempts.cost?.micros == 4_160)
    }

    // MARK: Tools

    private func loop(_ provider: String, model: String = "m", asking: String? = nil) -> CompletionRequest {
        let call = Completion.ToolCall(id: "1", name: "t", arguments: [:])
        return CompletionRequest(
            provider: asking,
            messages: [
                .init(role: .user, content: "x"),
                .init(
                    role: .assistant,
                    content: [
                        .toolCall(call), .native(.init(provider: provider, model: model, blocks: [["type": "x"]])),
                    ]),
                .init(role: .tool, content: [.toolResult(id: "1", content: "y", isError: false)]),
            ])
    }

    @Test("An open tool loop goes back to who opened it, with the same model")
    func toolLoop() async throws {
        let (a, b) = (ScriptedProvider("a"), ScriptedProvider("b"))
        let models = try models([a, b])
        #expect(try await models.complete(loop("b")).completion.provider == "b")
        #expect(b.asked.first?.model == "m")
        #expect(try await models.complete(loop("b", asking: "b")).completion.model == "m")
        #expect(try await models.complete(loop("b", asking: "a")).completion.provider == "a")
        // Ended: the user has spoken since.
        var ended = loop("b")
        ended.messages.append(.init(role: .user, content: "thanks"))
        #expect(try await models.complete(ended).completion.provider == "a")
        // Of nobody here.
        #expect(try await models.complete(loop("z")).completion.provider == "a")
    }

    @Test("It leaves its provider only when that cannot go on")
    func pinned() async throws {
        let b = ScriptedProvider("b", Array(repeating: .fail(.overloaded), count: 3) + [.fail(.noCredit)])
        let a = ScriptedProvider("a")
        let models = try models([a, b], fallbacks: [.init(provider: "a", model: "other")])
        #expect(try await failure(models, loop("b")).attempts.map(\.provider) == ["b", "b", "b"])
        #expect(a.asked.isEmpty)
        #expect(try await models.complete(loop("b")).attempts.map(\.provider) == ["b", "a"])
    }

    // MARK: Time

    @Test("A provider that hangs gets its share of the time, and the next the rest")
    func shares() async throws {
        let (a, b) = (ScriptedProvider("a", [.hang]), ScriptedProvider("b"))
        let models = try models([a, b], fallbacks: [.init(provider: "b")])
        async let answered = models.complete(.init(prompt: "x"))
        await a.waitUntilHanging()
        await clock.waitForSleeper()
        clock.advance(by: .seconds(299))
        #expect(b.asked.isEmpty)
        clock.advance(by: .seconds(1))
        let result = try await answered
        #expect(result.completion.provider == "b")
        #expect(result.attempts.first?.errorCode == "llm.timeout" && result.attempts.first?.duration == .seconds(300))
    }

    @Test("The caller's time bounds everything; nothing is waited for that ends after it")
    func deadline() async throws {
        let clock = PassingClock(passing: .seconds(20))
        let a = ScriptedProvider("a", [.fail(.limited(after: .seconds(30)))])
        let late = try await failure(try models([a], clock: clock), timeout: .seconds(30))
        #expect(late.code == LanguageModelError.rateLimited && a.asked.count == 1 && clock.slept.isEmpty)
        let hanging = ScriptedProvider("a", [.hang])
        let models = try models([hanging], clock: clock)
        async let failed = failure(models, timeout: .seconds(90))
        await hanging.waitUntilHanging()
        await clock.waitForSleeper()
        clock.advance(by: .seconds(90))
        #expect(try await failed.code == LanguageModelError.timeout)
    }

    @Test("Cancellation ends it at once, and the attempts are told")
    func cancellation() async throws {
        let (a, b) = (ScriptedProvider("a", [.fail(.overloaded), .hang]), ScriptedProvider("b"))
        let models = try models([a, b], fallbacks: [.init(provider: "b")])
        let told = Mutex<[ModelCall]>([])
        let task = Task {
            try await models.complete(.init(prompt: "x")) { calls in told.withLock { $0 = calls } }
        }
        await a.waitUntilHanging()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(b.asked.isEmpty)
        #expect(told.withLock { $0.map(\.outcome) } == [.failed, .cancelled])
    }

    // MARK: Circuits

    @Test("A provider that is away is left alone, and asked again by one probe")
    func circuit() async throws {
        var settings = LanguageModels.Settings()
        settings.retriesMax = 0
        settings.circuit = .init(failuresMax: 2, rest: .seconds(100))
        let a = ScriptedProvider("a", [.fail(.overloaded), .fail(.overloaded)])
        let b = ScriptedProvider("b")
        let models = try models([a, b], fallbacks: [.init(provider: "b")], settings: settings)
        for _ in 0..<3 { #expect(try await models.complete(.init(prompt: "x")).completion.provider == "b") }
        #expect(a.asked.count == 2)
        let refused = try await failure(models, .init(provider: "a", messages: [.init(role: .user, content: "x")]))
        #expect(refused.code == LanguageModelError.circuitOpen && refused.attempts.isEmpty)
        #expect(refused.message.contains("100 s"))
        // Another model of the same provider has a circuit of its own.
        #expect(try await models.complete(with: ["prompt": "x", "model": "other"]).completion.provider == "a")
        clock.advance(by: .seconds(100))
        #expect(try await models.complete(.init(prompt: "x")).completion.provider == "a")
    }

    @Test("A circuit that opens in the middle does not hide why")
    func circuitInTheMiddle() async throws {
        var settings = LanguageModels.Settings()
        settings.circuit = .init(failuresMax: 2, rest: .seconds(100))
        let a = ScriptedProvider("a", Array(repeating: .fail(.overloaded), count: 3))
        let failure = try await failure(try models([a], settings: settings))
        #expect(failure.code == LanguageModelError.providerUnavailable && failure.attempts.count == 2)
    }

    @Test("Requests that are wrong, limited or out of time do not open it")
    func circuitIgnores() async throws {
        var settings = LanguageModels.Settings()
        settings.retriesMax = 0
        settings.circuit = .init(failuresMax: 1, rest: .seconds(100))
        let half = LanguageModelError(LanguageModelError.badAnswer, "half")
        let a = ScriptedProvider("a", [.fail(.wrong), .fail(.limited(after: nil)), .fail(.noCredit), .fail(half)])
        let models = try models([a], settings: settings)
        for _ in 0..<4 { #expect(try await failure(models).attempts.count == 1) }
        #expect(try await models.complete(.init(prompt: "x")).completion.text == "a")
        // An answer closes what failures before it began to open; half an answer says nothing either way.
        settings.circuit = .init(failuresMax: 2, rest: .seconds(100))
        for (between, isOpen) in [(.wrong, false), (half, true)] as [(LanguageModelError, Bool)] {
            let b = ScriptedProvider("b", [.fail(.overloaded), .fail(between), .fail(.overloaded), .fail(.wrong)])
            let models = try self.models([b], settings: settings)
            for _ in 0..<3 { _ = try await failure(models) }
            #expect(try await (failure(models).code == LanguageModelError.circuitOpen) == isOpen)
        }
    }

    @Test("What never reached the provider neither opens nor closes it")
    func circuitUnreached() async throws {
        var settings = LanguageModels.Settings()
        settings.retriesMax = 0
        settings.circuit = .init(failuresMax: 2, rest: .seconds(100))
        let codes = [
            OutboundHTTPError.overloaded, OutboundHTTPError.refused, OutboundHTTPError.circuitOpen,
            OutboundHTTPError.invalidURL, OutboundHTTPError.unsupported,
        ]
        let local = codes.map { OutboundHTTPError($0, "not sent") }
        let a = ScriptedProvider("a", local.map { .failOtherwise($0) })
        let models = try models([a], settings: settings)
        for _ in local { #expect(try await failure(models).attempts.count == 1) }
        #expect(try await models.complete(.init(prompt: "x")).completion.text == "a")
        // A request that the provider's code refused is between two failures as if it had not been.
        let unsent = LanguageModelError(LanguageModelError.unsupported, "no images")
        let b = ScriptedProvider("b", [.fail(.overloaded), .fail(unsent), .fail(.overloaded)])
        let others = try self.models([b], settings: settings)
        for _ in 0..<3 { _ = try await failure(others) }
        #expect(try await failure(others).code == LanguageModelError.circuitOpen)
        // An answer that does not fit its schema is an answer all the same.
        let c = ScriptedProvider("c", [.fail(.overloaded), answer(2), .fail(.overloaded)])
        let checked = try self.models([c], settings: settings, checkSchema: isConstant)
        for _ in 0..<3 { _ = try await failure(checked, wanting()) }
        #expect(try await checked.complete(.init(prompt: "x")).completion.text == "c")
    }

    // MARK: Schemas

    private func answer(_ json: JSONValue?, _ reason: Completion.FinishReason = .stop) -> ScriptedProvider.Step {
        .answer(
            Completion(
                text: json?.jsonText ?? "no JSON", json: json, finishReason: reason, provider: "a", model: "m",
                usage: .init(inputTokens: 10, outputTokens: 5), cost: .zero("USD"), providerRequestID: "r"))
    }

    private func wanting() -> CompletionRequest {
        var request = CompletionRequest(prompt: "x")
        request.responseSchema = ["const": 1]
        return request
    }

    private let isConstant: LanguageModels.SchemaCheck = { schema, value in
        guard let wanted = schema["const"] else { throw LanguageModelError.wrong }
        return value == wanted ? nil : "it is not \(wanted.jsonText)"
    }

    @Test("An answer that does not fit the schema is asked for again")
    func mismatch() async throws {
        let a = ScriptedProvider("a", [answer(2), answer(nil), answer(1)])
        let answered = try await models([a], checkSchema: isConstant).complete(wanting())
        #expect(answered.completion.json == 1 && answered.attempts.count == 3)
        #expect(
            answered.attempts[0].errorCode == "llm.schema_mismatch" && answered.attempts[0].usage?.inputTokens == 10)
        #expect(answered.attempts[0].providerRequestID == "r")
        let never = ScriptedProvider("a", Array(repeating: answer(2), count: 3))
        let failure = try await failure(try models([never], checkSchema: isConstant), wanting())
        #expect(failure.code == LanguageModelError.schemaMismatch && failure.message.contains("it is not 1"))
    }

    @Test("What cannot be repaired by asking again is told: cut, filtered, or a schema that is none")
    func unrepairable() async throws {
        let cut = ScriptedProvider("a", [answer(nil, .length)])
        let first = try await failure(try models([cut], checkSchema: isConstant), wanting())
        #expect(first.code == LanguageModelError.schemaMismatch && first.attempts.count == 1)
        let filtered = ScriptedProvider("a", [answer(nil, .contentFilter)])
        let second = try await failure(try models([filtered], checkSchema: isConstant), wanting())
        #expect(second.code == LanguageModelError.refused && second.attempts.count == 1)
        let unasked = ScriptedProvider("a")
        var broken = wanting()
        broken.responseSchema = ["type": "object"]
        let third = try await failure(try models([unasked], checkSchema: isConstant), broken)
        #expect(third.code == LanguageModelError.requestInvalid)
        let fourth = try await failure(try models([unasked]), wanting())
        #expect(fourth.code == LanguageModelError.unsupported && unasked.asked.isEmpty)
    }

    @Test("A call of tools on the way is not the answer")
    func toolsBeforeSchema() async throws {
        let call = Completion(
            text: "", toolCalls: [.init(id: "1", name: "t", arguments: [:])], finishReason: .toolCalls, provider: "a",
            model: "m", usage: .init(inputTokens: 1, outputTokens: 1), cost: .zero("USD"))
        let a = ScriptedProvider("a", [.answer(call)])
        let answered = try await models([a], checkSchema: isConstant).complete(wanting())
        #expect(answered.completion.toolCalls?.count == 1)
    }
}
