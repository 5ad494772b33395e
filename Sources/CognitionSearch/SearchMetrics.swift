import CognitionCore
import Metrics
import Synchronization

/// `search.queries` by outcome (`found`, `empty`, `failed`), `search.query.duration` (seconds), and of this node's open copies
/// `search.index.size` (bytes), `search.index.documents`, `search.index.open` and `search.index.rebuilding`.
final class SearchMetrics: Sendable {
    private let found: Counter
    private let empty: Counter
    private let failed: Counter
    private let duration: Metrics.Timer
    private let size: Gauge
    private let documents: Gauge
    private let open: Gauge
    private let rebuilding: Gauge

    init(_ factory: any MetricsFactory) {
        func counter(_ outcome: String) -> Counter {
            Counter(label: "search.queries", dimensions: [("outcome", outcome)], factory: factory)
        }
        (found, empty, failed) = (counter("found"), counter("empty"), counter("failed"))
        duration = Metrics.Timer(label: "search.query.duration", factory: factory)
        size = Gauge(label: "search.index.size", factory: factory)
        documents = Gauge(label: "search.index.documents", factory: factory)
        open = Gauge(label: "search.index.open", factory: factory)
        rebuilding = Gauge(label: "search.index.rebuilding", factory: factory)
    }

    func record(hits: Int, took: Duration) {
        (hits > 0 ? found : empty).increment()
        duration.record(duration: took)
    }

    func recordFailure() { failed.increment() }

    func record(_ overview: Search.Overview) {
        size.record(overview.bytes)
        documents.record(overview.documents)
        open.record(overview.open)
        rebuilding.record(overview.rebuilding)
    }
}
