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

    static func outcome(of result: Result<OutboundResponse, any Error>) -> String {
        switch result {
        case .success(let response): "\(response.status / 100)xx"
        case .failure(let error as OutboundHTTPError): String(error.code.name.drop { $0 != "." }.dropFirst())
        case .failure: "cancelled"
        }
    }
}
