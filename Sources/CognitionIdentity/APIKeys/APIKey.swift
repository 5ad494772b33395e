package import CognitionCore

package typealias APIKeyID = Identifier<APIKey>

/// What a program carries in place of an access token: it stands for its user, in one workspace, with some of the user's
/// permissions there.
///
/// What it permits is worked out when it is used: its scopes, as far as the user's role still gives them.
package struct APIKey: Sendable, Hashable {
    /// Keys of one user that are neither revoked nor expired.
    package static let perUserMax = 50

    package let id: APIKeyID
    package let user: UserID
    package let workspace: WorkspaceID
    package let name: String
    /// The beginning of its text, by which people tell it from others, e.g. `cog_3kTMd9xQ`.
    package let prefix: String
    package let scopes: Set<Permission>
    package let createdAt: Timestamp
    /// `nil`: it is good until it is revoked.
    package let expiresAt: Timestamp?
    /// Exact to a minute or so; `nil` before the first use.
    package let lastUsedAt: Timestamp?
    package let lastUsedAddress: String?
}

/// Somebody wants an API key.
package struct CreateAPIKeyCommand: Sendable {
    /// For people, 1...200 bytes.
    package var name: String
    /// `nil`: everything that the user's role gives now.
    package var scopes: Set<Permission>?
    /// `nil`: it is good until it is revoked.
    package var expiresAt: Timestamp?
    /// Whose it is; `nil` for the caller. Only who runs the server names somebody else.
    package var user: UserReference?
    /// `nil`: that of the caller, or for somebody else the one that came with the user.
    package var workspace: WorkspaceID?

    package init(
        name: String, scopes: Set<Permission>? = nil, expiresAt: Timestamp? = nil, user: UserReference? = nil,
        workspace: WorkspaceID? = nil
    ) {
        self.name = name
        self.scopes = scopes
        self.expiresAt = expiresAt
        self.user = user
        self.workspace = workspace
    }
}

/// Why an API key of ours is refused.
enum APIKeyDenial: String, Sendable, Hashable {
    case revoked
    case expired
    /// The user is not active, or was locked by an operator.
    case userStopped = "user_stopped"
    /// The user is no longer a member of the workspace.
    case notMember = "not_member"
    /// The key does not permit what was asked for.
    case scope
}

/// A key that somebody shows, with what the database knows of it and of its user.
struct PresentedAPIKey: Sendable {
    let id: APIKeyID
    let user: UserID
    let workspace: WorkspaceID
    let scopes: Set<Permission>
    /// Counts what has changed about the key, its user or the user's role, from 1.
    let version: Int64
    let expiresAt: Timestamp?
    let isRevoked: Bool
    let status: UserStatus
    let lockedUntil: Timestamp?
    let isOperator: Bool
    /// In the workspace, now.
    let role: Role?

    /// - Returns: `nil` when it is good. Wrong passwords that lock a user do not stop keys: else strangers could.
    func denial(at now: Timestamp) -> APIKeyDenial? {
        if isRevoked { return .revoked }
        if let expiresAt, expiresAt <= now { return .expired }
        guard status == .active, lockedUntil != User.lockedForever else { return .userStopped }
        return role == nil && !isOperator ? .notMember : nil
    }
}
