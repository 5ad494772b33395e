import CognitionCore

/// Who is asked, in which order: resolved and checked before anybody is.
struct ModelChain {
    struct Link {
        let provider: any LanguageModelProvider
        let model: String
    }

    /// At least one, each pair of provider and model once.
    let links: [Link]
    /// The conversation waits for the results of tools that the first link's provider asked for in blocks of its own, which
    /// no other can read.
    let isPinned: Bool
}

/// What is configured: providers by name, who answers by default, and who after that.
struct ModelDirectory {
    let providers: [String: any LanguageModelProvider]
    let standard: ModelReference
    let fallbacks: [ModelReference]

    /// - Throws: `llm.unknown_provider` when a reference names a provider that is not among `providers`.
    init(providers: [any LanguageModelProvider], standard: ModelReference, fallbacks: [ModelReference]) throws {
        self.providers = Dictionary(providers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.standard = standard
        self.fallbacks = fallbacks
        for reference in [standard] + fallbacks { _ = try link(to: reference) }
    }

    /// - Throws: `llm.unknown_provider`, also for a provider among the fallbacks.
    func chain(for request: CompletionRequest) throws -> ModelChain {
        let insists = request.provider != nil || request.model != nil
        var first = ModelReference(
            provider: request.provider ?? standard.provider,
            model: request.model ?? (request.provider == nil ? standard.model : nil))
        var later = request.fallbacks
        // The configured fallbacks belong to the configured default, not to a provider or model that a request insists on.
        if !insists, later.isEmpty { later = fallbacks.filter { mayStandIn($0, for: request) } }

        let origin = request.openToolLoop
        if let origin, request.model == nil, providers[origin.provider] != nil {
            let own = ModelReference(provider: origin.provider, model: origin.model)
            if request.provider == nil, origin.provider != first.provider { later.insert(first, at: 0) }
            if request.provider == nil || request.provider == origin.provider { first = own }
        }
        var links: [ModelChain.Link] = []
        for link in try ([first] + later).map(link(to:))
        where !links.contains(where: { $0.provider.name == link.provider.name && $0.model == link.model }) {
            links.append(link)
        }
        return ModelChain(links: links, isPinned: origin?.provider == first.provider)
    }

    /// Provider `local` only extracts sentences, so it never stands in unasked where tools, images or a schema are wanted:
    /// its refusal would hide why the others failed.
    private func mayStandIn(_ reference: ModelReference, for request: CompletionRequest) -> Bool {
        guard reference.provider == ExtractiveProvider.name else { return true }
        let kinds = Set(request.messages.lazy.flatMap(\.content).map(\.kind))
        return request.tools.isEmpty && request.responseSchema == nil && kinds.isSubset(of: [.text, .native])
    }

    private func link(to reference: ModelReference) throws -> ModelChain.Link {
        guard let provider = providers[reference.provider] else {
            let known = providers.keys.sorted().joined(separator: ", ")
            throw LanguageModelError(
                LanguageModelError.unknownProvider,
                "No language model provider '\(reference.provider)' is configured; there is: \(known).")
        }
        return ModelChain.Link(provider: provider, model: reference.model ?? provider.defaultModel)
    }
}

extension CompletionRequest {
    /// Who asked, in blocks of its own, for the tools whose results end the conversation; `nil` when no tool loop is open or
    /// its calls can be read by any provider.
    var openToolLoop: NativeBlocks? {
        guard let turn = messages.lastIndex(where: { $0.role == .assistant }),
            messages[turn].content.contains(where: { $0.kind == .toolCall }),
            messages[(turn + 1)...].allSatisfy({ $0.role == .tool })
        else { return nil }
        for case .native(let blocks) in messages[turn].content { return blocks }
        return nil
    }
}
