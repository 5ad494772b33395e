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
    /// `nil` when the request came with a token.
    package let apiKey: APIKeyID?
    /// Counts the tokens of the session, or what has changed about the API key, from 1. What came up to some number is refused
    /// once the role that it tells has changed. Without either, how often this process has dropped signing keys.
    package let generation: Int64
    package let roles: [Role]
    package let expiresAt: Timestamp

    /// Of the permissions that the roles give, those that the API key has; `nil` for all.
    let scopes: Set<Permission>?

    init(
        actor: String, workspace: WorkspaceID, user: UserID?, session: SessionID?, apiKey: APIKeyID? = nil,
        generation: Int64, roles: [Role], scopes: Set<Permission>? = nil, expiresAt: Timestamp
    ) {
        principal = Principal(
            actor: actor, workspace: workspace, permissions: roles.permissions.limited(to: scopes))
        self.user = user
        self.session = session
        self.apiKey = apiKey
        self.generation = generation
        self.roles = roles
        self.scopes = scopes
        self.expiresAt = expiresAt
    }

    /// Whoever has the machine's command line and data folder.
    package static let localOperator = Caller(
        actor: Principal.localOperator.actor, workspace: Principal.localOperator.workspace, user: nil, session: nil,
        generation: 0, roles: [.operator], expiresAt: User.lockedForever)

    /// The same person in another workspace.
    func acting(in workspace: WorkspaceID, as roles: [Role]) -> Caller {
        Caller(
            actor: principal.actor, workspace: workspace, user: user, session: session, apiKey: apiKey,
            generation: generation, roles: roles, scopes: scopes, expiresAt: expiresAt)
    }
}

extension Set<Permission> {
    func limited(to scopes: Set<Permission>?) -> Set<Permission> { scopes.map(intersection) ?? self }
}
