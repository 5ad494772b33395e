import CognitionCore
import CognitionHTTP
import CognitionWorkflows

/// What commands say to executions; carried out in this process or by the server, as ``ExecutionDesk`` is.
protocol ExecutionControlDesk: Sendable {
    func suspend(_ id: ExecutionID) async throws
    func resume(_ id: ExecutionID) async throws
    func move(_ id: ExecutionID, to version: String) async throws
    func signal(_ name: String, data: JSONValue, to id: ExecutionID) async throws

    /// Questions of an execution as `{items, next_cursor}`.
    func approvals(of id: ExecutionID, _ page: PageWish) async throws -> JSONValue

    /// - Returns: `{applied, approval}`.
    func answer(
        _ approval: String, of id: ExecutionID, choice: String, digest: String, comment: String?
    ) async throws -> JSONValue

    func reconcile(_ task: Int, of id: ExecutionID, _ outcome: Reconciliation.Outcome) async throws

    /// - Returns: `{id, source, type, listeners}`.
    func publish(_ event: JSONValue) async throws -> JSONValue

    /// - Returns: As `GET workflows/{id}/schedule`.
    func schedule(of id: WorkflowID) async throws -> JSONValue
}

extension LocalDesk {
    func suspend(_ id: ExecutionID) async throws { try await node.workflows.suspend(id, as: .localOperator) }

    func move(_ id: ExecutionID, to version: String) async throws {
        _ = try await node.workflows.move(id, to: version, as: .localOperator)
    }

    func resume(_ id: ExecutionID) async throws { try await node.workflows.resume(id, as: .localOperator) }

    func signal(_ name: String, data: JSONValue, to id: ExecutionID) async throws {
        try await node.workflows.signal(name, data: data, to: id, as: .localOperator)
    }

    func approvals(of id: ExecutionID, _ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map { try Cursor($0, of: "approvals").key }
        let found = try await node.workflows.approvals(of: id, after: after ?? 0, limit: page.limit, in: .default)
        return [
            "items": .array(found.items.map(\.json)),
            "next_cursor": found.next.map { .string(Cursor("approvals", after: $0).text) } ?? .null,
        ]
    }

    func answer(
        _ approval: String, of id: ExecutionID, choice: String, digest: String, comment: String?
    ) async throws -> JSONValue {
        guard let (task, attempt) = Approval.parse(id: approval), let digest = SHA256Digest(digest) else {
            throw CommandFailure("there is no approval \(approval)")
        }
        let (answered, isFirst) = try await node.workflows.answer(
            task: task, attempt: attempt, of: id, choice: choice, digest: digest, comment: comment, as: .localOperator)
        return ["applied": .bool(isFirst), "approval": answered.json]
    }

    func reconcile(_ task: Int, of id: ExecutionID, _ outcome: Reconciliation.Outcome) async throws {
        try await node.workflows.reconcile(Reconciliation(task: task, outcome: outcome), of: id, as: .localOperator)
    }

    func schedule(of id: WorkflowID) async throws -> JSONValue {
        try await node.workflows.standingSchedule(of: id, in: .default).json
    }

    func publish(_ event: JSONValue) async throws -> JSONValue {
        let (event, listeners) = try await node.workflows.publish(event, as: .localOperator)
        return [
            "id": .string(event.id), "source": .string(event.source), "type": .string(event.type),
            "listeners": .integer(Int64(listeners)),
        ]
    }
}

extension RemoteDesk {
    func suspend(_ id: ExecutionID) async throws {
        _ = try await server.call("POST", "workflows", "executions", id.description, "suspend")
    }

    func move(_ id: ExecutionID, to version: String) async throws {
        _ = try await server.call(
            "POST", "workflows", "executions", id.description, "move", body: .json(["version": .string(version)]))
    }

    func resume(_ id: ExecutionID) async throws {
        _ = try await server.call("POST", "workflows", "executions", id.description, "resume")
    }

    func signal(_ name: String, data: JSONValue, to id: ExecutionID) async throws {
        _ = try await server.call(
            "POST", "workflows", "executions", id.description, "signals", name, body: .json(data))
    }

    func approvals(of id: ExecutionID, _ page: PageWish) async throws -> JSONValue {
        try await server.call(
            "GET", "workflows", "executions", id.description, "approvals",
            query: [("limit", String(page.limit)), ("cursor", page.cursor)])
    }

    func answer(
        _ approval: String, of id: ExecutionID, choice: String, digest: String, comment: String?
    ) async throws -> JSONValue {
        try await server.call(
            "POST", "workflows", "executions", id.description, "approvals", approval,
            body: .json([
                "choice": .string(choice), "digest": .string(digest), "comment": comment.map(JSONValue.string) ?? .null,
            ]))
    }

    func reconcile(_ task: Int, of id: ExecutionID, _ outcome: Reconciliation.Outcome) async throws {
        let body: JSONValue =
            switch outcome {
            case .done(let output): ["outcome": "done", "output": output]
            case .retry: ["outcome": "retry"]
            case .failed(let detail): ["outcome": "fail", "detail": .string(detail)]
            }
        _ = try await server.call(
            "POST", "workflows", "executions", id.description, "tasks", String(task), "reconcile", body: .json(body))
    }

    func schedule(of id: WorkflowID) async throws -> JSONValue {
        try await server.call("GET", "workflows", id.description, "schedule")
    }

    func publish(_ event: JSONValue) async throws -> JSONValue {
        try await server.call("POST", "events", body: .json(event))
    }
}
