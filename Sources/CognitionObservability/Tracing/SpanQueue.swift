package import Metrics
import Synchronization

/// Spans that have ended and wait to be exported; bounded, so that a receiver that is away costs spans and no memory.
///
/// Counts `tracing.spans` by `outcome`: `exported`, `queue_full` (no room here), `failed` (the receiver was not reached in
/// time, or did not want the batch), `rejected` (one of those it did not take). `tracing.queue.depth` is how many wait.
package final class SpanQueue: Sendable {
    enum Outcome: String, CaseIterable {
        case exported
        case full = "queue_full"
        case failed
        case rejected
    }

    private let countMax: Int
    private let batchMax: Int
    private let state = Mutex(State())
    private let counters: [Outcome: Counter]
    private let depth: Gauge

    private struct State {
        var spans: [SpanRecord] = []
        /// Told once a batch is full; of the exporter, the only one who waits.
        var waiter: AsyncStream<Void>.Continuation?
    }

    /// - Parameters:
    ///   - countMax: Spans that may wait.
    ///   - batchMax: Spans of one request, at most `countMax`.
    package init(countMax: Int, batchMax: Int, factory: any MetricsFactory = MetricsSystem.factory) {
        self.countMax = countMax
        self.batchMax = min(batchMax, countMax)
        counters = Dictionary(
            uniqueKeysWithValues: Outcome.allCases.map {
                ($0, Counter(label: "tracing.spans", dimensions: [("outcome", $0.rawValue)], factory: factory))
            })
        depth = Gauge(label: "tracing.queue.depth", factory: factory)
    }

    func add(_ span: SpanRecord) {
        let (isTaken, waiter) = state.withLock { state -> (Bool, AsyncStream<Void>.Continuation?) in
            guard state.spans.count < countMax else { return (false, nil) }
            state.spans.append(span)
            depth.record(state.spans.count)
            guard state.spans.count >= batchMax else { return (true, nil) }
            defer { state.waiter = nil }
            return (true, state.waiter)
        }
        waiter?.finish()
        if !isTaken { count(1, .full) }
    }

    /// The oldest, at most a batch of them.
    func take() -> [SpanRecord] {
        state.withLock { state in
            let batch = Array(state.spans.prefix(batchMax))
            state.spans.removeFirst(batch.count)
            depth.record(state.spans.count)
            return batch
        }
    }

    /// Returns when a batch is full, or the task is cancelled.
    func waitForFullBatch() async {
        // One stream for each wait: a stream whose reader was cancelled has ended for good.
        let (full, continuation) = AsyncStream.makeStream(of: Void.self)
        let isFull = state.withLock { state in
            if state.spans.count < batchMax { state.waiter = continuation }
            return state.spans.count >= batchMax
        }
        if isFull { return }
        for await _ in full {}
    }

    var hasFullBatch: Bool { state.withLock { $0.spans.count >= batchMax } }
    var isEmpty: Bool { state.withLock { $0.spans.isEmpty } }

    func count(_ spans: Int, _ outcome: Outcome) { counters[outcome]?.increment(by: spans) }
}
