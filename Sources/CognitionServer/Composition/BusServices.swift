import CognitionCore
import CognitionEvents
import CognitionObservability
import CognitionRabbitMQ
import ServiceLifecycle

/// The bus to other systems, and what runs for it.
struct BusServices: Sendable {
    private let node: Node
    private let bus: RabbitMQBus
    private let publisher: BusPublisher

    /// `nil` when no setting names a bus.
    init?(_ node: Node) throws {
        guard let options = try node.configuration.rabbitMQ else { return nil }
        self.node = node
        bus = RabbitMQBus(options)
        publisher = try BusPublisher(
            bus, database: node.database, owner: node.ids.next(), settings: node.configuration.busPublisher,
            wallClock: node.clock)
    }

    var services: [any Service] {
        [
            Loop {
                try await publisher.run()
                await bus.close()
            }
        ]
    }

    /// Events that the bus may be behind before that is told.
    private static let lagMax: Int64 = 10_000

    /// Whether the broker is reached, and how far it is behind. A node that does not publish has no connection.
    var healthCheck: HealthCheck {
        HealthCheck("bus", isRequired: false) {
            let head = try await node.log.head()
            let place = try await node.log.subscriptions().first { $0.name == BusPublisher.subscription(of: bus.name) }
            let lag = max(0, head - (place?.position ?? head))
            var details: JSONObject = ["bus": .string(bus.name), "lag": .integer(lag)]
            var isDisturbed = lag > Self.lagMax
            switch bus.connection {
            case .unused: details["connection"] = "unused"
            case .open: details["connection"] = "open"
            case .blocked:
                details["connection"] = "blocked"
                isDisturbed = true
            case .down(let failure):
                details["connection"] = "down"
                details["error"] = .string(failure.code)
                isDisturbed = true
            }
            if let failure = place?.failure {
                details["stopped_before"] = .integer(failure.position)
                isDisturbed = true
            }
            return HealthCheck.Finding(isDisturbed ? .degraded : .healthy, details: details)
        }
    }
}
