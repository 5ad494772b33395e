import CognitionCore
import CognitionLanguageModels
import Testing

/// What goes over the wire, judged by the official Python clients.
@Suite(.timeLimit(.minutes(2)), .enabled(if: !ModelClientPeer.isSkipped)) struct ProviderWireTests {
    /// Requests that use everything there is.
    static func requests() throws -> [CompletionRequest] {
        let schema: JSONValue = [
            "type": "object", "required": ["city"], "additionalProperties": false,
            "properties": ["city": ["type": "string", "minLength": 1], "when": ["type": "string", "format": "date"]],
        ]
        let tools: JSONValue = [
            ["name": "weather", "description": "Looks out of the window.", "parameters": schema], ["name": "time"],
        ]
        let loop: JSONValue = [
            ["role": "system", "content": "Be kind."], ["role": "user", "content": "Weather?"],
            [
                "role": "assistant",
                "content": [
                    ["type": "text", "text": "I look."],
                    ["type": "tool_call", "id": "call:1", "name": "weather", "arguments": ["city": "Zürich"]],
                    ["type": "tool_call", "id": "call:2", "name": "time", "arguments": [:]],
                ],
            ],
            [
                "role": "tool",
                "content": [["type": "tool_result", "tool_call_id": "call:2", "content": "no", "is_error": true]],
            ],
            ["role": "user", "content": "Go on."], ["role": "user", "content": "Please."],
        ]
        let images: JSONValue = [
            [
                "role": "user",
                "content": [
                    ["type": "text", "text": "What is this?"],
                    ["type": "image", "media_type": "image/png", "data": "iVBORw0KGgo="],
                    ["type": "image", "url": "https://example.org/a.jpg"],
                ],
            ]
        ]
        return try [
            ["prompt": "Hi", "system": "Be brief.", "max_tokens": 50],
            ["messages": loop, "tools": tools], ["messages": images],
            ["prompt": "Hi", "response_schema": schema], ["prompt": "Hi", "reasoning": ["effort": "high"]],
            ["prompt": "Hi", "reasoning": ["budget_tokens": 2_000], "max_tokens": 3_000],
        ].map { try CompletionRequest(json: $0) }
    }

    @Test("Every request fits the clients' own types", arguments: RemoteProvider.allCases)
    func requests(_ provider: RemoteProvider) async throws {
        var checks: [JSONValue] = []
        for request in try Self.requests() {
            for model in ["claude-haiku-4-5", "claude-sonnet-4-6", "claude-sonnet-5-5"] {
                let asked = try await exchange(
                    with: provider, asking: request, model: model, .stream(provider.plainStream))
                #expect(asked.requests.count == 1, "\(asked.error?.message ?? "")")
                checks.append(["check": .string(provider.rawValue), "body": asked.body])
            }
        }
        // Two that are wrong, so that the judge is seen to judge.
        let first = try #require(checks.first?["body"]?.objectValue)
        for (name, value) in [
            ("max_token", 1), ("messages", [["role": "user", "content": [["type": "text", "txt": "x"]]]]),
        ] as [(String, JSONValue)] {
            var wrong = first
            wrong[name] = value
            checks.append(["check": .string(provider.rawValue), "body": .object(wrong)])
        }
        let answers = try await ModelClientPeer.ask(checks)
        #expect(answers.count == checks.count)
        for (check, answer) in zip(checks, answers).dropLast(2) {
            #expect(answer["ok"] == true, "\(answer.jsonText) \(check["body"]?.jsonText ?? "")")
        }
        #expect(answers.suffix(2).map { $0["ok"] } == [false, false])
    }

    @Test("The clients read every stream as we do", arguments: RemoteProvider.allCases)
    func streams(_ provider: RemoteProvider) async throws {
        let streams =
            provider == .openAI
            ? [ProviderStreams.openAIText, ProviderStreams.openAITools]
            : [ProviderStreams.anthropicPlain, ProviderStreams.anthropicThinking]
        // First all of ours, then all of theirs.
        let (ours, theirs) = try await withServer { number, _ in
            .stream(streams[number % streams.count], seed: UInt64(number))
        } _: { server in
            try await withHTTP { http in
                let own = provider.make(server, http: http)
                var ours: [Completion] = []
                for _ in streams { ours.append(try await own.complete(.init(prompt: "x"), observer: .none)) }
                let body = try #require(server.requests.last?.body)
                let url = server.url + (provider == .openAI ? "/v1" : "")
                let ask: JSONValue = ["ask": .string(provider.rawValue), "url": .string(url), "body": body]
                let theirs = try await ModelClientPeer.ask(streams.map { _ in ask })
                // They sent what we sent, to the same place.
                #expect(server.requests.map(\.body) == Array(repeating: body, count: 2 * streams.count))
                #expect(Set(server.requests.map { $0.path.prefix { $0 != "?" } }).count == 1)
                return (ours, theirs)
            }
        }
        for (own, other) in zip(ours, theirs) { compare(provider, own, other) }
    }

    private func compare(_ provider: RemoteProvider, _ ours: Completion, _ theirs: JSONValue) {
        #expect(theirs["text"]?.stringValue == ours.text, "\(theirs.jsonText)")
        #expect(theirs["calls"] == ours.jsonValue["tool_calls"] ?? [], "\(theirs.jsonText)")
        let count = { (name: String) in Int(theirs["usage"]?[name]?.integerValue ?? 0) }
        switch provider {
        case .openAI:
            #expect(count("prompt_tokens") == ours.usage.inputTokens)
            #expect(count("completion_tokens") == ours.usage.outputTokens)
            #expect(theirs["finish"]?.stringValue == ours.finishReason.rawValue)
        case .anthropic:
            let parts = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"]
            #expect(parts.map(count).reduce(0, +) == ours.usage.inputTokens)
            #expect(count("output_tokens") == ours.usage.outputTokens)
            if let native = ours.message["content"]?.arrayValue?.last?["blocks"] {
                #expect(native == theirs["blocks"], "\(native.jsonText)")
            }
        }
    }
}
