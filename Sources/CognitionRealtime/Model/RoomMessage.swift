package import CognitionCore

/// A message as somebody wants to send it.
package struct Publication: Sendable {
    package let room: RoomName
    package let caller: RoomCaller
    package let type: String
    /// The content as JSON.
    let content: String
    /// The same key of the same sender again means the same message.
    package let idempotencyKey: String?
    /// It comes from a route that needs no other permission than its own.
    let isTrusted: Bool

    package static let typeStandard = "message"
    package static let typePattern = "^[a-z0-9][a-z0-9_.-]{0,62}$"
    /// Of the content as JSON.
    package static let contentBytesMax = 48 << 10
    package static let keyBytesMax = 255

    /// - Throws: `realtime.message_invalid`.
    package init(
        to room: RoomName, _ content: JSONValue, type: String? = nil, idempotencyKey: String? = nil,
        from caller: RoomCaller, isTrusted: Bool = false
    ) throws(RealtimeError) {
        let type = type ?? Self.typeStandard
        guard Self.isType(type) else {
            throw RealtimeError(.messageInvalid, "a message's type fits \(Self.typePattern)")
        }
        if let idempotencyKey {
            guard (1...Self.keyBytesMax).contains(idempotencyKey.utf8.count),
                idempotencyKey.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else {
                throw RealtimeError(
                    .messageInvalid, "an idempotency key has 1 to \(Self.keyBytesMax) visible ASCII characters")
            }
        }
        let text = content.jsonText
        guard text.utf8.count <= Self.contentBytesMax else {
            throw RealtimeError(
                .messageInvalid, "a message's content has at most \(Self.contentBytesMax) bytes as JSON")
        }
        self.room = room
        self.caller = caller
        self.type = type
        self.content = text
        self.idempotencyKey = idempotencyKey
        self.isTrusted = isTrusted
    }

    private static func isType(_ text: String) -> Bool {
        func isFirst(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) }
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first, isFirst(first) else { return false }
        return text.utf8.allSatisfy {
            isFirst($0) || [UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-")].contains($0)
        }
    }
}

/// What has become of a publication.
package struct Published: Sendable, Hashable {
    package let id: UUIDv7
    package let offset: Int64
    package let epoch: String
    /// The message was there already, by its idempotency key.
    package let isRepeat: Bool
}

/// A message of a room.
package struct RoomMessage: Sendable, Hashable {
    package let offset: Int64
    package let id: String
    package let sender: String
    package let type: String
    /// JSON.
    let content: String
    package let createdAt: Timestamp

    /// As clients of HTTP get it.
    package func json(room: RoomName) -> JSONObject {
        [
            "room": .string(room.text), "id": .string(id), "sender": .string(sender),
            // It was checked when it was stored.
            "content": (try? JSONValue(parsing: content)) ?? .null, "type": .string(type),
            "created_at": .string(createdAt.description), "offset": .integer(offset),
        ]
    }

    /// The `data` of the message, with the content as it was stored.
    package func writeData(room: RoomName, into bytes: inout [UInt8]) {
        bytes += "{\"room\":\"".utf8
        bytes += room.text.utf8
        bytes += "\",\"id\":\"".utf8
        bytes += id.utf8
        bytes += "\",\"sender\":".utf8
        JSONValue.string(sender).writeJSON(into: &bytes)
        bytes += ",\"content\":".utf8
        bytes += content.utf8
        bytes += ",\"type\":\"".utf8
        bytes += type.utf8
        bytes += "\",\"created_at\":\"".utf8
        bytes += createdAt.description.utf8
        bytes += "\"}".utf8
    }

    /// The whole message of the socket.
    func frame(room: RoomName, epoch: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(content.utf8.count + 320)
        bytes += "{\"type\":\"message\",\"data\":".utf8
        writeData(room: room, into: &bytes)
        bytes += ",\"epoch\":\"".utf8
        bytes += epoch.utf8
        bytes += "\",\"offset\":".utf8
        bytes += String(offset).utf8
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}

/// A piece of a room's history, as far as it is kept.
package struct RoomPage: Sendable {
    package let room: Room
    /// Rising.
    package let messages: [RoomMessage]
}
