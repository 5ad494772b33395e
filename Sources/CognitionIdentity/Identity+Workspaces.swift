package import CognitionCore
import CognitionStorage

// Which of these a caller may use at all, the routes say by permission, for the workspace of the token. Here it is
// checked against the members as they are now, and for the workspace that is named.
extension Identity {
    /// The caller in another workspace, with the role there as it is now.
    ///
    /// - Throws: `identity.workspace_not_found` for one that the caller is no member of; who runs the server is let into
    ///   every one that exists.
    package func caller(_ caller: Caller, in id: WorkspaceID) async throws -> Caller {
        guard id != caller.principal.workspace else { return caller }
        // An API key is for one workspace.
        guard Workspace.isName(id.name), caller.apiKey == nil else { throw IdentityError.workspaceNotFound(id) }
        let standing = try await database.read { try Self.standing(of: caller, in: id, $0) }
        return caller.acting(
            in: id, as: Role.effective(standing.role, isOperator: standing.isOperator))
    }

    /// Whether a caller may still do what `permission` says, in the workspace where it acts: what outlasts a request asks
    /// now and then. Reads the database.
    package func mayGoOn(_ caller: Caller, with permission: Permission) async throws -> Bool {
        guard isCurrent(caller) else { return false }
        let id = caller.principal.workspace
        do {
            let standing = try await database.read { try Self.standing(of: caller, in: id, $0) }
            return standing.permissions.contains(permission)
        } catch let error as IdentityError where error.code == .workspaceNotFound {
            return false
        }
    }

    /// Makes a workspace of which the caller is the admin.
    ///
    /// - Parameter name: `[a-z0-9][a-z0-9_-]{0,62}`, unique on the server.
    /// - Throws: `identity.name_invalid`, `identity.workspace_taken`, `identity.workspaces_max`,
    ///   `identity.session_required` for a caller with an API key.
    package func createWorkspace(
        _ name: String, title: String? = nil, as caller: Caller, from client: ClientInfo
    ) async throws -> Workspace {
        guard caller.apiKey == nil else { throw IdentityError.sessionRequired }
        try Workspace.checkName(name)
        let title = try DisplayText.read(title, "a title")
        let (id, act) = (WorkspaceID(name), act(of: caller, from: client))
        return try await database.write { tx in
            if let user = caller.user { try Self.checkRoom(for: user, tx) }
            guard
                let workspace = try WorkspaceStore.insert(id, title: title, by: act.actor, now: act.time, tx)
            else { throw IdentityError(.workspaceTaken, "a workspace of the name '\(name)' exists") }
            try act.record(.workspaceCreated, in: id, tx)
            try act.audit(.workspaceCreate, target: .workspace(id), in: id, tx)
            // The command line is no user: whom it makes the workspace for, it adds.
            if let user = caller.user { try Self.join(user, .admin, id, by: act, tx) }
            return workspace
        }
    }

    /// The caller's workspaces in the order in which they were joined; for the command line all there are, and for an API
    /// key its own.
    package func workspaces(of caller: Caller, _ page: PageRequest = PageRequest()) async throws -> Page<Membership> {
        guard caller.apiKey == nil else {
            let own = try await workspace(caller.principal.workspace, as: caller)
            return page.after == nil
                ? Page([(key: Int64(0), item: own)], limit: page.limit) : Page([], limit: page.limit)
        }
        return try await database.read { tx in
            guard let user = caller.user else { return try WorkspaceStore.page(page, tx) }
            return try WorkspaceStore.memberships(of: user, page, tx)
        }
    }

    /// - Throws: `identity.workspace_not_found` for one that the caller is no member of.
    package func workspace(_ id: WorkspaceID, as caller: Caller) async throws -> Membership {
        try await database.read { tx in
            let standing = try Self.standing(of: caller, in: id, tx)
            guard let workspace = try WorkspaceStore.find(id, tx) else { throw IdentityError.workspaceNotFound(id) }
            return Membership(workspace: workspace, role: standing.role)
        }
    }

    /// Members in the order in which they joined.
    /// - Throws: `identity.workspace_not_found` for one that the caller is no member of.
    package func members(
        of id: WorkspaceID, _ page: PageRequest = PageRequest(), as caller: Caller
    ) async throws -> Page<Member> {
        try await database.read { tx in
            _ = try Self.standing(of: caller, in: id, tx)
            return try WorkspaceStore.members(of: id, page, tx)
        }
    }

    // MARK: Members

    /// Whether a user belongs to a workspace.
    package func isMember(_ user: UserID, of id: WorkspaceID) async throws -> Bool {
        try await database.read { try WorkspaceStore.role(of: user, in: id, $0) != nil }
    }

    /// - Throws: `identity.workspace_not_found`, `identity.forbidden`, `identity.role_invalid`,
    ///   `identity.user_not_found`, `identity.member_exists`, `identity.workspaces_max`.
    package func addMember(
        email: String, role: Role, to id: WorkspaceID, as caller: Caller, from client: ClientInfo
    ) async throws -> Member {
        let email = try EmailAddress(email)
        let act = act(of: caller, from: client)
        return try await database.write { tx in
            try WorkspaceStore.hold(id, now: act.time, tx)
            try Self.standing(of: caller, in: id, tx).checkManages()
            try Self.checkAssignable(role)
            guard let user = try UserStore.find(email, tx) else { throw IdentityError.userNotFound }
            try Self.checkRoom(for: user.id, tx)
            try Self.join(user.id, role, id, by: act, tx)
            return Member(user: user.id, email: user.email, fullName: user.fullName, role: role, since: act.time)
        }
    }

    /// Gives a member another role, from which on the access tokens of the old one are refused.
    ///
    /// - Throws: `identity.workspace_not_found`, `identity.forbidden`, `identity.role_invalid`,
    ///   `identity.member_not_found`, `identity.last_admin`.
    package func changeRole(
        of user: UserID, to role: Role, in id: WorkspaceID, as caller: Caller, from client: ClientInfo
    ) async throws {
        let act = act(of: caller, from: client)
        try await database.write { tx in
            try WorkspaceStore.hold(id, now: act.time, tx)
            try Self.standing(of: caller, in: id, tx).checkManages()
            try Self.checkAssignable(role)
            let old = try Self.heldRole(of: user, in: id, now: act.time, tx)
            guard old != role else { return }
            if old == .admin { try Self.checkOtherAdmins(in: id, tx) }
            try WorkspaceStore.setRole(role, of: user, in: id, tx)
            try act.record(.memberRoleChanged(user, role), in: id, tx)
            try act.audit(
                .roleAssign, target: .user(user), in: id,
                details: ["role": .string(role.rawValue), "previous": .string(old.rawValue)], tx)
            self.refuse(try SessionStore.refuseAccess(of: user, in: id, now: act.time, tx), tx)
            try self.refuseAPIKeys("user_id = \(user) AND workspace_id = \(id)", by: act, tx)
        }
    }

    /// Removes a member, ends their sessions in the workspace and revokes their API keys for it. Everybody may remove themselves.
    ///
    /// - Throws: `identity.workspace_not_found`, `identity.forbidden`, `identity.member_not_found`,
    ///   `identity.last_admin`.
    package func removeMember(
        _ user: UserID, from id: WorkspaceID, as caller: Caller, from client: ClientInfo
    ) async throws {
        let act = act(of: caller, from: client)
        try await database.write { tx in
            try WorkspaceStore.hold(id, now: act.time, tx)
            let standing = try Self.standing(of: caller, in: id, tx)
            if caller.user != user || caller.apiKey != nil { try standing.checkManages() }
            let old = try Self.heldRole(of: user, in: id, now: act.time, tx)
            if old == .admin { try Self.checkOtherAdmins(in: id, tx) }
            try WorkspaceStore.removeMember(user, from: id, tx)
            try act.record(.memberRemoved(user), in: id, tx)
            try act.audit(
                .roleRemove, target: .user(user), in: id, details: ["role": .string(old.rawValue)], tx)
            try self.endSessions("user_id = \(user) AND workspace_id = \(id)", .memberRemoved, by: act, tx)
            try self.revokeAPIKeys("user_id = \(user) AND workspace_id = \(id)", by: act, tx)
        }
    }

    // MARK: Checks

    /// What a caller is in a workspace, now.
    struct Standing {
        let role: Role?
        let isOperator: Bool
        /// With an API key fewer than the role gives.
        let permissions: Set<Permission>

        func checkManages() throws {
            guard permissions.contains(.manageWorkspace) else {
                throw IdentityError(.identityForbidden, "your role in this workspace does not allow that")
            }
        }
    }

    static func checkAssignable(_ role: Role) throws {
        guard Role.workspaceRoles.contains(role) else {
            throw IdentityError(.roleInvalid, "the role '\(role.rawValue)' is not one of a workspace")
        }
    }

    /// - Throws: `identity.workspace_not_found`, also when there is one that the caller is no member of.
    static func standing(
        of caller: Caller, in id: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> Standing {
        guard caller.apiKey == nil || caller.principal.workspace == id else {
            throw IdentityError.workspaceNotFound(id)
        }
        let role = try caller.user.flatMap { try WorkspaceStore.role(of: $0, in: id, tx) }
        let isOperator = caller.principal.may(.operate)
        guard try role != nil || (isOperator && WorkspaceStore.find(id, tx) != nil) else {
            throw IdentityError.workspaceNotFound(id)
        }
        let permissions = Role.effective(role, isOperator: isOperator).permissions.limited(to: caller.scopes)
        return Standing(role: role, isOperator: isOperator, permissions: permissions)
    }

    /// Whether a caller may say who is what in a workspace.
    static func manages(_ caller: Caller, _ id: WorkspaceID, _ tx: borrowing Transaction) throws -> Bool {
        do {
            return try standing(of: caller, in: id, tx).permissions.contains(.manageWorkspace)
        } catch let error as IdentityError where error.code == .workspaceNotFound {
            return false
        }
    }

    /// The role of a member of a workspace that is held, while the member does not log in.
    private static func heldRole(
        of user: UserID, in id: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Role {
        try UserStore.hold(user, now: now, tx)
        guard let role = try WorkspaceStore.role(of: user, in: id, tx) else { throw IdentityError.memberNotFound }
        return role
    }

    private static func checkOtherAdmins(in id: WorkspaceID, _ tx: borrowing Transaction) throws {
        guard try WorkspaceStore.adminCount(in: id, tx) > 1 else {
            throw IdentityError(.lastAdmin, "a workspace keeps at least one admin; make somebody else one first")
        }
    }

    static func checkRoom(for user: UserID, _ tx: borrowing Transaction) throws {
        // Nobody else lets the user join anything until this has been committed.
        try tx.lock("identity.memberships \(user)")
        guard try WorkspaceStore.membershipCount(of: user, tx) < Workspace.perUserMax else {
            throw IdentityError(
                .workspacesMax, "a user is a member of at most \(Workspace.perUserMax) workspaces")
        }
    }
}
