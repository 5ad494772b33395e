import CognitionCore
package import CognitionEvents
import Tracing

/// RabbitMQ as the bus that events leave by: persistent messages to a durable topic exchange, confirmed by the broker.
package final class RabbitMQBus: EventBus {
    package let name = "rabbitmq"
    private let options: RabbitMQOptions
    private let thread: RabbitMQThread

    /// Bytes of a routing key at most, as AMQP has it.
    private static let routingKeyBytesMax = 255

    package init(_ options: RabbitMQOptions) {
        self.options = options
        let exchange = options.exchange
        thread = RabbitMQThread("rabbitmq-publisher", options) { connection in
            try connection.declareExchange(exchange)
            try connection.confirmMessages()
        }
    }

    package var connection: BusConnection { thread.connection }

    package func connect() async throws { try await thread.run { _ in } }

    package func publish(_ messages: [BusMessage]) async throws {
        try await withSpan("rabbitmq.publish", ofKind: .producer) { span in
            span.attributes["messaging.system"] = "rabbitmq"
            span.attributes["messaging.destination.name"] = options.exchange
            span.attributes["messaging.batch.message_count"] = messages.count
            let exchange = options.exchange
            try await thread.run { connection in
                for message in messages {
                    try connection.send(
                        RabbitMQMessage(message), to: exchange, routingKey: Self.routingKey(of: message))
                }
                try connection.waitForConfirms()
            }
        }
    }

    package func release() async { await thread.disconnect(forgetting: true) }

    /// How long the broker takes for an answer; `nil` where there is no connection, or it is busy.
    package func latency() async throws -> Duration? {
        let exchange = options.exchange
        return try await thread.latency { _ = try $0.hasExchange(exchange) }
    }

    /// Ends the connection in good order; nothing can be published afterwards.
    package func close() async { await thread.close() }

    /// `TYPE.WORKSPACE`, so that `order.#` is everything of orders, and `#.default` everything of a workspace.
    static func routingKey(of message: BusMessage) -> String {
        let workspace = "." + message.workspace.name
        var left = routingKeyBytesMax - workspace.utf8.count
        // Whole characters of Unicode: half of one would become a longer sign for what cannot be read.
        let type = message.type.unicodeScalars.prefix { scalar in
            left -= UTF8.width(scalar)
            return left >= 0
        }
        return String(type) + workspace
    }
}
