package import CognitionCore
package import CognitionEvents
package import CognitionStorage

/// Executions as their users see them. Everything is confined to one workspace; what is in another is not found.
extension Workflows {
    /// An execution with its first ``tasksShownMax`` tasks.
    /// - Throws: `workflow.execution_not_found`.
    package func execution(_ id: ExecutionID, in workspace: WorkspaceID) async throws -> Execution {
        try await database.read { tx in
            guard
                let execution = try ExecutionStore.execution(id, in: workspace, tasksMax: Self.tasksShownMax, tx)
            else { throw WorkflowError.notFound(id) }
            return execution
        }
    }

    /// The same as compact JSON in UTF-8, the bytes of ``Execution/json``; about twice as fast as making them from it.
    /// - Throws: `workflow.execution_not_found`.
    package func executionJSON(_ id: ExecutionID, in workspace: WorkspaceID) async throws -> [UInt8] {
        try await writtenExecution(id, in: workspace).json
    }

    /// The same, and whether the execution has ended.
    package func writtenExecution(_ id: ExecutionID, in workspace: WorkspaceID) async throws -> WrittenExecution {
        try await database.read { tx in
            guard let execution = try ExecutionStore.json(of: id, in: workspace, tasksMax: Self.tasksShownMax, tx)
            else {
                throw WorkflowError.notFound(id)
            }
            return execution
        }
    }

    /// Executions, newest first.
    ///
    /// - Parameter cursor: What the page before gave as `next`.
    /// - Returns: At most `limit` (1...200), and the cursor of the next page.
    package func executions(
        _ filter: ExecutionFilter = ExecutionFilter(), before cursor: Int64 = .max, limit: Int,
        in workspace: WorkspaceID
    ) async throws -> (items: [ExecutionSummary], next: Int64?) {
        let limit = Self.pageSize(limit)
        let page = try await database.read { tx in
            try ExecutionStore.page(filter, before: cursor, limit: limit + 1, in: workspace, tx)
        }
        return (page.prefix(limit).map(\.summary), page.count > limit ? page[limit - 1].key : nil)
    }

    /// The tasks of an execution with their inputs and outputs, in the order they started.
    ///
    /// - Parameter number: The last task of the page before; it is what that page gave as `next`.
    /// - Returns: At most `limit` (1...200), fewer where their data is more than 16 MiB; and the cursor of the next page.
    /// - Throws: `workflow.execution_not_found`.
    package func tasks(
        of id: ExecutionID, after number: Int = 0, limit: Int, in workspace: WorkspaceID
    ) async throws -> (items: [TaskDetail], next: Int?) {
        let limit = Self.pageSize(limit)
        guard let key = try await database.read({ tx in try ExecutionStore.workflowKey(of: id, in: workspace, tx) })
        else { throw WorkflowError.notFound(id) }
        let inputIsAsGiven = try await leavesInputAsGiven(key)
        return try await database.read { tx in
            guard let (key, _) = try ExecutionStore.summary(of: id, in: workspace, tx) else {
                throw WorkflowError.notFound(id)
            }
            var reader = TaskDetailReader(
                key: key, lineage: try Lineage(of: key, tx), workspace: workspace, inputIsAsGiven: inputIsAsGiven)
            let page = try reader.page(after: min(max(number, 0), ExecutionMachine.tasksMax), limit: limit, tx)
            return (page.items, page.hasMore ? page.items.last?.summary.number : nil)
        }
    }

    /// Whether a document leaves the input of its executions as it is.
    func leavesInputAsGiven(_ key: Int64) async throws -> Bool {
        do {
            return try await definition(key).input.from == nil
        } catch is DefinitionError {
            // An execution whose definition cannot be read any more was set aside, and people want to see why.
            return false
        }
    }

    /// Events of an execution, in the order of their versions.
    ///
    /// - Parameters:
    ///   - fromVersion: The first version wanted; versions count from 1.
    ///   - limit: 1...200.
    /// - Throws: `workflow.execution_not_found`, also for one that was deleted, though the log keeps its events.
    package func events(
        of id: ExecutionID, fromVersion: Int64 = 1, limit: Int, in workspace: WorkspaceID
    ) async throws -> StreamPage {
        let limit = Self.pageSize(limit)
        return try await database.read { tx in
            guard try ExecutionStore.status(of: id, in: workspace, tx) != nil else { throw WorkflowError.notFound(id) }
            return try EventLog.readStream(
                WorkflowEvent.stream(of: id), workspace: workspace, fromVersion: fromVersion, limit: limit, in: tx)
        }
    }

    /// The type of the streams that tell of executions.
    package static let executionStreamType = "execution"

    /// Which of `ids` are executions that are there, of whichever workspace; at most 256.
    package static func existing(_ ids: [String], in tx: borrowing Transaction) throws -> Set<String> {
        let found = try tx.query(
            "SELECT id FROM executions WHERE id IN \(list: ids.compactMap { ExecutionID($0) })"
        ) { try $0[0] as ExecutionID }
        return Set(found.map(\.description))
    }

    // MARK: Live view

    /// An execution and the position of the log at the same moment: whoever goes on with the events after that position
    /// misses none and gets none twice.
    /// - Throws: `workflow.execution_not_found`.
    package func snapshot(of id: ExecutionID, in workspace: WorkspaceID) async throws -> ExecutionSnapshot {
        try await database.read { tx in
            guard let (_, summary) = try ExecutionStore.summary(of: id, in: workspace, tx) else {
                throw WorkflowError.notFound(id)
            }
            return ExecutionSnapshot(executions: [summary], position: try EventLog.head(in: tx))
        }
    }

    /// The newest executions of a workflow, in any version, and the position of the log at the same moment.
    ///
    /// - Parameter limit: 1...200.
    /// - Throws: `workflow.not_found`.
    package func snapshot(
        of id: WorkflowID, limit: Int, in workspace: WorkspaceID
    ) async throws -> ExecutionSnapshot {
        let limit = Self.pageSize(limit)
        return try await database.read { tx in
            guard try WorkflowStore.name(of: id, in: workspace, tx) != nil else { throw WorkflowError.notFound(id) }
            let page = try ExecutionStore.page(
                ExecutionFilter(workflow: id), before: .max, limit: limit, in: workspace, tx)
            return ExecutionSnapshot(executions: page.map(\.summary), position: try EventLog.head(in: tx))
        }
    }

    // MARK: Deletion

    /// Deletes an execution that has ended, with its tasks and their data; the log keeps its events. Its idempotency key is
    /// free again.
    ///
    /// Many tasks are deleted piece by piece, so until this returns others may see fewer of them; called again after a
    /// failure it goes on.
    /// - Throws: `workflow.execution_not_found`, `workflow.execution_live`.
    package func deleteExecution(_ id: ExecutionID, as principal: Principal) async throws {
        let context = EventContext(principal, time: clock.now, ids: ids)
        var isGone = false
        while !isGone {
            isGone = try await database.write { tx in
                guard let deleted = try ExecutionStore.deletePiece(of: id, in: principal.workspace, tx) else {
                    return false
                }
                try tx.append([WorkflowEvent.deleted(deleted)], to: WorkflowEvent.stream(of: id), context: context)
                return true
            }
        }
    }
}
