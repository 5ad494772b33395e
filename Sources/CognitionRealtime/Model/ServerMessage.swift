package import CognitionCore

/// The messages that the server sends, as JSON in UTF-8: `type`, `data`, the request's `id` in an answer, and `epoch` and
/// `offset` where the message has a place in the log.
package enum ServerMessage {
    /// - Parameter rooms: Those that the client is in without having asked.
    package static func connected(
        _ connection: UUIDv7, caller: RealtimeCaller?, heartbeat: Duration, rooms: [JSONValue]? = nil,
        answering id: JSONValue? = nil
    ) -> [UInt8] {
        var data: JSONObject = [
            "connection_id": .string(connection.description), "authenticated": .bool(caller != nil),
            "heartbeat_interval": JSONValue(heartbeat.seconds),
        ]
        if let caller {
            data["user_id"] = .string(caller.user)
            data["workspace_id"] = .string(caller.workspace.name)
            data["expires_at"] = .string(caller.expiresAt.description)
            data["rooms"] = rooms.map(JSONValue.array)
        }
        return message("connected", data, answering: id)
    }

    /// - Parameters:
    ///   - recovered: Whether everything since the place that the client named follows; `nil` when it named none.
    ///   - place: What follows comes after it.
    package static func subscribed(
        _ topic: Topic, snapshot: TopicSnapshot, recovered: Bool?, place: FeedPlace, answering id: JSONValue?
    ) -> [UInt8] {
        var data = topic.members
        data.merge(snapshot.data)
        data["snapshot_offset"] = .integer(snapshot.position)
        if let recovered { data["recovered"] = .bool(recovered) }
        return message("subscribed", data, answering: id, place: place)
    }

    /// - Parameter reason: Why, when the client has not asked for it.
    package static func unsubscribed(_ topic: Topic, reason: String? = nil, answering id: JSONValue?) -> [UInt8] {
        var data = topic.members
        if let reason { data["reason"] = .string(reason) }
        return message("unsubscribed", data, answering: id)
    }

    /// What follows comes after the offset beside `type`.
    package static func entered(_ start: RoomStart, answering id: JSONValue?) -> [UInt8] {
        var data = start.room.json
        data["room"] = .string(start.room.id.text)
        data["members"] = .integer(Int64(start.users.count))
        data["present"] = .array(start.users.sorted().prefix(RoomStart.usersShownMax).map(JSONValue.string))
        if let recovered = start.recovered { data["recovered"] = .bool(recovered) }
        return message(
            "subscribed", data, answering: id, place: FeedPlace(epoch: start.room.epoch, offset: start.from))
    }

    /// Messages of a room that the client does not get.
    package static func gap(_ offsets: ClosedRange<Int64>, in topic: Topic, epoch: String) -> [UInt8] {
        message(
            "gap",
            [
                "room": .string(topic.room), "from": .integer(offsets.lowerBound), "to": .integer(offsets.upperBound),
            ], place: FeedPlace(epoch: epoch, offset: offsets.upperBound))
    }

    /// The answer to `publish`; the offset is that of the client's own message, and says nothing about what it has got.
    package static func ack(_ published: Published, room: RoomName, answering id: JSONValue?) -> [UInt8] {
        message(
            "ack",
            [
                "room": .string(room.text), "id": .string(published.id.description),
                "offset": .integer(published.offset),
                "epoch": .string(published.epoch),
            ], answering: id)
    }

    package static func presence(
        _ user: String, isThere: Bool, in topic: Topic, members: Int, at time: Timestamp
    ) -> [UInt8] {
        message(
            "presence",
            [
                "room": .string(topic.room), "event": .string(isThere ? "join" : "leave"),
                "user": .string(user), "members": .integer(Int64(members)), "time": .string(time.description),
            ])
    }

    /// A room is another than it was.
    static func changed(_ room: Room, at time: Timestamp) -> [UInt8] {
        var data: JSONObject = ["room": .string(room.id.text)]
        var json = room.json
        // Counted elsewhere.
        for name in ["present", "last_offset", "epoch"] { json[name] = nil }
        data.merge(json)
        data["time"] = .string(time.description)
        return message("room_changed", data)
    }

    package static func pong(at time: Timestamp, answering id: JSONValue?) -> [UInt8] {
        message("pong", ["time": .string(time.description)], answering: id)
    }

    package static func stats(_ stats: RealtimeStats, answering id: JSONValue?) -> [UInt8] {
        message("stats", stats.json, answering: id)
    }

    package static func tokenExpiring(_ caller: RealtimeCaller) -> [UInt8] {
        message("token_expiring", ["expires_at": .string(caller.expiresAt.description)])
    }

    /// The text of an error that is not a `CodedError`, or is an internal one, stays in the server.
    package static func error(_ error: any Error, answering id: JSONValue?) -> [UInt8] {
        guard let coded = error as? any CodedError, coded.category != .internal else {
            return message(
                "error",
                [
                    "code": .string((error as? any CodedError)?.code.name ?? ErrorCode.realtimeInternal.name),
                    "message": "something went wrong in the server",
                ], answering: id)
        }
        return message(
            "error", ["code": .string(coded.code.name), "message": .string(coded.message)], answering: id)
    }

    package static func message(
        _ type: String, _ data: JSONObject, answering id: JSONValue? = nil, place: FeedPlace? = nil
    ) -> [UInt8] {
        var members: JSONObject = ["type": .string(type)]
        if let id { members["id"] = id }
        members["data"] = .object(data)
        if let place {
            members["epoch"] = .string(place.epoch)
            members["offset"] = .integer(place.offset)
        }
        return JSONValue.object(members).jsonBytes
    }
}

/// What a node's connections do now and did since it started.
package struct RealtimeStats: Sendable, Hashable {
    package var connectedClients = 0
    package var authenticatedConnections = 0
    package var activeSubscriptions = 0
    /// Of all workspaces and nodes, as they were counted last.
    package var totalRooms = 0
    package var messagesSent = 0
    package var messagesReceived = 0
    package var errors = 0

    package init(connectedClients: Int = 0, authenticatedConnections: Int = 0, activeSubscriptions: Int = 0) {
        self.connectedClients = connectedClients
        self.authenticatedConnections = authenticatedConnections
        self.activeSubscriptions = activeSubscriptions
    }

    package var json: JSONObject {
        [
            "connected_clients": .integer(Int64(connectedClients)),
            "authenticated_connections": .integer(Int64(authenticatedConnections)),
            "active_subscriptions": .integer(Int64(activeSubscriptions)),
            "total_rooms": .integer(Int64(totalRooms)),
            "messages_sent": .integer(Int64(messagesSent)),
            "messages_received": .integer(Int64(messagesReceived)),
            "errors": .integer(Int64(errors)),
        ]
    }
}
