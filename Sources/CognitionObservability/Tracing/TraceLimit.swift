import CognitionCore
package import Metrics
import Synchronization

/// Holds the traces that begin here and are recorded to so many a second, so that what tracing costs does not grow with
/// the load.
///
/// The generic cell rate algorithm: one number says until when the second's share is taken. `tracing.traces.limited` counts
/// the traces that would have been recorded.
package final class TraceLimit: Sendable {
    private static let second: Int64 = 1_000_000_000

    /// Nanoseconds that one trace stands for.
    private let step: Int64
    private let takenUntil = Atomic<Int64>(0)
    private let limited: Counter
    private let now: @Sendable () -> Int64

    /// - Parameters:
    ///   - perSecond: At least 1.
    ///   - now: Nanoseconds of a clock that never goes back.
    package init(
        perSecond: Int, factory: any MetricsFactory = MetricsSystem.factory,
        now: @escaping @Sendable () -> Int64 = TraceLimit.uptime
    ) {
        step = max(1, Self.second / Int64(perSecond))
        limited = Counter(label: "tracing.traces.limited", factory: factory)
        self.now = now
    }

    /// Whether one more may be recorded.
    func take() -> Bool {
        let now = now()
        var known = takenUntil.load(ordering: .relaxed)
        while true {
            let next = max(known, now) + step
            guard next - now <= Self.second else {
                limited.increment()
                return false
            }
            let (isExchanged, current) = takenUntil.compareExchange(
                expected: known, desired: next, ordering: .relaxed)
            if isExchanged { return true }
            known = current
        }
    }

    private static let start = ContinuousClock.now

    package static let uptime: @Sendable () -> Int64 = {
        let (seconds, attoseconds) = start.duration(to: .now).components
        return seconds * second + attoseconds / second
    }
}
