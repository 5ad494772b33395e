package import CognitionCore
import CognitionStorage

/// Who is in which workspace, for what the platform itself does with it.
extension Identity {
    /// `nil` for who is no member.
    package func member(_ user: UserID, of workspace: WorkspaceID) async throws -> DirectoryEntry? {
        try await database.read { tx in
            guard let role = try WorkspaceStore.role(of: user, in: workspace, tx),
                let found = try UserStore.find(user, tx)
            else { return nil }
            return DirectoryEntry(
                email: found.email, fullName: found.fullName, role: role, status: found.status,
                createdAt: found.createdAt)
        }
    }

    package func workspaces(of user: UserID) async throws -> [WorkspaceID] {
        try await database.read { tx in
            try WorkspaceStore.memberships(of: user, PageRequest(limit: Workspace.perUserMax), tx).items.map {
                $0.workspace.id
            }
        }
    }
}

/// A member as a directory shows one.
package struct DirectoryEntry: Sendable {
    package let email: String
    package let fullName: String?
    package let role: Role
    package let status: UserStatus
    package let createdAt: Timestamp
}
