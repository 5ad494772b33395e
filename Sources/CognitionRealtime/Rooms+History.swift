package import CognitionCore
import CognitionStorage

/// What was said in a room?
extension Rooms {
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
        let (store, name, limit) = (store, try RoomName.parse(id), min(limit, RoomMessageStore.pageMax))
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
}
