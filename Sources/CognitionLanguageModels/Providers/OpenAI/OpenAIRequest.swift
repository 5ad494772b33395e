import CognitionCore

/// Our request in the words of Chat Completions; pure.
enum OpenAIRequest {
    /// What a server of this API knows.
    struct Dialect: Sendable, Hashable {
        /// Current names, or those that every compatible server knows.
        var isCurrent: Bool

        init(isCurrent: Bool) { self.isCurrent = isCurrent }

        init(baseURL: String) {
            let afterScheme = baseURL.split(separator: "//", maxSplits: 1).last ?? ""
            let host = afterScheme.prefix { $0 != "/" && $0 != ":" }.lowercased()
            isCurrent = host == "api.openai.com" || host.hasSuffix(".openai.azure.com")
        }
    }

    static func body(
        of request: CompletionRequest, provider: String, model: String, dialect: Dialect
    ) throws -> JSONValue {
        let conversation = try Conversation(
            request, provider: provider, model: model, idBytesMax: OpenAIProvider.toolCallIDBytesMax)
        var body: JSONObject = ["model": .string(model)]
        body["messages"] = .array(conversation.turns.flatMap { messages(of: $0, dialect) })
        if let temperature = request.temperature { body["temperature"] = JSONValue(temperature) }
        if let tokensMax = request.tokensMax {
            body[dialect.isCurrent ? "max_completion_tokens" : "max_tokens"] = .integer(Int64(tokensMax))
        }
        if let reasoning = request.reasoning { body["reasoning_effort"] = .string(reasoning.nearestEffort.rawValue) }
        if !request.tools.isEmpty { body["tools"] = .array(request.tools.map(tool)) }
        if let schema = request.responseSchema {
            let schema = ResponseSchema(schema)
            body["response_format"] = [
                "type": "json_schema",
                "json_schema": ["name": "answer", "schema": schema.schema, "strict": .bool(schema.isStrict)],
            ]
        }
        body["stream"] = true
        var options: JSONObject = ["include_usage": true]
        // Padding against eavesdroppers of traffic patterns; TLS to the provider is trusted here.
        if dialect.isCurrent { options["include_obfuscation"] = false }
        body["stream_options"] = .object(options)
        return .object(body)
    }

    private static func messages(of turn: Conversation.Turn, _ dialect: Dialect) -> [JSONValue] {
        switch turn {
        case .system(let text):
            return [["role": dialect.isCurrent ? "developer" : "system", "content": .string(text)]]
        case .user(let parts):
            if parts.count == 1, case .text(let text) = parts[0] {
                return [["role": "user", "content": .string(text)]]
            }
            return [["role": "user", "content": .array(parts.compactMap(part))]]
        case .assistant(let parts, _):
            var message: JSONObject = ["role": "assistant"]
            let text = CompletionRequest.Message(role: .assistant, content: parts).text
            message["content"] = text.isEmpty ? .null : .string(text)
            let calls = parts.compactMap { part -> JSONValue? in
                guard case .toolCall(let call) = part else { return nil }
                return [
                    "id": .string(call.id), "type": "function",
                    "function": ["name": .string(call.name), "arguments": .string(call.arguments.jsonText)],
                ]
            }
            if !calls.isEmpty { message["tool_calls"] = .array(calls) }
            return [.object(message)]
        case .results(let results):
            return results.map { result in
                [
                    "role": "tool", "tool_call_id": .string(result.id),
                    "content": .string((result.isError ? "Error: " : "") + result.content),
                ]
            }
        }
    }

    private static func part(_ part: CompletionRequest.Part) -> JSONValue? {
        switch part {
        case .text(let text): ["type": "text", "text": .string(text)]
        case .image(.url(let url)): ["type": "image_url", "image_url": ["url": .string(url)]]
        case .image(.data(let mediaType, let base64)):
            ["type": "image_url", "image_url": ["url": .string("data:\(mediaType);base64,\(base64)")]]
        case .toolCall, .toolResult, .native: nil
        }
    }

    private static func tool(_ tool: CompletionRequest.Tool) -> JSONValue {
        var function: JSONObject = ["name": .string(tool.name)]
        if let description = tool.description { function["description"] = .string(description) }
        function["parameters"] = tool.schema
        return ["type": "function", "function": .object(function)]
    }
}

extension CompletionRequest.Tool {
    /// The schema of the arguments; an object without members where none was given.
    var schema: JSONValue { parameters ?? ["type": "object", "properties": [:]] }
}

extension CompletionRequest.Reasoning {
    /// The effort, or the one whose usual number of tokens is nearest to the budget.
    var nearestEffort: Effort {
        switch self {
        case .effort(let effort): effort
        case .budget(let tokens): tokens < 4_096 ? .low : tokens < 16_384 ? .medium : .high
        }
    }

    /// The budget, or the usual one of the effort, in tokens.
    var usualBudget: Int {
        switch self {
        case .effort(.low): 2_048
        case .effort(.medium): 8_192
        case .effort(.high): 24_576
        case .budget(let tokens): tokens
        }
    }
}
