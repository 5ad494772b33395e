import CognitionCore
import Metrics

/// What a client measures; the handles are made once.
///
/// - `redis.commands` (count, by `outcome`): `ok`, or the code of the error without its prefix.
/// - `redis.command.duration` (seconds): from the call to the answer.
/// - `redis.connections.opened` (count), `redis.connected` (0 or 1).
/// - `redis.messages.published`, `redis.messages.received` (count).
struct RedisMetrics: Sendable {
    private let outcomes: [String: Counter]
    private let duration: Metrics.Timer
    private let opened: Counter
    private let connected: Gauge
    let published: Counter
    let received: Counter

    private static let outcomes = [
        "ok", "cancelled", "unreachable", "interrupted", "timeout", "overloaded", "refused", "protocol", "unsupported",
        "command_failed", "closed",
    ]

    init(factory: any MetricsFactory) {
        outcomes = Dictionary(
            uniqueKeysWithValues: Self.outcomes.map {
                ($0, Counter(label: "redis.commands", dimensions: [("outcome", $0)], factory: factory))
            })
        duration = Metrics.Timer(label: "redis.command.duration", factory: factory)
        opened = Counter(label: "redis.connections.opened", factory: factory)
        connected = Gauge(label: "redis.connected", factory: factory)
        published = Counter(label: "redis.messages.published", factory: factory)
        received = Counter(label: "redis.messages.received", factory: factory)
    }

    func isConnected(_ isConnected: Bool) {
        if isConnected { opened.increment() }
        connected.record(isConnected ? 1 : 0)
    }

    func took(_ time: Duration, failure: (any Error)?) {
        duration.recordNanoseconds(time.microseconds.multipliedReportingOverflow(by: 1_000).partialValue)
        let outcome: String? =
            switch failure {
            case nil: "ok"
            case let error as RedisError: String(error.code.name.drop { $0 != "." }.dropFirst())
            default: "cancelled"
            }
        if let outcome { outcomes[outcome]?.increment() }
    }
}
