import CognitionCore
import CognitionStorage

/// Which nodes run which kinds of jobs.
enum WorkerStore {
    /// Says that a node runs these kinds, for a while.
    static func note(_ node: UUIDv7, _ kinds: [String], for life: Duration, _ tx: borrowing Transaction) throws {
        for kind in kinds {
            try tx.execute(
                """
                INSERT INTO job_workers (node, kind, seen_until)
                VALUES (\(node), \(kind), \(fragment: .now) + \(life.microseconds))
                ON CONFLICT (node, kind) DO UPDATE SET seen_until = excluded.seen_until
                """)
        }
        try tx.execute(
            "DELETE FROM job_workers WHERE seen_until < \(fragment: .now) - \(Duration.seconds(3_600).microseconds)")
    }

    static func leave(_ node: UUIDv7, _ tx: borrowing Transaction) throws {
        try tx.execute("DELETE FROM job_workers WHERE node = \(node)")
    }

    static func isServed(_ kind: String, _ tx: borrowing Transaction) throws -> Bool {
        try tx.first(
            "SELECT 1 FROM job_workers WHERE kind = \(kind) AND seen_until > \(fragment: .now) LIMIT 1"
        ) { try $0[0] as Int } != nil
    }
}
