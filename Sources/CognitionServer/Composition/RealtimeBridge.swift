import CognitionCore
import CognitionIdentity
import CognitionRealtime
import CognitionWorkflows

/// Tells real-time connections who is behind a token.
struct RealtimeIdentity: RealtimeAuthenticator {
    let identity: Identity

    func caller(token: String, from address: String?) async throws -> RealtimeCaller {
        let caller = try await identity.authenticate(token, from: ClientInfo(address: address))
        return RealtimeCaller(
            user: caller.user?.description ?? caller.principal.actor, principal: caller.principal,
            expiresAt: caller.expiresAt, session: Self.credential(of: caller))
    }

    /// What is looked at again, as text: the generation, and of which API key or session it is, if of any.
    private static func credential(of caller: Caller) -> String {
        if let key = caller.apiKey { return "\(caller.generation):key:\(key)" }
        return "\(caller.generation)" + (caller.session.map { ":session:\($0)" } ?? "")
    }

    func isValid(_ caller: RealtimeCaller) -> Bool { standing(of: caller) == .good }

    func standing(of caller: RealtimeCaller) -> RealtimeStanding {
        let parts = caller.session.split(separator: ":")
        guard let generation = parts.first.flatMap({ Int64($0) }) else { return .ended }
        guard parts.count == 3, let id = UUIDv7(String(parts[2])) else {
            return identity.isCurrent(unbound: generation) ? .good : .ended
        }
        guard parts[1] == "session" else {
            return identity.isCurrent(APIKeyID(id), version: generation) ? .good : .ended
        }
        return switch identity.verdict(on: SessionID(id), generation: generation) {
        case .good: .good
        case .stale: .changed
        case .ended: .ended
        }
    }

    var revision: Int { identity.refusalRevision }

    func renewed(_ caller: RealtimeCaller) async throws -> RealtimeCaller {
        guard let id = caller.session.split(separator: ":").last.flatMap({ UUIDv7(String($0)) }) else {
            throw RealtimeError(.realtimeUnauthenticated, "the session has ended")
        }
        let now = try await identity.current(SessionID(id), until: caller.expiresAt)
        return RealtimeCaller(
            user: caller.user, principal: now.principal, expiresAt: caller.expiresAt, session: Self.credential(of: now))
    }
}

/// Tells rooms who belongs to a workspace.
struct RoomUsers: RoomDirectory {
    let identity: Identity

    func isMember(_ user: String, of workspace: WorkspaceID) async throws -> Bool {
        guard let user = UserID(user) else { return false }
        return try await identity.isMember(user, of: workspace)
    }
}

/// Tells real-time connections how executions are doing.
struct RealtimeExecutions: ExecutionSource {
    /// Executions of a workflow that are shown when somebody begins to watch it.
    private static let executionsMax = 50

    let workflows: Workflows

    func execution(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
        guard let execution = ExecutionID(id) else {
            throw WorkflowError(.executionNotFound, "there is no execution \(id.prefix(64))")
        }
        let snapshot = try await workflows.snapshot(of: execution, in: workspace)
        var data = snapshot.executions.first?.json.objectValue ?? [:]
        data["execution_id"] = .string(execution.description)
        return TopicSnapshot(data: data, position: snapshot.position)
    }

    func workflow(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
        guard let workflow = WorkflowID(id) else {
            throw WorkflowError(.workflowNotFound, "there is no workflow \(id.prefix(127))")
        }
        let snapshot = try await workflows.snapshot(of: workflow, limit: Self.executionsMax, in: workspace)
        return TopicSnapshot(
            data: [
                "workflow_id": .string(workflow.description),
                "executions": .array(snapshot.executions.map(\.json)),
            ], position: snapshot.position)
    }

    func canonicalWorkflowID(_ id: String) -> String { WorkflowID(id)?.description ?? id }

    func workflowID(ofExecution id: String, in workspace: WorkspaceID) async throws -> String? {
        guard let execution = ExecutionID(id) else { return nil }
        do {
            return try await workflows.snapshot(of: execution, in: workspace).executions.first?.workflow.description
        } catch let error as WorkflowError where error.code == .executionNotFound {
            return nil
        }
    }
}
