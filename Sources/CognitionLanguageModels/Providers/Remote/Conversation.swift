import CognitionCore

/// The messages of a request, put in the order that every provider demands: each tool call has exactly one result, right
/// after the turn that made it.
struct Conversation: Sendable {
    struct ToolResult: Sendable, Hashable {
        /// As on the wire.
        var id: String
        var content: String
        var isError: Bool
    }

    enum Turn: Sendable, Hashable {
        case system(String)
        case user([CompletionRequest.Part])
        /// Text and calls; or the provider's own blocks, when they are of the provider and model asked now.
        case assistant([CompletionRequest.Part], native: [JSONValue]?)
        /// In the order of the calls.
        case results([ToolResult])
    }

    /// What stands for the result of a call whose result was never given, e.g. because the caller crashed in between.
    static let missingResult = "The tool did not run: no result was recorded."

    private(set) var turns: [Turn] = []
    /// The calls of the last turn: their ids in the conversation and on the wire.
    private var openCalls: [(id: String, onWire: String)] = []
    private var results: [ToolResult] = []

    /// - Parameters:
    ///   - provider: Whose native blocks are kept.
    ///   - model: By the name asked for.
    ///   - idBytesMax: What the provider takes as the id of a tool call; longer and other ones are replaced.
    /// - Throws: `llm.request_invalid` for a result that belongs to no call of the turn before, or a second one.
    init(_ request: CompletionRequest, provider: String, model: String, idBytesMax: Int) throws {
        if let system = request.system, !system.isEmpty { turns.append(.system(system)) }
        for (index, message) in request.messages.enumerated() {
            if message.role != .tool { settle() }
            switch message.role {
            case .system: turns.append(.system(message.text))
            case .user: turns.append(.user(message.content.filter { $0 != .text("") }))
            case .assistant: answer(message.content, provider: provider, model: model, idBytesMax)
            case .tool: try take(message.content, at: index)
            }
        }
        settle()
    }

    private mutating func answer(
        _ parts: [CompletionRequest.Part], provider: String, model: String, _ idBytesMax: Int
    ) {
        var own: [CompletionRequest.Part] = []
        var native: [JSONValue]?
        for case .native(let blocks) in parts where blocks.provider == provider && blocks.model == model {
            native = (native ?? []) + (blocks.blocks.arrayValue ?? [])
        }
        for part in parts {
            switch part {
            case .text(""), .native: continue
            case .toolCall(var call):
                // Native blocks go back unchanged, so their results keep the provider's own ids.
                let onWire = native == nil ? ToolCallID.onWire(call.id, bytesMax: idBytesMax) : call.id
                openCalls.append((call.id, onWire))
                call.id = onWire
                own.append(.toolCall(call))
            case .text, .image, .toolResult: own.append(part)
            }
        }
        // A turn of nothing but another provider's blocks says nothing here.
        if !own.isEmpty || native?.isEmpty == false { turns.append(.assistant(own, native: native)) }
    }

    private mutating func take(_ parts: [CompletionRequest.Part], at index: Int) throws {
        for case .toolResult(let id, let content, let isError) in parts {
            guard let call = openCalls.first(where: { $0.id == id }), !results.contains(where: { $0.id == call.onWire })
            else {
                throw LanguageModelError(
                    LanguageModelError.requestInvalid,
                    "messages[\(index)] has a result for the tool call '\(id)', which the assistant's message before "
                        + "it does not make, or which has a result already.")
            }
            results.append(ToolResult(id: call.onWire, content: content, isError: isError))
        }
    }

    /// Closes the calls of the last turn.
    private mutating func settle() {
        guard !openCalls.isEmpty else { return }
        let given = results
        turns.append(
            .results(
                openCalls.map { call in
                    given.first { $0.id == call.onWire }
                        ?? ToolResult(id: call.onWire, content: Conversation.missingResult, isError: true)
                }))
        openCalls = []
        results = []
    }
}
