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
    private let directory: (any RoomDirectory)?
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

    private func insert(
        _ name: RoomName, owner: String, _ settings: RoomSettings, by principal: Principal
    ) async throws -> Room {
        let (store, workspace, now) = (store, principal.workspace, clock.now)
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
            return room
        }
    }

    private static func check(_ settings: RoomSettings) throws {
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
        let (store, name) = (store, try Self.name(id))
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

    /// Deletes a room with all its messages; whoever is in it is told.
    /// - Throws: `realtime.room_not_found`, `realtime.forbidden`.
    package func delete(_ id: String, as caller: RoomCaller) async throws {
        let (store, name, isShared) = (store, try Self.name(id), database.isShared)
        let context = EventContext(caller.principal, time: clock.now, ids: ids)
        try await database.write { tx in
            let room = try store.visible(name, to: caller, isLocked: true, tx)
            try Self.checkManages(room, caller)
            try store.delete(room, tx)
            try tx.append([RoomEvent.deleted(room)], to: RoomEvent.stream(of: room), context: context)
            tx.signal(.rooms(room.key, isShared: isShared))
        }
    }

    private static func checkManages(_ room: Room, _ caller: RoomCaller) throws {
        guard room.owner == caller.user || caller.seesAll || caller.principal.may(.manageWorkspace) else {
            throw RealtimeError(.realtimeForbidden, "a room is looked after by its owner and by admins")
        }
    }

    /// - Throws: `realtime.room_not_found`.
    static func name(_ id: String) throws -> RoomName {
        guard let name = RoomName(id) else { throw RealtimeError.roomNotFound(id) }
        return name
    }

    // MARK: Members

    /// Lets a user into a private room; of any other room it notes that the user belongs to it.
    ///
    /// - Returns: Whether the user was none before.
    /// - Throws: `realtime.room_not_found`, `realtime.forbidden`, `realtime.room_full`, `realtime.member_unknown`.
    package func add(_ user: String, to id: String, as caller: RoomCaller) async throws -> Bool {
        let (store, name, now, isShared) = (store, try Self.name(id), clock.now, database.isShared)
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
        let (store, name, isShared) = (store, try Self.name(id), database.isShared)
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
        let (store, name) = (store, try Self.name(id))
        return try await database.read { tx in
            let room = try store.visible(name, to: caller, tx)
            return try store.people(of: room, after: after, limit: min(limit, Self.pageMax + 1), tx)
        }
    }

    // MARK: History

    /// A piece of the history.
    package enum Piece: Sendable, Hashable {
        /// The next ones after an offset.
        case after(Int64)
        /// The last ones before an offset.
        case before(Int64)
        case newest
    }

    /// - Throws: `realtime.room_not_found`.
    package func history(
        of id: String, _ piece: Piece, limit: Int, for caller: RoomCaller
    ) async throws -> RoomPage {
        let (store, name, limit) = (store, try Self.name(id), min(limit, RoomMessageStore.pageMax))
        do {
            return try await database.read { tx in
                let room = try store.visible(name, to: caller, tx)
                return RoomPage(room: room, messages: try Self.messages(of: room, piece, limit: limit, tx))
            }
        } catch let error as RealtimeError where error.code == .roomNotFound && name.isMadeByUse {
            try checkMayEnter(name, caller)
            try await makeByUse(name, as: caller)
            return try await database.read { tx in
                RoomPage(room: try store.visible(name, to: caller, tx), messages: [])
            }
        }
    }

    static func messages(
        of room: Room, _ piece: Piece, limit: Int, _ tx: borrowing Transaction
    ) throws -> [RoomMessage] {
        let first = room.firstOffset - 1
        return switch piece {
        case .after(let offset): try RoomMessageStore.page(of: room.key, after: max(first, offset), limit: limit, tx)
        case .before(let offset):
            try RoomMessageStore.newest(of: room.key, after: first, before: offset, limit: limit, tx)
        case .newest: try RoomMessageStore.newest(of: room.key, after: first, limit: limit, tx)
        }
    }

    /// Takes away what is beyond a room's history, as soon as nobody can be about to read it.
    /// - Returns: How many messages.
    package func shorten(_ key: Int64, to limit: Int) async throws -> Int {
        let now = clock.now
        var (total, count) = (0, RoomMessageStore.pruneMax)
        while count == RoomMessageStore.pruneMax {
            count = try await database.write { try RoomMessageStore.prune(key, keeping: limit, now: now, $0) }
            total += count
        }
        return total
    }

    /// Takes away some of what deleted rooms have left.
    /// - Returns: Whether there may be more.
    package func sweep() async throws -> Bool {
        let hasLeft = try await database.read { tx in
            try tx.first("SELECT 1 FROM room_leftovers LIMIT 1") { try $0[0] as Int } != nil
        }
        guard hasLeft else { return false }
        return try await database.write { try RoomMessageStore.sweep($0) }
    }

    /// A room of a user does not exist for others, also as long as nobody has used it.
    func checkMayEnter(_ name: RoomName, _ caller: RoomCaller) throws {
        if case .user(let user) = name.kind, user != caller.user, !caller.seesAll {
            throw RealtimeError.roomNotFound(name.text)
        }
    }

    // MARK: Messages

    /// Writes messages, each alone or not at all; in one commit.
    ///
    /// - Returns: What has become of each, in their order.
    /// - Throws: `StorageError`; nothing is written then, as far as is known.
    package func publish(_ publications: [Publication]) async throws -> [Result<Published, any Error>] {
        try await publishAll(publications).outcomes
    }

    /// The same, and what has been written.
    func publishAll(_ publications: [Publication]) async throws -> Batch {
        var batch = try await write(publications)
        // Rooms that are there by being used.
        let missing = batch.outcomes.indices.filter { index in
            guard case .failure(let error as RealtimeError) = batch.outcomes[index] else { return false }
            return error.code == .roomNotFound && publications[index].room.isMadeByUse
        }
        var made: [Int] = []
        for index in missing {
            do {
                try await makeByUse(publications[index].room, as: publications[index].caller)
                made.append(index)
            } catch {
                // The others are written by now.
                batch.outcomes[index] = .failure(error)
            }
        }
        guard !made.isEmpty else { return batch }
        do {
            let second = try await write(made.map { publications[$0] })
            for (index, outcome) in zip(made, second.outcomes) { batch.outcomes[index] = outcome }
            batch.messages += second.messages
        } catch {
            for index in made { batch.outcomes[index] = .failure(error) }
        }
        return batch
    }

    /// Messages of one commit.
    struct Batch: Sendable {
        var outcomes: [Result<Published, any Error>]
        /// Those that are new, rising within a room.
        var messages: [(room: Room, message: RoomMessage)]
    }

    /// Writes messages into rooms that are there.
    func write(_ publications: [Publication]) async throws -> Batch {
        let (now, store, isShared) = (clock.now, store, database.isShared)
        let ids = publications.map { _ in self.ids.next() as UUIDv7 }
        return try await database.write { tx in
            var batch = Batch(
                outcomes: Array(repeating: .failure(RealtimeError(.realtimeInternal, "not written")), count: ids.count),
                messages: [])
            batch.messages.reserveCapacity(publications.count)
            var groups: [Place: [Int]] = [:]
            for (index, publication) in publications.enumerated() {
                groups[Place(workspace: publication.caller.workspace.name, room: publication.room.text), default: []]
                    .append(index)
            }
            // In the same order in every process, so that two wait for each other and not in a circle.
            let order = groups.sorted { $0.key < $1.key }
            let rooms = try store.find(
                order.map { (publications[$0.value[0]].room, publications[$0.value[0]].caller.workspace) }, tx)
            var values: [SQLValue] = []
            var offsets: [SQLValue] = []
            for (room, (_, indices)) in zip(rooms, order) {
                guard let room else {
                    for index in indices {
                        batch.outcomes[index] = .failure(RealtimeError.roomNotFound(publications[index].room.text))
                    }
                    continue
                }
                var last = room.lastOffset
                for index in indices {
                    let publication = publications[index]
                    do {
                        try store.check(publication, to: room, tx)
                    } catch let error as RealtimeError {
                        batch.outcomes[index] = .failure(error)
                        continue
                    }
                    let sender = publication.caller.user
                    if let key = publication.idempotencyKey {
                        let twin = batch.twin(of: publication, at: index, among: indices, in: publications)
                        let earlier = try twin ?? RoomMessageStore.find(key, from: sender, in: room.key, tx)
                        if let earlier {
                            batch.outcomes[index] = .success(
                                Published(id: earlier.id, offset: earlier.offset, epoch: room.epoch, isRepeat: true))
                            continue
                        }
                    }
                    last += 1
                    let message = RoomMessage(
                        offset: last, id: ids[index].description, sender: sender, type: publication.type,
                        content: publication.content, createdAt: now)
                    values += [
                        .integer(room.key), .integer(last), .text(message.id), .text(sender), .text(message.type),
                        .text(message.content), .integer(now.microseconds), publication.idempotencyKey.sqlValue,
                    ]
                    batch.messages.append((room, message))
                    batch.outcomes[index] = .success(
                        Published(id: ids[index], offset: last, epoch: room.epoch, isRepeat: false))
                }
                guard last > room.lastOffset else { continue }
                offsets += [.integer(room.key), .integer(last)]
                // Whoever has written knows; only others have to be woken.
                if isShared { tx.signal(.rooms(room.key, isShared: true)) }
            }
            guard !offsets.isEmpty else { return batch }
            try tx.insert(into: RoomMessageStore.table, values)
            try tx.update(RoomMessageStore.offsets, offsets)
            return batch
        }
    }

    private struct Place: Hashable, Comparable {
        let workspace: String
        let room: String

        static func < (left: Place, right: Place) -> Bool {
            (left.workspace, left.room) < (right.workspace, right.room)
        }
    }
}

extension Rooms.Batch {
    /// The same message, sent twice in one batch.
    fileprivate func twin(
        of publication: Publication, at index: Int, among indices: [Int], in publications: [Publication]
    ) -> (id: UUIDv7, offset: Int64)? {
        for other in indices where other < index {
            guard publications[other].idempotencyKey == publication.idempotencyKey,
                publications[other].caller.user == publication.caller.user,
                case .success(let published) = outcomes[other]
            else { continue }
            return (published.id, published.offset)
        }
        return nil
    }
}

extension RoomStore {
    /// Whether somebody may send this to the room.
    /// - Throws: `realtime.room_not_found`, `realtime.forbidden`.
    func check(_ publication: Publication, to room: Room, _ tx: borrowing Transaction) throws {
        let caller = publication.caller
        switch room.id.kind {
        // Everybody may write to somebody; what is in the room, only that user sees.
        case .user: break
        case .workspace:
            guard publication.isTrusted || caller.principal.may(.manageWorkspace) else {
                throw RealtimeError(
                    .realtimeForbidden, "the permission \(Permission.manageWorkspace.rawValue) is needed")
            }
        case .plain, .scope:
            guard try isVisible(room, to: caller, tx) else { throw RealtimeError.roomNotFound(room.id.text) }
        }
    }
}

/// Who belongs to a workspace; filled in by the server.
package protocol RoomDirectory: Sendable {
    /// - Parameter user: An id, in lower case.
    func isMember(_ user: String, of workspace: WorkspaceID) async throws -> Bool
}

extension SignalTopic {
    /// The rooms are divided among so many topics, so that a node looks after a part of its rooms for each wake-up.
    static let roomParts: Int64 = 16

    static func rooms(part: Int64) -> SignalTopic { SignalTopic(name: "realtime.rooms.\(part)") }

    /// Something has changed about the room.
    static func rooms(_ key: Int64, isShared: Bool) -> SignalTopic { rooms(part: isShared ? key % roomParts : 0) }
}
