import CognitionCore
import CognitionStorage

/// A session that is to begin, of a user whose password was right.
struct LoginSession: Sendable {
    let credentials: Credentials
    /// The password hashed anew, when the cost has changed.
    let newHash: String?
    let wanted: WorkspaceID?
    let refreshToken: Secret
    let id: SessionID
    let act: Act
}

/// What became of the transaction that begins a session.
enum LoginOutcome: Sendable {
    case begun(Grant)
    /// The user was locked or stopped, or the password changed, while it was checked.
    case stopped
    case noWorkspace(WorkspaceID)
}

extension Identity {
    /// What belongs to an address; `nil` for an unknown or a malformed one.
    func credentials(_ email: String) async throws -> Credentials? {
        guard let email = try? EmailAddress(email) else {
            // What is no address is nobody's; the answer is that of an unknown one.
            return nil
        }
        return try await database.read { try UserStore.credentials(email, $0) }
    }

    /// Compares a password. Whatever the answer, one hash is computed for it.
    func isRight(_ password: Secret, for credentials: Credentials?, now: Timestamp) async throws -> Bool {
        guard let credentials, credentials.user.mayLogIn(at: now), Self.isComparable(password) else {
            try await hasher.verifyNothing(password)
            return false
        }
        if try await hasher.verify(password, against: credentials.passwordHash) { return true }
        // A hash of another cost than a stranger's would tell by its time that there is a user.
        if Bcrypt.cost(of: credentials.passwordHash) != settings.bcryptCost { try await hasher.verifyNothing(password) }
        return false
    }

    /// bcrypt would ignore what follows 72 bytes or a NUL, so that a wrong password would be right.
    private static func isComparable(_ password: Secret) -> Bool {
        let bytes = password.reveal().utf8
        return bytes.count <= Bcrypt.passwordBytesMax && !bytes.contains(0)
    }

    /// Counts and notes a login that failed.
    /// - Returns: Whether the user is locked.
    func recordFailure(of credentials: Credentials?, from client: ClientInfo, now: Timestamp) async throws -> Bool {
        let act = Act(actor: Act.anonymous, client: client, time: now, ids: ids)
        guard let user = credentials?.user else {
            // The address is left out: people type their passwords there.
            try await database.write { tx in
                try act.audit(.loginFailure, .failure, in: nil, details: ["reason": "unknown_user"], tx)
            }
            return false
        }
        return try await database.write { tx in
            guard user.status == .active else {
                try act.audit(
                    .loginFailure, .failure, target: .user(user.id), in: user.homeWorkspace,
                    details: ["reason": .string(user.status.rawValue)], tx)
                return false
            }
            return try self.countFailure(of: user, as: .loginFailure, by: act, tx)
        }
    }

    /// Counts a wrong password, and notes it and the lock that it may cause.
    /// - Returns: Whether the user is locked.
    func countFailure(
        of user: User, as action: AuditAction, by act: Act, _ tx: borrowing Transaction
    ) throws -> Bool {
        let lockout = settings.lockout
        let counted = try UserStore.countFailure(
            user.id, max: settings.failedLoginsMax, lockout: lockout, now: act.time, tx)
        var details: JSONObject = ["reason": counted == nil ? "locked" : "wrong_password"]
        if let counted { details["failed_logins"] = .integer(Int64(counted.count)) }
        try act.audit(action, .failure, target: .user(user.id), in: user.homeWorkspace, details: details, tx)
        if let counted, counted.locks {
            try act.audit(
                .lockout, target: .user(user.id), in: user.homeWorkspace,
                details: ["until": .string((act.time + lockout).description)], tx)
        }
        return counted?.locks ?? true
    }

    func begin(_ login: LoginSession) async throws -> LoginOutcome {
        guard let hash = RefreshTokens.hash(login.refreshToken) else {
            preconditionFailure("a token of ours has the form of one")
        }
        let (act, now) = (login.act, login.act.time)
        let expiresAt = now + settings.refreshTokenLife
        return try await database.write { tx in
            guard
                let user = try UserStore.acceptLogin(login.credentials, newHash: login.newHash, now: now, tx)
            else {
                let user = login.credentials.user
                try act.audit(
                    .loginFailure, .failure, target: .user(user.id), in: user.homeWorkspace,
                    details: ["reason": "stopped"], tx)
                return .stopped
            }
            guard let (workspace, role) = try Self.destination(of: user, wanted: login.wanted, tx) else {
                let wanted = login.wanted ?? user.homeWorkspace
                try act.audit(
                    .loginFailure, .failure, target: .user(user.id), in: user.homeWorkspace,
                    details: ["reason": "no_such_workspace"], tx)
                return .noWorkspace(wanted)
            }
            let surplus = SessionStore.surplus(of: user.id, beyond: Self.sessionsPerUserMax - 1, now: now)
            try self.endSessions(surplus, .tooMany, by: act, tx)
            try SessionStore.insert(
                NewSession(
                    id: login.id, user: user.id, workspace: workspace, client: act.client, refreshHash: hash,
                    expiresAt: expiresAt), now: now, tx)
            try act.record(.sessionStarted(login.id, user.id), in: workspace, tx)
            try act.audit(.loginSuccess, target: .session(login.id), in: workspace, tx)
            return .begun(
                Grant(
                    session: login.id, user: user.id, workspace: workspace,
                    roles: Role.effective(role, isOperator: user.isOperator), generation: 1))
        }
    }

    /// The workspace that a login goes to: the wanted one, else the one that came with the user, else any.
    private static func destination(
        of user: User, wanted: WorkspaceID?, _ tx: borrowing Transaction
    ) throws -> (WorkspaceID, Role)? {
        let id = wanted ?? user.homeWorkspace
        if let role = try WorkspaceStore.role(of: user.id, in: id, tx) { return (id, role) }
        guard wanted == nil else { return nil }
        return try WorkspaceStore.firstMembership(of: user.id, tx).map { ($0.workspace, $0.role) }
    }
}
