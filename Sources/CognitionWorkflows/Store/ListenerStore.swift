import CognitionCore
import CognitionExpressions
import CognitionStorage

/// Which tasks listen for which events.
///
/// An event finds them by its type and by one correlation value: every distinct pair of type and correlation expression is
/// a filter of the workspace, the expression is evaluated once for each, and its value leads to the tasks that expect it.
enum ListenerStore {
    /// Which listeners an event is for.
    struct Match {
        let filter: Int64
        let expected: [UInt8]

        var condition: SQL { "(filter_key = \(filter) AND expected = \(expected))" }
    }

    private static let expressions = ExpressionCache(capacity: 1_024)

    /// A filter that is deleted at this moment is none; the body then fails, and is repeated.
    static func add(_ listener: Listener, of key: Int64, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws
    {
        for entry in listener.keys {
            let (type, correlation) = (entry.type ?? "", entry.correlation ?? "")
            try tx.send(
                """
                INSERT INTO event_filters (workspace_id, type, correlation)
                VALUES (\(workspace), \(type), \(correlation)) ON CONFLICT DO NOTHING
                """)
            try tx.send(
                """
                INSERT INTO event_listeners (filter_key, expected, execution_key, task)
                VALUES ((SELECT key FROM event_filters
                         WHERE workspace_id = \(workspace) AND type = \(type) AND correlation = \(correlation)
                         \(fragment: .forShare)),
                    \(entry.expected?.bytes ?? []), \(key), \(listener.task))
                """)
        }
    }

    /// Deletes filters that nobody uses any more.
    /// - Returns: How many; at most `limit`.
    static func deleteUnusedFilters(limit: Int, _ tx: borrowing Transaction) throws -> Int {
        // Whoever begins to listen with one of them holds it, and after this waits for the commit.
        let keys = try tx.query(
            "\(unusedFilters) ORDER BY f.key LIMIT \(limit) \(fragment: .skipLocked)"
        ) { try $0[0] as Int64 }
        guard !keys.isEmpty else { return 0 }
        return try tx.execute(
            """
            DELETE FROM event_filters WHERE key IN \(list: keys)
                AND NOT EXISTS (SELECT 1 FROM event_listeners l WHERE l.filter_key = event_filters.key)
            """)
    }

    static func hasUnusedFilters(_ tx: borrowing Transaction) throws -> Bool {
        try tx.first("\(unusedFilters) LIMIT 1") { try $0[0] as Int64 } != nil
    }

    private static let unusedFilters: SQL = """
        SELECT f.key FROM event_filters f
        WHERE NOT EXISTS (SELECT 1 FROM event_listeners l WHERE l.filter_key = f.key)
        """

    static func remove(_ task: Int, of key: Int64, _ tx: borrowing Transaction) throws {
        try tx.send("DELETE FROM event_listeners WHERE execution_key = \(key) AND task = \(task)")
    }

    static func removeAll(of key: Int64, _ tx: borrowing Transaction) throws {
        try tx.send("DELETE FROM event_listeners WHERE execution_key = \(key)")
    }

    /// Types of lifecycle events that are listened for in any workspace.
    static func lifecycleTypes(_ tx: borrowing Transaction) throws -> Set<String> {
        Set(
            try tx.query(
                """
                SELECT DISTINCT type FROM event_filters
                WHERE type >= 'io.serverlessworkflow.' AND type < 'io.serverlessworkflow/'
                """
            ) { try $0[0] as String })
    }

    /// - Parameter isLifecycle: Only those that name its type get it, as every task of every execution makes some.
    static func matches(
        of event: CloudEvent, isLifecycle: Bool, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [Match] {
        let anyType = isLifecycle ? event.type : ""
        let filters = try tx.query(
            """
            SELECT key, correlation FROM event_filters
            WHERE workspace_id = \(workspace) AND type IN (\(anyType), \(event.type))
            """
        ) { (key: try $0[0] as Int64, correlation: try $0[1] as String) }
        return filters.compactMap { key, correlation in
            guard !correlation.isEmpty else { return Match(filter: key, expected: []) }
            // An expression that fails on an event gives no value, and nobody expects none.
            guard let value = try? expressions.expression(correlation).first(.object(event.json)) else {
                return nil
            }
            return Match(filter: key, expected: SHA256Digest(of: value.canonicalJSON).bytes)
        }
    }
}

/// Writes what new tasks wait for, once their execution has its key; after the executions and before the log.
final class WaitingStep: CommitStep {
    struct Piece {
        let key: ExecutionKey
        let workspace: WorkspaceID
        var listeners: [Listener] = []
        var approvals: [ApprovalStore.NewApproval] = []
        /// Events of the execution's own that some of these listeners were there for.
        var published: [Publication] = []
        let time: Timestamp
    }

    static let rank = 1
    private var pieces: [Piece] = []

    init() {}

    var count: Int { pieces.count }
    func truncate(to count: Int) { pieces.removeSubrange(count...) }
    func add(_ piece: Piece) { pieces.append(piece) }

    func run(in tx: borrowing Transaction) throws {
        for piece in pieces {
            for listener in piece.listeners {
                try ListenerStore.add(listener, of: piece.key.value, in: piece.workspace, tx)
            }
            for publication in piece.published {
                try MailStore.deliver(
                    publication.event, toNew: publication.newListeners, of: piece.key.value, in: piece.workspace,
                    now: piece.time, tx)
            }
            for approval in piece.approvals { try ApprovalStore.add(approval, of: piece.key.value, tx) }
        }
    }
}
