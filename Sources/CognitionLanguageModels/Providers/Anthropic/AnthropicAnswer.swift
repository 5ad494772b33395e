import CognitionCore

/// An answer of Anthropic's Messages, gathered from its events.
struct AnthropicAnswer: StreamedAnswer {
    private(set) var id: String?
    private(set) var isComplete = false
    private var model: String?
    /// By their index.
    private var blocks: [Block] = []
    private var stopReason: String?
    /// The counts as last told; each is the whole so far.
    private var counts: [String: Int] = [:]

    private static let blocksMax = 1_024

    /// One block of content while it grows. What is not known is kept as it came.
    fileprivate struct Block: Sendable {
        var members: JSONObject
        /// What the deltas added to members that are texts; joined at the end, because a text in `members` would be
        /// copied for each piece.
        var grown: [String: String] = [:]
        /// The pieces of `input`, which is JSON only when the block is at its end.
        var input = ""
        var isOpen = true
    }

    var isPaused: Bool { stopReason == "pause_turn" }

    var usage: Completion.Usage? {
        guard !counts.isEmpty else { return nil }
        let written = counts["cache_creation_input_tokens"] ?? 0
        let cached = counts["cache_read_input_tokens"] ?? 0
        return Completion.Usage(
            inputTokens: (counts["input_tokens"] ?? 0) + written + cached, outputTokens: counts["output_tokens"] ?? 0,
            cachedTokens: cached, cacheWriteTokens: written, reasoningTokens: counts["thinking_tokens"] ?? 0)
    }

    /// Told at the start of the stream, and again at its end.
    func usageSoFar(requestBytes: Int) -> Completion.Usage? { usage }

    mutating func takeMark(_ text: String) -> Bool { false }

    mutating func take(_ event: JSONValue, hear: (String) -> Void) throws {
        switch event["type"]?.stringValue {
        case "message_start":
            noteHead(of: event["message"])
            noteUsage(event["message"]?["usage"])
        case "content_block_start": try start(event, hear: hear)
        case "content_block_delta": try grow(event, hear: hear)
        case "content_block_stop": try stop(event)
        case "message_delta":
            if let reason = event["delta"]?["stop_reason"]?.stringValue { stopReason = reason }
            noteUsage(event["usage"])
        case "message_stop":
            guard blocks.allSatisfy({ !$0.isOpen }) else { throw Self.bad("its answer ended inside a block") }
            try readInputs()
            isComplete = true
        case "error": throw StreamedFault(body: event)
        default: break  // ping, and what is added later
        }
    }

    mutating func takeWhole(_ answer: JSONValue, hear: (String) -> Void) throws {
        if answer["type"]?.stringValue == "error" { throw StreamedFault(body: answer) }
        noteHead(of: answer)
        noteUsage(answer["usage"])
        guard let content = answer["content"]?.arrayValue, content.count <= Self.blocksMax else {
            throw Self.bad("its answer has no content")
        }
        for block in content {
            guard let members = block.objectValue else { throw Self.bad("its answer has a block that is no object") }
            blocks.append(Block(members: members, isOpen: false))
            if members["type"] == "text" { hear(members["text"]?.stringValue ?? "") }
        }
        stopReason = answer["stop_reason"]?.stringValue
        isComplete = true
    }

    private mutating func noteHead(of message: JSONValue?) {
        id = message?["id"]?.stringValue ?? id
        model = message?["model"]?.stringValue ?? model
    }

    private mutating func noteUsage(_ told: JSONValue?) {
        guard let told else { return }
        for name in ["input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"] {
            if let count = told.count(name) { counts[name] = count }
        }
        if let count = told["output_tokens_details"]?.count("thinking_tokens") { counts["thinking_tokens"] = count }
    }

    // MARK: Blocks

    private mutating func start(_ event: JSONValue, hear: (String) -> Void) throws {
        guard event.count("index") == blocks.count, blocks.count < Self.blocksMax,
            let members = event["content_block"]?.objectValue
        else { throw Self.bad("its answer begins a block out of turn") }
        blocks.append(Block(members: members))
        if members["type"] == "text" { hear(members["text"]?.stringValue ?? "") }
    }

    private mutating func grow(_ event: JSONValue, hear: (String) -> Void) throws {
        guard let index = event.count("index"), blocks.indices.contains(index), blocks[index].isOpen,
            let delta = event["delta"]
        else { throw Self.bad("its answer continues a block that is not open") }
        switch delta["type"]?.stringValue {
        case "text_delta":
            let piece = delta["text"]?.stringValue ?? ""
            blocks[index].grown["text", default: ""] += piece
            hear(piece)
        case "input_json_delta": blocks[index].input += delta["partial_json"]?.stringValue ?? ""
        case "thinking_delta": blocks[index].grown["thinking", default: ""] += delta["thinking"]?.stringValue ?? ""
        case "signature_delta": blocks[index].grown["signature", default: ""] += delta["signature"]?.stringValue ?? ""
        case "citations_delta":
            let before = blocks[index].members["citations"]?.arrayValue ?? []
            if let citation = delta["citation"] { blocks[index].members["citations"] = .array(before + [citation]) }
        default: break
        }
    }

    private mutating func stop(_ event: JSONValue) throws {
        guard let index = event.count("index"), blocks.indices.contains(index), blocks[index].isOpen else {
            throw Self.bad("its answer ends a block that is not open")
        }
        blocks[index].close()
    }

    /// Reads the inputs of all blocks, at the end of the answer: only there it is known what was used, and whether
    /// `max_tokens` cut an input.
    private mutating func readInputs() throws {
        for index in blocks.indices where !blocks[index].input.isEmpty {
            let call = try ToolArguments.call(
                id: "", name: blocks[index].members["name"]?.stringValue ?? "", arguments: blocks[index].input,
                wasCut: Self.cuts.contains(stopReason ?? ""), provider: "The provider", usage: usage)
            blocks[index].members["input"] = call.arguments
            blocks[index].input = ""
        }
    }

    private static func bad(_ what: String) -> LanguageModelError {
        LanguageModelError(LanguageModelError.badAnswer, "The provider gave no usable answer: \(what).")
    }

    // MARK: The answer

    /// The blocks as they may go back; the API refuses empty texts.
    var sendableBlocks: [JSONValue] {
        blocks.filter { !($0.members["type"] == "text" && $0.members["text"]?.stringValue?.isEmpty != false) }
            .map { .object($0.members) }
    }

    /// Continues this answer with the next part of it, whose usage counts even if the part is not taken.
    mutating func append(_ next: AnthropicAnswer) throws {
        counts.merge(next.counts, uniquingKeysWith: +)
        guard blocks.count + next.blocks.count <= Self.blocksMax else {
            throw Self.bad("its answer has too many blocks")
        }
        id = id ?? next.id
        model = next.model ?? model
        blocks += next.blocks
        stopReason = next.stopReason
        isComplete = next.isComplete
    }

    /// The usage of this and of another exchange together.
    func usage(adding other: Completion.Usage?) -> Completion.Usage? {
        guard let own = usage, let other else { return usage ?? other }
        return Completion.Usage(
            inputTokens: own.inputTokens + other.inputTokens, outputTokens: own.outputTokens + other.outputTokens,
            cachedTokens: own.cachedTokens + other.cachedTokens,
            cacheWriteTokens: own.cacheWriteTokens + other.cacheWriteTokens,
            reasoningTokens: own.reasoningTokens + other.reasoningTokens)
    }

    /// - Throws: `llm.bad_answer` for an answer that cannot be used.
    func completion(provider: String, model asked: String) throws -> Completion {
        guard let usage, let stopReason else {
            throw LanguageModelError(
                LanguageModelError.badAnswer, "\(provider) did not say why its answer ended and what it used.",
                usage: usage)
        }
        var parts: [CompletionRequest.Part] = []
        var isPlain = true
        for block in blocks.map(\.members) {
            switch block["type"]?.stringValue {
            case "text":
                let text = block["text"]?.stringValue ?? ""
                if !text.isEmpty { parts.append(.text(text)) }
                if block["citations"]?.arrayValue?.isEmpty == false { isPlain = false }
            case "tool_use":
                guard let id = block["id"]?.stringValue, !id.isEmpty, let name = block["name"]?.stringValue,
                    let input = block["input"], case .object = input
                else { throw Self.bad("it calls a tool without an id, a name or arguments") }
                parts.append(.toolCall(.init(id: id, name: name, arguments: input)))
            default: isPlain = false
            }
        }
        let text = CompletionRequest.Message(role: .assistant, content: parts).text
        let calls = parts.compactMap { if case .toolCall(let call) = $0 { call } else { nil } }
        if parts.isEmpty { parts = [.text("")] }
        if !isPlain {
            parts.append(
                .native(NativeBlocks(provider: provider, model: asked, blocks: .array(sendableBlocks))))
        }
        return Completion(
            text: text, toolCalls: calls.isEmpty ? nil : calls,
            finishReason: Self.finishReason(stopReason, hasCalls: !calls.isEmpty), provider: provider,
            model: model ?? asked, usage: usage, cost: .zero("USD"),
            message: .init(role: .assistant, content: parts))
    }

    /// Reasons to stop that leave an answer unfinished; asked again it ends at the same place.
    private static let cuts: Set<String> = ["max_tokens", "model_context_window_exceeded"]

    private static func finishReason(_ reason: String, hasCalls: Bool) -> Completion.FinishReason {
        switch reason {
        case _ where cuts.contains(reason): .length
        case "tool_use": hasCalls ? .toolCalls : .stop
        case "refusal": .contentFilter
        default: .stop
        }
    }
}

extension AnthropicAnswer.Block {
    /// Closes the block: its members as if they had come in one piece.
    fileprivate mutating func close() {
        isOpen = false
        for (name, text) in grown { members[name] = .string((members[name]?.stringValue ?? "") + text) }
        grown = [:]
    }
}
