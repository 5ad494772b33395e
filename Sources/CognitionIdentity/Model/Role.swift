import CognitionCore
import CognitionStorage

/// A bundle of permissions.
///
/// A member of a workspace has one of ``workspaceRoles`` there. `operator` belongs to a user, or to the machine's own
/// command line, and comes on top in every workspace.
package enum Role: String, Sendable, Hashable, CaseIterable, SQLEncodable, SQLDecodable {
    /// Everything in a workspace, and who is what in it; each workspace keeps at least one.
    case admin
    /// Works with definitions and executions.
    case user
    /// Looks only.
    case viewer
    /// Runs the server. Given from the command line only.
    case `operator`

    package static let workspaceRoles: [Role] = [.admin, .user, .viewer]
}
