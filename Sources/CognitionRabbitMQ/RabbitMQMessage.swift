import CognitionCore
import CognitionEvents

/// A message as it travels: properties, headers and a body.
package struct RabbitMQMessage: Sendable, Hashable {
    package enum Header: Sendable, Hashable {
        case text(String)
        case integer(Int64)
        case flag(Bool)
        case number(Double)
        case bytes([UInt8])
        /// Seconds since 1970.
        case time(UInt64)
        case list([Header])
        case table([String: Header])
        case nothing
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

extension RabbitMQMessage {
    /// Bytes of its properties as they travel, or a few more; a broker takes them in one frame only.
    var headBytes: Int {
        let texts = [contentType, messageID, correlationID, type, application]
        return 64 + texts.reduce(0) { $0 + 1 + ($1?.utf8.count ?? 0) } + Header.table(headers).bytes
    }
}

extension RabbitMQMessage.Header {
    /// Bytes of it as it travels.
    var bytes: Int {
        switch self {
        case .nothing: 1
        case .flag: 2
        case .integer, .number, .time: 9
        case .text(let text): 5 + text.utf8.count
        case .bytes(let bytes): 5 + bytes.count
        case .list(let list): list.reduce(5) { $0 + $1.bytes }
        case .table(let table): table.reduce(5) { $0 + 1 + $1.key.utf8.count + $1.value.bytes }
        }
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
