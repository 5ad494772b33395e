package import CognitionCore
package import CognitionEvents

/// Rooms that the platform talks in, as requests use them.
extension RealtimeHub {
    /// The room of the log that `id` names; `nil` for a room that people and programs talk in.
    /// - Throws: `realtime.room_not_found`; `realtime.forbidden` for who may not watch what it tells.
    package func logRoom(_ id: String, for caller: RoomCaller) throws(RealtimeError) -> Topic? {
        guard LogRoom(id) != nil else { return nil }
        let topic = rules.topic(.room(id), caller.workspace)
        // What is of another workspace is not there.
        guard !topic.isRoom else { throw RealtimeError.roomNotFound(id) }
        guard caller.principal.may(topic.permission) else {
            throw RealtimeError(.realtimeForbidden, "the permission \(topic.permission.rawValue) is needed")
        }
        return topic
    }

    /// A piece of what the log tells in a room.
    /// - Throws: As for what the room tells of, when that is not there; `event.archived`, `StorageError`.
    package func history(of topic: Topic, _ piece: Rooms.Piece, limit: Int) async throws -> LogRoomPage {
        try await reader.history(of: topic, piece, limit: limit)
    }

    /// What the log has told in a room after an offset; of one that is known to be there.
    package func news(of topic: Topic, after offset: Int64, limit: Int) async throws -> LogRoomPage {
        try await reader.history(of: topic, after: offset, limit: limit)
    }

    /// Events after `position` that a room of the log may tell, as they come.
    package func tail(of topic: Topic, after position: Int64) -> EventTail {
        reader.tail(of: topic, after: position)
    }
}
