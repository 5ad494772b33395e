package import CognitionCore
package import CognitionEvents

/// One event, or one message of a room, as clients get it, encoded once for all of them.
package struct FeedMessage: Sendable {
    package enum Kind: Sendable {
        /// An event of the log; positions are those of the log.
        case log
        /// A message of the room with this key; positions are its offsets.
        case room(key: Int64)
        /// Somebody has come to the room or gone; told only to those who have room for it.
        case presence(key: Int64)
        /// The room is another than it was; told only to those who have room for it.
        case settings(key: Int64, SlowPolicy)
        /// Others may be in the room now; not told as it is.
        case access(RoomAccess)
    }

    package let kind: Kind
    package let position: Int64
    /// Whom it concerns.
    package let topics: [Topic]
    /// When it happened.
    package let time: Timestamp
    /// The whole message, JSON in UTF-8.
    package let json: [UInt8]

    package init(position: Int64, topics: [Topic], time: Timestamp, json: [UInt8], kind: Kind = .log) {
        self.kind = kind
        self.position = position
        self.topics = topics
        self.time = time
        self.json = json
    }

    /// A message larger than this leaves out the error's details, which the execution or job itself has.
    package static let bytesMax = 16 << 10

    /// - Parameter workflow: The canonical name of the execution's workflow.
    package init(_ event: Event, workflow: String?, epoch: String) {
        let message = LogMessage(event, workflow: workflow)
        let place = FeedPlace(epoch: epoch, offset: event.position)
        let full = ServerMessage.message(message.type, message.data, place: place)
        let isShort = full.count <= Self.bytesMax
        self.init(
            position: event.position, topics: message.topics, time: event.time,
            json: isShort
                ? full
                : ServerMessage.message(
                    message.type, LogMessage(event, workflow: workflow, withError: false).data, place: place))
    }

    /// A message of a room.
    init(_ message: RoomMessage, of room: Room) {
        self.init(
            position: message.offset, topics: [.room(room.workspace, room.id.text)], time: message.createdAt,
            json: message.frame(room: room.id, epoch: room.epoch), kind: .room(key: room.key))
    }
}
