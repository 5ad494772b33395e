package import CognitionCore

/// Sagas as data: started, listed and shown; whatever else one does with an execution is done with it.
extension Workflows {
    /// Starts a saga, or answers the one that the idempotency key has started before.
    ///
    /// - Throws: `DefinitionError` with every fault of its steps; else as ``execute(_:as:on:)``.
    package func startSaga(
        _ plan: SagaPlan, input: JSONValue, idempotencyKey: String?, correlationID: String?, as principal: Principal,
        on engine: WorkflowEngine?
    ) async throws -> Saga {
        let definition = try await read(plan.document.jsonText, as: principal)
        // Other steps under the same name are another version of it.
        let stored = try await create(definition, isRevision: true, as: principal)
        let command = ExecuteCommand(
            workflow: stored.id, version: stored.version, input: input, idempotencyKey: idempotencyKey,
            correlationID: correlationID)
        return try await saga(try await execute(command, as: principal, on: engine).id, in: principal.workspace)
    }

    /// - Throws: `workflow.execution_not_found`, also for an execution that is no saga.
    package func saga(_ id: ExecutionID, in workspace: WorkspaceID) async throws -> Saga {
        let execution = try await execution(id, in: workspace)
        guard execution.workflow.namespace == SagaPlan.namespace else { throw WorkflowError.notFound(id) }
        do {
            let definition = try await definition(
                execution.workflow, version: execution.version, in: execution.workspace)
            let tasks = definition.document["do"]?.arrayValue ?? []
            return Saga(
                execution, steps: tasks.compactMap { $0.objectValue?.keys.first },
                timeout: definition.document["timeout"]?["after"]?.stringValue)
        } catch let error as WorkflowError where error.category == .notFound {
            // Of a definition that was deleted, the steps that were begun are known.
            let begun = execution.tasks.filter { $0.parent == 0 && !$0.name.hasPrefix("compensate ") }
            return Saga(execution, steps: begun.map(\.name), timeout: nil)
        }
    }
}
