package import CognitionCore
import CognitionEvents
import CognitionStorage

/// Who belongs to a room?
extension Rooms {
    /// Lets a user into a private room; of any other room it notes that the user belongs to it.
    ///
    /// - Returns: Whether the user was none before.
    /// - Throws: `realtime.room_not_found`, `realtime.forbidden`, `realtime.room_full`, `realtime.member_unknown`.
    package func add(_ user: String, to id: String, as caller: RoomCaller) async throws -> Bool {
        let (store, name, now, isShared) = (store, try RoomName.parse(id), clock.now, database.isShared)
        let context = EventContext(caller.principal, time: now, ids: ids)
        guard name.kind == .plain else {
            throw RealtimeError(.realtimeForbidden, "this room has no members that are let in")
        }
        if let directory, try await !directory.isMember(user, of: caller.workspace) {
            throw RealtimeError(.memberUnknown, "the workspace has no such user")
        }
        return try await database.write { tx in
            let room = try store.visible(name, to: caller, isLocked: true, tx)
            try Self.checkManages(room, caller)
            guard user != room.owner else { return false }
            guard try store.add(user, to: room.key, now: now, tx) else { return false }
            // The owner is one.
            guard try store.memberCount(of: room.key, tx) < room.settings.membersMax else {
                throw RealtimeError(
                    .roomFull, "the room has \(room.settings.membersMax) members, as many as it takes")
            }
            try store.revise(room.key, tx)
            try tx.append([RoomEvent.memberAdded(user, to: room)], to: RoomEvent.stream(of: room), context: context)
            tx.signal(.rooms(room.key, isShared: isShared))
            return true
        }
    }

    /// Takes a user out; who is in a private room then leaves it at once. Everybody may take themselves out.
    /// - Throws: `realtime.room_not_found`, `realtime.forbidden`, `realtime.member_unknown`.
    package func remove(_ user: String, from id: String, as caller: RoomCaller) async throws {
        let (store, name, isShared) = (store, try RoomName.parse(id), database.isShared)
        let context = EventContext(caller.principal, time: clock.now, ids: ids)
        try await database.write { tx in
            let room = try store.visible(name, to: caller, isLocked: true, tx)
            if user != caller.user { try Self.checkManages(room, caller) }
            guard try store.remove(user, from: room.key, tx) else {
                throw RealtimeError(.memberUnknown, "the room has no such member that could be taken out")
            }
            try store.revise(room.key, tx)
            try tx.append([RoomEvent.memberRemoved(user, from: room)], to: RoomEvent.stream(of: room), context: context)
            tx.signal(.rooms(room.key, isShared: isShared))
        }
    }

    /// Members and those who are in the room, by user.
    /// - Throws: `realtime.room_not_found`.
    package func people(
        of id: String, for caller: RoomCaller, after: String = "", limit: Int
    ) async throws -> [RoomMember] {
        let (store, name) = (store, try RoomName.parse(id))
        return try await database.read { tx in
            let room = try store.visible(name, to: caller, tx)
            return try store.people(of: room, after: after, limit: min(limit, Self.pageMax + 1), tx)
        }
    }
}
