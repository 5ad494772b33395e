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

    /// A message larger than this leaves out the error's details, which the execution itself has.
    package static let bytesMax = 16 << 10

    /// A `workflow_status` message from an event of an execution.
    /// - Parameter workflow: The canonical name of the execution's workflow.
    package init(_ event: Event, workflow: String?, epoch: String) {
        kind = .log
        position = event.position
        time = event.time
        topics = Self.topics(of: event, workflow: workflow)
        let place = FeedPlace(epoch: epoch, offset: event.position)
        let full = ServerMessage.message(
            "workflow_status", Self.data(of: event, workflow: workflow, withError: true), place: place)
        json =
            full.count <= Self.bytesMax
            ? full
            : ServerMessage.message(
                "workflow_status", Self.data(of: event, workflow: workflow, withError: false), place: place)
    }

    /// A message of a room.
    init(_ message: RoomMessage, of room: Room) {
        self.init(
            position: message.offset, topics: [.room(room.workspace, room.id.text)], time: message.createdAt,
            json: message.frame(room: room.id, epoch: room.epoch), kind: .room(key: room.key))
    }

    /// Whom an event of an execution concerns.
    package static func topics(of event: Event, workflow: String?) -> [Topic] {
        let execution = Topic.execution(event.workspace, event.stream.id)
        return workflow.map { [execution, .workflow(event.workspace, $0)] } ?? [execution]
    }

    private static func data(of event: Event, workflow: String?, withError: Bool) -> JSONObject {
        var data: JSONObject = ["execution_id": .string(event.stream.id)]
        data["workflow_id"] = workflow.map(JSONValue.string) ?? .null
        data["status"] = event.data["status"] ?? .null
        data["progress"] = event.data["progress"] ?? .null
        data["event"] = .string(event.type)
        data["time"] = .string(event.time.description)
        let error = withError ? event.data["error"] : nil
        guard let happened = taskStatus(event.type) else {
            data["reason"] = event.data["reason"]
            data["error"] = error
            return data
        }
        var task: JSONObject = ["status": .string(happened)]
        for (member, name) in taskMembers { task[name] = event.data[member] }
        task["error"] = error
        data["task"] = .object(task)
        return data
    }

    private static let taskMembers = [
        ("task", "number"), ("name", "name"), ("reference", "reference"), ("attempt", "attempt"),
        ("parent", "parent"), ("scope", "scope"), ("items", "items"), ("reason", "reason"),
        ("outcome", "outcome"), ("compensation", "compensation"),
    ]

    /// The status that a task has after an event of the type; `nil` when it is not about a task.
    private static func taskStatus(_ type: String) -> String? {
        guard type.hasPrefix("task.") else { return nil }
        return switch type.dropFirst(5) {
        case "started": "running"
        case "retried": "waiting"
        case let status: String(status)
        }
    }
}
