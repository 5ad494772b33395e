package import CognitionCore
import CognitionStorage

/// Who did what, from where, and whether they were let.
package struct AuditEntry: Sendable, Hashable {
    /// Of two entries of the same time, which came first.
    package let key: Int64
    /// `nil` when it concerns none, such as the login of somebody unknown.
    package let workspace: WorkspaceID?
    package let time: Timestamp
    /// As `Principal.actor`; `anonymous` for strangers.
    package let actor: String
    package let action: AuditAction
    /// `user:…`, `session:…`, `apikey:…`, `workspace:…` or `secret:…`.
    package let target: String?
    package let outcome: AuditOutcome
    package let client: ClientInfo
    package let details: JSONValue

    /// One line of an archive, and what clients get.
    package var json: JSONValue {
        [
            "id": .integer(key), "time": .string(time.description),
            "workspace_id": workspace.map { .string($0.name) } ?? .null, "actor": .string(actor),
            "action": .string(action.rawValue), "target": target.map(JSONValue.string) ?? .null,
            "outcome": .string(outcome.rawValue), "ip": client.address.map(JSONValue.string) ?? .null,
            "user_agent": client.userAgent.map(JSONValue.string) ?? .null, "details": details,
        ]
    }

    /// The same without where it came from.
    func withoutClient() -> AuditEntry {
        AuditEntry(
            key: key, workspace: workspace, time: time, actor: actor, action: action, target: target, outcome: outcome,
            client: .local, details: details)
    }
}

/// The names stay; new ones are added.
package enum AuditAction: String, Sendable, Hashable, CaseIterable, SQLEncodable, SQLDecodable {
    case register = "auth.register"
    case loginSuccess = "auth.login.success"
    case loginFailure = "auth.login.failure"
    case logout = "auth.logout"
    case lockout = "auth.lockout"
    case unlock = "auth.unlock"
    case refresh = "auth.refresh"
    case refreshReuseDetected = "auth.refresh.reuse_detected"
    case sessionRevoke = "auth.session.revoke"
    case emailVerifyRequest = "auth.email.verify.request"
    case emailVerify = "auth.email.verify"
    case passwordChange = "auth.password.change"
    case passwordResetRequest = "auth.password.reset.request"
    case passwordResetComplete = "auth.password.reset.complete"
    case roleAssign = "rbac.role.assign"
    case roleRemove = "rbac.role.remove"
    case userStatusChange = "user.status.change"
    case workspaceCreate = "workspace.create"
    case invitationCreate = "invitation.create"
    case invitationAccept = "invitation.accept"
    case invitationWithdraw = "invitation.withdraw"
    case apiKeyCreate = "apikey.create"
    case apiKeyRevoke = "apikey.revoke"
    case apiKeyDenied = "apikey.use.denied"
    case signingKeyRotate = "key.rotate"
    case auditArchive = "audit.archive"
    case secretSet = "secret.set"
    case secretDelete = "secret.delete"
}

package enum AuditOutcome: String, Sendable, Hashable, CaseIterable, SQLEncodable, SQLDecodable {
    case success
    case failure
}

/// Which entries are wanted; what is `nil` does not matter.
package struct AuditFilter: Sendable, Hashable {
    /// Only an operator sees another workspace than the caller's.
    package var workspace: WorkspaceID?
    package var action: AuditAction?
    package var actor: String?
    package var target: String?
    package var outcome: AuditOutcome?
    /// Entries of this moment or later.
    package var since: Timestamp?
    /// Entries before this moment.
    package var until: Timestamp?
    /// Only what somebody did, or what was done to them: an actor such as `user:…`.
    var involving: String?

    package init(
        workspace: WorkspaceID? = nil, action: AuditAction? = nil, actor: String? = nil, target: String? = nil,
        outcome: AuditOutcome? = nil, since: Timestamp? = nil, until: Timestamp? = nil
    ) {
        self.workspace = workspace
        self.action = action
        self.actor = actor
        self.target = target
        self.outcome = outcome
        self.since = since
        self.until = until
    }
}
