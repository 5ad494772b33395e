import CognitionCore
import CognitionStorage
import Synchronization

/// A queue as it is stored.
struct StoredQueue: Sendable {
    let key: Int64
    let workspace: WorkspaceID
    let name: String
    let settings: QueueSettings
    let pausedAt: Timestamp?
    let pausedBy: String?

    static let columns: StaticString = "key, workspace_id, name, settings, paused_at, paused_by"

    init(row: borrowing Row) throws {
        key = try row[0]
        workspace = try row[1]
        let name: String = try row[2]
        self.name = name
        let usual = QueueSettings.usual(of: name)
        settings = try (row[3] as String?).map { try usual.changed(by: JSONValue(parsing: $0)) } ?? usual
        pausedAt = try row[4]
        pausedBy = try row[5]
    }
}

enum QueueStore {
    static func find(_ name: String, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> StoredQueue? {
        try tx.first(
            """
            SELECT \(columns: StoredQueue.columns) FROM job_queues WHERE workspace_id = \(workspace) AND name = \(name)
            """, as: StoredQueue.init(row:))
    }

    static func find(_ keys: some Sequence<Int64>, _ tx: borrowing Transaction) throws -> [StoredQueue] {
        try tx.query(
            "SELECT \(columns: StoredQueue.columns) FROM job_queues WHERE key IN \(list: keys) ORDER BY key",
            as: StoredQueue.init(row:))
    }

    static func all(
        in workspace: WorkspaceID, after name: String, limit: Int, _ tx: borrowing Transaction
    ) throws -> [StoredQueue] {
        try tx.query(
            """
            SELECT \(columns: StoredQueue.columns) FROM job_queues WHERE workspace_id = \(workspace) AND name > \(name)
            ORDER BY name LIMIT \(limit)
            """, as: StoredQueue.init(row:))
    }

    /// The queue of that name, made when there is none.
    static func open(_ name: String, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> StoredQueue {
        if let found = try find(name, in: workspace, tx) { return found }
        try tx.execute(
            """
            INSERT INTO job_queues (workspace_id, name) VALUES (\(workspace), \(name))
            ON CONFLICT (workspace_id, name) DO NOTHING
            """)
        guard let made = try find(name, in: workspace, tx) else {
            throw SchedulerError(.queueNotFound, "the queue \(name) was removed at the same moment")
        }
        return made
    }

    static func save(_ settings: QueueSettings, of queue: Int64, _ tx: borrowing Transaction) throws {
        try tx.execute("UPDATE job_queues SET settings = \(settings.json.jsonText) WHERE key = \(queue)")
    }

    /// - Returns: Whether it was otherwise before.
    static func pause(_ queue: Int64, by actor: String, now: Timestamp, _ tx: borrowing Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE job_queues SET paused_at = \(now), paused_by = \(actor) WHERE key = \(queue) AND paused_at IS NULL
            """) == 1
    }

    static func resume(_ queue: Int64, _ tx: borrowing Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE job_queues SET paused_at = NULL, paused_by = NULL WHERE key = \(queue) AND paused_at IS NOT NULL
            """) == 1
    }
}

/// Queues of this process as they were a moment ago, for those who write jobs: their keys never change, and what has changed of
/// their settings holds for jobs a second later.
final class QueueCache: Sendable {
    private struct Name: Hashable {
        let workspace: WorkspaceID
        let queue: String
    }

    private struct Entry {
        let queue: StoredQueue
        let since: ContinuousClock.Instant
    }

    private static let life: Duration = .seconds(1)
    private static let entriesMax = 1_000
    private let entries = Mutex<[Name: Entry]>([:])

    /// The queue of that name, made when there is none.
    func open(_ name: String, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> StoredQueue {
        let (key, now) = (Name(workspace: workspace, queue: name), ContinuousClock.now)
        if let found = entries.withLock({ $0[key] }), now - found.since < Self.life { return found.queue }
        let queue = try QueueStore.open(name, in: workspace, tx)
        // Only what is committed is there.
        tx.afterCommit { [self] in
            entries.withLock { entries in
                if entries.count >= Self.entriesMax { entries = [:] }
                entries[key] = Entry(queue: queue, since: now)
            }
        }
        return queue
    }

    func forget() { entries.withLock { $0 = [:] } }
}
