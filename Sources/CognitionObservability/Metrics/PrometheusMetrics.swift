package import Metrics
import Synchronization

/// Keeps what the program measures through swift-metrics, as Prometheus reads it.
///
/// | swift-metrics | exported as |
/// |---|---|
/// | `Counter`, `FloatingPointCounter` | counter, `…_total` |
/// | `Gauge`, `Meter` | gauge |
/// | `Timer` | histogram, `…_seconds` |
/// | `Recorder` | histogram |
///
/// Help, unit and buckets come from the ``MetricCatalog``; what is not in there is exported all the same. Handles with
/// the same name and labels share one series. **Bounds:** at most 500 families; at most 200 series of each, unless the catalog allows
/// more, beyond which all further label sets share the series `{overflow="true"}`. `metrics_dropped_total` counts handles that met a bound.
package final class PrometheusMetrics: MetricsFactory {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"
    package static let familiesMax = 500
    package static let seriesMax = 200

    /// What is measured when it is asked for.
    package typealias Collector = @Sendable () -> [MetricReading]

    private struct State {
        var registry: MetricRegistry
        var collectors: [Collector] = []
    }

    private let catalog: MetricCatalog
    private let state: Mutex<State>

    package init(
        catalog: MetricCatalog = .standard, familiesMax: Int = PrometheusMetrics.familiesMax,
        seriesMax: Int = PrometheusMetrics.seriesMax
    ) {
        self.catalog = catalog
        state = Mutex(
            State(registry: MetricRegistry(familiesMax: familiesMax, seriesMax: seriesMax, catalog: catalog)))
    }

    /// Has `collect` called at every scrape, for as long as this object lives; it must be brief and wait for nothing.
    ///
    /// A reading is a gauge unless the catalog says that it is a counter. One that is not given any more keeps its last
    /// value.
    package func onScrape(_ collect: @escaping Collector) { state.withLock { $0.collectors.append(collect) } }

    /// All metrics as text of ``contentType``, families and series sorted.
    package func render() -> [UInt8] {
        // Collectors run outside the lock, so that they may measure as well.
        let readings = state.withLock { $0.collectors }.flatMap { $0() }
        for reading in readings { take(reading) }
        var writer = ExpositionWriter(capacity: 32_768)
        for (shape, series) in state.withLock({ $0.registry.sorted }) {
            writer.family(shape)
            for series in series { series.write(to: &writer) }
        }
        return writer.bytes
    }

    private func take(_ reading: MetricReading) {
        let labels = MetricLabels(reading.dimensions)
        if catalog[reading.label]?.kind == .counter {
            let shape = MetricShape(reading.label, kind: .counter, catalog: catalog)
            let series: CounterSeries? = series(shape, labels, isHeld: false)
            series?.set(reading.value)
        } else {
            let shape = MetricShape(reading.label, kind: .gauge, catalog: catalog)
            let series: GaugeSeries? = series(shape, labels, isHeld: false)
            series?.set(reading.value)
        }
    }

    private func series<Series: MetricSeries>(
        _ shape: MetricShape, _ labels: MetricLabels, isHeld: Bool = true
    ) -> Series? {
        state.withLock { $0.registry.series(of: shape, labels, isHeld: isHeld) }
    }

    private func release(_ handler: AnyObject) {
        // Handlers that met a bound are not ours to forget.
        guard let series = handler as? any MetricSeries else { return }
        state.withLock { $0.registry.release(series.key) }
    }
}

/// A value that a collector has read.
package struct MetricReading: Sendable {
    package let label: String
    package let dimensions: [(String, String)]
    package let value: Double

    package init(_ label: String, dimensions: [(String, String)] = [], _ value: Double) {
        self.label = label
        self.dimensions = dimensions
        self.value = value
    }
}

// MARK: - MetricsFactory

extension PrometheusMetrics {
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, dimensions) ?? NOOPMetricsHandler.instance
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        counter(label, dimensions) ?? NOOPMetricsHandler.instance
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions) ?? NOOPMetricsHandler.instance
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) ?? NOOPMetricsHandler.instance }
        return histogram(label, dimensions, isTimer: false) ?? NOOPMetricsHandler.instance
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions, isTimer: true) ?? NOOPMetricsHandler.instance
    }

    package func destroyCounter(_ handler: any CounterHandler) { release(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { release(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { release(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { release(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { release(handler) }

    private func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterSeries? {
        series(MetricShape(label, kind: .counter, catalog: catalog), MetricLabels(dimensions))
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeSeries? {
        series(MetricShape(label, kind: .gauge, catalog: catalog), MetricLabels(dimensions))
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)], isTimer: Bool) -> HistogramSeries? {
        series(
            MetricShape(label, kind: .histogram, isTimer: isTimer, catalog: catalog), MetricLabels(dimensions))
    }
}
