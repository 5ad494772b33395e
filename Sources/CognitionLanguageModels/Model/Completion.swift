package import CognitionCore

/// What a provider answered, and what that cost.
package struct Completion: Sendable, Hashable {
    package enum FinishReason: String, Sendable, Hashable {
        case stop
        /// `max_tokens` cut the answer.
        case length
        case toolCalls = "tool_calls"
        case contentFilter = "content_filter"
    }

    package struct ToolCall: Sendable, Hashable {
        package var id: String
        package var name: String
        package var arguments: JSONValue

        package init(id: String, name: String, arguments: JSONValue) {
            self.id = id
            self.name = name
            self.arguments = arguments
        }
    }

    package struct Usage: Sendable, Hashable {
        /// Everything read, from a cache and into one included.
        package var inputTokens: Int
        /// Everything made, reasoning included.
        package var outputTokens: Int
        /// Part of `inputTokens`: read from the provider's cache.
        package var cachedTokens: Int
        /// Part of `inputTokens`: written into the provider's cache.
        package var cacheWriteTokens: Int
        /// Part of `outputTokens`: thought, not said.
        package var reasoningTokens: Int

        package init(
            inputTokens: Int, outputTokens: Int, cachedTokens: Int = 0, cacheWriteTokens: Int = 0,
            reasoningTokens: Int = 0
        ) {
            self.inputTokens = inputTokens
            self.outputTokens = outputTokens
            self.cachedTokens = cachedTokens
            self.cacheWriteTokens = cacheWriteTokens
            self.reasoningTokens = reasoningTokens
        }
    }

    package var text: String
    /// The parsed answer when a `response_schema` was given.
    package var json: JSONValue?
    /// Best first; only from providers that find them.
    package var keywords: [String]?
    package var toolCalls: [ToolCall]?
    package var finishReason: FinishReason
    package var provider: String
    /// As the provider names what answered; may be more exact than the name asked for.
    package var model: String
    package var usage: Usage
    package var cost: Money
    /// The answer as a message of the assistant, ready to be appended to `messages` of the next request.
    package var message: JSONValue
    /// What the provider calls the request.
    package var providerRequestID: String?

    /// - Parameter message: `nil` makes one of the text and the tool calls.
    package init(
        text: String, json: JSONValue? = nil, keywords: [String]? = nil, toolCalls: [ToolCall]? = nil,
        finishReason: FinishReason, provider: String, model: String, usage: Usage, cost: Money,
        message: CompletionRequest.Message? = nil, providerRequestID: String? = nil
    ) {
        self.text = text
        self.json = json
        self.keywords = keywords
        self.toolCalls = toolCalls
        self.finishReason = finishReason
        self.provider = provider
        self.model = model
        self.usage = usage
        self.cost = cost
        self.message = (message ?? Completion.message(text: text, toolCalls: toolCalls ?? [])).json
        self.providerRequestID = providerRequestID
    }

    private static func message(text: String, toolCalls: [ToolCall]) -> CompletionRequest.Message {
        let calls = toolCalls.map { CompletionRequest.Part.toolCall($0) }
        return .init(role: .assistant, content: (text.isEmpty && !calls.isEmpty ? [] : [.text(text)]) + calls)
    }
}

extension Completion {
    /// The output of `call: llm`: `{text, json?, keywords?, tool_calls?, finish_reason, provider, model, usage, cost,
    /// message}`.
    package var jsonValue: JSONValue {
        var members = JSONObject()
        members["text"] = .string(text)
        if let json { members["json"] = json }
        if let keywords { members["keywords"] = .array(keywords.map { .string($0) }) }
        if let toolCalls {
            members["tool_calls"] = .array(
                toolCalls.map { ["id": .string($0.id), "name": .string($0.name), "arguments": $0.arguments] })
        }
        members["finish_reason"] = .string(finishReason.rawValue)
        members["provider"] = .string(provider)
        members["model"] = .string(model)
        members["usage"] = [
            "input_tokens": .integer(Int64(usage.inputTokens)),
            "output_tokens": .integer(Int64(usage.outputTokens)),
            "cached_tokens": .integer(Int64(usage.cachedTokens)),
        ]
        members["cost"] = cost.json
        members["message"] = message
        return .object(members)
    }
}
