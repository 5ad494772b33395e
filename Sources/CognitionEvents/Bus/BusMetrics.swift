import Metrics

/// What is counted of a bus, by `bus`.
struct BusMetrics: Sendable {
    /// `bus.published`: messages handed to the broker, repeated ones included.
    let published: Counter
    /// `bus.confirmed`: messages that the broker has taken into its care.
    let confirmed: Counter
    /// `bus.publish.duration` (seconds): of one batch, from the first message to the last confirmation.
    let duration: Metrics.Timer
    /// `bus.lag`: events of the log that have not been looked through yet.
    let lag: Gauge

    init(bus: String, factory: any MetricsFactory) {
        let dimensions = [("bus", bus)]
        published = Counter(label: "bus.published", dimensions: dimensions, factory: factory)
        confirmed = Counter(label: "bus.confirmed", dimensions: dimensions, factory: factory)
        duration = Metrics.Timer(label: "bus.publish.duration", dimensions: dimensions, factory: factory)
        lag = Gauge(label: "bus.lag", dimensions: dimensions, factory: factory)
    }
}
