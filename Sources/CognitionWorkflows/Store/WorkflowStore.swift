import CognitionCore
import CognitionStorage

/// Definitions in the database; they are never changed.
enum WorkflowStore {
    /// - Parameter isRevision: Of a document that was changed under a version that is taken, the hash becomes a part of the
    ///   version, as build metadata; otherwise it is refused.
    static func insert(
        _ definition: WorkflowDefinition, isRevision: Bool, by principal: Principal, now: Timestamp,
        in tx: borrowing Transaction
    ) throws -> StoredWorkflow {
        var version = definition.version
        var earlier = try find(definition.id, version: version, in: principal.workspace, tx)
        if isRevision, let taken = earlier, taken.hash != definition.hash {
            version += (version.contains("+") ? "." : "+") + definition.hash.description.prefix(8)
            earlier = try find(definition.id, version: version, in: principal.workspace, tx)
        }
        if var stored = earlier {
            guard stored.hash == definition.hash else {
                throw WorkflowError(
                    .versionTaken,
                    "version \(definition.version) of \(definition.id) is another document; give the changed one another version"
                )
            }
            stored.isNew = false
            return stored
        }
        let document = definition.document.jsonBytes
        let key = try tx.first(
            """
            INSERT INTO workflows (workspace_id, namespace, name, version, hash, document, title, created_at, created_by)
            VALUES (\(principal.workspace), \(definition.id.namespace), \(definition.id.name), \(version),
                \(definition.hash.bytes), \(document), \(definition.title), \(now), \(principal.actor))
            RETURNING key
            """
        ) { try $0[0] as Int64 }
        guard let key else { preconditionFailure("an INSERT returns its row") }
        return StoredWorkflow(
            key: key, workspace: principal.workspace, id: definition.id, version: version,
            hash: definition.hash, title: definition.title, createdAt: now, isNew: true)
    }

    static func find(
        _ id: WorkflowID, version: String, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> StoredWorkflow? {
        try tx.first(
            """
            SELECT \(columns: columns) FROM workflows
            WHERE workspace_id = \(workspace) AND namespace = \(id.namespace) AND name = \(id.name) AND version = \(version)
            """, as: StoredWorkflow.init(row:))
    }

    /// Every version of a workflow, the highest first.
    static func versions(
        of id: WorkflowID, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [StoredWorkflow] {
        try tx.query(
            """
            SELECT \(columns: columns) FROM workflows
            WHERE workspace_id = \(workspace) AND namespace = \(id.namespace) AND name = \(id.name)
            """, as: StoredWorkflow.init(row:)
        ).sorted { SemanticVersion.isLower($1.version, $0.version) }
    }

    /// Definitions in the order they were stored, after the one with key `after`.
    static func page(
        after: Int64, limit: Int, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [StoredWorkflow] {
        try tx.query(
            """
            SELECT \(columns: columns) FROM workflows
            WHERE workspace_id = \(workspace) AND key > \(after) ORDER BY key LIMIT \(limit)
            """, as: StoredWorkflow.init(row:))
    }

    static func document(_ key: Int64, _ tx: borrowing Transaction) throws -> JSONValue? {
        try tx.first("SELECT document FROM workflows WHERE key = \(key)") { row in
            try JSONValue(parsing: row[0] as [UInt8])
        }
    }

    private static let columns: StaticString = "key, workspace_id, namespace, name, version, hash, title, created_at"
}

extension StoredWorkflow {
    fileprivate init(row: borrowing Row) throws {
        key = try row[0]
        workspace = try row[1]
        id = WorkflowID(namespace: try row[2], name: try row[3])
        version = try row[4]
        guard let digest = SHA256Digest(bytes: try row[5]) else {
            throw StorageError(.unexpectedValue, "the hash of workflow \(id) does not have 32 bytes")
        }
        hash = digest
        title = try row[6]
        createdAt = try row[7]
    }
}
