package import CognitionCore
import CognitionStorage

extension Identity {
    // MARK: New users

    /// Checks what somebody wants to be called, and hashes the password.
    ///
    /// - Parameter mayBeTaken: Whoever asks must not learn whether the address is.
    func newUser(_ command: RegisterCommand, isOperator: Bool, mayBeTaken: Bool = false) async throws -> NewUser {
        let email = try EmailAddress(command.email)
        let fullName = try DisplayText.read(command.fullName, "a name")
        let locale = try LanguageTag.read(command.locale)
        let timeZone = try TimeZoneName.read(command.timeZone)
        try PasswordRules.check(command.password, for: email)
        // Said before the work of hashing; whoever comes between is found by the unique index.
        if !mayBeTaken, try await database.read({ try UserStore.find(email, $0) }) != nil {
            throw IdentityError.emailTaken
        }
        return NewUser(
            id: ids.next(), email: email, passwordHash: try await hasher.hash(command.password), fullName: fullName,
            locale: locale, timeZone: timeZone, isOperator: isOperator)
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
        try join(user.id, .admin, home, by: act, tx)
        return user
    }

    private static func insertHome(
        of user: UserID, by act: Act, _ tx: borrowing Transaction
    ) throws -> WorkspaceID {
        // 48 bits: that one is taken happens, that the next is as well does not.
        while true {
            let id = randomHome()
            if try WorkspaceStore.insert(id, title: nil, by: User.actor(user), now: act.time, tx) != nil { return id }
        }
    }

    /// A name for the workspace of a user: `u-` and twelve hexadecimal digits.
    static func randomHome() -> WorkspaceID {
        var random = SystemRandomNumberGenerator()
        let number = String(UInt64.random(in: 0..<(1 << 48), using: &random), radix: 16)
        return WorkspaceID("u-" + String(repeating: "0", count: 12 - number.utf8.count) + number)
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

    /// Makes a user, whatever the setting for registrations. One who runs the server is also an admin of the workspace in
    /// which the command line acts.
    ///
    /// - Returns: The user, and the password when it was made up.
    /// - Throws: As ``register(_:from:)``; `identity.forbidden` when anybody but the command line makes an operator.
    package func createUser(
        _ command: CreateUserCommand, by principal: Principal, from client: ClientInfo
    ) async throws -> (user: User, generatedPassword: Secret?) {
        guard !command.isOperator || principal.actor == Principal.localOperator.actor else {
            throw IdentityError(.identityForbidden, "only the command line of the server's machine makes operators")
        }
        let generated = command.password == nil ? RefreshTokens.first() : nil
        guard let password = command.password ?? generated else {
            preconditionFailure("a password is given or made up")
        }
        let new = try await newUser(
            RegisterCommand(
                email: command.email, password: password, fullName: command.fullName, locale: command.locale,
                timeZone: command.timeZone), isOperator: command.isOperator)
        let act = Act(actor: principal.actor, client: client, time: clock.now, ids: ids)
        let user = try await database.write { tx in
            let user = try Self.insert(new, by: act, tx)
            if user.isOperator { try Self.join(user.id, .admin, .default, by: act, tx) }
            return user
        }
        return (user, generated)
    }

    /// Users of the whole server, in the order in which they were made.
    package func users(
        _ filter: UserFilter = UserFilter(), _ page: PageRequest = PageRequest()
    ) async throws -> Page<User> {
        try await database.read { try UserStore.page(filter, page, $0) }
    }

    /// - Throws: `identity.user_not_found`.
    package func user(_ id: UserID) async throws -> User {
        try await database.read { try Self.find(.id(id), $0) }
    }

    /// - Throws: `identity.user_not_found`, `identity.email_invalid`.
    package func user(_ reference: UserReference) async throws -> User {
        try await database.read { try Self.find(reference, $0) }
    }

    /// - Throws: `identity.user_not_found`, `identity.email_invalid`.
    package func user(email: String) async throws -> User {
        try await database.read { try Self.find(.email(email), $0) }
    }

    static func find(_ reference: UserReference, _ tx: borrowing Transaction) throws -> User {
        let user =
            switch reference {
            case .id(let id): try UserStore.find(id, tx)
            case .email(let text): try UserStore.find(try EmailAddress(text), tx)
            }
        guard let user else { throw IdentityError.userNotFound }
        return user
    }

    /// Changes what a user is to the server, all of it or nothing.
    ///
    /// Whoever is locked or no longer active is logged out.
    ///
    /// - Throws: `identity.user_not_found`, `identity.email_invalid`.
    @discardableResult
    package func change(
        _ reference: UserReference, _ change: UserChange, by principal: Principal, from client: ClientInfo
    ) async throws -> User {
        let act = Act(actor: principal.actor, client: client, time: clock.now, ids: ids)
        return try await database.write { tx in
            var user = try Self.find(reference, tx)
            switch change.isLocked {
            case true?: user = try self.lock(user.id, until: User.lockedForever, by: act, tx)
            case false?: user = try Self.unlock(user.id, by: act, tx)
            case nil: break
            }
            if let status = change.status { user = try self.setStatus(status, of: user.id, by: act, tx) }
            return user
        }
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
        return try await database.write { tx in
            try self.lock(id, until: until ?? User.lockedForever, by: act, tx)
        }
    }

    /// Lets a user log in again who was locked, by failures or by an operator.
    /// - Throws: `identity.user_not_found`.
    @discardableResult
    package func unlock(_ id: UserID, by principal: Principal, from client: ClientInfo) async throws -> User {
        try await change(.id(id), UserChange(isLocked: false), by: principal, from: client)
    }

    /// Changes what a user is to the server; any other status than active ends their sessions.
    /// - Throws: `identity.user_not_found`.
    @discardableResult
    package func setStatus(
        _ status: UserStatus, of id: UserID, by principal: Principal, from client: ClientInfo
    ) async throws -> User {
        try await change(.id(id), UserChange(status: status), by: principal, from: client)
    }

    // MARK: In a transaction

    private func lock(
        _ id: UserID, until: Timestamp, by act: Act, _ tx: borrowing Transaction
    ) throws -> User {
        guard let user = try UserStore.lock(id, until: until, now: act.time, tx) else {
            throw IdentityError.userNotFound
        }
        try act.audit(
            .lockout, target: .user(id), in: user.homeWorkspace, details: ["until": .string(until.description)], tx)
        try endSessions("user_id = \(id)", .userStopped, by: act, tx)
        try refuseAPIKeys("user_id = \(id)", by: act, tx)
        return user
    }

    private static func unlock(_ id: UserID, by act: Act, _ tx: borrowing Transaction) throws -> User {
        guard let user = try UserStore.unlock(id, now: act.time, tx) else { throw IdentityError.userNotFound }
        try act.audit(.unlock, target: .user(id), in: user.homeWorkspace, tx)
        return user
    }

    private func setStatus(
        _ status: UserStatus, of id: UserID, by act: Act, _ tx: borrowing Transaction
    ) throws -> User {
        guard let user = try UserStore.setStatus(id, status, now: act.time, tx) else {
            throw IdentityError.userNotFound
        }
        try act.record(.userStatusChanged(id, status), in: user.homeWorkspace, tx)
        try act.audit(
            .userStatusChange, target: .user(id), in: user.homeWorkspace, details: ["status": .string(status.rawValue)],
            tx)
        if status != .active {
            try endSessions("user_id = \(id)", .userStopped, by: act, tx)
            try refuseAPIKeys("user_id = \(id)", by: act, tx)
        }
        return user
    }
}
