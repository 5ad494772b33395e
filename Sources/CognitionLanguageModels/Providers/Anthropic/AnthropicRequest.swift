import CognitionCore

/// Our request in the words of Anthropic's Messages; pure.
enum AnthropicRequest {
    static let standardTokensMax = 4_096
    static let toolCallIDBytesMax = 64

    /// How a model is told how much to think.
    enum Thinking: Sendable, Hashable {
        case budget(tokens: Int)
        case adaptive(CompletionRequest.Reasoning.Effort)

        static let budgetMin = 1_024

        /// Models up to 4.5 know only budgets, those from 4.7 on only effort, and the two of 4.6 both.
        init(_ reasoning: CompletionRequest.Reasoning, model: String) {
            switch (reasoning, Generation(of: model)) {
            case (_, .budget), (.budget, .both):
                self = .budget(tokens: max(reasoning.usualBudget, Self.budgetMin))
            case (.effort, .both), (_, .effort):
                self = .adaptive(reasoning.nearestEffort)
            }
        }
    }

    /// What a model knows, by its name; an unknown name counts as a model of today.
    enum Generation: Sendable, Hashable {
        /// Up to 4.5: thinks by a budget, and takes a temperature.
        case budget
        /// 4.6: takes everything.
        case both
        /// From 4.7 on: thinks by effort, and takes no temperature but its own.
        case effort

        init(of model: String) {
            let words = model.lowercased().split { $0 == "-" || $0 == "." || $0 == "@" }.drop { $0 != "claude" }
            // claude-3-…, claude-FAMILY-MAJOR-MINOR-DATE; a date in the place of the minor version is none.
            let numbers = words.dropFirst().drop { Int($0) == nil }.prefix { Int($0) != nil }.compactMap { Int($0) }
            let minor = numbers.dropFirst().first.flatMap { $0 < 100 ? $0 : nil } ?? 0
            switch (numbers.first ?? .max, minor) {
            case (...3, _), (4, ...5): self = .budget
            case (4, 6): self = .both
            default: self = .effort
            }
        }
    }

    static func body(of request: CompletionRequest, provider: String, model: String) throws -> JSONObject {
        let conversation = try Conversation(
            request, provider: provider, model: model, idBytesMax: toolCallIDBytesMax)
        let thinking = request.reasoning.map { Thinking($0, model: model) }
        var body: JSONObject = ["model": .string(model)]
        let tokensMax = try tokensMax(of: request, thinking, provider: provider)
        body["max_tokens"] = .integer(Int64(tokensMax))
        let system = conversation.turns.compactMap { if case .system(let text) = $0 { text } else { nil } }
        if !system.isEmpty { body["system"] = .string(system.joined(separator: "\n\n")) }
        body["messages"] = .array(merged(conversation.turns.flatMap(message)))
        if let temperature = try temperature(of: request, provider: provider, model: model) {
            body["temperature"] = JSONValue(temperature)
        }
        var output = JSONObject()
        switch thinking {
        case .budget(let tokens): body["thinking"] = ["type": "enabled", "budget_tokens": .integer(Int64(tokens))]
        case .adaptive(let effort):
            body["thinking"] = ["type": "adaptive"]
            output["effort"] = .string(effort.rawValue)
        case nil: break
        }
        if !request.tools.isEmpty { body["tools"] = .array(request.tools.map(tool)) }
        if let schema = request.responseSchema {
            output["format"] = ["type": "json_schema", "schema": ResponseSchema(schema).anthropic]
        }
        if !output.isEmpty { body["output_config"] = .object(output) }
        body["stream"] = true
        return body
    }

    /// What is sent as the temperature; 1 is everybody's own.
    private static func temperature(
        of request: CompletionRequest, provider: String, model: String
    ) throws -> Double? {
        guard let asked = request.temperature, asked != 1 else { return nil }
        guard asked < 1 else {
            throw LanguageModelError(LanguageModelError.unsupported, "\(provider) takes a temperature of at most 1.")
        }
        guard Generation(of: model) != .effort else {
            throw LanguageModelError(
                LanguageModelError.unsupported,
                "\(provider)'s model \(model) takes no temperature; leave it out or name another model.")
        }
        return asked
    }

    /// The bound of thought and answer together.
    private static func tokensMax(
        of request: CompletionRequest, _ thinking: Thinking?, provider: String
    ) throws -> Int {
        guard case .budget(let budget) = thinking else { return request.tokensMax ?? standardTokensMax }
        guard let asked = request.tokensMax else { return budget + standardTokensMax }
        guard asked > budget else {
            throw LanguageModelError(
                LanguageModelError.unsupported,
                "\(provider) counts reasoning against max_tokens, which must be more than the \(budget) tokens of it.")
        }
        return asked
    }

    private static func message(of turn: Conversation.Turn) -> [(role: String, blocks: [JSONValue])] {
        switch turn {
        case .system: []
        case .user(let parts): [("user", parts.compactMap(block))]
        case .assistant(let parts, let native): [("assistant", native ?? parts.compactMap(block))]
        case .results(let results):
            [
                (
                    "user",
                    results.map { result in
                        var block: JSONObject = ["type": "tool_result", "tool_use_id": .string(result.id)]
                        block["content"] = .string(result.content)
                        if result.isError { block["is_error"] = true }
                        return .object(block)
                    }
                )
            ]
        }
    }

    /// One message for turns of the same role that follow one another, as the API would merge them itself. Results come
    /// first in theirs, because they follow their calls.
    private static func merged(_ messages: [(role: String, blocks: [JSONValue])]) -> [JSONValue] {
        var merged: [(role: String, blocks: [JSONValue])] = []
        for message in messages where !message.blocks.isEmpty {
            if let last = merged.indices.last, merged[last].role == message.role {
                merged[last].blocks += message.blocks
            } else {
                merged.append(message)
            }
        }
        return merged.map { ["role": .string($0.role), "content": .array($0.blocks)] }
    }

    private static func block(_ part: CompletionRequest.Part) -> JSONValue? {
        switch part {
        case .text(let text): ["type": "text", "text": .string(text)]
        case .image(.url(let url)): ["type": "image", "source": ["type": "url", "url": .string(url)]]
        case .image(.data(let mediaType, let base64)):
            [
                "type": "image",
                "source": ["type": "base64", "media_type": .string(mediaType), "data": .string(base64)],
            ]
        case .toolCall(let call):
            [
                "type": "tool_use", "id": .string(call.id), "name": .string(call.name), "input": call.arguments,
            ]
        case .toolResult, .native: nil
        }
    }

    private static func tool(_ tool: CompletionRequest.Tool) -> JSONValue {
        var members: JSONObject = ["name": .string(tool.name)]
        if let description = tool.description { members["description"] = .string(description) }
        members["input_schema"] = tool.schema
        return .object(members)
    }
}
