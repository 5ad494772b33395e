import CognitionCore
import CognitionStorage

/// How does a message get into a room?
extension Rooms {
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
                order.map { (publications[$0.value[0]].room.text, publications[$0.value[0]].caller.workspace) }, tx)
            let lookup = try store.lookUp(publications, in: zip(rooms, order.map(\.value)), tx)
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
                        try store.check(publication, to: room, lookup)
                    } catch let error as RealtimeError {
                        batch.outcomes[index] = .failure(error)
                        continue
                    }
                    let sender = publication.caller.user
                    if publication.idempotencyKey != nil {
                        let twin = batch.twin(of: publication, at: index, among: indices, in: publications)
                        let earlier = twin ?? lookup.earlier[index]
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
    func check(_ publication: Publication, to room: Room, _ lookup: PublicationLookup) throws {
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
            guard !needsMember(room, caller) || lookup.members.contains(lookup.seat(caller, room)) else {
                throw RealtimeError.roomNotFound(room.id.text)
            }
        }
    }

    /// Looks up what decides about messages, however many they are, with one way to the database and back.
    func lookUp(
        _ publications: [Publication], in rooms: some Sequence<(Room?, [Int])>, _ tx: borrowing Transaction
    ) throws -> PublicationLookup {
        let lookup = PublicationLookup()
        for (room, indices) in rooms {
            guard let room else { continue }
            for index in indices {
                let (caller, key) = (publications[index].caller, publications[index].idempotencyKey)
                if let key {
                    try tx.send(RoomMessageStore.find(key, from: caller.user, in: room.key)) { row in
                        lookup.earlier[index] = (try row[0], try row[1])
                    }
                }
                let seat = lookup.seat(caller, room)
                if needsMember(room, caller), lookup.asked.insert(seat).inserted {
                    try tx.send(
                        "SELECT 1 FROM room_members WHERE room_key = \(room.key) AND user_id = \(caller.user)",
                        row: { _ in lookup.members.insert(seat) })
                }
            }
        }
        try tx.settle()
        return lookup
    }
}

/// What the database knows about messages that are to be written.
final class PublicationLookup {
    /// What was sent before with the same key, by the message's place.
    fileprivate(set) var earlier: [Int: (id: UUIDv7, offset: Int64)] = [:]
    /// Those members of private rooms who were asked for.
    fileprivate(set) var members: Set<PresenceStore.Seat> = []
    fileprivate var asked: Set<PresenceStore.Seat> = []

    fileprivate func seat(_ caller: RoomCaller, _ room: Room) -> PresenceStore.Seat {
        PresenceStore.Seat(room: room.key, user: caller.user)
    }
}
