import CognitionCore
import Logging

/// The way of one request: tries, waits, and goes from provider to provider until one answers or none is left.
struct CompletionRun {
    let request: CompletionRequest
    let chain: ModelChain
    let runtime: CompletionRuntime
    let relay: AnswerRelay
    /// On `runtime.elapsed`.
    let deadline: Duration
    private(set) var attempts: [ModelCall] = []
    private var failures: [LanguageModelError] = []

    init(
        _ request: CompletionRequest, _ chain: ModelChain, _ runtime: CompletionRuntime, _ observer: CompletionObserver,
        deadline: Duration
    ) {
        self.request = request
        self.chain = chain
        self.runtime = runtime
        self.deadline = deadline
        relay = AnswerRelay(to: observer, elapsed: runtime.elapsed)
    }

    /// - Throws: `LanguageModelFailure`, or `CancellationError` at once, unless an answer came all the same.
    mutating func run() async throws -> Answered {
        for (index, link) in chain.links.enumerated() {
            let hasNext = index < chain.links.count - 1
            // Each provider that may still be asked has the same share of the time that is left.
            let shares = chain.isPinned && index == 0 ? 1 : chain.links.count - index
            let end = runtime.elapsed() + (deadline - runtime.elapsed()) / shares
            var plan = RetryPlan(
                retriesMax: runtime.settings.retriesMax, retryAfterMax: runtime.settings.retryAfterMax)
            retrying: while true {
                let error: LanguageModelError
                switch try await attempt(link, until: end) {
                case .success(let completion): return Answered(completion: completion, attempts: attempts)
                case .failure(let failure): error = failure
                }
                failures.append(error)
                let step = runtime.step(
                    &plan, after: error.advice, remaining: end - runtime.elapsed(), hasNext: hasNext,
                    isPinned: chain.isPinned && index == 0)
                log(error, link, step)
                switch step {
                case .wait(let delay):
                    runtime.metrics.countRetry(of: link)
                    relay.restart(because: error.message)
                    try await runtime.clock.sleep(for: delay)
                case .fallBack:
                    runtime.metrics.countFallback(from: link)
                    relay.restart(because: error.message)
                    break retrying
                case .fail:
                    throw LanguageModelFailure(error: reason(for: error), attempts: attempts)
                }
            }
        }
        preconditionFailure("the last provider either answers or throws")
    }

    /// A later repetition may help as long as one of those asked may answer later, whatever the last of them said.
    private func reason(for last: LanguageModelError) -> LanguageModelError {
        last.advice == .never ? last : failures.last(where: \.isRetryable) ?? last
    }

    // MARK: One attempt

    private mutating func attempt(
        _ link: ModelChain.Link, until end: Duration
    ) async throws -> Result<Completion, LanguageModelError> {
        let isProbe: Bool
        do {
            isProbe = try runtime.admit(link)
        } catch {
            let error = LanguageModelError(of: error, by: link.provider.name)
            runtime.metrics.countAttempt(of: link, outcome: LanguageModelMetrics.outcome(of: error.code), took: nil)
            return .failure(error)
        }
        let startedAt = runtime.wallClock.now
        let start = runtime.elapsed()
        let span = ModelSpan(link)
        let result: Result<Completion, LanguageModelError>
        var answer: Completion?
        do {
            let completion = try await ask(link, within: end - start, span)
            answer = completion
            try check(completion)
            result = .success(completion)
        } catch {
            guard !Task.isCancelled else {
                note(answer, error as? LanguageModelError, .cancelled, link, span, startedAt: startedAt, start: start)
                runtime.reportCancelled(link, isProbe: isProbe)
                throw CancellationError()
            }
            result = .failure(LanguageModelError(of: error, by: link.provider.name))
        }
        switch result {
        case .success(var completion):
            runtime.report(nil, of: link, hasAnswered: true, isProbe: isProbe)
            completion.cost =
                note(completion, nil, .completed, link, span, startedAt: startedAt, start: start).quote.cost
            return .success(completion)
        case .failure(let error):
            runtime.report(error, of: link, hasAnswered: answer != nil || error.status != nil, isProbe: isProbe)
            note(answer, error, .failed, link, span, startedAt: startedAt, start: start)
            return .failure(error)
        }
    }

    /// Keeps what the attempt was, and counts it.
    ///
    /// - Parameters:
    ///   - answer: Also of a failure, when an answer came that cannot be taken.
    ///   - failure: Of a cancelled attempt only what it tells to have been used counts.
    @discardableResult
    private mutating func note(
        _ answer: Completion?, _ failure: LanguageModelError?, _ outcome: ModelCall.Outcome, _ link: ModelChain.Link,
        _ span: ModelSpan?, startedAt: Timestamp, start: Duration
    ) -> ModelCall {
        let model = answer?.model ?? link.model
        let usage = answer?.usage ?? failure?.usage
        let reason = outcome == .failed ? failure?.code : nil
        let call = ModelCall(
            id: runtime.ids.next(), attempt: attempts.count + 1, provider: link.provider.name, model: model,
            outcome: outcome, errorCode: reason?.name, usage: usage,
            quote: quote(usage, of: [model, link.model], link, on: startedAt),
            providerRequestID: answer?.providerRequestID ?? failure?.providerRequestID, startedAt: startedAt,
            duration: runtime.elapsed() - start)
        attempts.append(call)
        let label = reason.map(LanguageModelMetrics.outcome(of:)) ?? outcome.rawValue
        runtime.metrics.countAttempt(of: link, outcome: label, took: call.duration)
        if usage != nil { runtime.metrics.countUse(of: link, call) }
        span?.end(call, answer)
        if let first = relay.firstTextAt { runtime.metrics.recordFirstText(of: link, after: first - start) }
        return call
    }

    private func ask(
        _ link: ModelChain.Link, within limit: Duration, _ span: ModelSpan?
    ) async throws -> Completion {
        guard let span else { return try await ask(link, within: limit) }
        return try await span.within { try await ask(link, within: limit) }
    }

    private func ask(_ link: ModelChain.Link, within limit: Duration) async throws -> Completion {
        var own = request
        own.provider = link.provider.name
        own.model = link.model
        own.fallbacks = []
        let asked = own
        let provider = link.provider
        let listener = relay.listener
        return try await withTimeout(limit, on: runtime.clock) {
            try await provider.complete(asked, observer: listener)
        } timeoutError: { end in
            // Providers tell what was used until they were cancelled.
            let known = end as? LanguageModelError
            return LanguageModelError(
                LanguageModelError.timeout, "\(link.name) did not answer within \(Int(limit.seconds.rounded())) s.",
                advice: .retry(after: nil), usage: known?.usage, providerRequestID: known?.providerRequestID)
        }
    }

    /// - Throws: `llm.schema_mismatch`; `llm.refused` when the content filter left nothing to check.
    private func check(_ completion: Completion) throws {
        // A call of tools is a step on the way to the answer that the schema describes.
        guard let schema = request.responseSchema, let check = runtime.checkSchema,
            completion.toolCalls?.isEmpty ?? true
        else { return }
        func failure(_ code: ErrorCode, _ message: String, _ advice: LanguageModelError.Advice) -> LanguageModelError {
            LanguageModelError(
                code, message, advice: advice, usage: completion.usage,
                providerRequestID: completion.providerRequestID)
        }
        let fault: String? = if let json = completion.json { try check(schema, json) } else { "it is not JSON" }
        guard let fault else { return }
        switch completion.finishReason {
        case .contentFilter:
            throw failure(LanguageModelError.refused, "The provider's content filter cut the answer.", .never)
        case .length:
            throw failure(
                LanguageModelError.schemaMismatch,
                "The answer was cut by max_tokens and does not satisfy response_schema: \(fault). Allow more tokens.",
                .never)
        case .stop, .toolCalls:
            throw failure(
                LanguageModelError.schemaMismatch, "The answer does not satisfy response_schema: \(fault).",
                .retry(after: nil))
        }
    }

    /// By the name of what answered, else by the name it was ordered by.
    private func quote(
        _ usage: Completion.Usage?, of models: [String], _ link: ModelChain.Link, on moment: Timestamp
    ) -> PriceTable.Quote {
        let quotes = models.map { runtime.prices.quote(usage, of: $0, at: link.provider.name, on: moment) }
        return quotes.first(where: \.isPriced) ?? quotes[0]
    }

    private func log(_ error: LanguageModelError, _ link: ModelChain.Link, _ step: RetryPlan.Step) {
        Logger.current.debug(
            "Language model attempt failed",
            metadata: [
                "llm.provider": "\(link.provider.name)", "llm.model": "\(link.model)", "error": "\(error.code.name)",
                "llm.next": "\(step)",
            ])
    }
}
