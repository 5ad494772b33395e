package import CognitionCore

/// How much of a room's past is kept.
package enum RoomHistory: Sendable, Hashable {
    /// The last so many messages.
    case last(Int)
    /// All of them, for as long as the room is there.
    case durable

    package static let lastMax = 10_000
    package static let standard = RoomHistory.last(100)

    package var json: JSONValue {
        switch self {
        case .last(let count): ["limit": .integer(Int64(count))]
        case .durable: "durable"
        }
    }
}

/// What becomes of messages that a client does not take in time.
package enum SlowPolicy: String, Sendable, Hashable, CaseIterable {
    /// It gets every message, later; when it cannot, its connection ends.
    case disconnect
    /// It is told which it has missed, and gets the newest.
    case dropOldest = "drop_oldest"
    /// It is told which it has missed, and gets the newest of each type.
    case conflate
}

/// What a room is to be like.
package struct RoomSettings: Sendable, Hashable {
    package var name: String?
    package var isPrivate = false
    /// Of a private room its members, of any other those who are in it at the same time.
    package var membersMax = RoomSettings.membersMaxStandard
    package var history = RoomHistory.standard
    package var slow = SlowPolicy.disconnect

    /// What is not as it was, as JSON.
    func differences(from old: RoomSettings) -> JSONObject {
        var changed: JSONObject = [:]
        if name != old.name { changed["name"] = name.map(JSONValue.string) ?? .null }
        if isPrivate != old.isPrivate { changed["private"] = .bool(isPrivate) }
        if membersMax != old.membersMax { changed["max_members"] = .integer(Int64(membersMax)) }
        if history != old.history { changed["history"] = history.json }
        if slow != old.slow { changed["slow"] = .string(slow.rawValue) }
        return changed
    }

    package static let membersMaxStandard = 100
    package static let membersMaxMax = 10_000
    package static let nameBytesMax = 200

    package init() {}
}

/// What is to become of a room's settings; what is `nil` stays.
package struct RoomChange: Sendable, Hashable {
    /// `.some(nil)` takes the name away.
    package var name: String??
    package var isPrivate: Bool?
    package var membersMax: Int?
    package var history: RoomHistory?
    package var slow: SlowPolicy?
    /// Only a room that is still at this revision is changed.
    package var revision: Int64?

    package init() {}

    func applied(to old: RoomSettings) -> RoomSettings {
        var new = old
        if let name { new.name = name }
        new.isPrivate = isPrivate ?? old.isPrivate
        new.membersMax = membersMax ?? old.membersMax
        new.history = history ?? old.history
        new.slow = slow ?? old.slow
        return new
    }
}

/// A place where messages are told to everybody who is in it, each with the next number.
package struct Room: Sendable, Hashable {
    /// Never given again, also not to a room of the same name.
    package let key: Int64
    package let workspace: WorkspaceID
    package let id: RoomName
    /// The user who has made it; of a room of a user that user.
    package let owner: String
    package let settings: RoomSettings
    /// Counts changes of the settings and of who may be in it.
    package let revision: Int64
    /// Messages before this one are not told, whatever the history: they were given up when it was shorter.
    let oldest: Int64
    package let createdAt: Timestamp
    /// Of its last message; 0 before the first.
    package let lastOffset: Int64
    /// How many users are in it.
    package var present = 0
    /// Names the room's numbers: offsets of two epochs have nothing to do with each other.
    package let epoch: String

    /// - Parameters:
    ///   - log: The name of the log.
    ///   - key: 0 as long as there is no room.
    static func epoch(of log: String, key: Int64) -> String { "\(log).\(key)" }

    /// The offset of the oldest message that is told.
    package var firstOffset: Int64 {
        switch settings.history {
        case .last(let count): max(oldest, lastOffset - Int64(count) + 1)
        case .durable: oldest
        }
    }

    package var json: JSONObject {
        [
            "id": .string(id.text), "name": settings.name.map(JSONValue.string) ?? .null, "owner": .string(owner),
            "private": .bool(settings.isPrivate), "max_members": .integer(Int64(settings.membersMax)),
            "history": settings.history.json, "slow": .string(settings.slow.rawValue), "revision": .integer(revision),
            "present": .integer(Int64(present)), "last_offset": .integer(lastOffset), "epoch": .string(epoch),
            "created_at": .string(createdAt.description),
        ]
    }
}

/// Who wants something of a room.
package struct RoomCaller: Sendable, Hashable {
    /// The user's id; of whoever is no user, how events name them.
    package let user: String
    package let principal: Principal

    package init(user: String, principal: Principal) {
        self.user = user
        self.principal = principal
    }

    package var workspace: WorkspaceID { principal.workspace }
    /// Whoever runs the server sees every room.
    var seesAll: Bool { principal.may(.operate) }
}

/// Who may be in a room, as it was decided last.
package struct RoomAccess: Sendable, Hashable {
    package let key: Int64
    package enum Rule: Sendable, Hashable {
        case everybody
        case only(Set<String>)
        /// The room is not there any more.
        case nobody
    }
    package let rule: Rule

    package init(key: Int64, rule: Rule) {
        self.key = key
        self.rule = rule
    }

    package func admits(_ caller: RoomCaller) -> Bool {
        switch rule {
        case .everybody: true
        case .only(let users): users.contains(caller.user) || caller.seesAll
        case .nobody: false
        }
    }
}

/// Somebody who belongs to a room or is in it.
package struct RoomMember: Sendable, Hashable {
    package let user: String
    package let isOwner: Bool
    /// Was let into a private room.
    package let isMember: Bool
    /// Is connected.
    package let isPresent: Bool
    package let since: Timestamp

    package var json: JSONObject {
        [
            "user": .string(user), "owner": .bool(isOwner), "member": .bool(isMember), "present": .bool(isPresent),
            "since": .string(since.description),
        ]
    }
}
