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
    package let roles: [Role]
    package let expiresAt: Timestamp
}
