import CognitionCore
import CognitionStorage

/// Claims of due executions in turns: every workspace that has some gets an equal share of the room, and what is left over
/// is shared again among those that have more. Within a workspace the highest priority goes first, then the earliest.
struct ClaimTurns: Sendable {
    /// Due executions of one priority in one workspace.
    struct Lane: Sendable, Hashable {
        let workspace: WorkspaceID
        let priority: Int
    }

    /// By workspace, in the order of their turns; each from the highest priority down.
    private var workspaces: [[Lane]]

    /// - Parameter lanes: As ``due(in:after:limit:_:)`` gives them.
    init(_ lanes: [Lane]) {
        workspaces = []
        for lane in lanes {
            if let last = workspaces.last?.last, last.workspace == lane.workspace {
                workspaces[workspaces.count - 1].append(lane)
            } else {
                workspaces.append([lane])
            }
        }
    }

    /// What is due: of the workspaces after `last` first, then of the others.
    ///
    /// Where few executions are due, they are looked at themselves. Else it goes from workspace to workspace in the index of
    /// what nobody owns, so that the cost is that of the workspaces and not of their executions.
    /// - Parameter limit: Workspaces; more would have no room for one execution each.
    static func due(
        in span: DueSpan, after last: WorkspaceID?, limit: Int, _ tx: borrowing Transaction
    ) throws -> [Lane] {
        let first = try tx.query(
            """
            SELECT workspace_id, priority FROM executions WHERE owner IS NULL AND \(span.condition)
            ORDER BY wake_at LIMIT \(fewMax)
            """
        ) { row in Lane(workspace: try row[0], priority: try row[1]) }
        if first.count < fewMax { return inTurn(first, after: last, limit: limit) }
        // No workspace is named by an empty text.
        guard let last else { return try due("workspace_id > ''", in: span, limit: limit, tx) }
        let later = try due("workspace_id > \(last)", in: span, limit: limit, tx)
        guard Set(later.map(\.workspace)).count < limit else { return later }
        let others = limit - Set(later.map(\.workspace)).count
        return try later + due("workspace_id <= \(last)", in: span, limit: others, tx)
    }

    private static let fewMax = 256

    private static func inTurn(_ lanes: [Lane], after last: WorkspaceID?, limit: Int) -> [Lane] {
        // As the database compares them.
        func isBefore(_ one: WorkspaceID, _ other: WorkspaceID) -> Bool {
            one.name.utf8.lexicographicallyPrecedes(other.name.utf8)
        }
        let names = Set(lanes.map(\.workspace)).sorted(by: isBefore)
        let start = last.flatMap { last in names.firstIndex { isBefore(last, $0) } } ?? 0
        let priorities = Dictionary(grouping: Set(lanes), by: \.workspace)
        return (names[start...] + names[..<start]).prefix(limit).flatMap { name in
            (priorities[name] ?? []).sorted { $0.priority > $1.priority }
        }
    }

    private static func due(
        _ condition: SQL, in span: DueSpan, limit: Int, _ tx: borrowing Transaction
    ) throws -> [Lane] {
        // Scalar subqueries, so that each is one step in the index and none becomes a join over everything that is due.
        try tx.query(
            """
            WITH RECURSIVE places (workspace_id, place) AS (
                SELECT * FROM (
                    SELECT e.workspace_id, 1 FROM executions e
                    WHERE e.owner IS NULL AND e.wake_at IS NOT NULL AND e.\(condition)
                    ORDER BY e.workspace_id, e.priority, e.wake_at LIMIT 1) first_place
                UNION ALL
                SELECT (
                    SELECT e.workspace_id FROM executions e
                    WHERE e.owner IS NULL AND e.wake_at IS NOT NULL AND e.workspace_id > places.workspace_id
                        AND e.\(condition)
                    ORDER BY e.workspace_id, e.priority, e.wake_at LIMIT 1), places.place + 1
                FROM places WHERE places.workspace_id IS NOT NULL),
            levels (priority) AS (VALUES (9), (8), (7), (6), (5), (4), (3), (2), (1), (0)),
            turns (workspace_id, place) AS (
                SELECT p.workspace_id, p.place FROM places p
                WHERE (
                    SELECT l.priority FROM levels l
                    WHERE (
                        SELECT e.key FROM executions e
                        WHERE e.workspace_id = p.workspace_id AND e.priority = l.priority AND e.owner IS NULL
                            AND \(span.condition)
                        ORDER BY e.wake_at LIMIT 1) IS NOT NULL
                    LIMIT 1) IS NOT NULL
                LIMIT \(limit))
            SELECT t.workspace_id, l.priority FROM turns t CROSS JOIN levels l
            WHERE (
                SELECT e.key FROM executions e
                WHERE e.workspace_id = t.workspace_id AND e.priority = l.priority AND e.owner IS NULL
                    AND \(span.condition)
                ORDER BY e.wake_at LIMIT 1) IS NOT NULL
            ORDER BY t.place, l.priority DESC
            """
        ) { row in Lane(workspace: try row[0], priority: try row[1]) }
    }

    /// - Returns: At most `limit`, in the order of their keys.
    consuming func claim(
        in span: DueSpan, by node: UUIDv7, limit: Int, _ tx: borrowing Transaction
    ) throws -> [ExecutionClaim] {
        var claims: [ExecutionClaim] = []
        while claims.count < limit, !workspaces.isEmpty {
            let share = max(1, (limit - claims.count) / workspaces.count)
            var rest: [[Lane]] = []
            for var lanes in workspaces where claims.count < limit {
                var room = min(share, limit - claims.count)
                while room > 0, let lane = lanes.first {
                    let found = try Self.claim(lane, in: span, by: node, limit: room, tx)
                    claims += found
                    if found.count < room { lanes.removeFirst() }
                    room -= found.count
                }
                if !lanes.isEmpty { rest.append(lanes) }
            }
            workspaces = rest
        }
        return claims.sorted { $0.key < $1.key }
    }

    private static func claim(
        _ lane: Lane, in span: DueSpan, by node: UUIDv7, limit: Int, _ tx: borrowing Transaction
    ) throws -> [ExecutionClaim] {
        try tx.query(
            """
            WITH due AS (
                SELECT key FROM executions
                WHERE workspace_id = \(lane.workspace) AND priority = \(lane.priority) AND owner IS NULL
                    AND \(span.condition)
                ORDER BY wake_at LIMIT \(limit) \(fragment: .skipLocked))
            UPDATE executions SET owner = \(node), epoch = epoch + 1, claims = claims + 1
            WHERE key IN (SELECT key FROM due) AND owner IS NULL
            RETURNING \(columns: ExecutionClaim.columns)
            """, as: ExecutionClaim.init(row:))
    }
}

extension DueSpan {
    fileprivate var condition: SQL {
        guard let earliest else { return "wake_at <= \(now)" }
        return "wake_at >= \(earliest) AND wake_at <= \(now)"
    }
}
