import CognitionCore
import CognitionEvents

/// What people look after at a broker: messages that were put aside.
package struct RabbitMQDesk: Sendable {
    package struct Queues: Sendable, Hashable {
        /// Messages that nobody has been handed yet.
        package let waiting: Int
        package let dead: Int
    }

    private let options: RabbitMQOptions

    package init(_ options: RabbitMQOptions) { self.options = options }

    /// How many messages wait.
    /// - Throws: `bus.unavailable`, `bus.refused`.
    package func queues() async throws -> Queues {
        try await withConnection { connection in
            let (waiting, dead) = try connection.declareInbox()
            return Queues(waiting: waiting, dead: dead)
        }
    }

    /// Puts messages that were put aside back into the inbox, the oldest first; each is in one of both at any moment, or in
    /// both for a moment.
    ///
    /// - Parameter limit: How many at most; none that is put aside again meanwhile.
    /// - Returns: How many.
    /// - Throws: `bus.unavailable`, `bus.refused`; what was moved before stays so.
    package func redrive(atMost limit: Int) async throws -> Int {
        try await withConnection { connection in
            let count = min(limit, try connection.declareInbox().dead)
            try connection.confirmMessages()
            var moved = 0
            while moved < count, let delivery = try connection.take(from: options.deadLetters) {
                var message = delivery.message
                // What the broker and we have noted of its first way would be taken for its second.
                message.headers = message.headers.filter { !$0.key.hasPrefix("x-") }
                try connection.send(message, to: "", routingKey: options.inbox)
                try connection.waitForConfirms()
                try connection.acknowledge(delivery.tag)
                moved += 1
            }
            return moved
        }
    }

    private func withConnection<Value: Sendable>(
        _ body: @escaping @Sendable (RabbitMQConnection) throws -> Value
    ) async throws -> Value {
        let thread = RabbitMQThread("rabbitmq-desk", options) { _ in }
        do {
            let value = try await thread.run(body)
            await thread.close()
            return value
        } catch {
            await thread.close()
            throw error
        }
    }
}
