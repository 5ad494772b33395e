import CognitionCore
import CognitionEvents

/// A message as it travels: properties, headers and a body.
package struct RabbitMQMessage: Sendable, Hashable {
    package enum Header: Sendable, Hashable {
        case text(String)
        case integer(Int64)
        case flag(Bool)
    }

    package var body: [UInt8]
    package var contentType: String?
    package var messageID: String?
    package var correlationID: String?
    package var type: String?
    package var application: String?
    /// Seconds since 1970.
    package var timestamp: UInt64?
    package var headers: [String: Header] = [:]

    package init(body: [UInt8]) { self.body = body }

    static let cloudEventType = "application/cloudevents+json; charset=utf-8"

    /// An event on its way out.
    init(_ message: BusMessage) {
        body = message.body
        contentType = Self.cloudEventType
        messageID = message.id.description
        correlationID = message.correlationID
        type = message.type
        application = "cognitionos"
        timestamp = UInt64(max(0, message.time.microseconds / 1_000_000))
        headers = [
            "id": .text(message.id.description), "position": .integer(message.position),
            "workspace": .text(message.workspace.name),
        ]
        if let correlation = message.correlationID { headers["correlation_id"] = .text(correlation) }
        if let traceparent = message.traceparent { headers["traceparent"] = .text(traceparent) }
    }
}

/// A message that was handed to us.
package struct RabbitMQDelivery: Sendable {
    /// Bytes of a message that is looked at; one that is longer has none here.
    static let bodyBytesMax = 2 << 20

    package let message: RabbitMQMessage
    package let routingKey: String
    /// Names it on its connection until it is acknowledged.
    package let tag: UInt64
    package let isRedelivered: Bool
    /// Its body was not kept.
    package let isTooLong: Bool
}
