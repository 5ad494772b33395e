import CognitionCore
import CognitionEvents
import CognitionIdentity
import CognitionObservability
import CognitionRabbitMQ
import CognitionWorkflows
import ServiceLifecycle

/// The bus to other systems, and what runs for it.
struct BusServices: Sendable {
    private let node: Node
    private let bus: RabbitMQBus
    private let publisher: BusPublisher
    /// `nil` when nothing is taken from other systems.
    private let inbox: RabbitMQInbox?

    /// `nil` when no setting names a bus.
    init?(_ node: Node) throws {
        guard let options = try node.configuration.rabbitMQ else { return nil }
        self.node = node
        bus = RabbitMQBus(options)
        inbox = node.configuration.isOn(.busConsume) ? RabbitMQInbox(options) : nil
        publisher = try BusPublisher(
            bus, database: node.database, archives: node.log.archives, owner: node.ids.next(),
            settings: node.configuration.busPublisher, wallClock: node.clock)
    }

    /// - Throws: `identity.workspace_not_found` when events of other systems would be for nobody.
    func check(_ identity: Identity) async throws {
        guard inbox != nil else { return }
        _ = try await identity.workspace(WorkspaceID(node.configuration[.busInboxWorkspace]), as: .localOperator)
    }

    var services: [any Service] {
        let publishing = Loop {
            try await publisher.run()
            await bus.close()
        }
        guard let inbox else { return [publishing] }
        let consumer = BusConsumer(inbox, database: node.database, wallClock: node.clock, intake: intake)
        return [
            publishing,
            Loop {
                try await consumer.run()
                await inbox.close()
            },
        ]
    }

    /// An event of another system is published like one that a client sends, but has to have an id.
    @Sendable private func intake(_ event: JSONValue, _ delivery: BusDelivery) throws -> BusIntake {
        guard let source = event["source"]?.stringValue, let id = event["id"]?.stringValue, !id.isEmpty else {
            throw EventError(.busMessageInvalid, "an event of another system needs 'source' and 'id', two texts")
        }
        let workspace = WorkspaceID(node.configuration[.busInboxWorkspace])
        let publication = try node.workflows.publication(
            of: event, as: Principal(actor: "bus:\(bus.name)", workspace: workspace),
            correlationID: Self.bounded(delivery.correlationID ?? event["correlationid"]?.stringValue),
            traceparent: Self.bounded(event["traceparent"]?.stringValue))
        return BusIntake(source: source, id: id) { tx in try publication.run(workspace, in: tx) }
    }

    /// What the log takes of a text that others have given, or nothing.
    private static func bounded(_ text: String?) -> String? {
        text.flatMap { (1...200).contains($0.utf8.count) && !$0.utf8.contains { $0 < 0x20 || $0 == 0x7F } ? $0 : nil }
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
            for (name, connection) in [("connection", bus.connection), ("inbox", inbox?.connection)] {
                guard let connection else { continue }
                details[name] = .string(connection.word)
                if case .down(let failure) = connection { details["error"] = .string(failure.code) }
                if connection.isDisturbed { isDisturbed = true }
            }
            if let failure = publisher.failure {
                details["error"] = .string(failure.code)
                isDisturbed = true
            }
            if let latency = try await bus.latency() {
                details["answer_ms"] = .number(Double(latency.microseconds) / 1_000)
            }
            if let failure = place?.failure {
                details["stopped_before"] = .integer(failure.position)
                isDisturbed = true
            }
            return HealthCheck.Finding(isDisturbed ? .degraded : .healthy, details: details)
        }
    }
}

extension BusConnection {
    fileprivate var isDisturbed: Bool {
        switch self {
        case .unused, .open: false
        case .blocked, .down: true
        }
    }

    fileprivate var word: String {
        switch self {
        case .unused: "unused"
        case .open: "open"
        case .blocked: "blocked"
        case .down: "down"
        }
    }
}
