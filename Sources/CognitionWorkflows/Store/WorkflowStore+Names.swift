import CognitionCore
import CognitionStorage

/// The row of a workflow over all its versions.
struct WorkflowName: Sendable {
    let key: Int64
    let isArchived: Bool
    let owner: String
    let createdAt: Timestamp
    let updatedAt: Timestamp
}

extension WorkflowStore {
    /// The workflow of that name; `nil` when there is none, or every version of it is deleted.
    static func name(
        of id: WorkflowID, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> WorkflowName? {
        try tx.first(
            """
            SELECT n.key, n.archived_at, n.owner, n.created_at, n.updated_at FROM workflow_names n
            WHERE n.workspace_id = \(workspace) AND n.namespace = \(id.namespace) AND n.name = \(id.name)
                AND n.deleted_at IS NULL
            """, as: WorkflowName.init(row:))
    }

    /// The key of a name, also of one whose every version is deleted.
    static func nameKey(
        of id: WorkflowID, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> Int64? {
        try tx.first(
            """
            SELECT key FROM workflow_names
            WHERE workspace_id = \(workspace) AND namespace = \(id.namespace) AND name = \(id.name)
            """
        ) { try $0[0] }
    }

    /// Workflows in the order of their first versions, after the one with key `after`.
    static func page(
        _ filter: WorkflowFilter, after: Int64, limit: Int, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [(key: Int64, summary: WorkflowSummary)] {
        var conditions: SQL = "n.workspace_id = \(workspace) AND n.key > \(after) AND n.deleted_at IS NULL"
        if let owner = filter.owner { conditions = "\(conditions) AND n.owner = \(owner)" }
        switch filter.state {
        case .active: conditions = "\(conditions) AND n.archived_at IS NULL"
        case .archived: conditions = "\(conditions) AND n.archived_at IS NOT NULL"
        case nil: break
        }
        if let tag = filter.tag {
            conditions = """
                \(conditions) AND n.key IN (
                    SELECT t.name_key FROM workflow_tags t WHERE t.workspace_id = \(workspace) AND t.tag = \(tag))
                """
        }
        let names = try tx.query(
            """
            SELECT n.key, n.archived_at, n.owner, n.created_at, n.updated_at FROM workflow_names n
            WHERE \(conditions) ORDER BY n.key LIMIT \(limit)
            """, as: WorkflowName.init(row:))
        let tags = try tags(of: names.map(\.key), tx)
        return try names.map { name in
            (key: name.key, summary: try summary(of: name, tags: tags[name.key] ?? [], tx))
        }
    }

    static func summary(of name: WorkflowName, _ tx: borrowing Transaction) throws -> WorkflowSummary {
        try summary(of: name, tags: tags(of: [name.key], tx)[name.key] ?? [], tx)
    }

    private static func summary(
        of name: WorkflowName, tags: [String], _ tx: borrowing Transaction
    ) throws -> WorkflowSummary {
        guard let latest = try latest(ofName: name.key, tx) else {
            throw StorageError(.unexpectedValue, "the workflow with key \(name.key) has no version")
        }
        return try WorkflowSummary(
            latest: latest, state: name.isArchived ? .archived : .active, tags: tags, owner: name.owner,
            retention: RetentionStore.retention(ofName: name.key, tx), createdAt: name.createdAt,
            updatedAt: name.updatedAt)
    }

    /// The tags of each of `names`, in alphabetical order.
    private static func tags(of names: [Int64], _ tx: borrowing Transaction) throws -> [Int64: [String]] {
        guard !names.isEmpty else { return [:] }
        let rows = try tx.query("SELECT name_key, tag FROM workflow_tags WHERE name_key IN \(list: names)") { row in
            (name: try row[0] as Int64, tag: try row[1] as String)
        }
        return Dictionary(grouping: rows, by: \.name).mapValues { $0.map(\.tag).sorted() }
    }

    // MARK: Changes

    /// The key of the name, made for a workflow that is new, or was deleted.
    static func openName(
        _ id: WorkflowID, by principal: Principal, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Int64 {
        let key = try tx.first(
            """
            INSERT INTO workflow_names (workspace_id, namespace, name, owner, created_at, updated_at)
            VALUES (\(principal.workspace), \(id.namespace), \(id.name), \(principal.actor), \(now), \(now))
            ON CONFLICT (workspace_id, namespace, name) DO UPDATE SET
                owner = CASE WHEN workflow_names.deleted_at IS NULL THEN workflow_names.owner ELSE excluded.owner END,
                created_at = CASE WHEN workflow_names.deleted_at IS NULL THEN workflow_names.created_at
                                  ELSE excluded.created_at END,
                updated_at = excluded.updated_at, deleted_at = NULL
            RETURNING key
            """
        ) { try $0[0] as Int64 }
        guard let key else { preconditionFailure("an INSERT returns its row") }
        return key
    }

    /// Remembers a version that has just been stored as the latest, unless a higher one is there.
    static func raiseLatest(to stored: StoredWorkflow, _ tx: borrowing Transaction) throws {
        guard let latest = try latest(ofName: stored.nameKey, tx) else { return }
        try setLatest(ofName: stored.nameKey, to: isHigher(latest, stored) ? latest.key : stored.key, tx)
    }

    private static func setLatest(ofName nameKey: Int64, to key: Int64, _ tx: borrowing Transaction) throws {
        try tx.execute("UPDATE workflow_names SET latest_key = \(key) WHERE key = \(nameKey)")
    }

    /// Keeps everything that is known by a name as it is until the commit, but for what this transaction changes.
    static func hold(_ id: WorkflowID, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws {
        _ = try tx.first(
            """
            SELECT key FROM workflow_names
            WHERE workspace_id = \(workspace) AND namespace = \(id.namespace) AND name = \(id.name)
            \(fragment: .forUpdate)
            """
        ) { try $0[0] as Int64 }
    }

    static func setState(
        _ state: WorkflowState, ofName nameKey: Int64, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        let archivedAt: Timestamp? = state == .archived ? now : nil
        try tx.execute(
            "UPDATE workflow_names SET archived_at = \(archivedAt), updated_at = \(now) WHERE key = \(nameKey)")
    }

    static func setState(
        _ state: WorkflowState, of workflow: StoredWorkflow, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        // Executions that are being started have been waited for then, and further ones wait.
        _ = try tx.first("SELECT key FROM workflows WHERE key = \(workflow.key) \(fragment: .forUpdate)") {
            try $0[0] as Int64
        }
        let archivedAt: Timestamp? = state == .archived ? now : nil
        try tx.execute("UPDATE workflows SET archived_at = \(archivedAt) WHERE key = \(workflow.key)")
        try tx.execute("UPDATE workflow_names SET updated_at = \(now) WHERE key = \(workflow.nameKey)")
        if let highest = try highest(ofName: workflow.nameKey, tx) {
            try setLatest(ofName: workflow.nameKey, to: highest.key, tx)
        }
    }

    static func setTags(
        _ tags: [String], ofName nameKey: Int64, in workspace: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        try tx.execute("DELETE FROM workflow_tags WHERE name_key = \(nameKey)")
        for tag in tags {
            try tx.execute(
                "INSERT INTO workflow_tags (workspace_id, tag, name_key) VALUES (\(workspace), \(tag), \(nameKey))")
        }
        try tx.execute("UPDATE workflow_names SET updated_at = \(now) WHERE key = \(nameKey)")
    }

    /// Hides a version of a workflow that is held; with the last one the workflow, which loses its state and its tags.
    /// - Throws: `workflow.in_use` while executions of the version have not ended.
    static func delete(_ workflow: StoredWorkflow, now: Timestamp, _ tx: borrowing Transaction) throws {
        // Executions that are being started have been waited for then, and further ones wait.
        _ = try tx.first("SELECT key FROM workflows WHERE key = \(workflow.key) \(fragment: .forUpdate)") {
            try $0[0] as Int64
        }
        let live = try tx.first(
            """
            SELECT id FROM executions
            WHERE workspace_id = \(workflow.workspace) AND workflow_key = \(workflow.key) AND ended_at IS NULL LIMIT 1
            """
        ) { try $0[0] as ExecutionID }
        if let live {
            throw WorkflowError(
                .workflowInUse,
                """
                version \(workflow.version) of \(workflow.id) has executions that have not ended, such as \(live); \
                cancel them or wait for them
                """)
        }
        try tx.execute("UPDATE workflows SET deleted_at = \(now) WHERE key = \(workflow.key)")
        try tx.execute("UPDATE workflow_names SET updated_at = \(now) WHERE key = \(workflow.nameKey)")
        if let highest = try highest(ofName: workflow.nameKey, tx) {
            try setLatest(ofName: workflow.nameKey, to: highest.key, tx)
        } else {
            try tx.execute(
                """
                UPDATE workflow_names SET deleted_at = \(now), latest_key = NULL, archived_at = NULL,
                    completed_kept_seconds = NULL, faulted_kept_seconds = NULL, cancelled_kept_seconds = NULL
                WHERE key = \(workflow.nameKey)
                """)
            try tx.execute("DELETE FROM workflow_tags WHERE name_key = \(workflow.nameKey)")
        }
    }
}

extension WorkflowName {
    fileprivate init(row: borrowing Row) throws {
        key = try row[0]
        isArchived = try row[1] as Timestamp? != nil
        owner = try row[2]
        createdAt = try row[3]
        updatedAt = try row[4]
    }
}
