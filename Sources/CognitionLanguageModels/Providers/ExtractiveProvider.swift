import CognitionCore

/// Provider `local` with its one model `extractive-textrank-1`: summaries and keywords without a network, a key or a
/// cost.
///
/// It is **not** a neural network and understands nothing: it chooses the most central sentences of the text it is
/// given, and follows an instruction only as far as the number of sentences (see `ExtractionPrompt`). The same request
/// always gives the same answer. `temperature`, `reasoning` and messages of the assistant have no effect; `system` is
/// read for the number of sentences only. `tools`, images and `response_schema` are refused.
///
/// Tokens are estimated as a quarter of the UTF-8 bytes, rounded up, for `usage` as for `max_tokens`.
package struct ExtractiveProvider: LanguageModelProvider {
    package static let name = "local"
    package static let model = "extractive-textrank-1"
    /// UTF-8 bytes of all messages together.
    package static let promptBytesMax = 8 << 20
    private static let bytesPerToken = 4

    package init() {}

    package var name: String { ExtractiveProvider.name }
    package var defaultModel: String { ExtractiveProvider.model }

    /// - Throws: `llm.unknown_model`, `llm.unsupported`, `llm.prompt_too_large`, or `CancellationError`.
    @concurrent package func complete(
        _ request: CompletionRequest, observer: CompletionObserver
    ) async throws -> Completion {
        try ExtractiveProvider.check(request)
        let own = request.messages.filter { $0.role == .user }.map(\.text).joined(separator: "\n\n")
        let system = ([request.system] + request.messages.filter { $0.role == .system }.map(\.text)).compactMap(
            \.self
        )
        .joined(separator: "\n")
        let prompt = ExtractionPrompt(prompt: own, system: system)
        let bytesMax = request.tokensMax.map { $0 * ExtractiveProvider.bytesPerToken } ?? .max
        let summary = try ExtractiveSummary(of: prompt.document, sentencesMax: prompt.sentencesMax, bytesMax: bytesMax)
        let input = request.messages.reduce(request.system?.utf8.count ?? 0) { $0 + $1.text.utf8.count }
        if !summary.text.isEmpty { observer.hear(.text(summary.text)) }
        return Completion(
            text: summary.text, keywords: summary.keywords, finishReason: summary.isCut ? .length : .stop,
            provider: name, model: ExtractiveProvider.model,
            usage: .init(
                inputTokens: ExtractiveProvider.tokens(bytes: input),
                outputTokens: ExtractiveProvider.tokens(bytes: summary.text.utf8.count)),
            cost: .zero("USD"))
    }

    private static func check(_ request: CompletionRequest) throws {
        if let model = request.model, model != ExtractiveProvider.model {
            throw LanguageModelError(
                LanguageModelError.unknownModel,
                "Provider local has no model '\(model)'; there is: \(ExtractiveProvider.model).")
        }
        let kinds = Set(request.messages.flatMap(\.content).map(\.kind))
        let asked = [
            ("tools", !request.tools.isEmpty || !kinds.isDisjoint(with: [.toolCall, .toolResult])),
            ("images", kinds.contains(.image)), ("response_schema", request.responseSchema != nil),
        ].filter(\.1).map(\.0)
        guard asked.isEmpty else {
            throw LanguageModelError(
                LanguageModelError.unsupported,
                "Provider local only extracts sentences and cannot do \(asked.joined(separator: " and ")); "
                    + "configure another provider."
            )
        }
        let bytes = request.messages.reduce(0) { $0 + $1.text.utf8.count }
        guard bytes <= promptBytesMax else {
            throw LanguageModelError(
                LanguageModelError.promptTooLarge,
                "The prompt has \(bytes) bytes; provider local takes \(promptBytesMax).")
        }
    }

    private static func tokens(bytes: Int) -> Int { (bytes + bytesPerToken - 1) / bytesPerToken }
}
