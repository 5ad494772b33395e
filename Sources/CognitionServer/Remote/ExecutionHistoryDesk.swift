import ArgumentParser
import CognitionCore
import CognitionHTTP
import CognitionWorkflows

/// The past of executions, and what goes on from there; a part of ``ExecutionDesk``. Answers are those of the HTTP API.
protocol ExecutionHistoryDesk: Sendable {
    /// - Throws: `workflow.execution_not_found`, `workflow.moment_outside`.
    func state(of id: ExecutionID, at moment: PastMoment, _ page: PageWish) async throws -> JSONValue

    /// - Throws: `workflow.execution_not_found`, `workflow.diff_too_large`.
    func diff(
        of id: ExecutionID, with other: ExecutionID, changesOnly: Bool, _ page: PageWish
    ) async throws -> JSONValue

    func checkpoints(of id: ExecutionID, _ page: PageWish) async throws -> JSONValue
    func makeCheckpoint(_ name: String?, of id: ExecutionID) async throws -> JSONValue
    func deleteCheckpoint(_ name: String, of id: ExecutionID) async throws

    /// Starts what is asked for, and sees that it runs while `body` does.
    func withResumption<Result: Sendable>(
        _ order: ResumeOrder, _ body: @escaping @Sendable (StartedRun) async throws -> Result
    ) async throws -> Result
}

/// What is to go on.
enum ResumeOrder: Sendable {
    case fork(ExecutionID, ForkCommand)
    case retry(ExecutionID)
}

extension LocalDesk {
    func state(of id: ExecutionID, at moment: PastMoment, _ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map { try Cursor($0, of: "past-tasks").key } ?? 0
        let state = try await node.workflows.state(
            of: id, at: moment, after: Int(after), limit: page.limit, in: .default)
        var members = state.members
        members["tasks"] = .array(state.tasks.map(PastState.json))
        members["next_cursor"] = state.next.map { .string(Cursor("past-tasks", after: Int64($0)).text) } ?? .null
        return .object(members)
    }

    func diff(
        of id: ExecutionID, with other: ExecutionID, changesOnly: Bool, _ page: PageWish
    ) async throws -> JSONValue {
        let after = try page.cursor.map { try Cursor($0, of: "diff").key } ?? 0
        let diff = try await node.workflows.diff(
            of: id, with: other, after: Int(after), limit: page.limit, changesOnly: changesOnly, in: .default)
        var members = diff.members
        members["items"] = .array(diff.pairs.map(\.json))
        members["next_cursor"] = diff.next.map { .string(Cursor("diff", after: Int64($0)).text) } ?? .null
        return .object(members)
    }

    func checkpoints(of id: ExecutionID, _ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map { try Cursor($0, of: "checkpoints").key } ?? 0
        let found = try await node.workflows.checkpoints(of: id, after: after, limit: page.limit, in: .default)
        return Self.page(found.items.map(\.json), found.next.map { Cursor("checkpoints", after: $0) })
    }

    func makeCheckpoint(_ name: String?, of id: ExecutionID) async throws -> JSONValue {
        try await node.workflows.makeCheckpoint(name, of: id, as: .localOperator).json
    }

    func deleteCheckpoint(_ name: String, of id: ExecutionID) async throws {
        try await node.workflows.deleteCheckpoint(name, of: id, as: .localOperator)
    }

    func withResumption<Result: Sendable>(
        _ order: ResumeOrder, _ body: @escaping @Sendable (StartedRun) async throws -> Result
    ) async throws -> Result {
        let started =
            switch order {
            case .fork(let id, let command): try await node.workflows.fork(id, command, as: .localOperator)
            case .retry(let id): try await node.workflows.retry(id, as: .localOperator)
            }
        let run = StartedRun(
            id: started.id, workflow: started.workflow.description, version: started.version, isContinued: false)
        // Nothing is left to run behind the end of an execution.
        if started.status.hasEnded { return try await body(run) }
        return try await node.withEngine { _ in try await body(run) }
    }
}

extension RemoteDesk {
    func state(of id: ExecutionID, at moment: PastMoment, _ page: PageWish) async throws -> JSONValue {
        var query: [(name: String, value: String?)] = [("limit", String(page.limit)), ("cursor", page.cursor)]
        switch moment {
        case .position(let position): query.append(("position", String(position)))
        case .time(let time): query.append(("at", time.description))
        }
        return try await server.call("GET", "workflows", "executions", id.description, "state", query: query)
    }

    func diff(
        of id: ExecutionID, with other: ExecutionID, changesOnly: Bool, _ page: PageWish
    ) async throws -> JSONValue {
        try await server.call(
            "GET", "workflows", "executions", id.description, "diff",
            query: [
                ("with", other.description), ("changes_only", String(changesOnly)), ("limit", String(page.limit)),
                ("cursor", page.cursor),
            ])
    }

    func checkpoints(of id: ExecutionID, _ page: PageWish) async throws -> JSONValue {
        try await server.call(
            "GET", "workflows", "executions", id.description, "checkpoints",
            query: [("limit", String(page.limit)), ("cursor", page.cursor)])
    }

    func makeCheckpoint(_ name: String?, of id: ExecutionID) async throws -> JSONValue {
        try await server.call(
            "POST", "workflows", "executions", id.description, "checkpoints",
            body: .json(["name": name.map(JSONValue.string) ?? .null]))
    }

    func deleteCheckpoint(_ name: String, of id: ExecutionID) async throws {
        try await server.remove("workflows", "executions", id.description, "checkpoints", name)
    }

    /// When this process is interrupted, the server goes on.
    func withResumption<Result: Sendable>(
        _ order: ResumeOrder, _ body: @escaping @Sendable (StartedRun) async throws -> Result
    ) async throws -> Result {
        let answer =
            switch order {
            case .fork(let id, let command):
                try await server.call(
                    "POST", "workflows", "executions", id.description, "fork", body: .json(command.body))
            case .retry(let id):
                try await server.call("POST", "workflows", "executions", id.description, "retry")
            }
        guard let id = answer["id"]?.stringValue.flatMap(ExecutionID.init) else { throw ExecutionReport.notOurs }
        do {
            return try await body(
                StartedRun(
                    id: id, workflow: answer["workflow_id"]?.stringValue ?? "",
                    version: answer["version"]?.stringValue ?? "", isContinued: false))
        } catch is CancellationError {
            Terminal.note(
                "interrupted; execution \(id) goes on in the server at \(server.address): cognitionos execution watch \(id), or cancel"
            )
            throw ExitCode(130)
        }
    }
}

extension ForkCommand {
    /// The body of the request that asks for it.
    fileprivate var body: JSONValue {
        var members: JSONObject = [:]
        switch point {
        case .start: break
        case .task(let number): members["task"] = .integer(Int64(number))
        case .named(let text): members["task"] = .string(text)
        case .checkpoint(let text): members["checkpoint"] = .string(text)
        }
        if let version { members["version"] = .string(version) }
        if let inputPatch { members["input_patch"] = inputPatch }
        return .object(members)
    }
}
