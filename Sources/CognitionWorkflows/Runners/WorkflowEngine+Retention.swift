import CognitionCore
import CognitionStorage
import Logging

/// Deletes executions that have ended longer ago than their workflow keeps them, and what nobody listens with. Nodes may do so at the same time: what
/// another has deleted is passed over.
extension WorkflowEngine {
    /// How many are looked for at once; each is deleted in transactions of its own.
    private static let batchMax = 100
    private static let workflowsMax = 200
    private static let filtersMax = 500
    /// Between two batches, so that executions that run are hardly slowed down.
    private static let batchPause: Duration = .milliseconds(50)

    /// Until the task is cancelled.
    func retain() async {
        while !Task.isCancelled {
            do {
                try await deleteExpired()
                while try await workflows.deleteUnusedFilters(limit: Self.filtersMax) == Self.filtersMax {
                    try await Task.sleep(for: Self.batchPause)
                }
            } catch is CancellationError {
                return
            } catch {
                // The tick tells of a database that does not answer, and this comes again.
                logger.debug("Nothing expired deleted", metadata: ["error": "\(error)"])
            }
            // Ends early when the task is cancelled, as the loop does then.
            try? await Task.sleep(for: settings.retentionInterval)
        }
    }

    private func deleteExpired() async throws {
        var last: Int64 = 0
        while true {
            let key = last
            let expiries = try await workflows.database.read { tx in
                try RetentionStore.expiries(after: key, limit: Self.workflowsMax, tx)
            }
            guard let next = expiries.last?.nameKey else { return }
            for expiry in expiries { try await delete(expiry) }
            last = next
        }
    }

    private func delete(_ expiry: RetentionStore.Expiry) async throws {
        var total = 0
        defer {
            if total > 0 {
                metrics.countExpired(total)
                logger.info(
                    "Expired executions deleted",
                    metadata: [
                        "workspace.id": "\(expiry.workspace)", "status": "\(expiry.status.name)", "count": "\(total)",
                    ])
            }
        }
        while true {
            let now = clock.now
            let ids = try await workflows.database.read { tx in
                try RetentionStore.expired(expiry, limit: Self.batchMax, now: now, tx)
            }
            var deleted = 0
            for id in ids {
                if try await delete(id, in: expiry.workspace) { deleted += 1 }
            }
            total += deleted
            guard ids.count == Self.batchMax, deleted > 0 else { return }
            try await Task.sleep(for: Self.batchPause)
        }
    }

    /// - Returns: False when another was faster, or a task waits for it again.
    private func delete(_ id: ExecutionID, in workspace: WorkspaceID) async throws -> Bool {
        do {
            let principal = Principal(actor: ExecutionOrigin.engine, workspace: workspace)
            try await workflows.deleteExecution(id, as: principal)
            return true
        } catch let error as WorkflowError where [.executionNotFound, .executionLive].contains(error.code) {
            return false
        }
    }
}
