import CognitionCore
import CognitionStorage

/// Tells after a connection was lost in the middle of a COMMIT whether that took effect.
///
/// Each writing connection has a row, and each of its transactions writes its number there. Whoever comes back after a loss
/// asks for the row in a way that waits for the old transaction to end: then the number is there, or it is not.
struct CommitMarker {
    private let writer: UUIDv7
    private var number: Int64 = 0

    init(writer: UUIDv7) { self.writer = writer }

    /// Made by the driver itself; rows that nobody has written for a day are cleared away.
    static let preparation: [SQL] = [
        """
        CREATE TABLE IF NOT EXISTS storage_writers (
            id TEXT NOT NULL PRIMARY KEY, number BIGINT NOT NULL, written_at BIGINT NOT NULL
        ) WITH (fillfactor = 50)
        """,
        "DELETE FROM storage_writers WHERE written_at < \(fragment: .now) - 86400000000",
    ]

    /// What the next transaction writes last.
    mutating func next() -> SQL {
        number += 1
        return """
            INSERT INTO storage_writers (id, number, written_at) VALUES (\(writer), \(number), \(fragment: .now))
            ON CONFLICT (id) DO UPDATE SET number = excluded.number, written_at = excluded.written_at
            """
    }

    /// Answers the number of the last transaction that was committed, once the one before has ended.
    var question: SQL {
        """
        INSERT INTO storage_writers (id, number, written_at) VALUES (\(writer), 0, \(fragment: .now))
        ON CONFLICT (id) DO UPDATE SET number = storage_writers.number RETURNING number
        """
    }

    func wasCommitted(_ answer: Int64) -> Bool { answer == number }
}
