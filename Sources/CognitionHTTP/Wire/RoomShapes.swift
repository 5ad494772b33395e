package import CognitionCore
package import CognitionRealtime

/// The body of `POST rooms`.
package struct RoomRequest: RequestBody {
    package let id: String?
    package let settings: RoomSettings

    package init(json: JSONValue) throws {
        id = json["id"]?.stringValue
        var settings = RoomSettings()
        settings.name = json["name"]?.stringValue
        settings.isPrivate = json["private"]?.boolValue ?? false
        settings.membersMax = json["max_members"]?.integerValue.map { Int(clamping: $0) } ?? settings.membersMax
        settings.slow = json["slow"]?.stringValue.flatMap(SlowPolicy.init) ?? settings.slow
        if let history = json["history"], !history.isNull {
            settings.history =
                history["limit"]?.integerValue.map { .last(Int(clamping: $0)) } ?? .durable
        }
        self.settings = settings
    }

    package static let schemaName = "RoomRequest"
    package static let schema: JSONValue = .record(
        [
            "id": .nullable(
                .text("Unique in the workspace; made up unless given.", pattern: "^[a-z0-9][a-z0-9_-]{0,62}$")),
            "name": .nullable(.text("For people.", length: 1...RoomSettings.nameBytesMax)),
            "private": .nullable(.flag("Only its owner and its members know of it; false unless given.")),
            "max_members": .nullable(
                .whole(
                    1...RoomSettings.membersMaxMax,
                    "Of a private room its members, of any other the users who are in it at once; 100 unless given.")),
            "history": RoomShape.history,
            "slow": .nullable(RoomShape.slow),
        ], optional: ["id", "name", "private", "max_members", "history", "slow"], isClosed: true)
    package static let sample: JSONValue = [
        "id": "planning", "name": "Planning", "private": true, "max_members": 20, "history": ["limit": 500],
        "slow": "disconnect",
    ]
}

/// The body of `PATCH rooms/{id}`.
package struct RoomChangeRequest: RequestBody {
    package let change: RoomChange

    package init(json: JSONValue) throws {
        var change = RoomChange()
        if let name = json["name"] { change.name = .some(name.stringValue) }
        change.isPrivate = json["private"]?.boolValue
        change.membersMax = json["max_members"]?.integerValue.map { Int(clamping: $0) }
        change.slow = json["slow"]?.stringValue.flatMap(SlowPolicy.init)
        if let history = json["history"] {
            change.history = history["limit"]?.integerValue.map { .last(Int(clamping: $0)) } ?? .durable
        }
        change.revision = json["revision"]?.integerValue
        self.change = change
    }

    package static let schemaName = "RoomChangeRequest"
    package static let schema: JSONValue = .record(
        [
            "name": .nullable(.text("For people; null for none.", length: 1...RoomSettings.nameBytesMax)),
            "private": .flag(), "max_members": .whole(1...RoomSettings.membersMaxMax),
            "history": [
                "anyOf": [
                    .record(["limit": .whole(1...RoomHistory.lastMax)], isClosed: true),
                    ["type": "string", "const": "durable"],
                ]
            ],
            "slow": RoomShape.slow,
            "revision": .whole(0...(.max), "Changes it only when it is still at this revision."),
        ], optional: ["name", "private", "max_members", "history", "slow", "revision"], isClosed: true)
    package static let sample: JSONValue = ["name": "Plans", "history": "durable", "revision": 2]
}

/// A room.
package struct RoomShape: AnswerBody {
    package let json: JSONValue

    package init(_ room: Room) { json = .object(room.json) }

    /// A page of what was found, which was asked for one more than a page has.
    package static func page(_ found: [Room], limit: Int) -> Page<RoomShape> {
        let last = found.count > limit ? found[limit - 1].id.text : nil
        // A cursor's name has no colon, and a room's no slash.
        return Page(
            found.prefix(limit).map(RoomShape.init),
            next: last.map { Cursor("rooms", afterName: $0.replacing(":", with: "/")) })
    }

    /// The id that a page has ended with.
    /// - Throws: `request.cursor_invalid`.
    package static func place(_ cursor: String) throws -> String {
        try Cursor.name(cursor, of: "rooms") { RoomName($0.replacing("/", with: ":")) != nil }
            .replacing("/", with: ":")
    }

    static let history: JSONValue = [
        "anyOf": [
            .record(["limit": .whole(1...RoomHistory.lastMax)], isClosed: true),
            ["type": "string", "const": "durable"], ["type": "null"],
        ],
        "description": "How many of its last messages are kept, or `durable` for all; 100 unless given.",
    ]
    static let slow: JSONValue = .choice(
        SlowPolicy.allCases.map(\.rawValue),
        "What becomes of messages that a client does not take in time: it gets all of them later, or is closed; is told which it has missed and gets the newest; or the newest of each type."
    )
    static let id: JSONValue = .text(pattern: RoomName.pattern)

    package static let schemaName = "Room"
    package static let schema: JSONValue = .record([
        "id": id, "name": .nullable(.text()), "owner": .text("Whoever has made it."), "private": .flag(),
        "max_members": .whole(1...RoomSettings.membersMaxMax), "history": history, "slow": slow,
        "present": .whole(0...(.max), "Users who are in it."),
        "last_offset": .whole(0...(.max), "Of its last message; 0 before the first."),
        "revision": .whole(0...(.max), "Counts changes of it and of who may be in it."),
        "epoch": .text("Names its offsets."), "created_at": .moment,
    ])
    package static let sample: JSONValue = [
        "id": "planning", "name": "Planning", "owner": "0198f2c5-6b10-7c3a-9c1e-2f4b5a6d7e90", "private": true,
        "max_members": 20, "history": ["limit": 500], "slow": "disconnect", "revision": 2, "present": 3,
        "last_offset": 42,
        "epoch": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f.7", "created_at": "2026-11-28T08:00:00.000000Z",
    ]
}

/// Somebody who belongs to a room or is in it.
package struct RoomMemberShape: AnswerBody {
    package let json: JSONValue

    package init(_ member: RoomMember) { json = .object(member.json) }

    package static func page(_ found: [RoomMember], limit: Int) -> Page<RoomMemberShape> {
        let last = found.count > limit ? found[limit - 1].user : nil
        return Page(
            found.prefix(limit).map(RoomMemberShape.init),
            next: last.map { Cursor("room_members", afterName: $0.replacing(":", with: "/")) })
    }

    /// - Throws: `request.cursor_invalid`.
    package static func place(_ cursor: String) throws -> String {
        try Cursor.name(cursor, of: "room_members") { (1...200).contains($0.utf8.count) && !$0.utf8.contains(0) }
            .replacing("/", with: ":")
    }

    package static let schemaName = "RoomMember"
    package static let schema: JSONValue = .record([
        "user": .text("The user's id."), "owner": .flag(), "member": .flag("Was let in, or is the owner."),
        "present": .flag("Is connected."), "since": .moment,
    ])
    package static let sample: JSONValue = [
        "user": "0198f2c5-6b10-7c3a-9c1e-2f4b5a6d7e90", "owner": true, "member": true, "present": true,
        "since": "2026-11-28T08:00:00.000000Z",
    ]
}

/// The body of `POST rooms/{id}/messages` and of those for users and workspaces.
package struct MessageRequest: RequestBody {
    package let content: JSONValue
    package let type: String?
    package let idempotencyKey: String?

    package init(json: JSONValue) throws {
        content = json["content"] ?? .null
        type = json["type"]?.stringValue
        idempotencyKey = json["idempotency_key"]?.stringValue
    }

    package static let schemaName = "MessageRequest"
    package static let schema: JSONValue = .record(
        [
            "content": .anything("Any JSON; at most \(Publication.contentBytesMax >> 10) KiB."),
            "type": .nullable(
                .text("`\(Publication.typeStandard)` unless given.", pattern: Publication.typePattern)),
            "idempotency_key": .nullable(
                .text(
                    "The same key of the same sender again, within a day, is the same message.",
                    length: 1...Publication.keyBytesMax, pattern: "^[!-~]+$")),
        ], optional: ["type", "idempotency_key"], isClosed: true)
    package static let sample: JSONValue = ["content": ["text": "Shall we?"], "type": "chat", "idempotency_key": "k-1"]
}

/// What has become of a message.
package struct PublishedShape: AnswerBody {
    package let published: Published

    package init(_ published: Published) { self.published = published }

    package var json: JSONValue {
        [
            "id": .string(published.id.description), "offset": .integer(published.offset),
            "epoch": .string(published.epoch),
        ]
    }

    package static let schemaName = "Published"
    package static let schema: JSONValue = .record([
        "id": .uuid, "offset": .whole(1...(.max), "Its number in the room."), "epoch": .text(),
    ])
    package static let sample: JSONValue = [
        "id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "offset": 43, "epoch": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f.7",
    ]
}

/// A message of a room.
enum RoomMessageShape: WireType {
    static let schemaName = "RoomMessage"
    static let schema: JSONValue = .record([
        "room": RoomShape.id, "id": .uuid, "sender": .text("The user's id; of what the log tells, who acted."),
        "content": .anything("As it was sent; of what the log tells, the `data` of the message over a WebSocket."),
        "type": .text(), "created_at": .moment, "offset": .whole(1...(.max)),
    ])
    static let sample: JSONValue = [
        "room": "planning", "id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f",
        "sender": "0198f2c5-6b10-7c3a-9c1e-2f4b5a6d7e90", "content": ["text": "Shall we?"], "type": "chat",
        "created_at": "2026-11-28T08:00:00.000000Z", "offset": 43,
    ]
}

/// A piece of a room's history.
package struct RoomHistoryShape: AnswerBody {
    package let json: JSONValue

    /// - Parameters:
    ///   - recovered: Whether everything after the offset that was named is there, or follows; `nil` when none was named.
    ///   - goesOn: Whether a further page follows these messages.
    package init(page: RoomPage, recovered: Bool?, goesOn: Bool) {
        let room = page.room
        let last = page.messages.last.map(\.offset)
        json = Self.json(
            page.messages.map { $0.json(room: room.id) },
            next: last.flatMap { goesOn && $0 < room.lastOffset ? $0 : nil },
            epoch: room.epoch, first: room.firstOffset, last: room.lastOffset,
            recovered: recovered)
    }

    /// - Parameter recovered: As above; with it a further page follows where the log goes on.
    package init(page: LogRoomPage, recovered: Bool? = nil) {
        let goesOn = recovered != nil && page.position < page.head
        json = Self.json(
            page.messages.map { $0.json(room: page.room) }, next: goesOn ? page.position : nil, epoch: page.epoch,
            first: 1, last: page.head, recovered: recovered)
    }

    private static func json(
        _ items: [JSONObject], next: Int64?, epoch: String, first: Int64, last: Int64, recovered: Bool?
    ) -> JSONValue {
        [
            "items": .array(items.map(JSONValue.object)),
            "next_cursor": next.map { .string(Cursor("history", after: $0).text) } ?? .null, "epoch": .string(epoch),
            "first_offset": .integer(first), "last_offset": .integer(last),
            "recovered": recovered.map(JSONValue.bool) ?? .null,
        ]
    }

    package static let schemaName = "RoomHistory"
    package static let parts: [any WireType.Type] = [RoomMessageShape.self]
    package static let schema: JSONValue = .record([
        "items": .list(of: RoomMessageShape.reference), "next_cursor": .nullable(.text("Where the next page starts.")),
        "epoch": .text("Names the room's offsets."),
        "first_offset": .whole(1...(.max), "Of the oldest message that is kept."),
        "last_offset": .whole(0...(.max), "Of the room's last message."),
        "recovered": .nullable(.flag("Whether nothing is missing after `after`; null without it.")),
    ])
    package static let sample: JSONValue = [
        "items": [RoomMessageShape.sample], "next_cursor": .null, "epoch": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f.7",
        "first_offset": 1, "last_offset": 43, "recovered": true,
    ]
}

/// What connections do now and did since the server was started.
struct RealtimeStatsShape: AnswerBody {
    let stats: RealtimeStats

    var json: JSONValue { .object(stats.json) }

    static let schemaName = "RealtimeStats"
    static let schema: JSONValue = .record([
        "connected_clients": .whole(0...(.max)), "authenticated_connections": .whole(0...(.max)),
        "active_subscriptions": .whole(0...(.max)),
        "total_rooms": .whole(0...(.max), "That there are, of all workspaces."),
        "messages_sent": .whole(0...(.max)), "messages_received": .whole(0...(.max)), "errors": .whole(0...(.max)),
    ])
    static let sample: JSONValue = [
        "connected_clients": 12, "authenticated_connections": 12, "active_subscriptions": 30, "total_rooms": 7,
        "messages_sent": 4_812, "messages_received": 96, "errors": 0,
    ]
}
