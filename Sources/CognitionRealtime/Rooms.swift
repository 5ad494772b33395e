package import CognitionCore
import CognitionEvents
package import CognitionStorage

/// Where do people and programs talk to each other?
///
/// Rooms, their members and their messages are rows: what a call has answered is durable, on every node the same. Whoever is
/// connected hears of it by a ``RealtimeHub``.
package struct Rooms: Sendable {
    /// Rooms that a workspace may have, those that are made by use among them.
    package static let perWorkspaceMax = 10_000
    /// Items of a page of a list.
    package static let pageMax = 200

    package let database: any Database
    /// The name of the log; see ``EpochStore``.
    package let epoch: String
    let store: RoomStore
    /// Who belongs to a workspace; without, rooms of users are not made.
    let directory: (any RoomDirectory)?
    let clock: any WallClock
    let ids: UUIDGenerator

    package static let migrations = EpochStore.migrations + RoomStore.migrations

    package init(
        _ database: any Database, epoch: String, directory: (any RoomDirectory)? = nil,
        clock: any WallClock = SystemWallClock(), ids: UUIDGenerator
    ) {
        self.database = database
        self.epoch = epoch
        self.directory = directory
        self.clock = clock
        self.ids = ids
        store = RoomStore(epoch: epoch)
    }

    /// Opens the rooms of a database, whose log gets a name if it has none.
    /// - Throws: `StorageError`.
    package static func open(
        _ database: any Database, directory: (any RoomDirectory)? = nil, clock: any WallClock = SystemWallClock(),
        ids: UUIDGenerator
    ) async throws -> Rooms {
        let (new, now) = (ids.next() as UUIDv7, clock.now)
        let known = try await database.read { try EpochStore.find(in: $0) }
        let epoch =
            if let known { known } else {
                try await database.write { try EpochStore.open(new, now: now, in: $0) }
            }
        return Rooms(database, epoch: epoch, directory: directory, clock: clock, ids: ids)
    }

    // MARK: Rooms

    /// Makes a room of which the caller is the owner.
    /// - Parameter id: Made up unless given.
    /// - Throws: `realtime.room_invalid`, `realtime.room_taken`, `realtime.rooms_exceeded`.
    package func create(_ id: String?, _ settings: RoomSettings, as caller: RoomCaller) async throws -> Room {
        let made: UUIDv7 = ids.next()
        guard let name = RoomName(id ?? made.description), name.kind == .plain else {
            throw RealtimeError(
                .roomInvalid,
                "a room's id has 1 to 63 small letters, digits, - and _, and begins with a letter or digit")
        }
        try Self.check(settings)
        return try await insert(name, owner: caller.user, settings, by: caller.principal)
    }

    func insert(
        _ name: RoomName, owner: String, _ settings: RoomSettings, by principal: Principal
    ) async throws -> Room {
        let (store, workspace, now, isShared) = (store, principal.workspace, clock.now, database.isShared)
        let context = EventContext(principal, time: now, ids: ids)
        return try await database.write { tx in
            guard let room = try store.insert(name, in: workspace, owner: owner, settings, now: now, tx) else {
                // Of one that the caller may not see no more is told than that the id is taken.
                throw RealtimeError(.roomTaken, "a room \(name) exists")
            }
            guard try store.count(in: workspace, tx) <= Self.perWorkspaceMax else {
                throw RealtimeError(.roomsExceeded, "a workspace has at most \(Self.perWorkspaceMax) rooms")
            }
            try tx.append(
                [RoomEvent.created(room)], to: RoomEvent.stream(of: room), context: context)
            if isShared, name.isHome { tx.signal(.roomsMade) }
            return room
        }
    }

    static func check(_ settings: RoomSettings) throws {
        guard (1...RoomSettings.membersMaxMax).contains(settings.membersMax) else {
            throw RealtimeError(.roomInvalid, "max_members is a number from 1 to \(RoomSettings.membersMaxMax)")
        }
        if case .last(let count) = settings.history, !(1...RoomHistory.lastMax).contains(count) {
            throw RealtimeError(.roomInvalid, "a history has 1 to \(RoomHistory.lastMax) messages")
        }
        if let name = settings.name, !(1...RoomSettings.nameBytesMax).contains(name.utf8.count) || name.utf8.contains(0)
        {
            throw RealtimeError(.roomInvalid, "a name has 1 to \(RoomSettings.nameBytesMax) bytes")
        }
    }

    /// Makes a room that is there as soon as it is used, unless it is there.
    /// - Throws: `realtime.room_not_found` when the caller may not use one of that name, `realtime.rooms_exceeded`.
    func makeByUse(_ name: RoomName, as caller: RoomCaller) async throws {
        var settings = RoomSettings()
        settings.membersMax = RoomSettings.membersMaxMax
        var owner = caller.user
        switch name.kind {
        case .plain: throw RealtimeError.roomNotFound(name.text)
        case .user(let user):
            // Also nobody learns by this who has an account.
            guard let directory, try await directory.isMember(user, of: caller.workspace) else {
                throw RealtimeError.roomNotFound(name.text)
            }
            settings.isPrivate = true
            owner = user
        case .workspace(let workspace):
            guard workspace == caller.workspace.name else { throw RealtimeError.roomNotFound(name.text) }
            owner = workspace
        case .scope: break
        }
        do {
            _ = try await insert(name, owner: owner, settings, by: caller.principal)
        } catch let error as RealtimeError where error.code == .roomTaken {
            // Somebody else has made it meanwhile.
        }
    }

    /// Rooms that the caller sees, by id.
    /// - Parameter limit: 1...``pageMax`` and one more, to know whether there are more.
    package func list(for caller: RoomCaller, after: String = "", limit: Int) async throws -> [Room] {
        let store = store
        return try await database.read { tx in
            try store.list(for: caller, after: after, limit: min(limit, Self.pageMax + 1), tx)
        }
    }

    /// - Throws: `realtime.room_not_found`.
    package func room(_ id: String, for caller: RoomCaller) async throws -> Room {
        let (store, name) = (store, try RoomName.parse(id))
        return try await database.read { tx in
            var room = try store.visible(name, to: caller, tx)
            room.present = try PresenceStore.count(in: room.key, tx)
            return room
        }
    }

    /// How many rooms there are, of all workspaces.
    package func count() async throws -> Int {
        let store = store
        return try await database.read { try store.count($0) }
    }

    /// Changes what a room is like; whoever is in it is told, and leaves it if it has become private without them.
    ///
    /// Rooms that are there by being used stay as open as they are. What a longer history would have kept is not there.
    /// - Throws: `realtime.room_not_found`, `realtime.forbidden`, `realtime.room_invalid`, `realtime.room_changed`.
    package func change(_ id: String, _ change: RoomChange, as caller: RoomCaller) async throws -> Room {
        let (store, name, isShared) = (store, try RoomName.parse(id), database.isShared)
        let context = EventContext(caller.principal, time: clock.now, ids: ids)
        return try await database.write { tx in
            let room = try store.visible(name, to: caller, isLocked: true, tx)
            try Self.checkManages(room, caller)
            if let revision = change.revision, revision != room.revision {
                throw RealtimeError(.roomChanged, "the room is at revision \(room.revision), not \(revision)")
            }
            let settings = change.applied(to: room.settings)
            try Self.check(settings)
            guard name.kind == .plain || settings.isPrivate == room.settings.isPrivate else {
                throw RealtimeError(.roomInvalid, "who sees this room follows from its name")
            }
            let changes = settings.differences(from: room.settings)
            if !changes.isEmpty {
                // What is beyond the history may be gone already, and does not come back.
                try store.change(room.key, settings, oldest: room.firstOffset, tx)
            }
            guard var new = try store.find(name, in: caller.workspace, tx) else {
                throw RealtimeError.roomNotFound(id)
            }
            new.present = try PresenceStore.count(in: new.key, tx)
            guard !changes.isEmpty else { return new }
            try tx.append([RoomEvent.changed(new, changes)], to: RoomEvent.stream(of: new), context: context)
            tx.signal(.rooms(new.key, isShared: isShared))
            return new
        }
    }

    /// Deletes a room with all its messages; whoever is in it is told.
    /// - Throws: `realtime.room_not_found`, `realtime.forbidden`.
    package func delete(_ id: String, as caller: RoomCaller) async throws {
        let (store, name, isShared) = (store, try RoomName.parse(id), database.isShared)
        let context = EventContext(caller.principal, time: clock.now, ids: ids)
        try await database.write { tx in
            let room = try store.visible(name, to: caller, isLocked: true, tx)
            try Self.checkManages(room, caller)
            try store.delete(room, tx)
            try tx.append([RoomEvent.deleted(room)], to: RoomEvent.stream(of: room), context: context)
            tx.signal(.rooms(room.key, isShared: isShared))
        }
    }

    static func checkManages(_ room: Room, _ caller: RoomCaller) throws {
        guard room.owner == caller.user || caller.seesAll || caller.principal.may(.manageWorkspace) else {
            throw RealtimeError(.realtimeForbidden, "a room is looked after by its owner and by admins")
        }
    }

    /// Whether somebody may be in a room, also in one that nobody has used.
    /// - Throws: `realtime.room_not_found`, `StorageError`.
    func checkMayBe(in id: String, as caller: RoomCaller) async throws {
        let name = try RoomName.parse(id)
        try checkMayEnter(name, caller)
        let store = store
        try await database.read { tx in
            if name.isMadeByUse, try store.find(name, in: caller.workspace, tx) == nil { return }
            _ = try store.visible(name, to: caller, tx)
        }
    }

    /// A room of a user does not exist for others, also as long as nobody has used it.
    func checkMayEnter(_ name: RoomName, _ caller: RoomCaller) throws {
        if case .user(let user) = name.kind, user != caller.user, !caller.seesAll {
            throw RealtimeError.roomNotFound(name.text)
        }
    }
}
