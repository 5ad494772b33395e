package import CognitionCore
import CognitionEvents
import CognitionStorage

/// Single versions of workflows.
extension Workflows {
    /// Archives or activates one version; what is so already changes nothing.
    ///
    /// An archived version takes no new executions, those that run go on; `latest` is the highest of the others, as long as
    /// there are any.
    /// - Parameter version: A stored version, or `latest`.
    /// - Throws: `workflow.not_found`.
    package func setState(
        _ state: WorkflowState, of id: WorkflowID, version: String, as principal: Principal
    ) async throws -> StoredWorkflow {
        let context = EventContext(principal, time: clock.now, ids: ids)
        return try await database.write { tx in
            try WorkflowStore.hold(id, in: principal.workspace, tx)
            var workflow = try Self.find(id, version: version, in: principal.workspace, tx)
            guard workflow.isArchived != (state == .archived) else { return workflow }
            workflow.isArchived = state == .archived
            try WorkflowStore.setState(state, of: workflow, now: context.time, tx)
            try tx.append(
                [WorkflowEvent.changed(id, to: state, version: workflow.version)], to: WorkflowEvent.stream(of: id),
                context: context)
            try self.keepSchedule(ofName: workflow.nameKey, id, in: principal.workspace, now: context.time, tx)
            return workflow
        }
    }
}
