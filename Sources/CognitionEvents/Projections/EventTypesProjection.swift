package import CognitionCore
package import CognitionStorage

/// Which types of events there are in each workspace, in which versions, how many, and when the first and the last came.
package struct EventTypesProjection: Projection {
    package let name = "event_types"
    package let foldVersion = 1

    package init() {}

    private struct Key: Hashable {
        let workspace: WorkspaceID
        let type: String
        let typeVersion: Int
    }

    package func apply(_ events: [Event], to generation: Generation, in tx: borrowing Transaction) throws {
        var groups: [Key: (first: Event, last: Event, count: Int)] = [:]
        for event in events {
            let key = Key(workspace: event.workspace, type: event.type, typeVersion: event.typeVersion)
            groups[key, default: (event, event, 0)].count += 1
            groups[key]?.last = event
        }
        // In one order everywhere, so that two nodes are not in each other's way.
        for (key, group) in groups.sorted(by: { $0.value.first.position < $1.value.first.position }) {
            try tx.execute(
                """
                INSERT INTO event_types (generation, workspace_id, type, type_version, count, first_position,
                    last_position, first_at, last_at)
                VALUES (\(generation.number), \(key.workspace), \(key.type), \(key.typeVersion), \(group.count),
                    \(group.first.position), \(group.last.position), \(group.first.time), \(group.last.time))
                ON CONFLICT (generation, workspace_id, type, type_version) DO UPDATE SET
                    count = event_types.count + excluded.count, last_position = excluded.last_position,
                    last_at = excluded.last_at
                """)
        }
    }

    package func delete(_ generation: Int64, limit: Int, in tx: borrowing Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM event_types WHERE generation = \(generation) AND (workspace_id, type, type_version) IN (
                SELECT workspace_id, type, type_version FROM event_types WHERE generation = \(generation) LIMIT \(limit))
            """)
    }
}

/// A type of events of one workspace, as ``EventTypesProjection`` has counted it.
package struct EventType: Sendable, Hashable {
    package let type: String
    package let typeVersion: Int
    package let count: Int64
    package let first: Place
    package let last: Place

    package struct Place: Sendable, Hashable {
        package let position: Int64
        package let time: Timestamp
    }
}

extension EventLog {
    /// Types of the workspace's events in the order in which they first came; a moment behind the log.
    /// - Parameters:
    ///   - position: Types that came first after this position.
    ///   - limit: 1...200.
    package func types(
        in workspace: WorkspaceID, after position: Int64 = 0, limit: Int = 50
    ) async throws -> [EventType] {
        try await database.read { tx in
            try tx.query(
                """
                SELECT t.type, t.type_version, t.count, t.first_position, t.first_at, t.last_position, t.last_at
                FROM projections p JOIN event_types t ON t.generation = p.live
                WHERE p.name = 'event_types' AND t.workspace_id = \(workspace) AND t.first_position > \(position)
                ORDER BY t.first_position LIMIT \(limit)
                """
            ) { row in
                EventType(
                    type: try row[0], typeVersion: try row[1], count: try row[2],
                    first: EventType.Place(position: try row[3], time: try row[4]),
                    last: EventType.Place(position: try row[5], time: try row[6]))
            }
        }
    }
}
