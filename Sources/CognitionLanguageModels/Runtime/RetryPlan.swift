import CognitionCore

/// What follows a failed attempt: another try, another provider, or the end. A pure decision, for one provider of a
/// request.
///
/// The delay is the provider's own `retry-after`, else `min(0.5 s · 2^n, 8 s) · (1 − 0.25 · chance)` after `n` retries.
/// Source of the formula: the providers' official clients (openai-python and anthropic-sdk-python, `_calculate_retry_timeout`).
struct RetryPlan {
    enum Step: Hashable {
        case wait(Duration)
        case fallBack
        case fail
    }

    private static let backoff = RetryPolicy(
        delay: .milliseconds(500), backoff: .exponential(multiplier: 2), delayMax: .seconds(8))

    let retriesMax: Int
    /// A provider that asks for more is not waited for.
    let retryAfterMax: Duration
    private(set) var retries = 0

    init(retriesMax: Int, retryAfterMax: Duration) {
        self.retriesMax = retriesMax
        self.retryAfterMax = retryAfterMax
    }

    /// - Parameters:
    ///   - remaining: What is left of this provider's time; nothing is waited for that ends after it.
    ///   - hasNext: Whether another provider can be asked.
    ///   - isPinned: An open conversation with tools belongs to this provider, and moves only if it cannot go on here.
    mutating func step(
        after advice: LanguageModelError.Advice, remaining: Duration, hasNext: Bool, isPinned: Bool,
        using random: inout some RandomNumberGenerator
    ) -> Step {
        switch advice {
        case .never:
            return .fail
        case .fallBack:
            return hasNext ? .fallBack : .fail
        case .retry(let after):
            if retries < retriesMax, let delay = delay(asked: after, using: &random), delay < remaining {
                retries += 1
                return .wait(delay)
            }
            return hasNext && !isPinned ? .fallBack : .fail
        }
    }

    private func delay(asked: Duration?, using random: inout some RandomNumberGenerator) -> Duration? {
        if let asked, asked > .zero { return asked <= retryAfterMax ? asked : nil }
        let full = RetryPlan.backoff.delay(afterAttempt: retries + 1, using: &random).microseconds
        return .microseconds(full - Int64.random(in: 0...full / 4, using: &random))
    }
}
