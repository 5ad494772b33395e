import CognitionCore
package import CognitionEvents
package import CognitionIdentity
package import CognitionWorkflows
import HTTPTypes
import ServiceLifecycle

/// Executions: started, watched, cancelled.
package struct ExecutionRoutes: RouteGroup {
    package static let tag = "Executions"
    private let workflows: Workflows
    private let engine: WorkflowEngine
    private let log: EventLog
    private let identity: Identity

    package init(workflows: Workflows, engine: WorkflowEngine, log: EventLog, identity: Identity) {
        self.workflows = workflows
        self.engine = engine
        self.log = log
        self.identity = identity
    }

    package func routes(_ api: inout API) {
        api.route(
            .post, "workflows/execute", body: ExecuteRequest.self, parameters: [Self.idempotencyKey],
            answers: [
                .accepted(ExecutionSummaryShape.self, "Started; it is durable from now on."),
                .ok(ExecutionShape.self, "It has ended within `wait_seconds`."),
            ], errors: [.notFound, .conflict, .unsupported, .unavailable], access: .permission(.execute),
            summary: "Starts an execution of a workflow.",
            details: """
                With the same idempotency key the same execution is answered, whatever became of it; another workflow or \
                input under the key is refused.
                """, use: execute)
        api.route(
            .get, "workflows/executions",
            parameters: [Self.workflow, Self.status, Self.since, Query.limit, Query.cursor],
            answers: [.ok(Page<ExecutionSummaryShape>.self)], access: .permission(.readWorkflows),
            summary: "Lists executions, newest first.", use: list)
        api.route(
            .get, "workflows/executions/{id}", parameters: [Path.execution],
            answers: [.ok(ExecutionShape.self), .notModified], errors: [.notFound],
            access: .permission(.readWorkflows),
            summary: "Shows an execution with its progress and its first tasks.",
            details: "One that has ended has an `ETag`, with which it can be asked for again.", use: show)
        api.route(
            .delete, "workflows/executions/{id}", parameters: [Path.execution], answers: [.noContent],
            errors: [.notFound, .conflict], access: .permission(.execute),
            summary: "Deletes an execution that has ended.", details: "Its events stay in the log.", use: delete)
        api.route(
            .get, "workflows/executions/{id}/tasks", parameters: [Path.execution, Query.limit, Query.cursor],
            answers: [.ok(Page<TaskDetailShape>.self)], errors: [.notFound], access: .permission(.readWorkflows),
            summary: "Lists the tasks of an execution in the order of their starts, with input and output.", use: tasks)
        api.route(
            .post, "workflows/executions/{id}/cancel", parameters: [Path.execution],
            answers: [
                .ok(ExecutionShape.self, "It is cancelled."),
                .accepted(
                    ExecutionShape.self,
                    "It will be, as soon as its node has stopped what runs and undone what is to be compensated."),
            ],
            errors: [.notFound, .conflict], access: .permission(.execute),
            summary: "Cancels an execution; its running calls are stopped.",
            details: """
                Tasks that declare a compensation are undone before it ends; until then its `reason` is `compensating`, and \
                another cancellation is accepted and changes nothing.
                """, use: cancel)
        api.route(
            .get, "workflows/executions/{id}/events",
            parameters: [Path.execution, Query.limit, Query.cursor, Self.tokens, Self.lastEventID],
            answers: [
                .okOrEvents(Page<EventShape>.self, "A page; or all of them as they come, as server-sent events."),
                .noContent("Of server-sent events: there are none after `Last-Event-ID`, and will be none."),
            ], errors: [.notFound], access: .permission(.readWorkflows),
            summary: "Lists what happened in an execution, or follows it.",
            details: """
                With `Accept: text/event-stream` the answer goes on until the execution has ended. The id of each event is \
                its position in the log: a client that lost its connection sends it back in `Last-Event-ID` and misses \
                nothing.

                Between them comes what tasks are writing on this node, such as the words of language models: `token` with \
                `{task, name, attempt, offset, text}`, and `token_reset` when all of a task's text so far is void. They have \
                no id and are not kept.
                """, use: events)
    }

    private static let idempotencyKey = Parameter.text(
        "Idempotency-Key", in: .header, "The same key again answers the same execution.", bytesMax: 255)
    private static let workflow = Parameter<WorkflowID>(
        "workflow", in: .query, .text(length: 1...127), "Only of this workflow: `namespace.name` or `name`.",
        read: WorkflowID.init)
    private static let status = Parameter<ExecutionStatus>(
        "status", in: .query, ExecutionSummaryShape.status, "Only those with this status.",
        read: ExecutionStatus.init(name:))
    private static let since = Parameter.moment("since", "Only those created at this moment or later.")
    private static let tokens = Parameter<Bool>(
        "tokens", in: .query, .flag(), "False leaves the text of running tasks out of a stream of server-sent events.",
        read: { ["true": true, "false": false][$0] })
    private static let lastEventID = Parameter<Int64>(
        "Last-Event-ID", in: .header, .whole(0...(.max)), "Where a stream of server-sent events goes on.",
        read: { Int64($0).flatMap { $0 >= 0 ? $0 : nil } })

    @Sendable private func execute(_ call: Call<ExecuteRequest>) async throws -> Answer {
        let (key, other) = (try call.idempotencyKey ?? call.body.idempotencyKey, call.body.idempotencyKey)
        guard other == nil || other == key else {
            throw RequestError(.parameterInvalid, "Idempotency-Key and idempotency_key are not the same")
        }
        let command = ExecuteCommand(
            workflow: call.body.workflow, version: call.body.version, input: call.body.input, idempotencyKey: key,
            correlationID: call.requestID, priority: call.body.priority)
        let started = try await workflows.execute(command, as: call.principal, on: engine)
        if call.body.wait > .zero, let ended = try await end(of: started.id, within: call.body.wait, in: call.workspace)
        {
            return .ok(ended)
        }
        return .accepted(ExecutionSummaryShape(execution: started))
    }

    /// The execution once it has ended; `nil` when it goes on longer than that, or when the server ends.
    private func end(
        of id: ExecutionID, within limit: Duration, in workspace: WorkspaceID
    ) async throws -> ExecutionShape? {
        try await withThrowingTaskGroup(of: ExecutionShape?.self) { group in
            group.addTask { [workflows] in
                try await cancelWhenGracefulShutdown {
                    ExecutionShape(execution: try await workflows.waitForEnd(of: id, in: workspace))
                }
            }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            do {
                return try await group.next() ?? nil
            } catch is CancellationError where Task.isShuttingDownGracefully {
                return nil
            }
        }
    }

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let filter = ExecutionFilter(
            workflow: try call.query(Self.workflow), status: try call.query(Self.status),
            since: try call.query(Self.since))
        let page = try await workflows.executions(
            filter, before: try call.cursor(of: "executions")?.key ?? .max, limit: try call.limit, in: call.workspace)
        return .ok(
            Page(page.items.map(ExecutionSummaryShape.init), next: page.next.map { Cursor("executions", after: $0) }))
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        let execution = try await workflows.writtenExecution(try call.path(Path.execution), in: call.workspace)
        let answer = Answer.ok(json: execution.json)
        return execution.hasEnded ? answer.revalidated() : answer
    }

    @Sendable private func delete(_ call: Call<Void>) async throws -> Answer {
        try await workflows.deleteExecution(try call.path(Path.execution), as: call.principal)
        return .noContent
    }

    @Sendable private func tasks(_ call: Call<Void>) async throws -> Answer {
        let page = try await workflows.tasks(
            of: try call.path(Path.execution), after: Int(try call.cursor(of: "tasks")?.key ?? 0),
            limit: try call.limit,
            in: call.workspace)
        return .ok(
            Page(page.items.map(TaskDetailShape.init), next: page.next.map { Cursor("tasks", after: Int64($0)) }))
    }

    @Sendable private func cancel(_ call: Call<Void>) async throws -> Answer {
        let id = try call.path(Path.execution)
        try await workflows.cancel(id, as: call.principal)
        let execution = try await workflows.execution(id, in: call.workspace)
        let body = ExecutionShape(execution: execution)
        return execution.status.hasEnded ? .ok(body) : .accepted(body)
    }

    @Sendable private func events(_ call: Call<Void>) async throws -> Answer {
        let id = try call.path(Path.execution)
        // One that is none is refused, also where it says nothing.
        _ = try call.header(Self.lastEventID)
        if call.accepts(EventStream.mediaType) { return try await follow(id, call) }
        let page = try await workflows.events(
            of: id, fromVersion: (try call.cursor(of: "execution-events")?.key ?? 0) + 1, limit: try call.limit,
            in: call.workspace)
        let last = page.events.last?.version ?? page.version
        return .ok(
            Page(
                page.events.map(EventShape.init),
                next: last < page.version ? Cursor("execution-events", after: last) : nil))
    }

    private func follow(_ id: ExecutionID, _ call: Call<Void>) async throws -> Answer {
        let after = try call.header(Self.lastEventID) ?? 0
        let wantsTokens = try call.query(Self.tokens) ?? true
        let snapshot = try await workflows.snapshot(of: id, in: call.workspace)
        let hasEnded = snapshot.executions.first?.status.hasEnded ?? true
        if after > 0, hasEnded {
            let rest = try await log.readAll(after: after, limit: 1, filter: filter(id, call.workspace))
            if rest.events.isEmpty, rest.isAtEnd { return .noContent }
        }
        // An end that was taken back by a retry is none.
        let retry = try await workflows.lastRetry(of: id, in: call.workspace)
        let stream = EventStream(
            tail: log.tail(after: after, filter: filter(id, call.workspace)),
            isLast: { Self.ends.contains($0.type) && $0.position > retry },
            hasEnded: hasEnded,
            isAllowed: { [identity, caller = call.caller] in try await identity.mayGoOn(caller, with: .readWorkflows) })
        guard wantsTokens, !hasEnded else {
            return Answer(.ok, .stream(mediaType: EventStream.mediaType) { try await stream.write(to: &$0) })
        }
        let withTokens = TokenEventStream(
            events: stream, execution: id, workspace: call.workspace, tokens: workflows.tokens, log: log,
            start: snapshot.position)
        return Answer(.ok, .stream(mediaType: EventStream.mediaType) { try await withTokens.write(to: &$0) })
    }

    private func filter(_ id: ExecutionID, _ workspace: WorkspaceID) -> EventFilter {
        EventFilter(workspace: workspace, stream: StreamName("execution", id.description))
    }

    private static let ends: Set<String> = ["execution.completed", "execution.faulted", "execution.cancelled"]
}
