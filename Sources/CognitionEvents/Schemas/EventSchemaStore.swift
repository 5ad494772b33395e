import CognitionCore
import CognitionStorage

/// The schemas of each workspace's types of events.
enum EventSchemaStore {
    static func find(
        _ type: String, _ version: Int, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> EventSchema? {
        try tx.first(
            """
            SELECT \(columns: columns) FROM event_schemas
            WHERE workspace_id = \(workspace) AND type = \(type) AND type_version = \(version)
            """, as: schema)
    }

    /// That of a version, or of the nearest before it.
    static func nearest(
        _ type: String, upTo version: Int, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> EventSchema? {
        try tx.first(
            """
            SELECT \(columns: columns) FROM event_schemas
            WHERE workspace_id = \(workspace) AND type = \(type) AND type_version <= \(version)
            ORDER BY type_version DESC LIMIT 1
            """, as: schema)
    }

    /// Hashes of schemas without their text, which may be long.
    /// - Returns: One for each that has a schema, and may be for other versions of their types.
    static func hashes(
        of kinds: some Collection<EventSchema.Kind>, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [(kind: EventSchema.Kind, hash: SHA256Digest)] {
        try tx.query(
            """
            SELECT type, type_version, schema_hash FROM event_schemas WHERE workspace_id = \(workspace)
                AND type IN \(list: Set(kinds.map(\.type))) AND type_version IN \(list: Set(kinds.map(\.version)))
            """
        ) { (EventSchema.Kind(type: try $0[0], version: try $0[1]), try hash($0[2], of: $0[0])) }
    }

    static func page(
        after key: Int64, type: String?, limit: Int, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [(key: Int64, schema: EventSchema)] {
        let condition: SQL = type.map { " AND type = \($0)" } ?? ""
        return try tx.query(
            """
            SELECT \(columns: columns), key FROM event_schemas
            WHERE workspace_id = \(workspace) AND key > \(key)\(condition) ORDER BY key LIMIT \(limit)
            """
        ) { (try $0[9], try schema($0)) }
    }

    static func count(in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT COUNT(*) FROM event_schemas WHERE workspace_id = \(workspace)") { try $0[0] } ?? 0
    }

    static func set(_ schema: EventSchema, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws {
        try tx.execute(
            """
            INSERT INTO event_schemas (workspace_id, type, type_version, compatibility, schema, schema_hash, revision,
                created_at, updated_at, actor)
            VALUES (\(workspace), \(schema.type), \(schema.typeVersion), \(schema.compatibility.rawValue),
                \(schema.schema.jsonBytes), \(schema.hash.bytes), \(schema.revision), \(schema.createdAt),
                \(schema.updatedAt), \(schema.actor))
            ON CONFLICT (workspace_id, type, type_version) DO UPDATE SET compatibility = excluded.compatibility,
                schema = excluded.schema, schema_hash = excluded.schema_hash, revision = excluded.revision,
                updated_at = excluded.updated_at, actor = excluded.actor
            """)
    }

    /// - Returns: Whether it was there.
    static func delete(
        _ type: String, _ version: Int, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            DELETE FROM event_schemas
            WHERE workspace_id = \(workspace) AND type = \(type) AND type_version = \(version)
            """) == 1
    }

    private static let columns: StaticString = """
        type, type_version, compatibility, schema, schema_hash, revision, created_at, updated_at, actor
        """

    private static func schema(_ row: borrowing Row) throws -> EventSchema {
        let type = try row[0] as String
        guard let compatibility = EventSchema.Compatibility(rawValue: try row[2]) else { throw damaged(type) }
        return EventSchema(
            type: type, typeVersion: try row[1], compatibility: compatibility,
            schema: try JSONValue(parsing: try row[3] as [UInt8]), hash: try hash(row[4], of: type),
            revision: try row[5],
            createdAt: try row[6], updatedAt: try row[7], actor: try row[8])
    }

    private static func hash(_ bytes: [UInt8], of type: String) throws -> SHA256Digest {
        guard let hash = SHA256Digest(bytes: bytes) else { throw damaged(type) }
        return hash
    }

    private static func damaged(_ type: String) -> EventError {
        EventError(.eventDamaged, "the schema of \(type) is damaged")
    }
}
