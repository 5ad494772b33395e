import CognitionCore
import Metrics

/// `http.client.requests` (count, by `outcome`) and `http.client.duration` (seconds, by `outcome`).
///
/// Outcomes are `2xx`…`5xx`, the codes of `OutboundHTTPError` without their prefix, and `cancelled`: a bounded set,
/// made once.
struct ClientMetrics: Sendable {
    private struct Pair: Sendable {
        let requests: Counter
        let duration: Metrics.Timer
    }

    private let pairs: [String: Pair]

    private static let outcomes = [
        "2xx", "3xx", "4xx", "5xx", "cancelled", "refused", "unreachable", "timeout", "reset", "malformed_response",
        "body_too_large", "circuit_open", "invalid_url", "too_many_redirects", "overloaded",
    ]

    init(factory: any MetricsFactory) {
        pairs = Dictionary(
            uniqueKeysWithValues: ClientMetrics.outcomes.map { outcome in
                let dimensions = [("outcome", outcome)]
                return (
                    outcome,
                    Pair(
                        requests: Counter(label: "http.client.requests", dimensions: dimensions, factory: factory),
                        duration: Metrics.Timer(label: "http.client.duration", dimensions: dimensions, factory: factory)
                    )
                )
            })
    }

    func record(_ outcome: String, took: Duration) {
        guard let pair = pairs[outcome] else { return }
        pair.requests.increment()
        pair.duration.recordNanoseconds(took.microseconds.multipliedReportingOverflow(by: 1_000).partialValue)
    }

    /// - Parameters:
    ///   - failure: What ended the exchange, or `nil`.
    ///   - status: Of the answer, if one began. It stands for an exchange that its reader gave up on.
    static func outcome(failure: (any Error)?, status: Int?) -> String {
        if let failure = failure as? OutboundHTTPError {
            return String(failure.code.name.drop { $0 != "." }.dropFirst())
        }
        guard let status, !(failure is CancellationError) else { return "cancelled" }
        return "\(status / 100)xx"
    }
}
