import CognitionCore
import CognitionLanguageModels
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct RemoteProviderTests {
    @Test("A stream is heard as it comes and returned whole, however it is cut", arguments: RemoteProvider.allCases)
    func text(_ provider: RemoteProvider) async throws {
        for seed in 0..<5 as Range<UInt64> {
            let asked = try await exchange(
                with: provider, .stream(provider.plainStream, seed: seed, headers: "x-request-id: req_7\r\n"))
            let completion = try asked.result.get()
            #expect(completion.text == "Grüße, Welt 🌍\n" && asked.heard == completion.text)
            #expect(completion.finishReason == .stop && completion.toolCalls == nil && completion.json == nil)
            #expect(completion.provider == provider.rawValue && completion.model.hasSuffix("-test-2026"))
            #expect(
                completion.usage
                    == .init(
                        inputTokens: 100, outputTokens: 20, cachedTokens: provider == .openAI ? 60 : 65,
                        cacheWriteTokens: 10, reasoningTokens: 8))
            #expect(completion.cost.micros == 0 && completion.providerRequestID == "req_7")
            #expect(completion.message == ["role": "assistant", "content": "Grüße, Welt 🌍\n"])
        }
    }

    @Test("The key goes where it belongs, and only there", arguments: RemoteProvider.allCases)
    func keys(_ provider: RemoteProvider) async throws {
        let asked = try await exchange(with: provider, .stream(provider.plainStream))
        let headers = try #require(asked.requests.first?.headers)
        switch provider {
        case .openAI:
            #expect(headers["authorization"] == "Bearer \(RemoteProvider.key)")
            #expect(asked.requests.first?.path == "/v1/chat/completions")
        case .anthropic:
            #expect(headers["x-api-key"] == RemoteProvider.key && headers["anthropic-version"] == "2023-06-01")
            #expect(asked.requests.first?.path == "/v1/messages")
        }
        let told = #"{"error":{"message":"Incorrect key \#(RemoteProvider.key) (sk-te****cdef).","type":"invalid"}}"#
        let refused = try await exchange(
            with: provider, .json("401 Unauthorized", told))
        let error = try #require(refused.error)
        #expect(error.code == LanguageModelError.authentication && error.advice == .fallBack && error.status == 401)
        let own: any LanguageModelProvider =
            provider == .openAI
            ? OpenAIProvider(apiKey: Secret(RemoteProvider.key), http: RecordingHTTP())
            : AnthropicProvider(apiKey: Secret(RemoteProvider.key), http: RecordingHTTP())
        var dumped = ""
        dump(own, to: &dumped)
        #expect(!(dumped + "\(own)").contains(RemoteProvider.key))
        #expect(!"\(error) \(error.message)".contains("sk-") && error.message.contains(Secret.mask))
    }

    @Test("Tool calls are put together from their pieces")
    func tools() async throws {
        let open = try await exchange(with: .openAI, .stream(ProviderStreams.openAITools)).result.get()
        #expect(open.finishReason == .toolCalls && open.text == "")
        #expect(
            open.toolCalls == [
                .init(id: "call_a", name: "weather", arguments: ["city": "Zürich"]),
                .init(id: "call_b", name: "time", arguments: [:]),
            ])
        let other = try await exchange(with: .anthropic, .stream(ProviderStreams.anthropicThinking)).result.get()
        #expect(other.finishReason == .toolCalls && other.text == "I look.")
        #expect(other.toolCalls?.map(\.id) == ["toolu_1", "toolu_2"])
        #expect(other.toolCalls?.map(\.arguments) == [["city": "Zürich"], [:]])
    }

    @Test("A loop of tool calls goes on with the provider's own blocks, unchanged, and with nobody else's")
    func nativeBlocks() async throws {
        let first = try await exchange(with: .anthropic, .stream(ProviderStreams.anthropicThinking)).result.get()
        let request = try CompletionRequest(json: [
            "messages": [
                ["role": "user", "content": "Weather?"], first.message,
                ["role": "tool", "content": [["type": "tool_result", "tool_call_id": "toolu_2", "content": "noon"]]],
            ]
        ])
        let same = try await exchange(with: .anthropic, asking: request, .stream(ProviderStreams.anthropicPlain))
        let blocks = try #require(same.body["messages"]?[1]?["content"]?.arrayValue)
        #expect(
            blocks[0].jsonText == #"{"type":"thinking","thinking":"Let me see.","signature":"c2ln"}"#)
        #expect(blocks[1].jsonText == #"{"type":"redacted_thinking","data":"b3BhcXVl"}"#)
        #expect(
            blocks[3].jsonText
                == #"{"type":"tool_use","id":"toolu_1","name":"weather","input":{"city":"Zürich"}}"#)
        let results = same.body["messages"]?[2]?["content"]
        #expect(results?[0]?["tool_use_id"] == "toolu_1" && results?[0]?["is_error"] == true)
        #expect(results?[1]?["content"] == "noon" && results?[1]?["is_error"] == nil)

        let foreign = try await exchange(
            with: .anthropic, asking: request, model: "claude-other", .stream(ProviderStreams.anthropicPlain))
        #expect(
            foreign.body["messages"]?[1]?["content"]?.arrayValue?.map { $0["type"]?.stringValue }
                == ["text", "tool_use", "tool_use"])
        let open = try await exchange(with: .openAI, asking: request, .stream(ProviderStreams.openAIText))
        #expect(open.body["messages"]?[1]?["content"] == "I look.")
        #expect(open.body["messages"]?[1]?["tool_calls"]?[0]?["id"] == "toolu_1")
        #expect(open.body["messages"]?[2]?["content"]?.stringValue?.hasPrefix("Error: ") == true)
        #expect(open.body["messages"]?[3]?["content"] == "noon")
        #expect(!open.body.jsonText.contains("c2ln"))
    }

    @Test(
        "Ids of tool calls become such as each provider takes, the same every time", arguments: RemoteProvider.allCases)
    func ids(_ provider: RemoteProvider) async throws {
        let id = "fc:" + String(repeating: "é", count: 80)
        let request = CompletionRequest(messages: [
            .init(role: .user, content: "x"),
            .init(role: .assistant, content: [.toolCall(.init(id: id, name: "t", arguments: [:]))]),
            .init(role: .tool, content: [.toolResult(id: id, content: "r", isError: false)]),
        ])
        let text = try await exchange(with: provider, asking: request, .stream(provider.plainStream)).body.jsonText
        #expect(!text.contains("fc:"))
        let ids = text.matches(of: /call_[0-9a-f]{32}/).map { String($0.output) }
        #expect(ids.count == 2 && Set(ids).count == 1)
    }

    @Test("A result without its call is refused before anything is sent", arguments: RemoteProvider.allCases)
    func orphans(_ provider: RemoteProvider) async throws {
        let request = CompletionRequest(messages: [
            .init(role: .user, content: "x"),
            .init(role: .tool, content: [.toolResult(id: "a", content: "r", isError: false)]),
        ])
        let asked = try await exchange(with: provider, asking: request, .reset)
        #expect(asked.error?.code == LanguageModelError.requestInvalid && asked.error?.advice == .never)
        #expect(asked.requests.isEmpty)
    }

    @Test("Stops mean the same everywhere")
    func stops() async throws {
        for (told, meant) in [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter")] {
            let stream = ProviderStreams.openAI([
                ProviderStreams.openAIChunk(#"{"content":"a"}"#, finish: told), ProviderStreams.openAIUsage,
            ])
            #expect(try await exchange(with: .openAI, .stream(stream)).result.get().finishReason.rawValue == meant)
        }
        for (told, meant) in [
            ("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("refusal", "content_filter"),
            ("model_context_window_exceeded", "length"),
        ] {
            let stream = ProviderStreams.anthropic(
                [ProviderStreams.anthropicStart] + ProviderStreams.anthropicText(0, ["a"])
                    + ProviderStreams.anthropicEnd(told))
            #expect(try await exchange(with: .anthropic, .stream(stream)).result.get().finishReason.rawValue == meant)
        }
        let refusal = ProviderStreams.openAI([
            ProviderStreams.openAIChunk(#"{"refusal":"I will not."}"#),
            ProviderStreams.openAIChunk("{}", finish: "stop"), ProviderStreams.openAIUsage,
        ])
        let refused = try await exchange(with: .openAI, .stream(refusal)).result.get()
        #expect(refused.finishReason == .contentFilter && refused.text == "I will not.")
    }

    @Test("A paused answer is continued, and both parts count")
    func paused() async throws {
        let start = ProviderStreams.anthropicStart
        let pause = ProviderStreams.anthropic(
            [start] + ProviderStreams.anthropicText(0, ["One. "]) + ProviderStreams.anthropicEnd("pause_turn"))
        let asked = try await exchange(
            with: .anthropic, .stream(pause), .stream(ProviderStreams.anthropicPlain))
        let completion = try asked.result.get()
        #expect(completion.text == "One. Grüße, Welt 🌍\n" && asked.heard == completion.text)
        #expect(completion.usage.inputTokens == 200 && completion.usage.outputTokens == 40)
        #expect(asked.body["messages"]?[1]?["content"]?[0]?["text"] == "One. ")
        let endless = try await exchange(with: .anthropic, .stream(pause))
        #expect(endless.error?.code == LanguageModelError.badAnswer && endless.requests.count == 5)
        #expect(endless.error?.usage?.outputTokens == 100)
    }

    @Test("What a model takes goes to it, and what it does not take is refused here")
    func dialects() async throws {
        func body(_ model: String, _ json: JSONValue) async throws -> JSONValue {
            let request = try CompletionRequest(json: json)
            let asked = try await exchange(
                with: .anthropic, asking: request, model: model, .stream(ProviderStreams.anthropicPlain))
            if let error = asked.error { throw error }
            return asked.body
        }
        for (model, thinking, effort) in [
            ("claude-3-7-sonnet-20250219", #"{"type":"enabled","budget_tokens":8192}"#, nil),
            ("claude-haiku-4-5-20251001", #"{"type":"enabled","budget_tokens":8192}"#, nil),
            ("claude-opus-4-20250514", #"{"type":"enabled","budget_tokens":8192}"#, nil),
            ("claude-sonnet-4-6", #"{"type":"adaptive"}"#, "medium"),
            ("claude-opus-4-7", #"{"type":"adaptive"}"#, "medium"),
            ("claude-haiku-5", #"{"type":"adaptive"}"#, "medium"),
            ("us.anthropic.claude-sonnet-5-5", #"{"type":"adaptive"}"#, "medium"),
        ] {
            let asked = try await body(model, ["prompt": "x", "reasoning": ["effort": "medium"]])
            #expect(asked["thinking"]?.jsonText == thinking && asked["output_config"]?["effort"]?.stringValue == effort)
            #expect(asked["max_tokens"]?.integerValue == (effort == nil ? 12_288 : 4_096))
        }
        let budget: JSONValue = ["prompt": "x", "reasoning": ["budget_tokens": 20_000]]
        #expect(try await body("claude-sonnet-4-6", budget)["thinking"]?["budget_tokens"] == 20_000)
        #expect(try await body("claude-sonnet-5-5", budget)["output_config"]?["effort"] == "high")
        let warm: JSONValue = ["prompt": "x", "temperature": 0.5]
        #expect(try await body("claude-haiku-4-5", warm)["temperature"] == 0.5)
        for (model, json) in [
            ("claude-sonnet-5-5", warm), ("claude-haiku-4-5", ["prompt": "x", "temperature": 1.5]),
            ("claude-haiku-4-5", ["prompt": "x", "max_tokens": 500, "reasoning": ["effort": "low"]]),
        ] as [(String, JSONValue)] {
            let error = await #expect(throws: LanguageModelError.self) { try await body(model, json) }
            #expect(error?.code == LanguageModelError.unsupported && error?.advice == .fallBack)
        }
    }

    @Test("A server that is not OpenAI's own is spoken to in the older words")
    func olderWords() async throws {
        let request = try CompletionRequest(json: ["prompt": "x", "system": "s", "max_tokens": 9, "temperature": 2])
        let body = try await exchange(with: .openAI, asking: request, .stream(ProviderStreams.openAIText)).body
        #expect(body["max_tokens"] == 9 && body["max_completion_tokens"] == nil && body["temperature"] == 2)
        #expect(
            body["messages"]?[0]?["role"] == "system" && body["stream_options"]?.jsonText == #"{"include_usage":true}"#)
        let recorder = RecordingHTTP()
        for base in ["https://api.openai.com/v1", "https://mine.openai.azure.com/openai/v1/"] {
            let provider = OpenAIProvider(baseURL: base, apiKey: nil, http: recorder)
            await #expect(throws: LanguageModelError.self) { try await provider.complete(request, observer: .none) }
            let sent = try #require(recorder.last)
            let body = try JSONValue(parsing: String(decoding: sent.body ?? [], as: UTF8.self))
            #expect(sent.url == base.trimmingSuffix("/") + "/chat/completions")
            #expect(body["max_completion_tokens"] == 9 && body["max_tokens"] == nil)
            #expect(body["messages"]?[0]?["role"] == "developer" && body["model"] == "gpt-5.6-luna")
        }
    }

    @Test("A schema is sent as strict where OpenAI takes it so, and as Anthropic's clients would send it")
    func schemas() async throws {
        func asked(_ provider: RemoteProvider, _ schema: JSONValue) async throws -> JSONValue? {
            var request = CompletionRequest(prompt: "x")
            request.responseSchema = schema
            let body = try await exchange(with: provider, asking: request, .stream(provider.plainStream)).body
            return provider == .openAI ? body["response_format"]?["json_schema"] : body["output_config"]?["format"]
        }
        let strict: JSONValue = [
            "type": "object", "additionalProperties": false, "required": ["a"], "properties": ["a": ["type": "string"]],
        ]
        #expect(try await asked(.openAI, strict)?["strict"] == true)
        #expect(
            try await asked(.openAI, ["type": "object", "properties": ["a": ["type": "string"]]])?["strict"] == false)
        let loose: JSONValue = [
            "$schema": "x", "type": "object", "additionalProperties": true,
            "properties": ["a": ["oneOf": [["type": "integer", "minimum": 1, "description": "n"]]]],
        ]
        #expect(try await asked(.openAI, loose)?["schema"] == loose)
        let closed: JSONValue = [
            "type": "object", "additionalProperties": false,
            "properties": ["a": ["anyOf": [["type": "integer", "description": "n\n\n{\"minimum\":1}"]]]],
        ]
        #expect(try await asked(.anthropic, loose) == ["type": "json_schema", "schema": closed])
    }

    @Test("An answer by schema is parsed, and one that is no JSON says so", arguments: RemoteProvider.allCases)
    func schema(_ provider: RemoteProvider) async throws {
        var request = CompletionRequest(prompt: "x")
        request.responseSchema = ["type": "object", "properties": ["a": ["type": "integer", "minimum": 1]]]
        let json =
            provider == .openAI
            ? ProviderStreams.openAI([
                ProviderStreams.openAIChunk(#"{"content":"{\"a\": 5}"}"#, finish: "stop"), ProviderStreams.openAIUsage,
            ])
            : ProviderStreams.anthropic(
                [ProviderStreams.anthropicStart] + ProviderStreams.anthropicText(0, ["{\"a\"", ": 5}"])
                    + ProviderStreams.anthropicEnd("end_turn"))
        #expect(try await exchange(with: provider, asking: request, .stream(json)).result.get().json == ["a": 5])
        let wrong = try await exchange(with: provider, asking: request, .stream(provider.plainStream))
        #expect(wrong.error?.code == LanguageModelError.schemaMismatch && wrong.error?.usage?.inputTokens == 100)
    }

    @Test("An answer in one piece is taken as well", arguments: RemoteProvider.allCases)
    func whole(_ provider: RemoteProvider) async throws {
        let text =
            provider == .openAI
            ? #"{"id":"c","model":"gpt-test-2026","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","#
                + #""tool_calls":[{"id":"a","type":"function","function":{"name":"t","arguments":"{}"}}]},"#
                + #""finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#
            : #"{"id":"m","type":"message","role":"assistant","model":"claude-test-2026","content":[{"type":"text","#
                + #""text":"Hi"},{"type":"tool_use","id":"a","name":"t","input":{}}],"stop_reason":"tool_use","#
                + #""usage":{"input_tokens":3,"output_tokens":2}}"#
        let asked = try await exchange(with: provider, .json("200 OK", text))
        let completion = try asked.result.get()
        #expect(completion.text == "Hi" && asked.heard == "Hi")
        #expect(completion.toolCalls == [.init(id: "a", name: "t", arguments: [:])])
        #expect(completion.usage == .init(inputTokens: 3, outputTokens: 2))
    }

    @Test("A server that tells no usage is counted by its bytes")
    func estimates() async throws {
        let stream = ProviderStreams.openAI([ProviderStreams.openAIChunk(#"{"content":"12345"}"#, finish: "stop")])
        let usage = try await exchange(with: .openAI, .stream(stream)).result.get().usage
        #expect(usage.outputTokens == 2 && (20...80).contains(usage.inputTokens))
    }

    @Test("Cancellation passes through", arguments: RemoteProvider.allCases)
    func cancellation(_ provider: RemoteProvider) async throws {
        let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
        try await withServer { _, _ in
            arrival.yield()
            return .silence
        } _: { server in
            try await withHTTP { http in
                let own = provider.make(server, http: http)
                let task = Task { try await own.complete(.init(prompt: "x"), observer: .none) }
                for await _ in arrived { break }
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
            }
        }
    }
}
