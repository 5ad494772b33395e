/// The owner of rows: everything stored belongs to exactly one workspace, and every query is confined to one.
package struct WorkspaceID: Sendable, Hashable, CustomStringConvertible {
    package let name: String

    package init(_ name: String) { self.name = name }

    package var description: String { name }

    /// The workspace in which local commands act.
    package static let `default` = WorkspaceID("default")
}

/// Who acts, in which workspace, and what they may do there.
package struct Principal: Sendable, Hashable {
    /// How audit entries and events name the actor, e.g. `operator` or `user:0198…`.
    package let actor: String
    package let workspace: WorkspaceID
    package let permissions: Set<Permission>

    package init(actor: String, workspace: WorkspaceID, permissions: Set<Permission> = []) {
        self.actor = actor
        self.workspace = workspace
        self.permissions = permissions
    }

    package func may(_ permission: Permission) -> Bool { permissions.contains(permission) }

    /// Whoever has the machine's command line and data folder.
    package static let localOperator = Principal(
        actor: "operator", workspace: .default, permissions: Set(Permission.allCases))
}
