import CognitionCore
import Metrics
import Synchronization

/// What the façade counts, by `provider` and `model` and some by one more:
///
/// - `llm.requests`: attempts, by `outcome` (`completed`, `cancelled`, `circuit_open`, or an error code without its prefix).
/// - `llm.tokens`: by `kind`: `input` (neither cached nor written), `cached`, `cache_write`, `output`.
/// - `llm.cost`: micros of a US dollar. `llm.unpriced`: calls of models without a price.
/// - `llm.duration`: seconds an attempt took, by `outcome`. `llm.time_to_first_token`: seconds until the first text.
/// - `llm.retries`, `llm.fallbacks`: by the provider and model that failed.
///
/// Labels are bounded: a model that is not configured is `other`, and so is an unknown code. Handles are made once each,
/// when first needed.
final class LanguageModelMetrics: Sendable {
    private struct Key: Hashable {
        let label: String
        let model: ModelReference
        let more: String
    }

    private struct Handles {
        var counters: [Key: Counter] = [:]
        var timers: [Key: Metrics.Timer] = [:]
    }

    private static let codes: Set = [
        LanguageModelError.requestInvalid, LanguageModelError.unknownModel, LanguageModelError.unsupported,
        LanguageModelError.promptTooLarge, LanguageModelError.providerUnavailable, LanguageModelError.rateLimited,
        LanguageModelError.billing, LanguageModelError.authentication, LanguageModelError.contextTooLong,
        LanguageModelError.refused, LanguageModelError.badAnswer, LanguageModelError.schemaMismatch,
        LanguageModelError.timeout, LanguageModelError.circuitOpen,
    ]

    private let factory: any MetricsFactory
    private let models: Set<ModelReference>
    private let handles = Mutex(Handles())

    /// - Parameter models: The configured ones, each with its model.
    init(factory: any MetricsFactory, models: Set<ModelReference>) {
        self.factory = factory
        self.models = models
    }

    func countAttempt(of link: ModelChain.Link, outcome: String, took duration: Duration?) {
        count("llm.requests", link, ("outcome", outcome))
        if let duration { time("llm.duration", link, ("outcome", outcome), duration) }
    }

    /// Of a call whose use is known.
    func countUse(of link: ModelChain.Link, _ call: ModelCall) {
        if !call.quote.isPriced { count("llm.unpriced", link) }
        if call.quote.cost.micros > 0 { count("llm.cost", link, by: call.quote.cost.micros) }
        guard let usage = call.usage else { return }
        let kinds = [
            ("input", usage.inputTokens - usage.cachedTokens - usage.cacheWriteTokens), ("cached", usage.cachedTokens),
            ("cache_write", usage.cacheWriteTokens), ("output", usage.outputTokens),
        ]
        for (kind, tokens) in kinds where tokens > 0 { count("llm.tokens", link, ("kind", kind), by: Int64(tokens)) }
    }

    func recordFirstText(of link: ModelChain.Link, after duration: Duration) {
        time("llm.time_to_first_token", link, nil, duration)
    }

    func countRetry(of link: ModelChain.Link) { count("llm.retries", link) }

    func countFallback(from link: ModelChain.Link) { count("llm.fallbacks", link) }

    /// The outcome of a failure.
    static func outcome(of code: ErrorCode) -> String {
        codes.contains(code) ? String(code.name.dropFirst("llm.".count)) : "other"
    }

    private func count(
        _ label: String, _ link: ModelChain.Link, _ more: (name: String, value: String)? = nil, by amount: Int64 = 1
    ) {
        let key = key(label, link, more)
        let counter = handles.withLock { handles in
            if let counter = handles.counters[key] { return counter }
            let counter = Counter(label: label, dimensions: dimensions(key, more), factory: factory)
            handles.counters[key] = counter
            return counter
        }
        counter.increment(by: amount)
    }

    private func time(
        _ label: String, _ link: ModelChain.Link, _ more: (name: String, value: String)?, _ duration: Duration
    ) {
        let key = key(label, link, more)
        let timer = handles.withLock { handles in
            if let timer = handles.timers[key] { return timer }
            let timer = Metrics.Timer(label: label, dimensions: dimensions(key, more), factory: factory)
            handles.timers[key] = timer
            return timer
        }
        timer.recordNanoseconds(duration.microseconds.multipliedReportingOverflow(by: 1_000).partialValue)
    }

    private func key(_ label: String, _ link: ModelChain.Link, _ more: (name: String, value: String)?) -> Key {
        var model = ModelReference(provider: link.provider.name, model: link.model)
        if !models.contains(model) { model.model = "other" }
        return Key(label: label, model: model, more: more?.value ?? "")
    }

    private func dimensions(_ key: Key, _ more: (name: String, value: String)?) -> [(String, String)] {
        [("provider", key.model.provider), ("model", key.model.model ?? "other")] + (more.map { [$0] } ?? [])
    }
}
