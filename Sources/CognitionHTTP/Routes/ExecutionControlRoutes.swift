import CognitionCore
package import CognitionWorkflows
import HTTPTypes

/// What people and other systems say to executions: signals, answers, suspension, and events for whoever listens.
package struct ExecutionControlRoutes: RouteGroup {
    package static let tag = "Executions"
    private let workflows: Workflows

    package init(workflows: Workflows) { self.workflows = workflows }

    package func routes(_ api: inout API) {
        control(&api)
        approvals(&api)
        api.route(
            .post, "events", body: CloudEventRequest.self,
            answers: [.accepted(PublishedEventShape.self, "It is in the log, and on its way to those that listen.")],
            errors: [.limited], access: .permission(.execute),
            summary: "Publishes a CloudEvent to the workspace's `listen` tasks and event-driven schedules.",
            details: "In the JSON form of CloudEvents 1.0; `id`, `time` and `specversion` may be missing.", use: publish
        )
    }

    private func control(_ api: inout API) {
        let answers: [AnswerShape] = [
            .ok(ExecutionShape.self, "It is done."),
            .accepted(ExecutionShape.self, "It will be, as soon as whoever runs the execution looks."),
        ]
        api.route(
            .post, "workflows/executions/{id}/suspend", parameters: [Path.execution], answers: answers,
            errors: [.notFound, .conflict], access: .permission(.execute), summary: "Suspends an execution.",
            details: """
                What runs ends, and its results are kept; nothing new begins until the execution is resumed. Timers stand \
                still for deadlines; a `wait` whose moment has come goes on when the execution does.
                """, use: suspend)
        api.route(
            .post, "workflows/executions/{id}/resume", parameters: [Path.execution], answers: answers,
            errors: [.notFound, .conflict], access: .permission(.execute),
            summary: "Lets a suspended execution go on, also one that the engine has set aside.", use: resume)
        api.route(
            .post, "workflows/executions/{id}/move", body: MoveRequest.self, parameters: [Path.execution],
            answers: [.ok(ExecutionShape.self, "It has that version now.")], errors: [.notFound, .conflict],
            access: .permission(.execute), summary: "Lets an execution go on with another version of its workflow.",
            details: """
                Only one that waits or is suspended. Every task that it has entered must be in that version, unchanged and \
                at the same place; the problem's detail says what differs.
                """, use: move)
        api.route(
            .post, "workflows/executions/{id}/signals/{name}", body: SignalRequest.self,
            parameters: [Path.execution, Self.signal], answers: [.accepted(SignalShape.self, "It will not be lost.")],
            errors: [.notFound, .conflict, .limited], access: .permission(.execute),
            summary: "Sends a signal to an execution; the body is its data.",
            details: """
                The first `listen` task of the execution that takes events of type `name` consumes it, now or when it begins.
                """, use: signal)
        api.route(
            .post, "workflows/executions/{id}/tasks/{number}/reconcile", body: ReconcileRequest.self,
            parameters: [Path.execution, Self.task],
            answers: [.accepted(ExecutionShape.self, "It goes on from there.")],
            errors: [.notFound, .conflict], access: .permission(.execute),
            summary: "Says what became of an effect of class `once` that a crash has hidden.",
            details: """
                Only of a task that waits with reason `needs_reconcile`: `done` with the output that it gave, `retry` to do it \
                again, or `fail`.
                """, use: reconcile)
    }

    private func approvals(_ api: inout API) {
        api.route(
            .get, "workflows/executions/{id}/approvals", parameters: [Path.execution, Query.limit, Query.cursor],
            answers: [.ok(Page<ApprovalShape>.self)], errors: [.notFound], access: .permission(.readWorkflows),
            summary: "Lists the questions that an execution has asked people, answered ones too.", use: list)
        api.route(
            .post, "workflows/executions/{id}/approvals/{approval}", body: ApprovalAnswerRequest.self,
            parameters: [Path.execution, Self.approval],
            answers: [.ok(ApprovalAnswerShape.self, "Answered; `applied` says whether by this request.")],
            errors: [.notFound, .conflict], access: .permission(.execute),
            summary: "Answers a question; the first answer counts.",
            details: """
                `digest` is that of the approval as it was listed: it stands for exactly what is approved. A second answer \
                changes nothing: `applied` is false, and the answer is the one that stands.
                """, use: answer)
    }

    private static let signal = Parameter.text(
        "name", in: .path, "The signal's name: the type of the event that a task listens for.", bytesMax: 200)
    private static let task = Parameter<Int>(
        "number", in: .path, .whole(1...ExecutionMachine.tasksMax), "The task's number.",
        read: { Int($0).flatMap { (1...ExecutionMachine.tasksMax).contains($0) ? $0 : nil } })
    private static let approval = Parameter.text("approval", in: .path, "The approval's id.", bytesMax: 32)

    // MARK: Control

    @Sendable private func suspend(_ call: Call<Void>) async throws -> Answer {
        let id = try call.path(Path.execution)
        try await workflows.suspend(id, as: call.principal)
        return try await changed(id, call.workspace) { $0.status == .suspended }
    }

    @Sendable private func move(_ call: Call<MoveRequest>) async throws -> Answer {
        let id = try call.path(Path.execution)
        _ = try await workflows.move(id, to: call.body.version, as: call.principal)
        return .ok(ExecutionShape(execution: try await workflows.execution(id, in: call.workspace)))
    }

    @Sendable private func resume(_ call: Call<Void>) async throws -> Answer {
        let id = try call.path(Path.execution)
        try await workflows.resume(id, as: call.principal)
        return try await changed(id, call.workspace) { $0.status != .suspended }
    }

    private func changed(
        _ id: ExecutionID, _ workspace: WorkspaceID, when isDone: @escaping @Sendable (Execution) -> Bool
    ) async throws -> Answer {
        let execution = try await workflows.wait(for: id, in: workspace, until: isDone, atMost: .seconds(2))
        let body = ExecutionShape(execution: execution)
        return isDone(execution) || execution.status.hasEnded ? .ok(body) : .accepted(body)
    }

    @Sendable private func signal(_ call: Call<SignalRequest>) async throws -> Answer {
        let (id, name) = (try call.path(Path.execution), try call.path(Self.signal))
        try await workflows.signal(name, data: call.body.data, to: id, as: call.principal)
        return .accepted(SignalShape(execution: id, name: name))
    }

    @Sendable private func reconcile(_ call: Call<ReconcileRequest>) async throws -> Answer {
        let id = try call.path(Path.execution)
        let reconciliation = Reconciliation(task: try call.path(Self.task), outcome: call.body.outcome)
        try await workflows.reconcile(reconciliation, of: id, as: call.principal)
        return .accepted(ExecutionShape(execution: try await workflows.execution(id, in: call.workspace)))
    }

    @Sendable private func publish(_ call: Call<CloudEventRequest>) async throws -> Answer {
        let (event, listeners) = try await workflows.publish(
            call.body.attributes, as: call.principal, correlationID: call.requestID)
        return .accepted(PublishedEventShape(event: event, listeners: listeners))
    }

    // MARK: Approvals

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let page = try await workflows.approvals(
            of: try call.path(Path.execution), after: try call.cursor(of: "approvals")?.key ?? 0,
            limit: try call.limit, in: call.workspace)
        return .ok(Page(page.items.map(ApprovalShape.init), next: page.next.map { Cursor("approvals", after: $0) }))
    }

    @Sendable private func answer(_ call: Call<ApprovalAnswerRequest>) async throws -> Answer {
        let (id, name) = (try call.path(Path.execution), try call.path(Self.approval))
        guard let (task, attempt) = Approval.parse(id: name) else {
            throw WorkflowError(.approvalNotFound, "execution \(id) has no approval \(name)")
        }
        let (approval, isFirst) = try await workflows.answer(
            task: task, attempt: attempt, of: id, choice: call.body.choice, digest: call.body.digest,
            comment: call.body.comment, as: call.principal)
        return .ok(ApprovalAnswerShape(approval: approval, isApplied: isFirst))
    }
}
