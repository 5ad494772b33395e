import CognitionCore
import CognitionStorage

/// A bundle of permissions.
///
/// A member of a workspace has one of ``workspaceRoles`` there. `operator` belongs to a user, or to the machine's own
/// command line, and comes on top in every workspace.
package enum Role: String, Sendable, Hashable, CaseIterable, SQLEncodable, SQLDecodable {
    /// Everything in a workspace, and to say who else is an owner; each workspace keeps at least one.
    case owner
    /// Everything in a workspace but to make or remove owners.
    case admin
    /// Works with definitions and executions.
    case editor
    /// Looks only.
    case viewer
    /// Runs the server. Given from the command line only.
    case `operator`

    package static let workspaceRoles: [Role] = [.owner, .admin, .editor, .viewer]

    /// Whether one who has this role may give `role` to a member, or take it away.
    func mayAssign(_ role: Role) -> Bool {
        switch self {
        case .owner: role != .operator
        case .admin: role != .operator && role != .owner
        case .operator, .editor, .viewer: false
        }
    }
}
