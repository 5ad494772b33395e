package import CognitionCore
package import CognitionEvents
import Synchronization
import Tracing

/// A queue of RabbitMQ as the place where events of other systems arrive: a quorum queue, reachable by its name over the
/// default exchange and bound to nothing, and beside it the queue of dead letters.
package final class RabbitMQInbox: BusInbox {
    package let name = "rabbitmq"
    private let options: RabbitMQOptions
    private let thread: RabbitMQThread
    /// What was handed out and not answered for, as it came; the prefetch bounds it.
    private let held = Mutex<[BusDelivery.Key: RabbitMQMessage]>([:])

    /// How long the broker is waited for when there is no message.
    private static let patience: Duration = .seconds(1)
    /// How often a message may come back before the broker puts it aside itself.
    static let deliveriesMax: Int64 = 20
    private static let reasonBytesMax = 1_000

    package init(_ options: RabbitMQOptions) {
        self.options = options
        thread = RabbitMQThread("rabbitmq-inbox", options) { connection in
            try connection.declareInbox()
            try connection.confirmMessages()
        }
    }

    package var connection: BusConnection { thread.connection }

    package func receive() async throws -> [BusDelivery] {
        for _ in 0...Self.deliveriesMax {
            do {
                return try await receiveOnce()
            } catch is UnreadableMessage {
                continue  // the broker puts it aside when it has come back too often
            }
        }
        throw EventError(.busUnavailable, "RabbitMQ at \(options.place) sends what cannot be read")
    }

    /// Has ended the connection by which it came.
    private struct UnreadableMessage: Error {}

    private func receiveOnce() async throws -> [BusDelivery] {
        try await thread.run { [self] connection in
            let received: [RabbitMQDelivery]
            do throws(EventError) {
                received = try next(of: connection)
            } catch {
                if connection.hasUnreadableInput { throw UnreadableMessage() }
                throw error
            }
            return held.withLock { held in
                // What an earlier connection has brought comes again.
                if held.keys.contains(where: { $0.session != connection.session }) { held = [:] }
                return received.map { delivery in
                    let taken = BusDelivery(
                        tag: delivery.tag, session: connection.session, body: delivery.message.body,
                        isTooLong: delivery.isTooLong, correlationID: delivery.message.correlationID)
                    held[taken.key] = delivery.message
                    return taken
                }
            }
        }
    }

    /// What has come back is taken singly, so that one message that ends connections, or this process, takes no others with
    /// it beyond the number of times that they may come back.
    private func next(of connection: RabbitMQConnection) throws(EventError) -> [RabbitMQDelivery] {
        if !connection.isConsuming {
            let delivery = try connection.get(from: options.inbox)
            guard let delivery, delivery.isRedelivered else {
                // So many have room, however long they are.
                let prefetchMax = connection.hasOverflown ? Inflow.bytesMax / RabbitMQDelivery.bodyBytesMax : .max
                try connection.consume(options.inbox, prefetch: min(options.prefetch, prefetchMax))
                guard let delivery else { return try connection.receive(within: Self.patience) }
                return [delivery]
            }
            return [delivery]
        }
        return try connection.receive(within: Self.patience)
    }

    package func accept(_ deliveries: [BusDelivery]) async throws {
        try await withSpan("rabbitmq.accept", ofKind: .consumer) { span in
            span.attributes["messaging.system"] = "rabbitmq"
            span.attributes["messaging.batch.message_count"] = deliveries.count
            try await thread.run { [self] connection in
                held.withLock { held in for delivery in deliveries { held[delivery.key] = nil } }
                for delivery in deliveries where delivery.session == connection.session {
                    try connection.acknowledge(delivery.tag)
                }
            }
        }
    }

    package func putAside(_ delivery: BusDelivery, because error: any CodedError) async throws {
        var message = held.withLock { $0.removeValue(forKey: delivery.key) } ?? RabbitMQMessage(body: delivery.body)
        let reason = error.message.utf8.filter { $0 != 0 }.prefix(Self.reasonBytesMax)
        message.headers[RabbitMQMessage.errorHeader] = .text(error.code.name)
        message.headers[RabbitMQMessage.reasonHeader] = .text(String(decoding: reason, as: UTF8.self))
        let (letter, queue) = (message, options.deadLetters)
        try await thread.run { connection in
            guard delivery.session == connection.session else { return }
            // Where its bytes were not kept, or not all of its headers have room beside the reason, the broker has to move
            // it, without the reason.
            guard !delivery.isTooLong, connection.fits(letter) else { return try connection.reject(delivery.tag) }
            // Twice rather than never, should the connection be lost between the two.
            try connection.send(letter, to: "", routingKey: queue)
            try connection.waitForConfirms()
            try connection.acknowledge(delivery.tag)
        }
    }

    package func giveBack() async { await thread.disconnect() }

    /// Ends the connection in good order; nothing comes afterwards, and what was not answered comes again.
    package func close() async { await thread.close() }
}

extension BusDelivery {
    fileprivate struct Key: Hashable {
        let session: UInt64
        let tag: UInt64
    }

    fileprivate var key: Key { Key(session: session, tag: tag) }
}

extension RabbitMQMessage {
    /// Headers that say why a message was put aside.
    static let errorHeader = "x-error"
    static let reasonHeader = "x-error-message"

    /// Takes away what the broker and we have noted of its way so far, which would be taken for that of the next.
    mutating func forgetWay() {
        let prefixes = ["x-first-death-", "x-last-death-"]
        let names: Set = ["x-death", "x-delivery-count", "x-acquired-count", Self.errorHeader, Self.reasonHeader]
        headers = headers.filter { header in
            !names.contains(header.key) && !prefixes.contains { header.key.hasPrefix($0) }
        }
    }
}

extension RabbitMQConnection {
    /// Makes the inbox and its dead letters, unless they are there.
    /// - Returns: How many messages wait in that of dead letters.
    @discardableResult
    package func declareInbox() throws(EventError) -> Int {
        let dead = options.deadLetters
        try declareExchange(dead, type: "fanout")
        let deadCount = try declareQueue(dead, ["x-queue-type": .text("quorum")])
        try bind(dead, to: dead, routingKey: "")
        try declareQueue(
            options.inbox,
            [
                "x-queue-type": .text("quorum"), "x-delivery-limit": .integer(RabbitMQInbox.deliveriesMax),
                "x-dead-letter-exchange": .text(dead), "x-dead-letter-strategy": .text("at-least-once"),
                "x-overflow": .text("reject-publish"),
            ])
        return deadCount
    }
}
