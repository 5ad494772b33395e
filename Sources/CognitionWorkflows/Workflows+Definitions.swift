package import CognitionCore
import CognitionEvents
import CognitionStorage

/// Definitions: stored, listed, archived, deleted. Each change commits together with its event in the stream
/// `workflow/<id>`.
extension Workflows {
    /// Stores a definition; the same document again answers the stored one, and brings it back when it was deleted. The
    /// documents that were fetched for it then stay as they were.
    ///
    /// - Parameter isRevision: A document that was changed without a new version is stored as `VERSION+HASH`, for people who
    ///   try things out.
    /// - Throws: `workflow.version_taken` when its version is another document, also one that was deleted.
    package func create(
        _ definition: WorkflowDefinition, isRevision: Bool = false, as principal: Principal
    ) async throws -> StoredWorkflow {
        let context = EventContext(principal, time: clock.now, ids: ids)
        let stored = try await database.write { tx in
            let stored = try WorkflowStore.insert(
                definition, isRevision: isRevision, by: principal, now: context.time, in: tx)
            if stored.isNew { try append(WorkflowEvent.created(stored), to: stored.id, context, tx) }
            // Trying something out does not start it again and again.
            if stored.isNew, !isRevision, try WorkflowStore.latest(ofName: stored.nameKey, tx)?.key == stored.key {
                try ScheduleStore.markStale(
                    stored.nameKey, isNew: definition.schedule != nil, actor: principal.actor,
                    in: principal.workspace, now: context.time, tx)
            }
            return stored
        }
        // What was fetched now may differ from what was stored with the same document before.
        if definition.fetched.isEmpty { definitions.keep(definition, stored) }
        return stored
    }

    /// Workflows in the order in which they first were stored, each with its highest version.
    ///
    /// - Parameter cursor: What the page before gave as `next`; 0 for the first.
    /// - Returns: At most `limit` (1...200), and the cursor of the next page.
    package func list(
        _ filter: WorkflowFilter = WorkflowFilter(), after cursor: Int64 = 0, limit: Int, in workspace: WorkspaceID
    ) async throws -> (items: [WorkflowSummary], next: Int64?) {
        let limit = Self.pageSize(limit)
        let page = try await database.read { tx in
            try WorkflowStore.page(filter, after: cursor, limit: limit + 1, in: workspace, tx)
        }
        return (page.prefix(limit).map(\.summary), page.count > limit ? page[limit - 1].key : nil)
    }

    /// A workflow over all its versions.
    /// - Throws: `workflow.not_found`.
    package func summary(of id: WorkflowID, in workspace: WorkspaceID) async throws -> WorkflowSummary {
        try await database.read { tx in
            guard let name = try WorkflowStore.name(of: id, in: workspace, tx) else { throw WorkflowError.notFound(id) }
            return try WorkflowStore.summary(of: name, tx)
        }
    }

    /// Versions of a workflow, the one stored last first.
    ///
    /// - Returns: At most `limit` (1...200), and the cursor of the next page.
    /// - Throws: `workflow.not_found`.
    package func versions(
        of id: WorkflowID, before cursor: Int64 = .max, limit: Int, in workspace: WorkspaceID
    ) async throws -> (items: [StoredWorkflow], next: Int64?) {
        let limit = Self.pageSize(limit)
        let page = try await database.read { tx in
            guard let name = try WorkflowStore.name(of: id, in: workspace, tx) else { throw WorkflowError.notFound(id) }
            return try WorkflowStore.versions(ofName: name.key, before: cursor, limit: limit + 1, tx)
        }
        return (Array(page.prefix(limit)), page.count > limit ? page[limit - 1].key : nil)
    }

    /// A version with its document.
    ///
    /// - Parameter version: A stored version, or `latest`, which is the highest.
    /// - Throws: `workflow.not_found`.
    package func definition(
        _ id: WorkflowID, version: String = Workflows.latest, in workspace: WorkspaceID
    ) async throws -> StoredDefinition {
        try await database.read { tx in
            let workflow = try Self.find(id, version: version, in: workspace, tx)
            guard let document = try WorkflowStore.document(workflow.key, tx) else {
                throw WorkflowError.notFound(id, version)
            }
            return StoredDefinition(workflow: workflow, document: document)
        }
    }

    /// Archives, activates or tags a workflow, or says how long its ended executions are kept, in all its versions; what is so already changes nothing.
    ///
    /// An archived workflow takes no new executions, neither asked for nor as a part of another; those that run go on.
    /// - Throws: `workflow.not_found`, `workflow.tag_invalid`.
    package func update(
        _ id: WorkflowID, _ change: WorkflowChange, as principal: Principal
    ) async throws -> WorkflowSummary {
        let tags = try change.checkedTags()
        let context = EventContext(principal, time: clock.now, ids: ids)
        return try await database.write { tx in
            try WorkflowStore.hold(id, in: principal.workspace, tx)
            guard var name = try WorkflowStore.name(of: id, in: principal.workspace, tx) else {
                throw WorkflowError.notFound(id)
            }
            let before = try WorkflowStore.summary(of: name, tx)
            if let state = change.state, state != before.state {
                try WorkflowStore.setState(state, ofName: name.key, now: context.time, tx)
                try append(WorkflowEvent.changed(id, to: state), to: id, context, tx)
            }
            if let tags, tags != before.tags {
                try WorkflowStore.setTags(tags, ofName: name.key, in: principal.workspace, now: context.time, tx)
                try append(WorkflowEvent.tagged(id, tags), to: id, context, tx)
            }
            if let retention = change.retention, retention != before.retention {
                try RetentionStore.set(retention, ofName: name.key, now: context.time, tx)
                try append(WorkflowEvent.retained(id, retention), to: id, context, tx)
            }
            name = try WorkflowStore.name(of: id, in: principal.workspace, tx) ?? name
            return try WorkflowStore.summary(of: name, tx)
        }
    }

    /// Deletes a version: it is found no more, and executions of it that have ended stay readable.
    ///
    /// Its version stays taken: only the same document can be stored under it again. With its last version a workflow loses
    /// its state, tags and owner.
    /// - Throws: `workflow.not_found`, `workflow.in_use` while executions of it have not ended.
    package func delete(_ id: WorkflowID, version: String, as principal: Principal) async throws {
        let context = EventContext(principal, time: clock.now, ids: ids)
        let key = try await database.write { tx in
            try WorkflowStore.hold(id, in: principal.workspace, tx)
            guard let workflow = try WorkflowStore.find(id, version: version, in: principal.workspace, tx) else {
                throw WorkflowError.notFound(id, version)
            }
            try WorkflowStore.delete(workflow, now: context.time, tx)
            try append(WorkflowEvent.deleted(workflow), to: id, context, tx)
            try ScheduleStore.markStale(of: workflow, now: context.time, tx)
            return workflow.key
        }
        definitions.forgetName(of: key)
    }

    static func pageSize(_ limit: Int) -> Int { min(max(limit, 1), pageMax) }
}

private func append(
    _ event: NewEvent, to id: WorkflowID, _ context: EventContext, _ tx: borrowing Transaction
) throws {
    try tx.append([event], to: WorkflowEvent.stream(of: id), context: context)
}
