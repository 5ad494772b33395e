import CognitionCore
import CognitionEvents

/// What people look after at a broker: messages that were put aside.
package struct RabbitMQDesk: Sendable {
    /// What is at the broker; `nil` for what is not there (yet).
    package struct Findings: Sendable, Hashable {
        /// The broker's.
        package let version: String?
        package let hasExchange: Bool
        /// Messages in the inbox that nobody has been handed yet.
        package let waiting: Int?
        /// Messages that were put aside.
        package let dead: Int?
    }

    private let options: RabbitMQOptions

    package init(_ options: RabbitMQOptions) { self.options = options }

    /// Looks, and makes nothing.
    /// - Throws: `bus.unavailable`, `bus.refused`.
    package func look() async throws -> Findings {
        try await withConnection(options) { connection in
            Findings(
                version: connection.serverProperty("version"),
                hasExchange: try connection.hasExchange(options.exchange),
                waiting: try connection.count(of: options.inbox), dead: try connection.count(of: options.deadLetters))
        }
    }

    /// Puts messages that were put aside back into the inbox, the oldest first; each is in one of both at any moment, or in
    /// both for a moment.
    ///
    /// - Parameter limit: How many at most; none that is put aside again meanwhile.
    /// - Returns: How many.
    /// - Throws: `bus.unavailable`, `bus.refused`; what was moved before stays so.
    package func redrive(atMost limit: Int) async throws -> Int {
        var reading = options
        // The broker has added headers to what may have had as many as there is room for.
        reading.frameRoom = 1 << 20
        return try await withConnection(reading) { [options] connection in
            let sender = try RabbitMQConnection(options)
            defer { sender.close() }
            let count = min(limit, try sender.declareInbox())
            try sender.confirmMessages()
            var moved = 0
            for _ in 0..<count {
                guard let delivery = try connection.take(from: options.deadLetters) else { break }
                var message = delivery.message
                message.forgetWay()
                // One that cannot be sent stays, and does not keep the others.
                guard sender.fits(message) else { continue }
                try sender.send(message, to: "", routingKey: options.inbox)
                try sender.waitForConfirms()
                try connection.acknowledge(delivery.tag)
                moved += 1
            }
            return moved
        }
    }

    private func withConnection<Value: Sendable>(
        _ options: RabbitMQOptions,
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
