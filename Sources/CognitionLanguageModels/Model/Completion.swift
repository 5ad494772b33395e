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
        /// Cached ones included.
        package var inputTokens: Int
        package var outputTokens: Int
        package var cachedTokens: Int

        package init(inputTokens: Int, outputTokens: Int, cachedTokens: Int = 0) {
            self.inputTokens = inputTokens
            self.outputTokens = outputTokens
            self.cachedTokens = cachedTokens
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
    package var model: String
    package var usage: Usage
    package var cost: Money

    package init(
        text: String, json: JSONValue? = nil, keywords: [String]? = nil, toolCalls: [ToolCall]? = nil,
        finishReason: FinishReason, provider: String, model: String, usage: Usage, cost: Money
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
    }
}

extension Completion {
    /// The output of `call: llm`: `{text, json?, keywords?, tool_calls?, finish_reason, provider, model, usage, cost}`.
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
        return .object(members)
    }
}
