package import CognitionCore

extension Role {
    /// Which role may do what: the one place that says so.
    package var permissions: Set<Permission> {
        switch self {
        case .viewer: [.readWorkflows, .readWorkspace, .readEvents, .readJobs, .readSearch]
        case .user:
            Role.viewer.permissions.union([.writeWorkflows, .execute, .appendEvents, .manageJobs, .writeSearch])
        case .admin: Role.user.permissions.union([.manageSecrets, .manageWorkspace, .readAudit, .manageSearch])
        case .operator: Set(Permission.allCases)
        }
    }
}

extension Sequence<Role> {
    /// What somebody with all of these roles may do.
    package var permissions: Set<Permission> { reduce(into: []) { $0.formUnion($1.permissions) } }
}
