import CognitionCore

/// An answer of Chat Completions, gathered from its chunks.
struct OpenAIAnswer: StreamedAnswer {
    private struct Call: Sendable {
        var id = ""
        var name = ""
        var arguments = ""
    }

    private(set) var id: String?
    private(set) var usage: Completion.Usage?
    private var model: String?
    private var text = ""
    private var refusal = ""
    /// By the `index` of the stream, in the order in which they began.
    private var calls: [(index: Int, call: Call)] = []
    private var finish: String?
    private var isMarked = false

    private static let callsMax = 1_024

    /// Servers that leave out the mark at the end have said all when finish and usage are there.
    var isComplete: Bool { isMarked || (finish != nil && usage != nil) }

    /// By a quarter of the UTF-8 bytes.
    func estimatedUsage(requestBytes: Int) -> Completion.Usage {
        Completion.Usage(
            inputTokens: ProviderConnection.estimatedTokens(requestBytes),
            outputTokens: ProviderConnection.estimatedTokens(bytes))
    }

    /// The counts come with the last chunk, so a stream that breaks off has none.
    func usageSoFar(requestBytes: Int) -> Completion.Usage? {
        usage ?? (hasBegun ? estimatedUsage(requestBytes: requestBytes) : nil)
    }

    private var hasBegun: Bool { id != nil || model != nil || finish != nil || bytes > 0 }

    /// UTF-8 bytes of everything that was answered.
    private var bytes: Int {
        calls.reduce(text.utf8.count + refusal.utf8.count) {
            $0 + $1.call.name.utf8.count + $1.call.arguments.utf8.count
        }
    }

    mutating func takeMark(_ text: String) -> Bool {
        guard text == "[DONE]" else { return false }
        isMarked = true
        return true
    }

    mutating func take(_ chunk: JSONValue, hear: (String) -> Void) throws {
        noteHead(of: chunk)
        if let error = chunk["error"], !error.isNull { throw StreamedFault(body: chunk) }
        guard let choice = chunk["choices"]?[0] else { return }
        if let delta = choice["delta"] { try take(delta: delta, hear: hear) }
        if let reason = choice["finish_reason"]?.stringValue { finish = reason }
    }

    mutating func takeWhole(_ answer: JSONValue, hear: (String) -> Void) throws {
        noteHead(of: answer)
        if let error = answer["error"], !error.isNull { throw StreamedFault(body: answer) }
        guard let choice = answer["choices"]?[0], let message = choice["message"] else {
            throw LanguageModelError(LanguageModelError.badAnswer, "The answer has no choices.")
        }
        try take(delta: message, hear: hear)
        finish = choice["finish_reason"]?.stringValue
        isMarked = true
    }

    private mutating func noteHead(of chunk: JSONValue) {
        id = id ?? chunk["id"]?.stringValue
        model = model ?? chunk["model"]?.stringValue
        guard let told = chunk["usage"], let input = told.count("prompt_tokens") else { return }
        usage = Completion.Usage(
            inputTokens: input, outputTokens: told.count("completion_tokens") ?? 0,
            cachedTokens: told["prompt_tokens_details"]?.count("cached_tokens") ?? 0,
            cacheWriteTokens: told["prompt_tokens_details"]?.count("cache_write_tokens") ?? 0,
            reasoningTokens: told["completion_tokens_details"]?.count("reasoning_tokens") ?? 0)
    }

    private mutating func take(delta: JSONValue, hear: (String) -> Void) throws {
        if let piece = delta["content"]?.stringValue {
            text += piece
            hear(piece)
        }
        if let piece = delta["refusal"]?.stringValue { refusal += piece }
        for (place, fragment) in (delta["tool_calls"]?.arrayValue ?? []).enumerated() {
            let index = fragment.count("index") ?? place
            let known = calls.firstIndex { $0.index == index }
            if known == nil { calls.append((index, Call())) }
            guard calls.count <= Self.callsMax else {
                throw LanguageModelError(LanguageModelError.badAnswer, "The answer calls more than 1024 tools.")
            }
            let slot = known ?? calls.count - 1
            // Id and name come whole, in the first fragment; some servers repeat them in each.
            if let id = fragment["id"]?.stringValue, !id.isEmpty { calls[slot].call.id = id }
            if let name = fragment["function"]?["name"]?.stringValue, !name.isEmpty { calls[slot].call.name = name }
            calls[slot].call.arguments += fragment["function"]?["arguments"]?.stringValue ?? ""
        }
    }

    /// - Parameter usage: As told, or an estimate.
    /// - Throws: `llm.bad_answer` for an answer that cannot be used.
    func completion(provider: String, model asked: String, usage: Completion.Usage) throws -> Completion {
        guard let finish else {
            throw LanguageModelError(
                LanguageModelError.badAnswer, "\(provider) did not say why its answer ended.", usage: usage)
        }
        var reason: Completion.FinishReason =
            switch finish {
            case "length": .length
            case "content_filter": .contentFilter
            case "tool_calls", "function_call": .toolCalls
            default: .stop
            }
        if !refusal.isEmpty { reason = .contentFilter }
        // Some servers say "stop" after calls.
        if !calls.isEmpty, reason == .stop { reason = .toolCalls }
        var used: Set<String> = []
        let toolCalls = try calls.enumerated().map { place, entry in
            let isNew = !entry.call.id.isEmpty && used.insert(entry.call.id).inserted
            return try ToolArguments.call(
                id: isNew ? entry.call.id : ToolCallID.made(answer: id ?? "", index: place), name: entry.call.name,
                arguments: entry.call.arguments, wasCut: reason == .length, provider: provider, usage: usage)
        }
        if toolCalls.isEmpty, reason == .toolCalls { reason = .stop }
        return Completion(
            text: text.isEmpty ? refusal : text, toolCalls: toolCalls.isEmpty ? nil : toolCalls, finishReason: reason,
            provider: provider, model: model ?? asked, usage: usage, cost: .zero("USD"))
    }
}

extension JSONValue {
    /// A member that is a count of up to a million millions, so that sums of counts fit; `nil` for anything else.
    func count(_ member: String) -> Int? {
        guard let number = self[member]?.integerValue, (0...1_000_000_000_000).contains(number) else { return nil }
        return Int(number)
    }
}
