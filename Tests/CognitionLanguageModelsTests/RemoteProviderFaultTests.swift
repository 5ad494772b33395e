import CognitionCore
import CognitionLanguageModels
import Testing

/// What providers do instead of answering.
@Suite(.timeLimit(.minutes(1))) struct RemoteProviderFaultTests {
    private struct NoonClock: WallClock {
        /// 1994-11-06T08:49:37Z.
        let now = Timestamp(microseconds: 784_111_777_000_000)
    }

    private typealias Advice = LanguageModelError.Advice

    struct Refusal: Sendable, CustomStringConvertible {
        let status: String
        let body: String
        var headers = ""
        let code: ErrorCode
        let advice: LanguageModelError.Advice

        var description: String { "\(status) \(headers) \(body)" }
    }

    static let refusals: [Refusal] = [
        .init(
            status: "429 Too Many Requests", body: #"{"error":{"message":"slow","type":"requests"}}"#,
            code: LanguageModelError.rateLimited, advice: .retry(after: nil)),
        .init(
            status: "429 Too Many Requests", body: #"{"type":"error","error":{"type":"rate_limit_error"}}"#,
            headers: "retry-after: 7\r\n", code: LanguageModelError.rateLimited, advice: .retry(after: .seconds(7))),
        .init(
            status: "429 Too Many Requests", body: "{}", headers: "retry-after: 7\r\nretry-after-ms: 1500.5\r\n",
            code: LanguageModelError.rateLimited, advice: .retry(after: .microseconds(1_500_500))),
        .init(
            status: "429 Too Many Requests", body: "{}", headers: "retry-after: Sun, 06 Nov 1994 08:50:37 GMT\r\n",
            code: LanguageModelError.rateLimited, advice: .retry(after: .seconds(60))),
        .init(
            status: "429 Too Many Requests", body: "{}", headers: "retry-after: soon\r\n",
            code: LanguageModelError.rateLimited, advice: .retry(after: nil)),
        .init(
            status: "429 Too Many Requests", body: "{}", headers: "x-should-retry: false\r\n",
            code: LanguageModelError.rateLimited, advice: .fallBack),
        .init(
            status: "429 Too Many Requests",
            body:
                #"{"error":{"message":"You exceeded your quota","type":"insufficient_quota","code":"credit_balance_exhausted"}}"#,
            headers: "x-should-retry: true\r\n", code: LanguageModelError.billing, advice: .fallBack),
        .init(
            status: "429 Too Many Requests", body: #"{"error":{"code":"project_spend_limit_exceeded"}}"#,
            code: LanguageModelError.billing, advice: .fallBack),
        .init(
            status: "429 Too Many Requests",
            body:
                #"{"type":"error","error":{"type":"rate_limit_error","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
            code: LanguageModelError.billing, advice: .fallBack),
        .init(
            status: "400 Bad Request",
            body:
                #"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#,
            code: LanguageModelError.billing, advice: .fallBack),
        .init(status: "402 Payment Required", body: "", code: LanguageModelError.billing, advice: .fallBack),
        .init(
            status: "400 Bad Request", body: #"{"error":{"message":"no","type":"invalid_request_error"}}"#,
            code: LanguageModelError.requestInvalid, advice: .never),
        .init(
            status: "400 Bad Request", body: #"{"error":{"message":"no","code":"unsupported_parameter"}}"#,
            code: LanguageModelError.unsupported, advice: .fallBack),
        .init(
            status: "400 Bad Request", body: #"{"error":{"message":"long","code":"context_length_exceeded"}}"#,
            code: LanguageModelError.contextTooLong, advice: .fallBack),
        .init(
            status: "400 Bad Request",
            body: #"{"type":"error","error":{"message":"prompt is too long: 9 tokens > 8 maximum"}}"#,
            code: LanguageModelError.contextTooLong, advice: .fallBack),
        .init(
            status: "400 Bad Request",
            body:
                #"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 9 + 4 > 8"}}"#,
            code: LanguageModelError.contextTooLong, advice: .fallBack),
        .init(
            status: "400 Bad Request",
            body: #"{"error":{"message":"Your input exceeds the context window of this model.","code":null}}"#,
            code: LanguageModelError.contextTooLong, advice: .fallBack),
        .init(status: "413 Payload Too Large", body: "", code: LanguageModelError.contextTooLong, advice: .fallBack),
        .init(
            status: "400 Bad Request", body: #"{"error":{"message":"no","code":"content_policy_violation"}}"#,
            code: LanguageModelError.refused, advice: .never),
        .init(status: "403 Forbidden", body: "", code: LanguageModelError.authentication, advice: .fallBack),
        .init(
            status: "404 Not Found", body: #"{"error":{"code":"model_not_found","message":"no"}}"#,
            code: LanguageModelError.unknownModel, advice: .fallBack),
        .init(
            status: "409 Conflict", body: "", code: LanguageModelError.providerUnavailable, advice: .retry(after: nil)),
        .init(
            status: "500 Internal Server Error", body: "<html>Oops</html>",
            code: LanguageModelError.providerUnavailable, advice: .retry(after: nil)),
        .init(
            status: "529 Overloaded", body: #"{"type":"error","error":{"type":"overloaded_error"}}"#,
            headers: "retry-after: 3\r\n", code: LanguageModelError.providerUnavailable,
            advice: .retry(after: .seconds(3))),
        .init(
            status: "400 Bad Request", body: "{}", headers: "x-should-retry: true\r\n",
            code: LanguageModelError.requestInvalid, advice: .retry(after: nil)),
        .init(
            status: "307 Temporary Redirect", body: "", headers: "location: /elsewhere\r\n",
            code: LanguageModelError.providerUnavailable, advice: .fallBack),
    ]

    @Test("A refusal says what it means and what may help", arguments: refusals)
    func refused(_ refusal: Refusal) async throws {
        for provider in RemoteProvider.allCases {
            let asked = try await exchange(
                with: provider, clock: NoonClock(),
                .json(refusal.status, refusal.body, headers: refusal.headers + "request-id: req_9\r\n"))
            let error = try #require(asked.error)
            #expect(error.code == refusal.code && error.advice == refusal.advice, "\(error) \(error.advice)")
            #expect(error.status == Int(refusal.status.prefix(3)) && error.providerRequestID == "req_9")
            #expect(error.usage == nil)
        }
    }

    @Test("Long pages of errors are shown short")
    func longPages() async throws {
        let page = String(repeating: "<p>Bad\u{7}\n gateway</p>", count: 10_000)
        let asked = try await exchange(with: .openAI, .json("502 Bad Gateway", page))
        let message = try #require(asked.error?.message)
        #expect(message.count < 600 && message.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }

    @Test("An error in the middle of a stream is one, with what was used until then")
    func midStream() async throws {
        let overloaded = ProviderStreams.anthropic(
            [ProviderStreams.anthropicStart] + ProviderStreams.anthropicText(0, ["Half"])
                + [#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#])
        var asked = try await exchange(with: .anthropic, .stream(overloaded))
        #expect(asked.error?.code == LanguageModelError.providerUnavailable && asked.heard == "Half")
        #expect(asked.error?.advice == .retry(after: nil) && asked.error?.usage?.inputTokens == 100)
        for (told, code) in [
            (#"{"error":{"message":"x","type":"server_error"}}"#, LanguageModelError.providerUnavailable),
            (#"{"error":{"message":"x","code":"rate_limit_exceeded"}}"#, LanguageModelError.rateLimited),
        ] {
            let stream = ProviderStreams.openAI([ProviderStreams.openAIChunk(#"{"content":"Half"}"#), told])
            asked = try await exchange(with: .openAI, .stream(stream))
            #expect(asked.error?.code == code && asked.heard == "Half" && asked.error?.status == 200)
        }
    }

    @Test("Half a stream is never a short answer", arguments: RemoteProvider.allCases)
    func halves(_ provider: RemoteProvider) async throws {
        let text = provider.plainStream
        for part in [0.1, 0.5, 0.8] {
            let half = String(text.prefix(Int(Double(text.count) * part)))
            for end in [ScriptedServer.Reply.End.whole, .reset, .cut] {
                let asked = try await exchange(with: provider, .stream(half, end: end))
                let error = try #require(asked.error, "\(part) \(end)")
                #expect(error.code == LanguageModelError.badAnswer, "\(end) \(error)")
                #expect(error.advice == .retry(after: nil) && error.status == 200)
            }
        }
    }

    @Test(
        "A stream that says it is at its end is whole, even if its connection stays open",
        arguments: RemoteProvider.allCases)
    func staysOpen(_ provider: RemoteProvider) async throws {
        let asked = try await exchange(with: provider, .stream(provider.plainStream, end: .silence))
        #expect(try asked.result.get().finishReason == .stop)
    }

    @Test("Garbage, wrong types and huge lines are bad answers", arguments: RemoteProvider.allCases)
    func garbage(_ provider: RemoteProvider) async throws {
        let huge = "data: " + String(repeating: "x", count: 1_100_000)
        var hugeReply = ScriptedServer.Reply.stream("data: {}\n\n")
        hugeReply.pieces = [Array(huge.utf8)]
        let replies: [ScriptedServer.Reply] = [
            .stream("data: hello\n\n"), .stream("data: {\"a\":\n\n"), .stream("\u{0}\u{1}\u{2}"),
            .stream("data: {}\n\n"), .stream("data: [1,2]\n\n"), .json("200 OK", "[]"), .json("200 OK", "{"),
            .json("200 OK", "{}"), hugeReply,
            .init(headers: "Content-Type: text/html\r\n", pieces: [Array("<html>Log in</html>".utf8)]),
        ]
        for (index, reply) in replies.enumerated() {
            let error = try #require(try await exchange(with: provider, reply).error, "\(index)")
            #expect(error.code == LanguageModelError.badAnswer, "\(index): \(error)")
        }
    }

    @Test("Changed streams give an answer or an error of ours, never more", arguments: RemoteProvider.allCases)
    func changed(_ provider: RemoteProvider) async throws {
        let streams =
            provider == .openAI
            ? [ProviderStreams.openAIText, ProviderStreams.openAITools]
            : [ProviderStreams.anthropicPlain, ProviderStreams.anthropicThinking]
        let pieces = [
            "9223372036854775807", "-1", "1e400", "null", "[]", "{}", "\"\"", "\n\n", "data: ", "\u{0}", "\\u0000", "{",
        ].map { Array($0.utf8) }
        var answers = 0
        for seed in 0..<400 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            var bytes = Array(streams[Int(seed) % streams.count].utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                let end = min(bytes.count, place + Int.random(in: 0...12, using: &random))
                bytes.replaceSubrange(place..<end, with: pieces.randomElement(using: &random) ?? [])
            }
            let http = CannedHTTP(bytes: bytes)
            let own: any LanguageModelProvider =
                provider == .openAI
                ? OpenAIProvider(apiKey: nil, http: http) : AnthropicProvider(apiKey: nil, http: http)
            do {
                let completion = try await own.complete(.init(prompt: "x"), observer: .none)
                #expect(completion.usage.inputTokens >= 0, "seed \(seed)")
                _ = try CompletionRequest(json: ["messages": [completion.message]])
                answers += 1
            } catch {
                #expect(error is LanguageModelError, "seed \(seed): \(error)")
            }
        }
        #expect(answers > 0 && answers < 400)
    }

    @Test("Arguments of tools that are no JSON object are a bad answer")
    func arguments() async throws {
        for arguments in [#"{\"a\":"#, "[]", "nonsense", "1"] {
            for finish in ["tool_calls", "length"] {
                let call =
                    #"{"tool_calls":[{"index":0,"id":"c","type":"function","#
                    + #""function":{"name":"t","arguments":"\#(arguments)"}}]}"#
                let stream = ProviderStreams.openAI([
                    ProviderStreams.openAIChunk(call, finish: finish), ProviderStreams.openAIUsage,
                ])
                let error = try #require(try await exchange(with: .openAI, .stream(stream)).error)
                #expect(error.code == LanguageModelError.badAnswer && error.usage?.inputTokens == 100)
                #expect(error.advice == (finish == "length" ? .never : .retry(after: nil)))
            }
        }
        let stream = ProviderStreams.anthropic(
            [ProviderStreams.anthropicStart]
                + ProviderStreams.anthropicBlock(
                    0, #"{"type":"tool_use","id":"c","name":"t","input":{}}"#,
                    [#"{"type":"input_json_delta","partial_json":"{\"a\": "}"#])
                + ProviderStreams.anthropicEnd("tool_use"))
        let error = try #require(try await exchange(with: .anthropic, .stream(stream)).error)
        #expect(error.code == LanguageModelError.badAnswer && error.usage?.inputTokens == 100)
    }

    @Test("Silence ends an attempt, before the first byte and after it", arguments: RemoteProvider.allCases)
    func silence(_ provider: RemoteProvider) async throws {
        var limits = ProviderLimits()
        limits.firstByte = .milliseconds(150)
        var asked = try await exchange(with: provider, limits: limits, .silence)
        #expect(asked.error?.code == LanguageModelError.providerUnavailable && asked.error?.status == nil)
        let half = String(provider.plainStream.prefix(provider.plainStream.count / 2))
        limits.firstByte = .seconds(60)
        limits.idle = .milliseconds(300)
        asked = try await exchange(with: provider, limits: limits, .stream(half, end: .silence))
        #expect(asked.error?.code == LanguageModelError.providerUnavailable && asked.error?.status == 200)
        #expect(asked.error?.advice == .retry(after: nil))
        if provider == .anthropic { #expect(asked.error?.usage?.inputTokens == 100) }
        limits.idle = .seconds(60)
        limits.total = .milliseconds(200)
        asked = try await exchange(with: provider, limits: limits, .stream(half, end: .silence))
        #expect(asked.error?.code == LanguageModelError.providerUnavailable)
    }

    @Test("A connection that breaks or never comes about is no answer", arguments: RemoteProvider.allCases)
    func connections(_ provider: RemoteProvider) async throws {
        let asked = try await exchange(with: provider, .reset)
        #expect(asked.error?.code == LanguageModelError.providerUnavailable)
        #expect(asked.error?.advice == .retry(after: nil))
        try await withHTTP { http in
            let gone = try await withServer { _, _ in
                .silence
            } _: {
                $0
            }
            let error = await #expect(throws: LanguageModelError.self) {
                try await provider.make(gone, http: http).complete(.init(prompt: "x"), observer: .none)
            }
            #expect(error?.code == LanguageModelError.providerUnavailable && error?.advice == .retry(after: nil))
        }
    }

    /// A client that has no place for a request.
    private struct FullHTTP: OutboundHTTP {
        func send(_ request: OutboundRequest) async throws -> OutboundResponse {
            throw OutboundHTTPError(OutboundHTTPError.overloaded, "too many requests wait")
        }

        func stream<Result: Sendable>(
            _ request: OutboundRequest, firstByteTimeout: Duration, idleTimeout: Duration,
            body: @escaping @Sendable (OutboundStream) async throws -> Result
        ) async throws -> Result {
            _ = try await send(request)
            preconditionFailure("It never answers.")
        }
    }

    @Test("A client of ours that is full is not asked again at once")
    func full() async throws {
        let provider = OpenAIProvider(apiKey: nil, http: FullHTTP())
        let error = await #expect(throws: LanguageModelError.self) {
            try await provider.complete(.init(prompt: "x"), observer: .none)
        }
        #expect(error?.code == LanguageModelError.providerUnavailable && error?.advice == .fallBack)
        #expect(error?.status == nil && error?.usage == nil)
    }

    @Test("An address that egress forbids is no reason to try again")
    func egress() async throws {
        try await withHTTP { http in
            let provider = OpenAIProvider(baseURL: "http://169.254.169.254/v1", apiKey: nil, http: http)
            let error = await #expect(throws: LanguageModelError.self) {
                try await provider.complete(.init(prompt: "x"), observer: .none)
            }
            #expect(error?.code == LanguageModelError.providerUnavailable && error?.advice == .fallBack)
        }
    }
}
