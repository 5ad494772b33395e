import CRabbitMQ

/// A message on its way in: it comes as a method, a header with its properties, and its body in pieces.
struct Incoming {
    private let routingKey: String
    private let tag: UInt64
    private let isRedelivered: Bool
    private var message: RabbitMQMessage?
    private var missing: UInt64 = 0
    private var isTooLong = false

    init(_ deliver: amqp_basic_deliver_t) {
        routingKey = deliver.routing_key.text
        tag = deliver.delivery_tag
        isRedelivered = deliver.redelivered != 0
    }

    mutating func begin(_ properties: amqp_basic_properties_t, bodyBytes: UInt64) {
        message = RabbitMQMessage(properties, body: [])
        missing = bodyBytes
        isTooLong = bodyBytes > RabbitMQDelivery.bodyBytesMax
    }

    mutating func add(_ piece: amqp_bytes_t) {
        missing -= min(missing, UInt64(piece.len))
        if !isTooLong { message?.body += piece.copy }
    }

    /// The message, once all of it has come.
    var delivery: RabbitMQDelivery? {
        guard let message, missing == 0 else { return nil }
        return RabbitMQDelivery(
            message: message, routingKey: routingKey, tag: tag, isRedelivered: isRedelivered, isTooLong: isTooLong)
    }
}
