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
    private let waiting = Mutex<[SpanRecord]>([])
    private let counters: [Outcome: Counter]
    private let depth: Gauge
    /// An element whenever a batch is full.
    let fullBatches: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

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
        (fullBatches, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func add(_ span: SpanRecord) {
        let count = waiting.withLock { waiting -> Int? in
            guard waiting.count < countMax else { return nil }
            waiting.append(span)
            depth.record(waiting.count)
            return waiting.count
        }
        guard let count else { return self.count(1, .full) }
        if count.isMultiple(of: batchMax) { wake.yield() }
    }

    /// The oldest, at most a batch of them.
    func take() -> [SpanRecord] {
        waiting.withLock { waiting in
            let batch = Array(waiting.prefix(batchMax))
            waiting.removeFirst(batch.count)
            depth.record(waiting.count)
            return batch
        }
    }

    var hasFullBatch: Bool { waiting.withLock { $0.count >= batchMax } }
    var isEmpty: Bool { waiting.withLock { $0.isEmpty } }

    func count(_ spans: Int, _ outcome: Outcome) { counters[outcome]?.increment(by: spans) }
}
