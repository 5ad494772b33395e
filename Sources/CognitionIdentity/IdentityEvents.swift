import CognitionCore
import CognitionEvents
import CognitionStorage

/// What this context tells the log. Ids only: nothing that says who a person is leaves the tables of users.
enum IdentityEvent: Sendable {
    case userRegistered(UserID)
    case userStatusChanged(UserID, UserStatus)
    case passwordChanged(UserID)
    case workspaceCreated
    case memberAdded(UserID, Role)
    case memberRoleChanged(UserID, Role)
    case memberRemoved(UserID)
    case apiKeyCreated(APIKeyID, UserID)
    case apiKeyRevoked(APIKeyID, UserID)
    case invitationCreated(InvitationID, Role)
    case invitationAccepted(InvitationID, UserID)
    case invitationWithdrawn(InvitationID)
    case sessionStarted(SessionID, UserID)
    case sessionEnded(SessionID, UserID, SessionEnd)
}

/// Why a session has ended.
enum SessionEnd: String, Sendable, CaseIterable {
    case logout
    /// A refresh token was used twice, so it may be in two hands.
    case reuse
    /// The user was locked, suspended or put to rest.
    case userStopped = "user_stopped"
    case memberRemoved = "member_removed"
    /// Its user, or an operator, has ended it from elsewhere.
    case revoked
    case passwordChanged = "password_changed"
    case passwordReset = "password_reset"
    /// The user began more sessions than one may have.
    case tooMany = "too_many"
}

extension IdentityEvent {
    var event: NewEvent {
        switch self {
        case .userRegistered(let user): NewEvent("user.registered", data: ["user_id": "\(user)"])
        case .userStatusChanged(let user, let status):
            NewEvent("user.status_changed", data: ["user_id": "\(user)", "status": .string(status.rawValue)])
        case .passwordChanged(let user): NewEvent("user.password_changed", data: ["user_id": "\(user)"])
        case .workspaceCreated: NewEvent("workspace.created")
        case .memberAdded(let user, let role):
            NewEvent("member.added", data: ["user_id": "\(user)", "role": .string(role.rawValue)])
        case .memberRoleChanged(let user, let role):
            NewEvent("member.role_changed", data: ["user_id": "\(user)", "role": .string(role.rawValue)])
        case .memberRemoved(let user): NewEvent("member.removed", data: ["user_id": "\(user)"])
        case .apiKeyCreated(let key, let user):
            NewEvent("api_key.created", data: ["api_key_id": "\(key)", "user_id": "\(user)"])
        case .apiKeyRevoked(let key, let user):
            NewEvent("api_key.revoked", data: ["api_key_id": "\(key)", "user_id": "\(user)"])
        case .invitationCreated(let invitation, let role):
            NewEvent(
                "invitation.created", data: ["invitation_id": "\(invitation)", "role": .string(role.rawValue)])
        case .invitationAccepted(let invitation, let user):
            NewEvent("invitation.accepted", data: ["invitation_id": "\(invitation)", "user_id": "\(user)"])
        case .invitationWithdrawn(let invitation):
            NewEvent("invitation.withdrawn", data: ["invitation_id": "\(invitation)"])
        case .sessionStarted(let session, let user):
            NewEvent("session.started", data: ["session_id": "\(session)", "user_id": "\(user)"])
        case .sessionEnded(let session, let user, let reason):
            NewEvent(
                "session.ended",
                data: ["session_id": "\(session)", "user_id": "\(user)", "reason": .string(reason.rawValue)])
        }
    }

    func stream(in workspace: WorkspaceID) -> StreamName {
        switch self {
        case .userRegistered(let user), .userStatusChanged(let user, _), .passwordChanged(let user),
            .sessionStarted(_, let user), .sessionEnded(_, let user, _), .apiKeyCreated(_, let user),
            .apiKeyRevoked(_, let user):
            StreamName("user", user.description)
        case .workspaceCreated, .memberAdded, .memberRoleChanged, .memberRemoved, .invitationCreated,
            .invitationAccepted, .invitationWithdrawn:
            StreamName("workspace", workspace.name)
        }
    }
}
