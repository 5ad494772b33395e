import CRabbitMQ

/// A message on its way in: it comes as a method, a header with its properties, and its body in pieces.
struct Incoming {
    private let routingKey: String
    let tag: UInt64
    private let isRedelivered: Bool
    private var message: RabbitMQMessage?
    private var missing: UInt64 = 0
    private var isTooLong = false
    /// Of its properties and body, as far as they are kept.
    private(set) var bytes = 0
    /// Nothing was kept of it otherwise.
    private(set) var hasRoom = true

    init(_ deliver: amqp_basic_deliver_t) {
        routingKey = deliver.routing_key.text
        tag = deliver.delivery_tag
        isRedelivered = deliver.redelivered != 0
    }

    init(_ got: amqp_basic_get_ok_t) {
        routingKey = got.routing_key.text
        tag = got.delivery_tag
        isRedelivered = got.redelivered != 0
    }

    /// - Parameter room: Bytes that may be kept of it.
    mutating func begin(_ properties: amqp_basic_properties_t, bodyBytes: UInt64, room: Int) {
        let message = RabbitMQMessage(properties, body: [])
        missing = bodyBytes
        isTooLong = bodyBytes > RabbitMQDelivery.bodyBytesMax
        bytes = message.headBytes + (isTooLong ? 0 : Int(bodyBytes))
        hasRoom = bytes <= room
        self.message = hasRoom ? message : RabbitMQMessage(body: [])
    }

    mutating func add(_ piece: amqp_bytes_t) {
        missing -= min(missing, UInt64(piece.len))
        if !isTooLong, hasRoom { message?.body += piece.copy }
    }

    /// The message, once all of it has come.
    var delivery: RabbitMQDelivery? {
        guard let message, missing == 0 else { return nil }
        return RabbitMQDelivery(
            message: message, routingKey: routingKey, tag: tag, isRedelivered: isRedelivered, isTooLong: isTooLong)
    }
}

/// The messages of one connection that have come and were not answered for, bounded by their bytes.
struct Inflow {
    /// Bytes of properties and bodies that are held at once; one message alone may have more.
    static let bytesMax = 32 << 20

    private var incoming: Incoming?
    private var received: [RabbitMQDelivery] = []
    private var bytes: [UInt64: Int] = [:]
    private var bytesHeld = 0
    /// Messages that there was no room for, and that have to go back.
    private var surplus: [UInt64] = []

    var isEmpty: Bool { received.isEmpty }
    var hasSurplus: Bool { !surplus.isEmpty }

    mutating func begin(_ incoming: Incoming) { self.incoming = incoming }

    mutating func begin(_ properties: amqp_basic_properties_t, bodyBytes: UInt64) {
        incoming?.begin(properties, bodyBytes: bodyBytes, room: bytes.isEmpty ? .max : Self.bytesMax - bytesHeld)
        complete()
    }

    mutating func add(_ piece: amqp_bytes_t) {
        incoming?.add(piece)
        complete()
    }

    private mutating func complete() {
        guard let incoming, let delivery = incoming.delivery else { return }
        self.incoming = nil
        guard incoming.hasRoom else { return surplus.append(incoming.tag) }
        received.append(delivery)
        bytes[incoming.tag] = incoming.bytes
        bytesHeld += incoming.bytes
    }

    /// What has come since the last call.
    mutating func take() -> [RabbitMQDelivery] {
        defer { received = [] }
        return received
    }

    mutating func takeSurplus() -> [UInt64] {
        defer { surplus = [] }
        return surplus
    }

    /// A message was answered for.
    mutating func forget(_ tag: UInt64) { bytesHeld -= bytes.removeValue(forKey: tag) ?? 0 }
}
