import CognitionCore
import CognitionStorage

/// Messages of rooms, as rows.
enum RoomMessageStore {
    static let pageMax = 500

    private static let columns: StaticString = "number, id, sender, type, content, created_at"

    private static func message(_ row: borrowing Row) throws -> RoomMessage {
        RoomMessage(
            offset: try row[0], id: try row[1], sender: try row[2], type: try row[3], content: try row[4],
            createdAt: try row[5])
    }

    /// The next ones after `offset`, rising.
    static func page(
        of key: Int64, after offset: Int64, limit: Int = pageMax, _ tx: borrowing Transaction
    ) throws -> [RoomMessage] {
        try tx.query(
            """
            SELECT \(columns: columns) FROM room_messages WHERE room_key = \(key) AND number > \(offset)
            ORDER BY number LIMIT \(limit)
            """, as: message)
    }

    /// The last ones between `offset` and `end`, rising.
    static func newest(
        of key: Int64, after offset: Int64, before end: Int64 = .max, limit: Int, _ tx: borrowing Transaction
    ) throws -> [RoomMessage] {
        try tx.query(
            """
            SELECT \(columns: columns) FROM room_messages
            WHERE room_key = \(key) AND number > \(offset) AND number < \(end) ORDER BY number DESC LIMIT \(limit)
            """, as: message
        ).reversed()
    }

    /// The message that a sender has sent with a key.
    static func find(_ idempotencyKey: String, from sender: String, in key: Int64) -> SQL {
        """
        SELECT id, number FROM room_messages
        WHERE room_key = \(key) AND sender = \(sender) AND idempotency_key = \(idempotencyKey)
        """
    }

    static let table = BulkTable(
        "room_messages",
        [
            "room_key": .integer, "number": .integer, "id": .text, "sender": .text, "type": .text, "content": .text,
            "created_at": .integer, "idempotency_key": .text,
        ])
    static let offsets = BulkUpdate(
        "rooms", ["key": .integer, "last": .integer], "SET last_offset = v.last WHERE rooms.key = v.key")

    /// How long messages stay although nobody is told of them any more: other nodes may be about to read them.
    static let grace: Duration = .seconds(10)
    /// How long an idempotency key counts at least.
    static let keyLife: Duration = .seconds(86_400)

    /// Messages that are taken away in one transaction.
    static let pruneMax = 2_000

    /// Takes away what is beyond a room's history, at most ``pruneMax``; the history may have become longer meanwhile.
    /// - Returns: How many.
    static func prune(_ key: Int64, keeping count: Int, now: Timestamp, _ tx: borrowing Transaction) throws -> Int {
        let (young, keyed) = (now - grace, now - keyLife)
        return try tx.execute(
            """
            DELETE FROM room_messages WHERE room_key = \(key) AND number IN (
                SELECT number FROM room_messages WHERE room_key = \(key)
                    AND number <= (
                        SELECT last_offset - CASE WHEN history_max > \(count) THEN history_max ELSE \(count) END
                        FROM rooms WHERE key = \(key) AND history_max IS NOT NULL)
                    AND created_at < \(young) AND (idempotency_key IS NULL OR created_at < \(keyed))
                ORDER BY number LIMIT \(pruneMax))
            """)
    }

    /// Takes away some messages of rooms that were deleted.
    /// - Returns: Whether there is more to do.
    static func sweep(_ tx: borrowing Transaction) throws -> Bool {
        guard
            let key: Int64 = try tx.first(
                "SELECT room_key FROM room_leftovers ORDER BY room_key LIMIT 1", as: { try $0[0] })
        else { return false }
        let count = try tx.execute(
            """
            DELETE FROM room_messages WHERE room_key = \(key) AND number IN (
                SELECT number FROM room_messages WHERE room_key = \(key) ORDER BY number LIMIT 1000)
            """)
        if count == 0 { try tx.execute("DELETE FROM room_leftovers WHERE room_key = \(key)") }
        return true
    }
}
