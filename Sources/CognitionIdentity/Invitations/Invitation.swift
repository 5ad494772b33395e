package import CognitionCore

package typealias InvitationID = Identifier<Invitation>

/// Somebody with an e-mail address is asked to become a member of a workspace. Who proves to have got the mail, and has the
/// address, may accept it once.
package struct Invitation: Sendable, Hashable {
    /// How long it may be accepted.
    package static let life: Duration = .seconds(7 * 86_400)
    /// Of one workspace, that wait to be accepted.
    package static let perWorkspaceMax = 200
    /// How soon the same address may be sent another one.
    package static let interval: Duration = .seconds(60)

    package let id: InvitationID
    package let workspace: WorkspaceID
    package let email: String
    package let role: Role
    /// As `Principal.actor`.
    package let invitedBy: String
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
}
