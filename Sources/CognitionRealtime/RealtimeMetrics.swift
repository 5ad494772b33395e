package import Metrics

/// `websocket.connections` (gauge), `websocket.connections.opened`, `websocket.connections.refused` by `reason`,
/// `websocket.connections.unrecorded`,
/// `websocket.messages` and `websocket.bytes` by `direction`, `websocket.subscriptions` (gauge), `websocket.slow` by
/// `outcome`, `websocket.throttled`, `websocket.rooms` (gauge), `websocket.rooms.published`, and `websocket.delivery.lag`: seconds from an event's time until it was handed to the sockets of a loop.
package struct RealtimeMetrics: Sendable {
    package enum Refusal: String, Sendable, CaseIterable {
        case unauthenticated, origin, handshake, connections, addressConnections = "address_connections",
            userConnections = "user_connections", evicted
    }

    package enum SlowOutcome: String, Sendable, CaseIterable {
        /// Its messages were held back.
        case paused
        /// What it missed was read from the log.
        case recovered
        /// It was closed.
        case closed
    }

    package let connections: Gauge
    package let opened: Counter
    package let subscriptions: Gauge
    package let rooms: Gauge
    /// Messages that were written into rooms.
    package let published: Counter
    package let lag: Metrics.Timer
    /// Times that a client was not read from, as it had sent more than it may.
    private let throttled: Counter
    /// Changes of connections that were not told.
    private let unrecorded: Counter
    private let refused: [Refusal: Counter]
    private let slow: [SlowOutcome: Counter]
    private let messagesIn: Counter
    private let messagesOut: Counter
    private let bytesIn: Counter
    private let bytesOut: Counter

    init(factory: any MetricsFactory) {
        connections = Gauge(label: "websocket.connections", factory: factory)
        opened = Counter(label: "websocket.connections.opened", factory: factory)
        subscriptions = Gauge(label: "websocket.subscriptions", factory: factory)
        rooms = Gauge(label: "websocket.rooms", factory: factory)
        published = Counter(label: "websocket.rooms.published", factory: factory)
        throttled = Counter(label: "websocket.throttled", factory: factory)
        unrecorded = Counter(label: "websocket.connections.unrecorded", factory: factory)
        lag = Metrics.Timer(label: "websocket.delivery.lag", factory: factory)
        refused = Dictionary(
            uniqueKeysWithValues: Refusal.allCases.map {
                (
                    $0,
                    Counter(
                        label: "websocket.connections.refused", dimensions: [("reason", $0.rawValue)], factory: factory)
                )
            })
        slow = Dictionary(
            uniqueKeysWithValues: SlowOutcome.allCases.map {
                ($0, Counter(label: "websocket.slow", dimensions: [("outcome", $0.rawValue)], factory: factory))
            })
        messagesIn = Counter(label: "websocket.messages", dimensions: [("direction", "in")], factory: factory)
        messagesOut = Counter(label: "websocket.messages", dimensions: [("direction", "out")], factory: factory)
        bytesIn = Counter(label: "websocket.bytes", dimensions: [("direction", "in")], factory: factory)
        bytesOut = Counter(label: "websocket.bytes", dimensions: [("direction", "out")], factory: factory)
    }

    package func countRefusal(_ reason: Refusal) { refused[reason]?.increment() }

    package func countSlow(_ outcome: SlowOutcome) { slow[outcome]?.increment() }

    package func countThrottled() { throttled.increment() }

    func countUnrecorded(_ count: Int) { unrecorded.increment(by: count) }

    func countReceived(messages: Int, bytes: Int) {
        messagesIn.increment(by: messages)
        bytesIn.increment(by: bytes)
    }

    func countSent(messages: Int, bytes: Int) {
        messagesOut.increment(by: messages)
        bytesOut.increment(by: bytes)
    }
}
