import Metrics
import Synchronization

/// One set of labels of a family, and its value.
///
/// Whoever measures holds it directly, so that counting is one atomic operation and takes no lock. A reader sees every
/// value as of some moment of the reading, not all as of the same.
protocol MetricSeries: AnyObject, Sendable {
    init(_ key: SeriesKey, shape: MetricShape)
    var key: SeriesKey { get }
    func write(to writer: inout ExpositionWriter)
}

struct SeriesKey: Sendable, Hashable {
    let family: String
    let labels: MetricLabels
}

/// Counts whole and other amounts apart, so that whole ones stay exact; a wrap at 2^64 looks like a restart.
final class CounterSeries: MetricSeries, CounterHandler, FloatingPointCounterHandler {
    let key: SeriesKey
    private let whole = Atomic<UInt64>(0)
    private let rest = AtomicDouble()

    init(_ key: SeriesKey, shape: MetricShape) { self.key = key }

    /// A counter never falls: amounts below zero count nothing.
    func increment(by amount: Int64) {
        guard amount > 0 else { return }
        whole.wrappingAdd(UInt64(amount), ordering: .relaxed)
    }

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        rest.add(amount)
    }

    func reset() { set(0) }

    /// Takes over a total that is counted elsewhere.
    func set(_ total: Double) {
        whole.store(0, ordering: .relaxed)
        rest.set(total)
    }

    func write(to writer: inout ExpositionWriter) {
        let (whole, rest) = (whole.load(ordering: .relaxed), rest.value)
        if rest == 0 {
            writer.sample(key.family, key.labels, whole)
        } else {
            writer.sample(key.family, key.labels, Double(whole) + rest)
        }
    }
}

final class GaugeSeries: MetricSeries, MeterHandler, RecorderHandler {
    let key: SeriesKey
    private let value = AtomicDouble()

    init(_ key: SeriesKey, shape: MetricShape) { self.key = key }

    func set(_ value: Int64) { self.value.set(Double(value)) }
    func set(_ value: Double) { self.value.set(value) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }

    func increment(by amount: Double) {
        guard amount.isFinite else { return }
        value.add(amount)
    }

    func decrement(by amount: Double) { increment(by: -amount) }

    func write(to writer: inout ExpositionWriter) { writer.sample(key.family, key.labels, value.value) }
}

/// How many values lie in which range, and their sum. What is no number, or infinite, is left out: it would spoil the
/// sum for good.
final class HistogramSeries: MetricSeries, RecorderHandler, TimerHandler {
    /// Ranges that a histogram has room for, the open one at the end included.
    static let rangesMax = 24

    let key: SeriesKey
    private let shape: MetricShape
    /// The bounds in the unit of what is recorded: nanoseconds for timers.
    private let limits: [Double]
    /// As many as ``rangesMax``, which the type cannot name.
    private let counts = InlineArray<24, Atomic<UInt64>> { _ in Atomic(0) }
    private let sum = AtomicDouble()

    init(_ key: SeriesKey, shape: MetricShape) {
        precondition(shape.bounds.count < Self.rangesMax, "a histogram has at most \(Self.rangesMax - 1) bounds")
        self.key = key
        self.shape = shape
        limits = shape.recordedPerUnit == 1 ? shape.bounds : shape.bounds.map { ($0 * shape.recordedPerUnit).rounded() }
    }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard value.isFinite else { return }
        var range = 0
        while range < limits.count, value > limits[range] { range += 1 }
        counts[range].wrappingAdd(1, ordering: .relaxed)
        sum.add(value)
    }

    /// A clock that was set back makes a duration of zero.
    func recordNanoseconds(_ duration: Int64) { record(Double(max(0, duration))) }

    func write(to writer: inout ExpositionWriter) {
        var count: UInt64 = 0
        for (range, bound) in shape.bounds.enumerated() {
            count += counts[range].load(ordering: .relaxed)
            writer.bucket(key.family, key.labels, upTo: bound, count)
        }
        count += counts[limits.count].load(ordering: .relaxed)
        writer.bucket(key.family, key.labels, upTo: .infinity, count)
        writer.sample(key.family, suffix: "_sum", key.labels, sum.value / shape.recordedPerUnit)
        writer.sample(key.family, suffix: "_count", key.labels, count)
    }
}

/// A floating-point number that many threads change.
struct AtomicDouble: ~Copyable, Sendable {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let sum = Double(bitPattern: old) + amount
            let (isDone, current) = bits.weakCompareExchange(
                expected: old, desired: sum.bitPattern, ordering: .relaxed)
            if isDone { return }
            old = current
        }
    }
}
