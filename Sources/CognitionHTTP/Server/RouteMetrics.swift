import CognitionCore
import HTTPTypes
import Metrics
import Synchronization

/// `http.server.requests` (count, by method, route and status) and `http.server.duration` (seconds, by method and route)
/// of one route.
final class RouteMetrics: Sendable {
    private let method: String
    let route: String
    /// False of what stands for many paths.
    var isKnown: Bool { route.hasPrefix("/") }
    /// Asked every few seconds by machines that look after the server.
    let isProbe: Bool
    /// What a span of a request is called, where the route is known.
    let spanName: String
    private let duration: Metrics.Timer
    /// By status; a route answers with a handful.
    private let requests = Mutex<[Int: Counter]>([:])

    init(method: String, route: String) {
        self.method = method
        self.route = route
        spanName = "\(method) \(route)"
        isProbe = route == "/metrics" || route.hasPrefix("/health") || route.hasPrefix("/api/v3/health")
        duration = Timer(label: "http.server.duration", dimensions: [("method", method), ("route", route)])
    }

    func record(_ status: HTTPResponse.Status, took time: Duration) {
        duration.recordNanoseconds(time.microseconds.multipliedReportingOverflow(by: 1_000).partialValue)
        counter(of: status.code).increment()
    }

    private func counter(of status: Int) -> Counter {
        requests.withLock { requests in
            if let counter = requests[status] { return counter }
            let counter = Counter(
                label: "http.server.requests",
                dimensions: [("method", method), ("route", route), ("status", String(status))])
            requests[status] = counter
            return counter
        }
    }
}
