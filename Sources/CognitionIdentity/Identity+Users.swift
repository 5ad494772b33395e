package import CognitionCore
import CognitionStorage

extension Identity {
    // MARK: New users

    /// Checks what somebody wants to be called, and hashes the password.
    func newUser(
        _ email: String, _ password: Secret, _ fullName: String?, isOperator: Bool
    ) async throws -> NewUser {
        let email = try EmailAddress(email)
        let fullName = try DisplayText.read(fullName, "a name")
        try PasswordRules.check(password, for: email)
        // Said before the work of hashing; whoever comes between is found by the unique index.
        guard try await database.read({ try UserStore.find(email, $0) }) == nil else { throw IdentityError.emailTaken }
        return NewUser(
            id: ids.next(), email: email, passwordHash: try await hasher.hash(password), fullName: fullName,
            isOperator: isOperator)
    }

    /// Stores a user with a workspace of their own.
    static func insert(_ new: NewUser, by act: Act, _ tx: borrowing Transaction) throws -> User {
        let home = try insertHome(of: new.id, by: act, tx)
        guard let user = try UserStore.insert(new, home: home, now: act.time, tx) else {
            throw IdentityError.emailTaken
        }
        try act.record(.userRegistered(user.id), in: home, tx)
        try act.audit(
            .register, target: .user(user.id), in: home, details: ["operator": .bool(user.isOperator)], tx)
        try act.record(.workspaceCreated, in: home, tx)
        try join(user.id, .owner, home, by: act, tx)
        return user
    }

    private static func insertHome(
        of user: UserID, by act: Act, _ tx: borrowing Transaction
    ) throws -> WorkspaceID {
        var random = SystemRandomNumberGenerator()
        // 48 bits: that one is taken happens, that the next is as well does not.
        while true {
            let number = String(UInt64.random(in: 0..<(1 << 48), using: &random), radix: 16)
            let id = WorkspaceID("u-" + String(repeating: "0", count: 12 - number.utf8.count) + number)
            if try WorkspaceStore.insert(id, title: nil, by: User.actor(user), now: act.time, tx) != nil { return id }
        }
    }

    static func join(
        _ user: UserID, _ role: Role, _ workspace: WorkspaceID, by act: Act, _ tx: borrowing Transaction
    ) throws {
        guard try WorkspaceStore.addMember(user, role, to: workspace, now: act.time, tx) else {
            throw IdentityError(.memberExists, "the user is a member of the workspace already")
        }
        try act.record(.memberAdded(user, role), in: workspace, tx)
        try act.audit(
            .roleAssign, target: .user(user), in: workspace, details: ["role": .string(role.rawValue)], tx)
    }

    // MARK: By an operator

    /// Makes a user, whatever the setting for registrations. One who runs the server also owns the workspace in which the
    /// command line acts.
    ///
    /// - Returns: The user, and the password when it was made up.
    /// - Throws: As ``register(_:from:)``.
    package func createUser(
        _ command: CreateUserCommand, by principal: Principal, from client: ClientInfo
    ) async throws -> (user: User, generatedPassword: Secret?) {
        let generated = command.password == nil ? RefreshTokens.first() : nil
        guard let password = command.password ?? generated else {
            preconditionFailure("a password is given or made up")
        }
        let new = try await newUser(command.email, password, command.fullName, isOperator: command.isOperator)
        let act = Act(actor: principal.actor, client: client, time: clock.now, ids: ids)
        let user = try await database.write { tx in
            let user = try Self.insert(new, by: act, tx)
            if user.isOperator { try Self.join(user.id, .owner, .default, by: act, tx) }
            return user
        }
        return (user, generated)
    }

    /// - Throws: `identity.user_not_found`, `identity.email_invalid`.
    package func user(email: String) async throws -> User {
        let email = try EmailAddress(email)
        guard let user = try await database.read({ try UserStore.find(email, $0) }) else {
            throw IdentityError.userNotFound
        }
        return user
    }

    /// Lets no login of a user succeed, and ends their sessions.
    ///
    /// - Parameter until: `nil` for until somebody unlocks.
    /// - Throws: `identity.user_not_found`.
    @discardableResult
    package func lock(
        _ id: UserID, until: Timestamp? = nil, by principal: Principal, from client: ClientInfo
    ) async throws -> User {
        let act = Act(actor: principal.actor, client: client, time: clock.now, ids: ids)
        let until = until ?? User.lockedForever
        return try await database.write { tx in
            guard let user = try UserStore.lock(id, until: until, now: act.time, tx) else {
                throw IdentityError.userNotFound
            }
            try act.audit(
                .lockout, target: .user(id), in: user.homeWorkspace, details: ["until": .string(until.description)], tx)
            try self.endSessions("user_id = \(id)", .userStopped, by: act, tx)
            return user
        }
    }

    /// Lets a user log in again who was locked, by failures or by an operator.
    /// - Throws: `identity.user_not_found`.
    @discardableResult
    package func unlock(_ id: UserID, by principal: Principal, from client: ClientInfo) async throws -> User {
        let act = Act(actor: principal.actor, client: client, time: clock.now, ids: ids)
        return try await database.write { tx in
            guard let user = try UserStore.unlock(id, now: act.time, tx) else { throw IdentityError.userNotFound }
            try act.audit(.unlock, target: .user(id), in: user.homeWorkspace, tx)
            return user
        }
    }

    /// Changes what a user is to the server; any other status than active ends their sessions.
    /// - Throws: `identity.user_not_found`.
    @discardableResult
    package func setStatus(
        _ status: UserStatus, of id: UserID, by principal: Principal, from client: ClientInfo
    ) async throws -> User {
        let act = Act(actor: principal.actor, client: client, time: clock.now, ids: ids)
        return try await database.write { tx in
            guard let user = try UserStore.setStatus(id, status, now: act.time, tx) else {
                throw IdentityError.userNotFound
            }
            try act.record(.userStatusChanged(id, status), in: user.homeWorkspace, tx)
            try act.audit(
                .userStatusChange, target: .user(id), in: user.homeWorkspace,
                details: ["status": .string(status.rawValue)], tx)
            if status != .active { try self.endSessions("user_id = \(id)", .userStopped, by: act, tx) }
            return user
        }
    }
}
