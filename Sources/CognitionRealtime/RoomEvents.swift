import CognitionCore
import CognitionEvents

/// What the log tells of rooms, in the stream `room/<id>`. Their messages are not on the log: they have numbers of their own.
enum RoomEvent {
    static func stream(of room: Room) -> StreamName { StreamName("room", room.id.text) }

    static func created(_ room: Room) -> NewEvent {
        NewEvent(
            "room.created",
            data: [
                "room": .string(room.id.text), "epoch": .string(room.epoch), "owner": .string(room.owner),
                "private": .bool(room.settings.isPrivate), "history": room.settings.history.json,
            ])
    }

    /// - Parameter changes: The members that are not as they were.
    static func changed(_ room: Room, _ changes: JSONObject) -> NewEvent {
        var data: JSONObject = ["room": .string(room.id.text), "revision": .integer(room.revision)]
        data.merge(changes)
        return NewEvent("room.changed", data: .object(data))
    }

    static func deleted(_ room: Room) -> NewEvent {
        NewEvent(
            "room.deleted",
            data: [
                "room": .string(room.id.text), "epoch": .string(room.epoch), "last_offset": .integer(room.lastOffset),
            ])
    }

    static func memberAdded(_ user: String, to room: Room) -> NewEvent {
        NewEvent("room.member_added", data: ["room": .string(room.id.text), "user": .string(user)])
    }

    static func memberRemoved(_ user: String, from room: Room) -> NewEvent {
        NewEvent("room.member_removed", data: ["room": .string(room.id.text), "user": .string(user)])
    }
}
