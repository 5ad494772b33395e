package import CognitionCore

/// The owner of rows: what is stored belongs to one workspace, and only its members see it.
package struct Workspace: Sendable, Hashable {
    /// Unique on the server, `[a-z0-9][a-z0-9_-]{0,62}`.
    package let id: WorkspaceID
    package let title: String?
    package let createdAt: Timestamp

    /// Workspaces that one user may be a member of.
    package static let perUserMax = 100

    /// - Throws: `identity.name_invalid`.
    static func checkName(_ name: String) throws {
        guard isName(name) else {
            throw IdentityError(.identityNameInvalid, "a workspace's name matches [a-z0-9][a-z0-9_-]{0,62}")
        }
    }

    static func isName(_ name: String) -> Bool {
        guard (1...63).contains(name.utf8.count), let first = name.utf8.first else { return false }
        return first.isLowercaseOrDigit
            && name.utf8.allSatisfy { $0.isLowercaseOrDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }
}

/// A workspace that a user is a member of, and as what.
package struct Membership: Sendable, Hashable {
    package let workspace: Workspace
    /// `nil` for who is no member but runs the server.
    package let role: Role?
}

/// A user as a member of one workspace.
package struct Member: Sendable, Hashable {
    package let user: UserID
    package let email: String
    package let fullName: String?
    package let role: Role
    package let since: Timestamp
}

extension UInt8 {
    fileprivate var isLowercaseOrDigit: Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
    }
}
