package import CognitionCore
package import CognitionStorage
package import Metrics
import Synchronization

/// Users, their workspaces and their sessions: who are you, and what may you do?
///
/// Passwords are compared on threads of their own and outside of transactions. What changes commits together with its
/// events and its entry in the audit trail. Access tokens are checked without the database; see ``authenticate(_:)`` for
/// how they die before their time.
package final class Identity: Sendable {
    /// Sessions that one user may have; a further login ends the oldest.
    package static let sessionsPerUserMax = 100
    /// Registrations at once: strangers' passwords must not keep those of users waiting.
    package static let registrationsMax = 16
    /// Access tokens that need not be checked in full again.
    package static let cachedTokensMax = 10_000

    package let database: any Database
    package let settings: IdentitySettings
    let clock: any WallClock
    let ids: UUIDGenerator
    let hasher: PasswordHasher
    private let registrations = Mutex(0)
    /// Whether signing keys are being exchanged.
    let isRotatingKeys = Mutex(false)
    let metrics: IdentityMetrics
    let throttle: FailureThrottle
    /// Counts requests that may send a mail to somebody.
    let mailThrottle: FailureThrottle
    let mails: AccountMail
    let accessTokens: AccessTokens
    let refreshTokens: RefreshTokens
    let outbox: MailOutbox
    let cache = TokenCache<Caller>(entriesMax: Identity.cachedTokensMax)
    let refused = RefusedSessions<SessionID>()
    let refusedKeys = RefusedSessions<APIKeyID>()
    let uses = APIKeyUses()
    let seen = SeenSessions()

    /// - Throws: `identity.setting_invalid`.
    package init(
        database: any Database, clock: any WallClock = SystemWallClock(), ids: UUIDGenerator, keys: SigningKeys,
        settings: IdentitySettings = IdentitySettings(), metricsFactory: any MetricsFactory = MetricsSystem.factory
    ) throws {
        try settings.check()
        self.database = database
        self.settings = settings
        self.clock = clock
        self.ids = ids
        metrics = IdentityMetrics(factory: metricsFactory)
        hasher = PasswordHasher(cost: settings.bcryptCost, metrics: metrics)
        throttle = FailureThrottle(
            failuresMax: settings.authFailuresPerAddress, window: IdentitySettings.authFailuresWindow)
        mailThrottle = FailureThrottle(
            failuresMax: settings.authFailuresPerAddress, window: IdentitySettings.authFailuresWindow)
        mails = AccountMail(serviceName: settings.serviceName, publicURL: settings.publicURL)
        accessTokens = AccessTokens(keys: keys, serviceName: settings.serviceName)
        refreshTokens = RefreshTokens(key: keys.refreshKey)
        outbox = MailOutbox(keys: keys, ids: ids)
    }

    // MARK: Coming in

    /// Makes a user with a workspace of their own, of which they are the admin.
    ///
    /// Where addresses are verified, the user is `pending` until ``verifyEmail(_:from:)``, and the answer for an address
    /// that is taken looks like any other; see ``IdentitySettings/emailVerification``. An invitation is accepted with it, lets
    /// in where others may not register, and proves that the address is the user's.
    ///
    /// - Throws: `identity.registration_closed`, `identity.invitation_invalid`, `identity.email_invalid`, `identity.email_taken`,
    ///   `identity.password_refused`, `identity.name_invalid`, `identity.locale_invalid`, `identity.time_zone_invalid`,
    ///   `identity.busy`; where addresses are verified also `identity.too_many_mails` and `identity.mail_backlog`.
    package func register(_ command: RegisterCommand, from client: ClientInfo) async throws -> User {
        guard settings.registration == .open || settings.registration == .invite && command.invitation != nil else {
            throw IdentityError(
                .registrationClosed,
                "this server takes no registrations; ask who runs it for an account or an invitation"
            )
        }
        let isTaken = registrations.withLock { running in
            guard running < Self.registrationsMax else { return false }
            running += 1
            return true
        }
        guard isTaken else {
            throw IdentityError(.identityBusy, "too many registrations at once; try again in a moment")
        }
        defer { registrations.withLock { $0 -= 1 } }
        if let invitation = command.invitation {
            let user = try await register(command, with: invitation, from: client)
            metrics.countRegistration()
            return user
        }
        if settings.emailVerification {
            let user = try await registerUnverified(command, from: client)
            metrics.countRegistration()
            return user
        }
        let new = try await newUser(command, isOperator: false)
        let act = Act(actor: User.actor(new.id), client: client, time: clock.now, ids: ids)
        let user = try await database.write { tx in try Self.insert(new, by: act, tx) }
        metrics.countRegistration()
        return user
    }

    /// Begins a session.
    ///
    /// - Throws: `identity.login_failed`, which never says why; `identity.too_many_failures` with `retryAfter`;
    ///   `identity.workspace_not_found` for another workspace than one of the user's, once the password was right;
    ///   `identity.busy`.
    package func login(_ command: LoginCommand, from client: ClientInfo) async throws -> Tokens {
        let now = clock.now
        try checkThrottle(of: client, now: now)
        let credentials = try await credentials(command.email)
        guard try await isRight(command.password, for: credentials, now: now), let credentials else {
            let isLocked = try await recordFailure(of: credentials, from: client, now: now)
            throttle.countFailure(of: client, now: clock.now)
            metrics.countLogin(isLocked ? .locked : .failed)
            throw IdentityError.loginFailed
        }
        let needsHash = Bcrypt.cost(of: credentials.passwordHash) != settings.bcryptCost
        let newHash = needsHash ? try await hasher.hash(command.password) : nil
        let session = LoginSession(
            credentials: credentials, newHash: newHash, wanted: command.workspace, refreshToken: RefreshTokens.first(),
            id: ids.next(),
            act: Act(actor: credentials.user.actor, client: client, time: clock.now, ids: ids))
        switch try await begin(session) {
        case .begun(let grant):
            metrics.countLogin(.ok)
            return try await tokens(for: grant, refreshToken: session.refreshToken, now: session.act.time)
        case .stopped:
            throttle.countFailure(of: client, now: clock.now)
            metrics.countLogin(.failed)
            throw IdentityError.loginFailed
        case .noWorkspace(let id):
            metrics.countLogin(.failed)
            throw IdentityError.workspaceNotFound(id)
        }
    }

    /// - Throws: `identity.too_many_failures` when too many passwords from this network address were wrong.
    func checkThrottle(of client: ClientInfo, now: Timestamp) throws {
        guard let wait = throttle.wait(for: client, now: now) else { return }
        metrics.countLogin(.throttled)
        throw IdentityError(
            .tooManyFailures, "too many logins from this address have failed; try again later", retryAfter: wait)
    }

    // MARK: Staying

    /// Exchanges a refresh token for new tokens.
    ///
    /// Each is good once. Within `refreshGrace` of its use it gets the same successor again, as long as nobody has used
    /// that one; any other second use ends the session.
    ///
    /// - Throws: `identity.refresh_invalid`.
    package func refresh(_ token: Secret, from client: ClientInfo) async throws -> Tokens {
        let rotation = try await rotate(token, from: client, now: clock.now)
        metrics.countRefresh(rotation.outcome)
        guard let grant = rotation.grant else { throw IdentityError.refreshInvalid }
        return try await tokens(for: grant, refreshToken: rotation.successor, now: clock.now)
    }

    /// Ends the caller's session; one that has ended stays so. A caller without a session has none to end.
    package func logout(_ caller: Caller, from client: ClientInfo) async throws {
        guard let session = caller.session else { return }
        let act = act(of: caller, from: client)
        try await database.write { tx in
            try act.audit(.logout, target: .session(session), in: caller.principal.workspace, tx)
            try self.endSessions("id = \(session)", .logout, by: act, tx)
        }
    }

    /// Who the caller is.
    /// - Throws: `identity.user_not_found` for the command line, which is no user.
    package func me(_ caller: Caller) async throws -> Profile {
        guard let id = caller.user else { throw IdentityError.userNotFound }
        return Profile(
            user: try await user(id), workspace: caller.principal.workspace, roles: caller.roles,
            permissions: caller.principal.permissions)
    }
}
