import CognitionCore
import CognitionStorage

/// Ends that are asked for.
enum CancelStore {
    enum Request: Int64, SQLEncodable, SQLDecodable {
        case cancel = 1
        /// It is to give its slot to another and is run again later.
        case yield = 2
    }

    /// Has a job end: at once when it does not run, else by its owner.
    static func cancel(_ key: Int64, _ log: JobLog, _ tx: borrowing Transaction) throws {
        let schedule = try tx.first("SELECT schedule_key FROM jobs WHERE key = \(key)") { try $0[0] as Int64? } ?? nil
        try ScheduleStore.hold([schedule].compactMap(\.self), tx)
        // Held, as it may be claimed at this moment.
        _ = try tx.first("SELECT 1 FROM jobs WHERE key = \(key) \(fragment: .forUpdate)") { try $0[0] as Int }
        let running = try tx.execute("UPDATE jobs SET request = 1 WHERE key = \(key) AND +state = 2")
        guard running == 0 else {
            tx.signal(.jobRequests)
            return
        }
        try EndStore.endIdle([key], as: .cancelled, log, tx)
    }

    /// Asks one that runs at the lowest priority in a queue to give its slot back: the one that has begun last.
    static func askToYield(in queue: Int64, now: Timestamp, _ tx: borrowing Transaction) throws {
        let asked = try tx.first("SELECT 1 FROM jobs WHERE state = 2 AND queue_key = \(queue) AND request = 2 LIMIT 1")
        {
            try $0[0] as Int
        }
        guard asked == nil else { return }
        let running = try tx.query(
            """
            SELECT key, options FROM jobs WHERE state = 2 AND queue_key = \(queue) AND request = 0 AND priority = 4
            ORDER BY started_at DESC, key DESC LIMIT 100
            """
        ) { row in (key: try row[0] as Int64, options: try JobOptions(stored: try row[1])) }
        guard let victim = running.first(where: { $0.options.isPreemptible ?? true }) else { return }
        try tx.execute("UPDATE jobs SET request = 2 WHERE key = \(victim.key) AND +state = 2")
        tx.signal(.jobRequests)
    }

    /// What a node is asked for, by the keys of the jobs that it runs.
    static func requests(of node: UUIDv7, _ tx: borrowing Transaction) throws -> [(key: Int64, Request)] {
        try tx.query("SELECT key, request FROM jobs WHERE state = 2 AND request > 0 AND owner = \(node)") { row in
            (try row[0], try row[1])
        }
    }
}
