import CognitionCore
package import Metrics
import Synchronization

/// What a driver measures, the same for every engine; the handles are made once.
///
/// - `database.write.duration`, `database.read.duration` (seconds): from the call to the result, as the caller sees it.
/// - `database.commit.duration` (seconds): one COMMIT; `database.round.size` (requests): how many writes it made durable.
/// - `database.queue.depth` (requests, by `queue`): who waits for a connection.
/// - `database.errors` (count, by `code`): one for each transaction that the engine ended or did not begin, each body that
///   failed with a `StorageError`, and each request that a queue refused.
package final class StorageMetrics: Sendable {
    private struct CounterName: Hashable {
        let metric: String
        let code: String?
    }

    private let writeDuration: Timer
    private let readDuration: Timer
    private let commitDuration: Timer
    private let roundSize: Recorder
    private let writeDepth: Gauge
    private let readDepth: Gauge
    private let factory: any MetricsFactory
    private let counters = Mutex<[CounterName: Counter]>([:])

    package init(factory: any MetricsFactory) {
        self.factory = factory
        writeDuration = Timer(label: "database.write.duration", factory: factory)
        readDuration = Timer(label: "database.read.duration", factory: factory)
        commitDuration = Timer(label: "database.commit.duration", factory: factory)
        roundSize = Recorder(label: "database.round.size", factory: factory)
        writeDepth = Gauge(label: "database.queue.depth", dimensions: [("queue", "write")], factory: factory)
        readDepth = Gauge(label: "database.queue.depth", dimensions: [("queue", "read")], factory: factory)
    }

    func writeTook(_ duration: Duration) { writeDuration.recordNanoseconds(duration.nanoseconds) }

    func committed(requests: Int, took duration: Duration) {
        commitDuration.recordNanoseconds(duration.nanoseconds)
        roundSize.record(requests)
    }

    /// Told under the lock of the queue, so that the last that is told is the last that was so.
    func writesWait(_ count: Int) { writeDepth.record(count) }
    func readsWait(_ count: Int) { readDepth.record(count) }

    /// Runs the body of a read that was asked for at `requested`.
    package func read<Value>(
        since requested: ContinuousClock.Instant, _ body: () throws -> Value
    ) throws -> Value {
        do {
            let value = try body()
            readDuration.recordNanoseconds((ContinuousClock.now - requested).nanoseconds)
            return value
        } catch {
            failed(error)
            throw error
        }
    }

    /// Counts a `StorageError`; what else a body throws is not the database's.
    func failed(_ error: any Error) {
        guard let error = error as? StorageError else { return }
        counter("database.errors", code: error.code.name).increment()
    }

    /// Counts what a ``CommitStep`` has made durable.
    func count(_ work: CommittedWork) { counter(work.metric).increment(by: work.amount) }

    private func counter(_ metric: String, code: String? = nil) -> Counter {
        let name = CounterName(metric: metric, code: code)
        if let known = counters.withLock({ $0[name] }) { return known }
        // Outside the lock, which is no place for a factory; when two threads come here, both get the same series.
        let made = Counter(label: metric, dimensions: code.map { [("code", $0)] } ?? [], factory: factory)
        return counters.withLock { counters in
            counters[name] = made
            return made
        }
    }
}

extension Duration {
    /// The whole number of nanoseconds; saturates at the ends of `Int64`.
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, spilled) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return spilled ? (seconds < 0 ? .min : .max) : sum
    }
}
