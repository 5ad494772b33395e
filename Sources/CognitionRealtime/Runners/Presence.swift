import CognitionCore
import CognitionStorage
import Logging
import Synchronization

/// Who is in which room on this node: a user comes with the first connection and goes a while after the last.
///
/// Rows of the database say so to other nodes, and count; they belong to this node, and others take them away once they take it
/// for dead (`NodeWatch`).
final class Presence: Sendable {
    fileprivate struct Stay {
        var connections = 0
        let token: Int64
        /// The row is durable.
        var isWritten = false
        var leftAt: ContinuousClock.Instant?
    }

    fileprivate struct State {
        var stays: [PresenceStore.Seat: Stay] = [:]
        var lastToken: Int64
        /// Rows that were to be taken away, which has failed.
        var unwritten: [PresenceStore.Seat: Int64] = [:]
    }

    private let rooms: Rooms
    private let feed: RoomFeed
    /// Of this node; it is renewed by others.
    private let lease: NodeLease
    private var node: UUIDv7 { lease.node }
    /// How long a user stays after the last connection.
    private let grace: Duration
    private let state: Mutex<State>

    private static let reapPause: Duration = .seconds(2)
    private static let repairPause: Duration = .seconds(5)

    init(_ rooms: Rooms, feed: RoomFeed, lease: NodeLease, grace: Duration) {
        self.rooms = rooms
        self.feed = feed
        self.lease = lease
        self.grace = grace
        // Rows of an earlier stay have a smaller one.
        state = Mutex(State(lastToken: rooms.clock.now.microseconds))
    }

    /// Counts a connection of a user in a room, until the seat is given back.
    /// - Throws: `realtime.room_full`, `realtime.room_not_found`, `StorageError`.
    func enter(_ room: Room, _ user: String) async throws -> RoomSeat {
        let seat = PresenceStore.Seat(room: room.key, user: user)
        let (token, isWritten) = state.withLock { state in
            var stay = state.stays[seat] ?? Stay(token: state.nextToken())
            stay.connections += 1
            stay.leftAt = nil
            state.stays[seat] = stay
            return (stay.token, stay.isWritten)
        }
        if !isWritten {
            do {
                try await write(seat, token)
            } catch {
                leave(seat)
                throw error
            }
        }
        return RoomSeat(epoch: room.epoch) { [self] in leave(seat) }
    }

    private func write(_ seat: PresenceStore.Seat, _ token: Int64, isCounted: Bool = true) async throws {
        let (node, now, isShared) = (node, rooms.clock.now, rooms.database.isShared)
        try await rooms.database.write { tx in
            try PresenceStore.enter(seat, node: node, token: token, now: now, isCounted: isCounted, tx)
            if isShared { tx.signal(.rooms(seat.room, isShared: true)) }
        }
        state.withLock { state in
            if state.stays[seat]?.token == token { state.stays[seat]?.isWritten = true }
        }
        feed.touch(seat.room)
    }

    private func leave(_ seat: PresenceStore.Seat) {
        state.withLock { state in
            guard var stay = state.stays[seat] else { return }
            stay.connections -= 1
            if stay.connections <= 0 { stay.leftAt = .now }
            state.stays[seat] = stay
        }
    }

    /// Takes away who has gone and what dead nodes have left, until the task is cancelled.
    func run() async {
        let tick = min(Duration.milliseconds(500), grace / 4)
        // Alone on its database, a node finds once what others have left.
        var reapsAt: ContinuousClock.Instant? = .now
        var repairedAt = ContinuousClock.now
        var watch = NodeWatch(lease.settings)
        while !Task.isCancelled {
            // Ends early when the task is cancelled, as the loop does then.
            try? await Task.sleep(for: tick)
            do {
                try await letGo()
                if let due = reapsAt, due <= .now {
                    try await reap(&watch)
                    reapsAt = rooms.database.isShared ? .now + Self.reapPause : nil
                }
                if rooms.database.isShared, ContinuousClock.now - repairedAt >= Self.repairPause {
                    repairedAt = .now
                    try await repair()
                }
            } catch is CancellationError {
                return
            } catch {
                Logger.current.debug("Presence not looked after", metadata: ["error": "\(error)"])
            }
        }
    }

    private func letGo() async throws {
        let gone = state.withLock { state in
            let now = ContinuousClock.now
            let over = state.stays.filter { $0.value.leftAt.map { now - $0 >= grace } ?? false }
            for seat in over.keys { state.stays[seat] = nil }
            defer { state.unwritten = [:] }
            return state.unwritten.merging(over.mapValues(\.token)) { max($0, $1) }
        }
        guard !gone.isEmpty else { return }
        let (node, isShared) = (node, rooms.database.isShared)
        let order = gone.sorted { ($0.key.room, $0.key.user) < ($1.key.room, $1.key.user) }
        do {
            try await rooms.database.write { tx in
                for (seat, token) in order {
                    _ = try PresenceStore.leave(seat, node: node, token: token, tx)
                    if isShared { tx.signal(.rooms(seat.room, isShared: true)) }
                }
            }
        } catch {
            state.withLock { $0.unwritten.merge(gone) { max($0, $1) } }
            throw error
        }
        for room in Set(gone.keys.map(\.room)) { feed.touch(room) }
    }

    private func reap(_ watch: inout NodeWatch) async throws {
        let (lease, node, isShared) = (lease, node, rooms.database.isShared)
        let (signs, seated) = try await rooms.database.read { tx in
            (isShared ? try lease.others(in: tx) : [], try PresenceStore.nodes(except: node, tx))
        }
        let silent = watch.note(signs).filter { seated.contains($0.node) }
        // Most of the time there is nothing to write.
        guard !silent.isEmpty || !seated.isSubset(of: Set(signs.map(\.node))) else { return }
        let emptied = try await rooms.database.write { tx in
            let emptied = try PresenceStore.reap(silent, isShared: isShared, except: node, tx)
            for room in emptied { tx.signal(.rooms(room, isShared: isShared)) }
            return emptied
        }
        for room in emptied { feed.touch(room) }
    }

    /// Others have taken this node for dead, and its rows away: they are written again.
    private func repair() async throws {
        let node = node
        let written = try await rooms.database.read { try PresenceStore.seats(of: node, $0) }
        let lost = state.withLock { state in
            state.stays.filter { $0.value.isWritten && $0.value.leftAt == nil && !written.contains($0.key) }
        }
        for (seat, stay) in lost {
            do {
                try await write(seat, stay.token, isCounted: false)
            } catch let error as RealtimeError where error.code == .roomNotFound {
                // It was deleted, and whoever is in it is told.
            }
        }
    }
}

extension Presence.State {
    fileprivate mutating func nextToken() -> Int64 {
        lastToken += 1
        return lastToken
    }
}
