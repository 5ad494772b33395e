/// How the delay grows from one attempt to the next.
package enum Backoff: Sendable, Hashable {
    /// Always the same delay.
    case constant
    /// The delay times the number of the attempt that failed.
    case linear
    /// The delay times `multiplier` for each attempt after the first.
    case exponential(multiplier: Double = 2)
}

/// What chance does to a delay, so that many clients do not come back at the same moment.
package enum Jitter: Sendable, Hashable {
    case none
    /// A uniform draw from zero to the delay. Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
    case full
    /// A uniform draw from half the delay to the delay: it spreads, and keeps a distance all the same.
    case equal
    /// A uniform draw from the range is added to the delay, as `jitter: {from, to}` of the Serverless Workflow DSL
    /// says.
    case added(ClosedRange<Duration>)
}

/// When and how often something that failed is tried again. A plain value: it neither sleeps nor counts.
package struct RetryPolicy: Sendable, Hashable {
    /// The delay after the first attempt that fails; negative ones count as zero.
    package var delay: Duration
    package var backoff: Backoff
    /// Bound of a delay before jitter is added.
    package var delayMax: Duration?
    package var jitter: Jitter
    /// Attempts including the first; `nil` for no bound.
    package var attemptsMax: Int?
    /// How long one attempt may take.
    package var attemptDuration: Duration?
    /// How long all attempts and the delays between them may take.
    package var totalDuration: Duration?

    package init(
        delay: Duration, backoff: Backoff = .constant, delayMax: Duration? = nil, jitter: Jitter = .none,
        attemptsMax: Int? = nil, attemptDuration: Duration? = nil, totalDuration: Duration? = nil
    ) {
        self.delay = delay
        self.backoff = backoff
        self.delayMax = delayMax
        self.jitter = jitter
        self.attemptsMax = attemptsMax
        self.attemptDuration = attemptDuration
        self.totalDuration = totalDuration
    }

    /// Never tries again.
    package static let never = RetryPolicy(delay: .zero, attemptsMax: 1)

    /// Delay before the next attempt.
    ///
    /// Formula: `min(delayMax, delay · growth)` with growth 1, `attempt` or `multiplier^(attempt - 1)`, then jitter.
    /// Resolution is a microsecond; what would be beyond 292,000 years is as long as that.
    ///
    /// - Parameters:
    ///   - attempt: 1-based number of the attempt that just failed.
    ///   - random: Source of chance; pass a seeded generator in tests.
    /// - Returns: A duration that is never negative.
    package func delay(
        afterAttempt attempt: Int, using random: inout some RandomNumberGenerator
    ) -> Duration {
        let base = delayWithoutJitter(afterAttempt: attempt)
        switch jitter {
        case .none:
            return .microseconds(base)
        case .full:
            return .microseconds(Int64.random(in: 0...base, using: &random))
        case .equal:
            return .microseconds(Int64.random(in: base / 2...base, using: &random))
        case .added(let range):
            let lower = max(0, range.lowerBound.microseconds)
            let drawn = Int64.random(in: lower...max(lower, range.upperBound.microseconds), using: &random)
            let (sum, overflow) = base.addingReportingOverflow(drawn)
            return .microseconds(overflow ? .max : sum)
        }
    }

    /// The delay before the next attempt, or `nil` when there must be none.
    ///
    /// - Parameter elapsed: Time since the first attempt started.
    package func next(
        afterAttempt attempt: Int, elapsed: Duration, using random: inout some RandomNumberGenerator
    ) -> Duration? {
        if let attemptsMax, attempt >= attemptsMax { return nil }
        let delay = delay(afterAttempt: attempt, using: &random)
        // Compared by subtraction, which cannot overflow for durations that `delay` returns.
        if let totalDuration, delay >= totalDuration - elapsed { return nil }
        return delay
    }

    /// Microseconds, at least zero.
    private func delayWithoutJitter(afterAttempt attempt: Int) -> Int64 {
        let first = max(0, delay.microseconds)
        let count = Int64(max(1, attempt))
        let grown: Int64
        switch backoff {
        case .constant:
            grown = first
        case .linear:
            let (product, overflow) = first.multipliedReportingOverflow(by: count)
            grown = overflow ? .max : product
        case .exponential(let multiplier):
            grown = RetryPolicy.grow(first, by: multiplier, times: count - 1)
        }
        guard let delayMax else { return grown }
        return min(grown, max(0, delayMax.microseconds))
    }

    /// `first · factor^count`, exact where a double is.
    private static func grow(_ first: Int64, by factor: Double, times count: Int64) -> Int64 {
        guard first > 0, factor >= 0 else { return 0 }
        var product = Double(first)
        // Squaring needs as many rounds as `count` has bits, whatever a caller passes.
        var power = factor
        var rest = count
        while rest > 0 {
            if rest & 1 == 1 { product *= power }
            power *= power
            rest >>= 1
        }
        // Zero times infinity arises when a factor below one meets one that overflowed; it cannot be told, so it ends
        // at zero.
        guard !product.isNaN else { return 0 }
        return product < 0x1p63 ? Int64(product) : .max
    }
}
