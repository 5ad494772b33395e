import CognitionCore
import CognitionStorage

/// Rooms, as connections and requests use them.
extension RealtimeHub {
    /// Where rooms stand that a connection has joined the fan-out of without being counted in them; needs ``run()``.
    package func attend(_ topics: [Topic]) async throws -> [RoomPlace] { try await feed.attend(topics) }

    /// Enters a room for one connection; its subscription has joined the fan-out before.
    /// - Parameter isQuiet: The user is not counted as being in it.
    /// - Throws: `realtime.room_not_found`, `realtime.room_full`, `realtime.rooms_exceeded`, `StorageError`.
    package func enter(
        _ topic: Topic, as caller: RoomCaller, since: FeedPlace?, isQuiet: Bool = false
    ) async throws -> RoomStart {
        guard case .room(_, let id) = topic else {
            throw RealtimeError(.realtimeInternal, "only rooms are entered")
        }
        let opening = try await rooms.opening(id, for: caller)
        let room = opening.room
        let seat = isQuiet ? RoomSeat(epoch: room.epoch) {} : try await presence.enter(room, caller.user)
        feed.start(topic, opening, isAttended: isQuiet)
        let users = isQuiet ? opening.users : opening.users.union([caller.user])
        guard var since else {
            return RoomStart(room: room, from: room.lastOffset, recovered: nil, gap: nil, users: users, seat: seat)
        }
        // There was none when the client was told so: it has missed everything.
        if since.epoch == Room.epoch(of: epoch, key: 0) { since = FeedPlace(epoch: room.epoch, offset: 0) }
        guard since.epoch == room.epoch, since.offset <= room.lastOffset else {
            return RoomStart(room: room, from: room.lastOffset, recovered: false, gap: nil, users: users, seat: seat)
        }
        let first = max(room.firstOffset, room.lastOffset - rules.positionsBehindMax + 1)
        let gap = since.offset < first - 1 ? since.offset + 1...first - 1 : nil
        return RoomStart(
            room: room, from: since.offset, recovered: gap == nil, gap: gap, users: users, seat: seat)
    }

    /// Whether somebody may be in a room.
    /// - Throws: `realtime.room_not_found`, `realtime.forbidden`, `StorageError`.
    package func checkMayEnter(_ topic: Topic, as caller: RoomCaller) async throws {
        guard case .room(_, let id) = topic else { return }
        try await rooms.checkMayBe(in: id, as: caller)
    }

    /// What a connection has missed of a room.
    /// - Throws: `realtime.room_not_found`, `StorageError`.
    package func catchUp(_ key: Int64, after offset: Int64, _ reading: RoomReading) async throws -> RoomCatchUp {
        try await rooms.catchUp(key, after: offset, reading)
    }

    /// Sends a message; needs ``run()``.
    /// - Parameter completion: As that of the publisher: called once, in the order of the calls.
    package func publish(
        _ publication: Publication, _ completion: @escaping @Sendable (Result<Published, any Error>) -> Void
    ) {
        publisher.publish(publication, completion)
    }

    /// Sends a message, and returns once it is durable.
    /// - Throws: `realtime.room_not_found`, `realtime.forbidden`, `realtime.publishing_overloaded`, `StorageError`.
    package func publish(_ publication: Publication) async throws -> Published {
        try await publisher.publish(publication)
    }

    /// Wake-ups each time there may be something new in a room that the caller sees.
    /// - Throws: `realtime.room_not_found`, `StorageError`.
    package func listen(to id: String, as caller: RoomCaller) async throws -> AsyncStream<Void> {
        let name = try RoomName.parse(id)
        let topic = Topic.room(caller.workspace, name.text)
        // First, so that nothing comes between.
        let wakeUps = feed.listen(to: topic)
        feed.start(topic, try await rooms.opening(id, for: caller))
        return wakeUps
    }

    /// A room was made or deleted by this node.
    package func roomsChanged() async {
        guard let count = try? await rooms.count() else { return }  // it is counted again soon
        noteRooms(count)
    }

    func countRooms() async {
        while !Task.isCancelled {
            await roomsChanged()
            // Ends early when the task is cancelled, as the loop does then.
            try? await Task.sleep(for: .seconds(5))
        }
    }
}
