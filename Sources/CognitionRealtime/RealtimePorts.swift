package import CognitionCore

/// Who is behind a token, as the real-time connection needs to know it.
package protocol RealtimeAuthenticator: Sendable {
    /// - Parameter address: Of the client, without a port; `nil` where it is not known.
    /// - Throws: A `CodedError`; of category `unauthenticated` for a token that is not valid or no longer.
    func caller(token: String, from address: String?) async throws -> RealtimeCaller

    /// Whether the caller's session still stands, as far as is known here: an answer from memory, on an event loop.
    func isValid(_ caller: RealtimeCaller) -> Bool

    /// The same, where a session may go on with other permissions.
    func standing(of caller: RealtimeCaller) -> RealtimeStanding

    /// Rises whenever some caller's standing may have become another: all connections are then looked at.
    var revision: Int { get }

    /// Who the caller is now, if the standing is `changed`.
    /// - Throws: A `CodedError`; of category `unauthenticated` when the session has ended meanwhile.
    func renewed(_ caller: RealtimeCaller) async throws -> RealtimeCaller
}

/// What has become of the session behind a connection.
package enum RealtimeStanding: Sendable, Hashable {
    case good
    /// It goes on, with other permissions than the caller has.
    case changed
    case ended
}

/// For those whose sessions end at most, and are looked at when they come.
extension RealtimeAuthenticator {
    package func standing(of caller: RealtimeCaller) -> RealtimeStanding { isValid(caller) ? .good : .ended }
    package var revision: Int { 0 }
    package func renewed(_ caller: RealtimeCaller) async throws -> RealtimeCaller { caller }
}

/// A person or program with a verified token.
package struct RealtimeCaller: Sendable, Hashable {
    /// Of the user; connections are counted by it.
    package let user: String
    package let principal: Principal
    /// When the token ends.
    package let expiresAt: Timestamp
    /// Of the session that the token belongs to, for ``RealtimeAuthenticator/standing(of:)``; may be empty.
    package let session: String

    package init(user: String, principal: Principal, expiresAt: Timestamp, session: String = "") {
        self.user = user
        self.principal = principal
        self.expiresAt = expiresAt
        self.session = session
    }

    package var workspace: WorkspaceID { principal.workspace }

    package func details(of connection: UUIDv7, from address: String?) -> ConnectionDetails {
        ConnectionDetails(id: connection, user: user, principal: principal, address: address)
    }

    package var inRooms: RoomCaller { RoomCaller(user: user, principal: principal) }

    /// The rooms that a device of theirs is in without asking.
    package var homes: [Topic] {
        guard principal.may(.readRooms) else { return [] }
        return [RoomName.user(user), RoomName.workspace(workspace)].compactMap { $0 }.map { .room(workspace, $0.text) }
    }
}

/// What is true of executions and workflows now, from where the log goes on.
package protocol ExecutionSource: Sendable {
    /// `execution_id`, `workflow_id`, `status`, `progress` and what else is to be told of an execution.
    /// - Throws: A `CodedError`, `workflow.execution_not_found` also for one of another workspace.
    func execution(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot

    /// `workflow_id` and what else is to be told of a workflow.
    /// - Throws: A `CodedError`, `workflow.not_found` also for one of another workspace.
    func workflow(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot

    /// The one spelling of a workflow's name that events use, e.g. `default.hello` for `hello`.
    func canonicalWorkflowID(_ id: String) -> String

    /// The workflow of an execution, for events that do not name it; `nil` when there is no such execution.
    func workflowID(ofExecution id: String, in workspace: WorkspaceID) async throws -> String?
}

/// What is true of jobs now, from where the log goes on; filled in by the server.
package protocol JobSource: Sendable {
    /// `job_id`, `queue`, `state` and what else is to be told of a job or a schedule.
    /// - Throws: A `CodedError`, `scheduler.job_not_found` also for one of another workspace.
    func job(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot

    /// How a queue is doing.
    /// - Throws: A `CodedError`, `scheduler.queue_not_found`.
    func queue(_ name: String, in workspace: WorkspaceID) async throws -> TopicSnapshot

    /// How the queues of a workspace are doing.
    func jobs(in workspace: WorkspaceID) async throws -> TopicSnapshot
}

/// The state of something together with the position of the log that it is the state at: read in one transaction.
package struct TopicSnapshot: Sendable {
    package let data: JSONObject
    package let position: Int64

    package init(data: JSONObject, position: Int64) {
        self.data = data
        self.position = position
    }
}

/// Who belongs to a workspace; filled in by the server.
package protocol RoomDirectory: Sendable {
    /// - Parameter user: An id, in lower case.
    func isMember(_ user: String, of workspace: WorkspaceID) async throws -> Bool
}
