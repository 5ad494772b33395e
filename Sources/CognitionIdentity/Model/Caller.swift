package import CognitionCore

/// What a login or a refresh answers.
package struct Tokens: Sendable, Hashable {
    /// A JWT that names user, session, workspace and roles.
    package let accessToken: Secret
    /// Opaque; good for one refresh.
    package let refreshToken: Secret
    /// How long the access token lives.
    package let expiresIn: Duration
}

/// Who a request comes from, after its token was checked.
package struct Caller: Sendable, Hashable {
    package let principal: Principal
    /// `nil` for the machine's own command line.
    package let user: UserID?
    package let session: SessionID?
    /// Counts the tokens of the session, from 1; 0 without a session. Those up to some number are refused once the role
    /// that they tell has changed.
    package let generation: Int64
    package let roles: [Role]
    package let expiresAt: Timestamp

    init(
        actor: String, workspace: WorkspaceID, user: UserID?, session: SessionID?, generation: Int64, roles: [Role],
        expiresAt: Timestamp
    ) {
        principal = Principal(actor: actor, workspace: workspace, permissions: roles.permissions)
        self.user = user
        self.session = session
        self.generation = generation
        self.roles = roles
        self.expiresAt = expiresAt
    }

    /// The same person in another workspace.
    func acting(in workspace: WorkspaceID, as roles: [Role]) -> Caller {
        Caller(
            actor: principal.actor, workspace: workspace, user: user, session: session, generation: generation,
            roles: roles, expiresAt: expiresAt)
    }
}
