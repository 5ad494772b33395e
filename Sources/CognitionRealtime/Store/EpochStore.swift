package import CognitionCore
package import CognitionStorage

/// The name of this log, which clients repeat with the offset that they have seen.
///
/// Whoever restores a backup forgets the epoch, so that the next start makes another and no client takes the offsets of
/// the log that was for those of the log that is.
package enum EpochStore {
    package static let migrations = [
        Migration(
            "realtime.001_epoch",
            [
                """
                CREATE TABLE realtime_epoch (
                    id \(fragment: .int64) NOT NULL PRIMARY KEY, epoch \(fragment: .text) NOT NULL, created_at \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """
            ])
    ]

    package static func find(in tx: borrowing Transaction) throws -> String? {
        try tx.first("SELECT epoch FROM realtime_epoch WHERE id = 1") { try $0[0] as String }
    }

    /// The epoch; `new` becomes it when there is none.
    package static func open(_ new: UUIDv7, now: Timestamp, in tx: borrowing Transaction) throws -> String {
        try tx.execute(
            """
            INSERT INTO realtime_epoch (id, epoch, created_at) VALUES (1, \(new.description), \(now))
            ON CONFLICT (id) DO NOTHING
            """)
        return try find(in: tx) ?? new.description
    }

    package static func forget(in tx: borrowing Transaction) throws {
        try tx.execute("DELETE FROM realtime_epoch WHERE id = 1")
    }
}
