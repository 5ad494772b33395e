/// The owner of rows: everything stored belongs to exactly one workspace, and every query is confined to one.
package struct WorkspaceID: Sendable, Hashable, CustomStringConvertible {
    package let name: String

    package init(_ name: String) { self.name = name }

    package var description: String { name }

    /// The workspace in which local commands act.
    package static let `default` = WorkspaceID("default")
}

/// Who acts, and in which workspace.
package struct Principal: Sendable, Hashable {
    /// How audit entries and events name the actor, e.g. `operator` or `user:0198…`.
    package let actor: String
    package let workspace: WorkspaceID

    package init(actor: String, workspace: WorkspaceID) {
        self.actor = actor
        self.workspace = workspace
    }

    /// Whoever has the machine's command line and data folder.
    package static let localOperator = Principal(actor: "operator", workspace: .default)
}
