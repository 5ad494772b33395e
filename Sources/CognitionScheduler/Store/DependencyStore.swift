import CognitionCore
import CognitionStorage

/// Which jobs follow from which, and what happens to them when one has ended.
enum DependencyStore {
    private static let rows = BulkTable(
        "job_dependencies",
        ["parent_key": .integer, "child_key": .integer, "wanted": .text, "is_met": .integer],
        suffix: "ON CONFLICT DO NOTHING")
    private static let more = BulkUpdate(
        "jobs", ["key": .integer, "added": .integer], "SET children = jobs.children + v.added WHERE jobs.key = v.key")

    typealias New = (child: Int64, parent: Int64, wanted: JobCondition, isMet: Bool?)

    /// Writes dependencies; the rows of the parents are locked, or were written by the same transaction.
    static func add(_ new: [New], _ tx: borrowing Transaction) throws {
        guard !new.isEmpty else { return }
        try tx.insert(
            into: rows,
            new.flatMap { [$0.parent.sqlValue, $0.child.sqlValue, $0.wanted.sqlValue, $0.isMet.sqlValue] })
        let counts = Dictionary(new.map { ($0.parent, 1) }, uniquingKeysWith: +)
        try tx.update(more, counts.sorted { $0.key < $1.key }.flatMap { [$0.key.sqlValue, $0.value.sqlValue] })
        try tx.settle()
    }

    /// A job that others depend on and that has ended.
    struct Parent: Sendable {
        let key: Int64
        let state: JobState
        let children: Int
    }

    /// Children that are told in the transaction in which their parent ends; more are told afterwards, piece by piece.
    private static let childrenAtOnce = 100
    private static let pieceMax = 500

    /// Tells those that depend on jobs that have just ended.
    static func follow(_ parents: [Parent], _ log: JobLog, _ tx: borrowing Transaction) throws {
        var ended: [Parent] = []
        let told = parents.filter { (1...childrenAtOnce).contains($0.children) }
        // Locked in one order, whichever jobs have ended together.
        if told.count > 1 { try lockChildren(of: told.map(\.key), tx) }
        for parent in parents where parent.children > 0 {
            guard parent.children <= childrenAtOnce else {
                try postpone(parent, tx)
                continue
            }
            ended += try tellChildren(of: parent.key, state: parent.state, limit: childrenAtOnce, log, tx).ended
        }
        // What ended with them is told afterwards, so that a transaction stays short whatever hangs on it.
        for parent in ended where parent.children > 0 { try postpone(parent, tx) }
    }

    private static func lockChildren(of parents: [Int64], _ tx: borrowing Transaction) throws {
        try tx.send(
            """
            SELECT 1 FROM jobs WHERE key IN (
                SELECT child_key FROM job_dependencies WHERE parent_key IN \(list: parents) AND is_met IS NULL)
            ORDER BY key \(fragment: .forUpdate)
            """)
    }

    private static func postpone(_ parent: Parent, _ tx: borrowing Transaction) throws {
        try tx.send(
            """
            INSERT INTO job_resolutions (job_key, state) VALUES (\(parent.key), \(parent.state)) ON CONFLICT DO NOTHING
            """)
        tx.signal(.jobsDue)
    }

    /// Tells one piece of the children of one job whose end was postponed.
    /// - Returns: Whether there was any.
    static func resolve(_ log: JobLog, _ tx: borrowing Transaction) throws -> Bool {
        let found = try tx.first(
            """
            SELECT job_key, state FROM job_resolutions ORDER BY job_key LIMIT 1 \(fragment: .skipLocked)
            """
        ) { row in (key: try row[0] as Int64, state: try row[1] as JobState) }
        guard let (key, state) = found else { return false }
        let told = try tellChildren(of: key, state: state, limit: pieceMax, log, tx)
        for parent in told.ended where parent.children > 0 { try postpone(parent, tx) }
        guard told.count < pieceMax else { return true }
        try tx.execute("DELETE FROM job_resolutions WHERE job_key = \(key)")
        return true
    }

    static func hasResolutions(_ tx: borrowing Transaction) throws -> Bool {
        try tx.first("SELECT 1 FROM job_resolutions LIMIT 1") { try $0[0] as Int } != nil
    }

    // MARK: Children

    private struct Child {
        let key: Int64
        let id: String
        let state: JobState
        let pending: Int
        let runAt: Timestamp
        let optionsText: String?
        let children: Int
        let workspace: WorkspaceID
        let queueKey: Int64
        let kind: String
    }

    private static func tellChildren(
        of parent: Int64, state: JobState, limit: Int, _ log: JobLog, _ tx: borrowing Transaction
    ) throws -> (count: Int, ended: [Parent]) {
        let edges = try tx.query(
            """
            SELECT child_key, wanted FROM job_dependencies WHERE parent_key = \(parent) AND is_met IS NULL
            ORDER BY child_key LIMIT \(limit)
            """
        ) { row in (child: try row[0] as Int64, wanted: try row[1] as JobCondition) }
        guard !edges.isEmpty else { return (0, []) }
        let met = Set(edges.filter { $0.wanted.isMet(by: state) }.map(\.child))
        for (isMet, keys) in [
            (true, edges.map(\.child).filter(met.contains)), (false, edges.map(\.child).filter { !met.contains($0) }),
        ]
        where !keys.isEmpty {
            try tx.execute(
                """
                UPDATE job_dependencies SET is_met = \(isMet) WHERE parent_key = \(parent) AND child_key IN \(list: keys)
                """)
        }
        let children = try tx.query(
            """
            SELECT key, id, state, pending, run_at, options, children, workspace_id, queue_key, kind FROM jobs
            WHERE key IN \(list: edges.map(\.child)) ORDER BY key \(fragment: .forUpdate)
            """
        ) { row in
            Child(
                key: try row[0], id: try row[1], state: try row[2], pending: try row[3], runAt: try row[4],
                optionsText: try row[5], children: try row[6], workspace: try row[7], queueKey: try row[8],
                kind: try row[9])
        }
        // Those that have ended before stay so, and wait for nothing any more when somebody runs them again.
        let over = children.filter(\.state.hasEnded).map(\.key)
        if !over.isEmpty { try tx.execute("UPDATE jobs SET pending = pending - 1 WHERE key IN \(list: over)") }
        return (edges.count, try tell(children.filter { !$0.state.hasEnded }, met: met, log, tx))
    }

    private static let next = BulkUpdate(
        "jobs", ["key": .integer, "state": .integer, "ended_at": .integer, "error": .text],
        """
        SET pending = jobs.pending - 1, state = v.state, ended_at = v.ended_at, error = v.error WHERE jobs.key = v.key
        """)

    private static func tell(
        _ children: [Child], met: Set<Int64>, _ log: JobLog, _ tx: borrowing Transaction
    ) throws -> [Parent] {
        var values: [SQLValue] = []
        var ended: [Parent] = []
        let queues = try QueueStore.find(Set(children.map(\.queueKey)), tx)
        for child in children {
            let options = try JobOptions(stored: child.optionsText)
            var (state, error) = (child.state, String?.none)
            if !met.contains(child.key), child.state != .running, let end = options.cascade.end {
                (state, error) = (end, JobFailure.dependency.json.jsonText)
                ended.append(Parent(key: child.key, state: end, children: child.children))
                guard let queue = queues.first(where: { $0.key == child.queueKey }) else { continue }
                let event = JobEvent.ended(
                    child.id, kind: child.kind, queue: queue.name, state: end, failure: .dependency)
                try log.append([event], of: queue.name, in: child.workspace, tx)
            } else if child.pending <= 1, child.state == .blocked {
                state = child.runAt > log.now ? .scheduled : .ready
            }
            values += [
                child.key.sqlValue, state.sqlValue, (state.hasEnded ? log.now : nil).sqlValue, error.sqlValue,
            ]
        }
        try tx.update(next, values)
        try tx.settle()
        tx.signal(.jobs)
        tx.signal(.jobsDue)
        return ended
    }

    // MARK: Reading

    /// What the jobs that one depends on have come to, by their ids.
    static func results(of child: Int64, _ tx: borrowing Transaction) throws -> [(id: String, result: String?)] {
        try tx.query(
            """
            SELECT j.id, j.result FROM job_dependencies d JOIN jobs j ON j.key = d.parent_key
            WHERE d.child_key = \(child) ORDER BY d.parent_key
            """
        ) { row in (try row[0], try row[1]) }
    }

    /// The jobs that one depends on.
    static func parents(
        of child: Int64, _ tx: borrowing Transaction
    ) throws -> [(id: String, wanted: JobCondition, state: JobState)] {
        try tx.query(
            """
            SELECT j.id, d.wanted, j.state FROM job_dependencies d JOIN jobs j ON j.key = d.parent_key
            WHERE d.child_key = \(child) ORDER BY d.parent_key LIMIT 1000
            """
        ) { row in (try row[0], try row[1], try row[2]) }
    }
}
