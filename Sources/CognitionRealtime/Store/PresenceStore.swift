import CognitionCore
import CognitionStorage

/// Who is in which room on which node, as rows; a node's rows hold as long as the node's lease.
enum PresenceStore {
    /// A user who is on a node, or was.
    struct Seat: Sendable, Hashable {
        let room: Int64
        let user: String
    }

    /// Writes that a user is in the room on this node.
    ///
    /// - Parameter token: Of this stay; a leave with another one leaves it alone.
    /// - Throws: `realtime.room_full`, `realtime.room_not_found`.
    static func enter(
        _ seat: Seat, node: UUIDv7, token: Int64, now: Timestamp, isCounted: Bool = true, _ tx: borrowing Transaction
    ) throws {
        // Who comes and who goes takes turns, so that the count holds to the commit.
        let membersMax: Int? = try tx.first(
            "SELECT members_max FROM rooms WHERE key = \(seat.room) \(fragment: .forUpdate)"
        ) {
            try $0[0]
        }
        guard let membersMax else { throw RealtimeError(.roomNotFound, "the room is not there any more") }
        let isThere =
            try tx.first(
                "SELECT 1 FROM room_presence WHERE room_key = \(seat.room) AND user_id = \(seat.user) LIMIT 1",
                as: { try $0[0] as Int }) != nil
        if !isThere {
            if isCounted {
                guard try count(in: seat.room, tx) < membersMax else {
                    throw RealtimeError(.roomFull, "the room has \(membersMax) members in it, as many as it takes")
                }
            }
            try tx.execute("UPDATE rooms SET presence = presence + 1 WHERE key = \(seat.room)")
        }
        try tx.execute(
            """
            INSERT INTO room_presence (room_key, user_id, node, token, since)
            VALUES (\(seat.room), \(seat.user), \(node), \(token), \(now))
            ON CONFLICT (room_key, user_id, node) DO UPDATE SET token = excluded.token
            """)
    }

    /// - Returns: Whether the user is in the room no more.
    static func leave(
        _ seat: Seat, node: UUIDv7, token: Int64, _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.execute("UPDATE rooms SET presence = presence + 1 WHERE key = \(seat.room)")
        return try tx.execute(
            """
            DELETE FROM room_presence
            WHERE room_key = \(seat.room) AND user_id = \(seat.user) AND node = \(node) AND token = \(token)
            """) == 1
    }

    static func count(in key: Int64, _ tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT COUNT(DISTINCT user_id) FROM room_presence WHERE room_key = \(key)") { try $0[0] } ?? 0
    }

    /// Users in some rooms.
    static func users(in keys: some Sequence<Int64>, _ tx: borrowing Transaction) throws -> [Int64: Set<String>] {
        var users: [Int64: Set<String>] = [:]
        _ = try tx.query(
            "SELECT DISTINCT room_key, user_id FROM room_presence WHERE room_key IN \(list: keys)"
        ) { row in users[try row[0], default: []].insert(try row[1]) }
        return users
    }

    /// Rows of one node.
    static func seats(of node: UUIDv7, _ tx: borrowing Transaction) throws -> Set<Seat> {
        Set(
            try tx.query("SELECT room_key, user_id FROM room_presence WHERE node = \(node)") {
                Seat(room: try $0[0], user: try $0[1])
            })
    }

    /// Nodes that have rows, but for one.
    static func nodes(except node: UUIDv7, _ tx: borrowing Transaction) throws -> Set<UUIDv7> {
        Set(try tx.query("SELECT DISTINCT node FROM room_presence WHERE node <> \(node)") { try $0[0] as UUIDv7 })
    }

    /// Takes away the rows of nodes that are dead: of those that have left or were cleared away, and of those that were silent and
    /// still are.
    /// - Parameters:
    ///   - silent: What was seen last of nodes that are taken for dead.
    ///   - isShared: Without, no other node can live.
    /// - Returns: The rooms that they were in.
    static func reap(
        _ silent: [NodeLease.Sign], isShared: Bool, except node: UUIDv7, _ tx: borrowing Transaction
    ) throws -> Set<Int64> {
        var dead = try nodes(except: node, tx)
        if isShared {
            let known: Set<UUIDv7> = Set(try tx.query("SELECT id FROM nodes") { try $0[0] as UUIDv7 })
            dead.subtract(known.subtracting(try NodeLease.stillSilent(silent, in: tx)))
        }
        guard !dead.isEmpty else { return [] }
        let rooms = Set(
            try tx.query("SELECT DISTINCT room_key FROM room_presence WHERE node IN \(list: dead)") {
                try $0[0] as Int64
            })
        // In the order of their names, as who publishes locks them.
        _ = try tx.query(
            """
            SELECT key FROM rooms WHERE key IN (SELECT room_key FROM room_presence WHERE node IN \(list: dead))
            ORDER BY workspace_id, id \(fragment: .forUpdate)
            """
        ) { try $0[0] as Int64 }
        for key in rooms.sorted() { try tx.execute("UPDATE rooms SET presence = presence + 1 WHERE key = \(key)") }
        try tx.execute("DELETE FROM room_presence WHERE node IN \(list: dead)")
        return rooms
    }
}
