import CognitionCore
import CognitionStorage

/// Tells after a connection was lost in the middle of a COMMIT whether that took effect.
///
/// A writing connection has a row, and each of its transactions writes its number there, last before COMMIT. Whoever comes back
/// after a loss closes the row. That waits for the old transaction where it has come so far, and one that comes later fails: so
/// the number that is found stands for ever.
///
/// The row is exchanged for a new one now and then, since versions of a row that nobody may clear away yet are all gone
/// through at each change. The transaction's own id would do without a row, but it would have to be known before COMMIT is
/// sent, and a server that has taken over may give it to another.
struct CommitMarker {
    private let ids: UUIDGenerator
    private var writer: UUIDv7
    /// Of the last transaction; from 1, in each row.
    private var number: Int64 = 0
    private var former: UUIDv7?

    /// Transactions that use one row.
    private static let numberMax: Int64 = 64

    init(ids: UUIDGenerator) {
        self.ids = ids
        writer = ids.next()
    }

    /// Made by the driver itself; rows that nobody has written for a day are cleared away.
    static let preparation: [SQL] = [
        """
        CREATE TABLE IF NOT EXISTS storage_writers (
            id TEXT NOT NULL PRIMARY KEY, number BIGINT NOT NULL, written_at BIGINT NOT NULL
        ) WITH (fillfactor = 50)
        """,
        "DELETE FROM storage_writers WHERE written_at < \(fragment: .now) - 86400000000",
    ]

    /// What the next transaction runs last.
    mutating func next() -> [SQL] {
        if number == Self.numberMax {
            former = writer
            exchange()
        }
        number += 1
        // In a row that was closed, which has a negative number, the division fails, and the transaction with it.
        let mark: SQL = """
            INSERT INTO storage_writers (id, number, written_at) VALUES (\(writer), \(number), \(fragment: .now))
            ON CONFLICT (id) DO UPDATE SET written_at = excluded.written_at,
                number = excluded.number / CASE WHEN storage_writers.number < 0 THEN 0 ELSE 1 END
            """
        guard let former else { return [mark] }
        self.former = nil
        return [mark, "DELETE FROM storage_writers WHERE id = \(former)"]
    }

    /// Closes the row, once a transaction that has written there has ended, and answers for ``wasCommitted(_:)``; the same when
    /// it is asked again.
    var question: SQL {
        """
        INSERT INTO storage_writers (id, number, written_at) VALUES (\(writer), -1, \(fragment: .now))
        ON CONFLICT (id) DO UPDATE SET number =
            CASE WHEN storage_writers.number < 0 THEN storage_writers.number ELSE -1 - storage_writers.number END
        RETURNING number
        """
    }

    func wasCommitted(_ answer: Int64) -> Bool { -1 - answer == number }

    /// Begins another row. One that was closed stays, as long as whoever it stops may still come.
    mutating func exchange() {
        writer = ids.next()
        number = 0
    }
}
