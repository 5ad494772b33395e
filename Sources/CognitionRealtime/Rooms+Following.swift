import CognitionCore
import CognitionStorage

/// What following a room needs: the room as it is, and what is new about it.
extension Rooms {
    /// A room as somebody finds it who enters.
    struct Opening: Sendable {
        let room: Room
        let marks: RoomMarks
        let users: Set<String>
    }

    /// Finds a room, or makes one that is there by being used.
    /// - Throws: `realtime.room_not_found`, `realtime.rooms_exceeded`.
    func opening(_ id: String, for caller: RoomCaller) async throws -> Opening {
        let name = try RoomName.parse(id)
        try checkMayEnter(name, caller)
        do {
            return try await read(name, for: caller)
        } catch let error as RealtimeError where error.code == .roomNotFound && name.isMadeByUse {
            try await makeByUse(name, as: caller)
            return try await read(name, for: caller)
        }
    }

    private func read(_ name: RoomName, for caller: RoomCaller) async throws -> Opening {
        let store = store
        return try await database.read { tx in
            let room = try store.visible(name, to: caller, tx)
            guard let marks = try store.marks(of: [room.key], tx)[room.key] else {
                throw RealtimeError.roomNotFound(name.text)
            }
            return Opening(
                room: room, marks: marks, users: try PresenceStore.users(in: [room.key], tx)[room.key] ?? [])
        }
    }

    /// Rooms as they are, by their topics; those that are not there are not among them. And the last key that there is.
    func openings(of topics: [Topic]) async throws -> (found: [Topic: Opening], lastKey: Int64) {
        let store = store
        return try await database.read { tx in
            let rooms = try store.find(topics.map { ($0.room, $0.workspace) }, isLocked: false, tx).compactMap { $0 }
            return (try Self.openings(of: rooms, store, tx), try store.lastKey(tx))
        }
    }

    /// Rooms with a greater key that devices are in without asking, by their topics; and the last key that there is.
    func homes(after key: Int64) async throws -> (found: [Topic: Opening], lastKey: Int64) {
        let store = store
        return try await database.read { tx in
            (try Self.openings(of: try store.homes(after: key, tx), store, tx), try store.lastKey(tx))
        }
    }

    private static func openings(
        of rooms: [Room], _ store: RoomStore, _ tx: borrowing Transaction
    ) throws -> [Topic: Opening] {
        guard !rooms.isEmpty else { return [:] }
        let keys = rooms.map(\.key)
        let (marks, users) = (try store.marks(of: keys, tx), try PresenceStore.users(in: keys, tx))
        var openings: [Topic: Opening] = [:]
        for room in rooms {
            guard let marks = marks[room.key] else { continue }
            openings[.room(room.workspace, room.id.text)] = Opening(
                room: room, marks: marks, users: users[room.key] ?? [])
        }
        return openings
    }

    func lastKey() async throws -> Int64 {
        let store = store
        return try await database.read { try store.lastKey($0) }
    }

    /// A room that is followed, and what is known of it.
    struct Followed: Sendable {
        let key: Int64
        let marks: RoomMarks
    }

    /// What is new about a room.
    struct News: Sendable {
        let room: Room
        let marks: RoomMarks
        /// The next messages, at most a page of them.
        var messages: [RoomMessage] = []
        /// Who is in it, when that may have changed.
        var users: Set<String>?
        var access: RoomAccess?
    }

    /// - Returns: What is new about each room that is there, and the keys of those that are not.
    func news(of followed: [Followed]) async throws -> (news: [News], gone: [Int64]) {
        let store = store
        return try await database.read { tx in
            let marks = try store.marks(of: followed.map(\.key), tx)
            let changed = followed.filter { item in marks[item.key].map { $0 != item.marks } ?? false }
            let crowds = changed.filter { $0.marks.presence != marks[$0.key]?.presence }.map(\.key)
            let users = crowds.isEmpty ? [:] : try PresenceStore.users(in: crowds, tx)
            let rooms = changed.isEmpty ? [:] : try store.rooms(changed.map(\.key), tx)
            var news: [News] = []
            for old in changed {
                guard let room = rooms[old.key], let new = marks[old.key] else { continue }
                var item = News(room: room, marks: new)
                if new.lastOffset > old.marks.lastOffset {
                    item.messages = try RoomMessageStore.page(of: old.key, after: old.marks.lastOffset, tx)
                }
                if new.presence != old.marks.presence { item.users = users[old.key] ?? [] }
                if new.revision != old.marks.revision {
                    item.access = RoomAccess(
                        key: old.key,
                        rule: room.settings.isPrivate
                            ? .only(try store.members(of: old.key, tx).union([room.owner])) : .everybody)
                }
                news.append(item)
            }
            return (news, followed.map(\.key).filter { marks[$0] == nil })
        }
    }

    /// What a connection has missed of a room.
    /// - Throws: `realtime.room_not_found` when it is not there any more.
    func catchUp(_ key: Int64, after offset: Int64, _ reading: RoomReading) async throws -> RoomCatchUp {
        let store = store
        return try await database.read { tx in
            guard let room = try store.rooms([key], tx)[key] else {
                throw RealtimeError(.roomNotFound, "the room is not there any more")
            }
            let after = max(offset, room.firstOffset - 1)
            let messages =
                switch reading {
                case .all: try RoomMessageStore.page(of: key, after: after, tx)
                case .recovery: try RoomMessageStore.page(of: key, after: offset, tx)
                case .newest: try RoomMessageStore.newest(of: key, after: after, limit: Self.newestMax, tx)
                case .newestOfEachType: try Self.newestOfEachType(of: key, after: after, tx)
                }
            return RoomCatchUp(messages: messages.map { FeedMessage($0, of: room) }, last: room.lastOffset)
        }
    }

    /// Messages that a slow client of a room with `drop_oldest` gets at once.
    static let newestMax = 100
    /// Messages that are looked through for the newest of each type.
    static let conflatedMax = 1_000

    private static func newestOfEachType(
        of key: Int64, after offset: Int64, _ tx: borrowing Transaction
    ) throws -> [RoomMessage] {
        var types: Set<String> = []
        let newest = try RoomMessageStore.newest(of: key, after: offset, limit: conflatedMax, tx)
        return newest.reversed().filter { types.insert($0.type).inserted }.reversed()
    }
}
