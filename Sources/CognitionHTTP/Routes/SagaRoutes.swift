import CognitionCore
package import CognitionWorkflows
import HTTPTypes

/// Steps that are undone when a later one fails.
package struct SagaRoutes: RouteGroup {
    package static let tag = "Executions"
    private let workflows: Workflows
    private let engine: WorkflowEngine

    package init(workflows: Workflows, engine: WorkflowEngine) {
        self.workflows = workflows
        self.engine = engine
    }

    package func routes(_ api: inout API) {
        api.route(
            .post, "sagas", body: SagaRequest.self, parameters: [Route.idempotencyKey],
            answers: [.accepted(SagaShape.self, "It runs.")],
            errors: [.conflict, .forbidden, .limited], access: .permission(.execute), summary: "Starts a saga.",
            details: """
                Steps are done one after the other; the output of each is the input of the next. When one fails, or the saga is \
                cancelled, those before it are undone in reverse order; so they are when `timeout` has passed, and the step that ran \
                is stopped. It is an execution of the workflow `sagas.NAME`, which \
                its steps make: everything that one does with executions is done with it. Storing that workflow needs \
                `workflows:write` as well.
                """, use: start)
        api.route(
            .get, "sagas", parameters: [Query.limit, Query.cursor], answers: [.ok(Page<ExecutionSummaryShape>.self)],
            access: .permission(.readWorkflows), summary: "Lists sagas, the newest first.", use: list)
        api.route(
            .get, "sagas/{id}", parameters: [Path.execution], answers: [.ok(SagaShape.self)], errors: [.notFound],
            access: .permission(.readWorkflows), summary: "Shows a saga, step by step.", use: show)
    }

    @Sendable private func start(_ call: Call<SagaRequest>) async throws -> Answer {
        guard call.principal.may(.writeWorkflows) else {
            throw RequestError(.permissionDenied, "a saga is stored as a workflow, which needs workflows:write as well")
        }
        let saga = try await workflows.startSaga(
            call.body.plan, input: call.body.input, idempotencyKey: try call.idempotencyKey,
            correlationID: call.requestID, as: call.principal, on: engine)
        return .accepted(SagaShape(saga: saga))
    }

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let page = try await workflows.executions(
            ExecutionFilter(namespace: SagaPlan.namespace), before: try call.cursor(of: "sagas")?.key ?? .max,
            limit: try call.limit, in: call.workspace)
        return .ok(
            Page(page.items.map(ExecutionSummaryShape.init), next: page.next.map { Cursor("sagas", after: $0) }))
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        .ok(SagaShape(saga: try await workflows.saga(try call.path(Path.execution), in: call.workspace)))
    }
}
