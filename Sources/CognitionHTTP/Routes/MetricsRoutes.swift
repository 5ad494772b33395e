package import CognitionCore
package import CognitionObservability
import HTTPTypes
import NIOCore

/// `GET /metrics`, for Prometheus.
package struct MetricsRoutes: RouteGroup {
    package static let tag = "Operation"
    package static let isLimited = false
    private let metrics: PrometheusMetrics
    private let token: Secret?

    /// - Parameter token: What scrapers from other machines have to send; without it they get nothing.
    package init(metrics: PrometheusMetrics, token: Secret?) {
        self.metrics = metrics
        self.token = token
    }

    package func routes(_ api: inout API) {
        api.route(
            .get, "metrics", answers: [.ok(mediaType: "text/plain", "Text format 0.0.4 of Prometheus.")],
            errors: [.unauthenticated], access: .open, summary: "Lists all metrics.",
            details: """
                Open to the machine itself; others send `OBSERVABILITY_METRICS_TOKEN` as a bearer token.
                """, use: list)
    }

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        guard call.isFromLoopback || isScraper(call) else {
            throw RequestError(.tokenMissing, "metrics need the token of OBSERVABILITY_METRICS_TOKEN")
        }
        return Answer(.ok, .bytes(metrics.render(), mediaType: PrometheusMetrics.contentType))
    }

    private func isScraper(_ call: Call<Void>) -> Bool {
        guard let token, !token.isEmpty, let given = call.bearerToken else { return false }
        return Secret(given) == token
    }
}
