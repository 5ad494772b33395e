import CognitionCore
import CognitionStorage

/// Definitions in the database, one row for each version. They are never changed; a deleted one is hidden and kept, for
/// the executions that refer to it.
enum WorkflowStore {
    /// - Parameter isRevision: Of a document that was changed under a version that is taken, the hash becomes a part of the
    ///   version, as build metadata; otherwise it is refused.
    /// - Returns: The version; not new when the same document was there.
    static func insert(
        _ definition: WorkflowDefinition, isRevision: Bool, by principal: Principal, now: Timestamp,
        in tx: borrowing Transaction
    ) throws -> StoredWorkflow {
        var version = definition.version
        var earlier = try find(definition.id, version: version, deletedToo: true, in: principal.workspace, tx)
        if isRevision, let taken = earlier, taken.workflow.hash != definition.hash {
            version += (version.contains("+") ? "." : "+") + definition.hash.description.prefix(8)
            earlier = try find(definition.id, version: version, deletedToo: true, in: principal.workspace, tx)
        }
        if let earlier {
            guard earlier.workflow.hash == definition.hash else {
                throw WorkflowError(
                    .versionTaken,
                    """
                    version \(definition.version) of \(definition.id) is another document\
                    \(earlier.isDeleted ? ", which was deleted" : ""); give the changed one another version
                    """)
            }
            guard earlier.isDeleted else { return earlier.workflow }
        }
        let nameKey = try openName(definition.id, by: principal, now: now, tx)
        var stored: StoredWorkflow
        if let earlier {
            stored = earlier.workflow
            stored.isArchived = false
            try tx.execute(
                """
                UPDATE workflows SET deleted_at = NULL, archived_at = NULL, is_trial = \(isRevision)
                WHERE key = \(stored.key)
                """)
        } else {
            let document = definition.document.jsonBytes
            let fetched = definition.fetched.isEmpty ? nil : JSONValue.object(definition.fetched).jsonBytes
            let key = try tx.first(
                """
                INSERT INTO workflows (workspace_id, namespace, name, version, hash, document, fetched, title,
                    created_at, created_by, name_key, is_trial)
                VALUES (\(principal.workspace), \(definition.id.namespace), \(definition.id.name), \(version),
                    \(definition.hash.bytes), \(document), \(fetched), \(definition.title), \(now), \(principal.actor), \(nameKey),
                    \(isRevision))
                RETURNING key
                """
            ) { try $0[0] as Int64 }
            guard let key else { preconditionFailure("an INSERT returns its row") }
            stored = StoredWorkflow(
                key: key, workspace: principal.workspace, id: definition.id, version: version, hash: definition.hash,
                title: definition.title, createdAt: now, nameKey: nameKey)
        }
        try raiseLatest(to: stored, tx)
        stored.isNew = true
        return stored
    }

    static func find(
        _ id: WorkflowID, version: String, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> StoredWorkflow? {
        try find(id, version: version, deletedToo: false, in: workspace, tx)?.workflow
    }

    /// A version by its key, also a deleted one.
    static func find(key: Int64, _ tx: borrowing Transaction) throws -> StoredWorkflow? {
        try tx.first(
            "SELECT \(columns: columns) FROM workflows w WHERE w.key = \(key)", as: StoredWorkflow.init(row:))
    }

    private static func find(
        _ id: WorkflowID, version: String, deletedToo: Bool, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> (workflow: StoredWorkflow, isDeleted: Bool)? {
        let found = try tx.first(
            """
            SELECT \(columns: columns), w.deleted_at FROM workflows w
            WHERE w.workspace_id = \(workspace) AND w.namespace = \(id.namespace) AND w.name = \(id.name)
                AND w.version = \(version)
            """
        ) { row in
            (workflow: try StoredWorkflow(row: row), isDeleted: try row[10] as Timestamp? != nil)
        }
        guard let found, deletedToo || !found.isDeleted else { return nil }
        return found
    }

    /// The highest version of a workflow; `nil` when there is none.
    static func latest(
        of id: WorkflowID, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> StoredWorkflow? {
        guard let name = try name(of: id, in: workspace, tx) else { return nil }
        return try latest(ofName: name.key, tx)
    }

    static func latest(ofName nameKey: Int64, _ tx: borrowing Transaction) throws -> StoredWorkflow? {
        let known = try tx.first(
            """
            SELECT \(columns: columns) FROM workflow_names n JOIN workflows w ON w.key = n.latest_key
            WHERE n.key = \(nameKey)
            """, as: StoredWorkflow.init(row:))
        return try known ?? highest(ofName: nameKey, tx)
    }

    /// Compares all versions that are not archived, or all when they are; of equal precedence the one stored last is taken.
    /// - Parameter exceptTrials: Those do not count that somebody only tries out.
    static func highest(
        ofName nameKey: Int64, exceptTrials: Bool = false, _ tx: borrowing Transaction
    ) throws -> StoredWorkflow? {
        try tx.query(
            """
            SELECT \(columns: columns) FROM workflows w
            WHERE w.name_key = \(nameKey) AND w.deleted_at IS NULL AND w.is_trial <= \(exceptTrials ? 0 : 1)
            ORDER BY w.key
            """, as: StoredWorkflow.init(row:)
        ).reduce(nil) { highest, next in
            guard let highest else { return next }
            return isHigher(highest, next) ? highest : next
        }
    }

    static func isHigher(_ one: StoredWorkflow, _ other: StoredWorkflow) -> Bool {
        guard one.isArchived == other.isArchived else { return other.isArchived }
        return SemanticVersion.isLower(other.version, one.version)
    }

    /// Versions, the one stored last first, before the one with key `before`.
    static func versions(
        ofName nameKey: Int64, before: Int64, limit: Int, _ tx: borrowing Transaction
    ) throws -> [StoredWorkflow] {
        try tx.query(
            """
            SELECT \(columns: columns) FROM workflows w
            WHERE w.name_key = \(nameKey) AND w.key < \(before) AND w.deleted_at IS NULL
            ORDER BY w.key DESC LIMIT \(limit)
            """, as: StoredWorkflow.init(row:))
    }

    /// Who has stored a version.
    static func creator(of key: Int64, _ tx: borrowing Transaction) throws -> String {
        try tx.first("SELECT created_by FROM workflows WHERE key = \(key)") { try $0[0] } ?? ""
    }

    /// The document, also of a deleted version.
    static func document(_ key: Int64, _ tx: borrowing Transaction) throws -> JSONValue? {
        try tx.first("SELECT document FROM workflows WHERE key = \(key)") { row in
            try JSONValue(parsing: row[0] as [UInt8])
        }
    }

    /// The document, and the documents that were fetched for it, also of a deleted version.
    static func source(
        _ key: Int64, _ tx: borrowing Transaction
    ) throws -> (document: JSONValue, fetched: JSONObject)? {
        try tx.first("SELECT document, fetched FROM workflows WHERE key = \(key)") { row in
            let fetched = try (row[1] as [UInt8]?).flatMap { try JSONValue(parsing: $0).objectValue }
            return (document: try JSONValue(parsing: row[0] as [UInt8]), fetched: fetched ?? [:])
        }
    }

    /// What was fetched for the same document when it was stored, under whichever version.
    static func fetched(
        for id: WorkflowID, hash: SHA256Digest, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> JSONObject? {
        try tx.first(
            """
            SELECT fetched FROM workflows
            WHERE workspace_id = \(workspace) AND namespace = \(id.namespace) AND name = \(id.name)
                AND hash = \(hash.bytes) AND fetched IS NOT NULL ORDER BY key LIMIT 1
            """
        ) { row in try JSONValue(parsing: row[0] as [UInt8]).objectValue ?? [:] }
    }

    /// Sees, at the latest before the commit, that executions of a version that is there may start; it may have been
    /// archived or deleted since it was read.
    /// - Throws: `workflow.archived`, `workflow.not_found`.
    static func checkTakesExecutions(_ workflow: StoredWorkflow, _ tx: borrowing Transaction) throws {
        let statement: SQL = """
            SELECT w.deleted_at, (SELECT n.archived_at FROM workflow_names n WHERE n.key = w.name_key), w.archived_at
            FROM workflows w
            WHERE w.key = \(workflow.key)
            """
        try tx.send(statement) { row in
            guard try row[0] as Timestamp? == nil else { throw WorkflowError.notFound(workflow.id, workflow.version) }
            guard try row[1] as Timestamp? == nil else {
                throw WorkflowError(
                    .workflowArchived, "workflow \(workflow.id) is archived; activate it to execute it")
            }
            guard try row[2] as Timestamp? == nil else {
                throw WorkflowError(
                    .workflowArchived,
                    "version \(workflow.version) of \(workflow.id) is archived; activate it to execute it")
            }
        }
    }

    /// Of workflows as `w`.
    static let columns: StaticString = """
        w.key, w.workspace_id, w.namespace, w.name, w.version, w.hash, w.title, w.created_at, w.name_key,
        w.archived_at
        """
}

extension StoredWorkflow {
    /// Reads ``WorkflowStore/columns`` from the column `start` on.
    init(row: borrowing Row, from start: Int) throws {
        key = try row[start]
        workspace = try row[start + 1]
        id = WorkflowID(namespace: try row[start + 2], name: try row[start + 3])
        version = try row[start + 4]
        guard let digest = SHA256Digest(bytes: try row[start + 5]) else {
            throw StorageError(.unexpectedValue, "the hash of workflow \(id) does not have 32 bytes")
        }
        hash = digest
        title = try row[start + 6]
        createdAt = try row[start + 7]
        nameKey = try row[start + 8]
        isArchived = try row[start + 9] as Timestamp? != nil
    }

    init(row: borrowing Row) throws { try self.init(row: row, from: 0) }
}
