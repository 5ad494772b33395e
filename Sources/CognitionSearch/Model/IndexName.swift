package import CognitionCore

/// Where an index is: its workspace, and its name there.
package struct IndexAddress: Sendable, Hashable {
    package let workspace: WorkspaceID
    package let name: String

    package init(_ name: String, in workspace: WorkspaceID) {
        self.workspace = workspace
        self.name = name
    }
}

/// Names of indexes: those of users as all names of users, those that the platform keeps begin with `_`.
package enum IndexName {
    package static let pattern = "^[a-z0-9_][a-z0-9_-]{0,62}$"
    /// Of one or several.
    package static let listPattern = "^[a-z0-9_][a-z0-9_-]{0,62}(,[a-z0-9_][a-z0-9_-]{0,62}){0,19}$"
    /// All indexes that whoever asks may search.
    package static let all = "_all"

    package static let workflows = "_workflows"
    package static let executions = "_executions"
    package static let users = "_users"
    package static let documentation = "_documentation"
    /// Those that the platform keeps.
    package static let ofPlatform = [workflows, executions, users, documentation]

    /// Whether a user may have an index of that name.
    package static func isFree(_ name: String) -> Bool { isWellFormed(name) && !name.hasPrefix("_") }

    package static func isWellFormed(_ name: String) -> Bool {
        guard (1...63).contains(name.utf8.count) else { return false }
        return name.utf8.enumerated().allSatisfy { place, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            case UInt8(ascii: "-"): place > 0
            default: false
            }
        }
    }

    /// What has to be allowed besides searching, to search the index: what reading the thing itself needs.
    package static func permission(toSearch name: String) -> Permission? {
        switch name {
        case workflows, executions: .readWorkflows
        case users: .readWorkspace
        default: nil
        }
    }
}

extension WorkspaceID {
    /// Has what is the same for all workspaces: the documentation.
    package static let platform = WorkspaceID("_platform")
}
