import CognitionCore
package import CognitionWorkflows
import HTTPTypes

/// Executions as they were, and executions that go on from there.
package struct ForkRoutes: RouteGroup {
    package static let tag = "Executions"
    private let workflows: Workflows

    package init(workflows: Workflows) { self.workflows = workflows }

    package func routes(_ api: inout API) {
        api.route(
            .get, "workflows/executions/{id}/state",
            parameters: [Path.execution, Self.position, Self.at, Query.limit, Query.cursor],
            answers: [.ok(PastStateShape.self)], errors: [.notFound], access: .permission(.readWorkflows),
            summary: "Shows an execution as it was, with a page of its tasks.",
            details: """
                `position` is that of an event in the log: shown is the state that was durable with it. Without `position` \
                and `at` it is the present one.
                """, use: state)
        api.route(
            .get, "workflows/executions/{id}/diff",
            parameters: [Path.execution, Self.with, Self.changesOnly, Query.limit, Query.cursor],
            answers: [.ok(ExecutionDiffShape.self)], errors: [.notFound, .unsupported],
            access: .permission(.readWorkflows), summary: "Compares two executions, task by task.", use: diff)
        api.route(
            .post, "workflows/executions/{id}/fork", body: ForkRequest.self,
            parameters: [Path.execution, Self.idempotencyKey],
            answers: [.accepted(ExecutionSummaryShape.self, "Stored; it goes on at once.")],
            errors: [.notFound, .conflict], access: .permission(.execute),
            summary: "Starts an execution that goes on from a point of this one.",
            details: """
                What had completed is shared and not done again; what ran starts again, in the new execution. The same \
                Idempotency-Key again answers the same fork.
                """, use: fork)
        api.route(
            .post, "workflows/executions/{id}/retry", parameters: [Path.execution],
            answers: [.accepted(ExecutionSummaryShape.self, "Stored; it goes on at once.")],
            errors: [.notFound, .conflict],
            access: .permission(.execute), summary: "Goes on with an execution that has failed, from the failed task.",
            use: retry)
        api.route(
            .get, "workflows/executions/{id}/checkpoints", parameters: [Path.execution, Query.limit, Query.cursor],
            answers: [.ok(Page<CheckpointShape>.self)], errors: [.notFound], access: .permission(.readWorkflows),
            summary: "Lists the checkpoints of an execution, in the order they were taken.", use: checkpoints)
        api.route(
            .post, "workflows/executions/{id}/checkpoints", body: CheckpointRequest.self, parameters: [Path.execution],
            answers: [.created(CheckpointShape.self)], errors: [.notFound, .conflict], access: .permission(.execute),
            summary: "Remembers how far an execution is now.",
            details: "Of an execution that has failed or was cancelled it is the point before that.",
            use: makeCheckpoint)
        api.route(
            .get, "workflows/executions/{id}/checkpoints/{checkpoint}", parameters: [Path.execution, Self.checkpoint],
            answers: [.ok(CheckpointStateShape.self)], errors: [.notFound], access: .permission(.readWorkflows),
            summary: "Shows a checkpoint, and what the execution was like.", use: checkpoint)
        api.route(
            .delete, "workflows/executions/{id}/checkpoints/{checkpoint}",
            parameters: [Path.execution, Self.checkpoint], answers: [.noContent], errors: [.notFound],
            access: .permission(.execute), summary: "Forgets a checkpoint.",
            details: "Executions that were forked from it go on.", use: deleteCheckpoint)
    }

    private static let position = Parameter<Int64>(
        "position", in: .query, .whole(1...(.max)), "A position of the log.",
        read: { Int64($0).flatMap { $0 >= 1 ? $0 : nil } })
    private static let at = Parameter.moment("at", "A moment; not together with `position`.")
    private static let with = Parameter<ExecutionID>(
        "with", in: .query, .uuid, "The other execution's id.", read: ExecutionID.init)
    private static let changesOnly = Parameter<Bool>(
        "changes_only", in: .query, .flag(), "Leaves out what is equal.",
        read: { ["true": true, "false": false][$0] })
    private static let checkpoint = Parameter.text("checkpoint", in: .path, "Its id or name.", bytesMax: 63)
    private static let idempotencyKey = Parameter.text(
        "Idempotency-Key", in: .header, "The same key again answers the same fork.", bytesMax: 255)

    @Sendable private func state(_ call: Call<Void>) async throws -> Answer {
        let (position, at) = (try call.query(Self.position), try call.query(Self.at))
        guard position == nil || at == nil else {
            throw RequestError(.parameterInvalid, "position and at do not go together")
        }
        let id = try call.path(Path.execution)
        let moment: PastMoment
        if let position {
            moment = .position(position)
        } else if let at {
            moment = .time(at)
        } else {
            moment = .position(try await workflows.snapshot(of: id, in: call.workspace).position)
        }
        let state = try await workflows.state(
            of: id, at: moment, after: Int(try call.cursor(of: "past-tasks")?.key ?? 0), limit: try call.limit,
            in: call.workspace)
        return .ok(PastStateShape(state: state))
    }

    @Sendable private func diff(_ call: Call<Void>) async throws -> Answer {
        guard let other = try call.query(Self.with) else {
            throw RequestError(.parameterInvalid, "with names the other execution")
        }
        let diff = try await workflows.diff(
            of: try call.path(Path.execution), with: other, after: Int(try call.cursor(of: "diff")?.key ?? 0),
            limit: try call.limit, changesOnly: try call.query(Self.changesOnly) ?? false, in: call.workspace)
        return .ok(ExecutionDiffShape(diff: diff))
    }

    @Sendable private func fork(_ call: Call<ForkRequest>) async throws -> Answer {
        let command = ForkCommand(
            call.body.point, version: call.body.version, inputPatch: call.body.inputPatch,
            idempotencyKey: try call.idempotencyKey, correlationID: call.requestID)
        let started = try await workflows.fork(try call.path(Path.execution), command, as: call.principal)
        return .accepted(ExecutionSummaryShape(execution: started))
    }

    @Sendable private func retry(_ call: Call<Void>) async throws -> Answer {
        let execution = try await workflows.retry(try call.path(Path.execution), as: call.principal)
        return .accepted(ExecutionSummaryShape(execution: execution))
    }

    @Sendable private func checkpoints(_ call: Call<Void>) async throws -> Answer {
        let page = try await workflows.checkpoints(
            of: try call.path(Path.execution), after: try call.cursor(of: "checkpoints")?.key ?? 0,
            limit: try call.limit, in: call.workspace)
        return .ok(Page(page.items.map(CheckpointShape.init), next: page.next.map { Cursor("checkpoints", after: $0) }))
    }

    @Sendable private func makeCheckpoint(_ call: Call<CheckpointRequest>) async throws -> Answer {
        let checkpoint = try await workflows.makeCheckpoint(
            call.body.name, of: try call.path(Path.execution), as: call.principal)
        return .created(CheckpointShape(checkpoint: checkpoint))
    }

    @Sendable private func checkpoint(_ call: Call<Void>) async throws -> Answer {
        let id = try call.path(Path.execution)
        let checkpoint = try await workflows.checkpoint(try call.path(Self.checkpoint), of: id, in: call.workspace)
        // One of an execution that had not begun has no event before it.
        let state =
            checkpoint.position == 0
            ? nil
            : try await workflows.state(of: id, at: .position(checkpoint.position), limit: 1, in: call.workspace)
        return .ok(CheckpointStateShape(checkpoint: checkpoint, state: state))
    }

    @Sendable private func deleteCheckpoint(_ call: Call<Void>) async throws -> Answer {
        try await workflows.deleteCheckpoint(
            try call.path(Self.checkpoint), of: try call.path(Path.execution), as: call.principal)
        return .noContent
    }
}
