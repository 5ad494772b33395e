package import CognitionCore
import CognitionStorage

/// What became of a refresh token.
struct Rotation: Sendable {
    let outcome: IdentityMetrics.Refresh
    /// `nil` when the token was not good.
    let grant: Grant?
    let successor: Secret
}

extension Identity {
    // MARK: Access tokens

    /// Who a token stands for.
    ///
    /// A token is checked in full once and then found in memory, at most ``cachedTokensMax`` of them. What a token
    /// cannot know is looked up in memory as well: whether its session has ended (`identity.token_invalid`), and whether
    /// the user's role in the workspace has changed since (`identity.token_expired`, a refresh brings one that says so).
    /// Both take effect at once in this process, and by a ``RevocationRunner`` within a second in every other.
    ///
    /// An API key is taken in its place: ``authenticate(apiKey:from:)``.
    ///
    /// - Parameter client: Asked for only when something about it is noted.
    /// - Throws: `identity.token_invalid`, `identity.token_expired`, `identity.api_key_invalid`,
    ///   `identity.api_key_expired`.
    package func authenticate(
        _ accessToken: String, from client: @autoclosure () -> ClientInfo = .local
    ) async throws -> Caller {
        if APIKeyText.isMeant(accessToken) { return try await authenticate(apiKey: accessToken, from: client) }
        let now = clock.now
        let caller: Caller
        if let known = cache.find(accessToken) {
            caller = known
        } else {
            let epoch = accessTokens.epoch
            caller = try await check(accessToken, now: now)
            cache.insert(caller, for: accessToken)
            if accessTokens.epoch != epoch {
                // Keys were dropped while it was checked, and what was known of tokens was forgotten a moment too early.
                cache.remove(accessToken)
                _ = try await accessTokens.verify(accessToken, now: now)
            }
        }
        guard caller.expiresAt > now else {
            cache.remove(accessToken)
            throw IdentityError.tokenExpired
        }
        guard let session = caller.session else { return caller }
        switch refused.verdict(on: session, generation: caller.generation) {
        case .good:
            seen.note(session)
            return caller
        case .stale: throw IdentityError.tokenExpired
        case .ended: throw IdentityError.tokenInvalid
        }
    }

    private func check(_ accessToken: String, now: Timestamp) async throws -> Caller {
        let epoch = accessTokens.epoch
        let claims = try await accessTokens.verify(accessToken, now: now)
        // After a start nothing is known of what happened before it.
        if refused.readUntil == nil { try await readRefusals() }
        let roles = claims.roles.compactMap(Role.init)
        let expiry = Timestamp(microseconds: claims.exp * 1_000_000)
        let workspace = WorkspaceID(claims.ws)
        guard let sid = claims.sid else {
            guard claims.sub == Principal.localOperator.actor else { throw IdentityError.tokenInvalid }
            return Caller(
                actor: claims.sub, workspace: workspace, user: nil, session: nil, generation: epoch, roles: roles,
                expiresAt: expiry)
        }
        guard let session = SessionID(sid), let user = UserID(claims.sub), let generation = claims.gen else {
            throw IdentityError.tokenInvalid
        }
        // A token that was signed when lives were longer dies with those of today: ends are remembered for no longer.
        let expiresAt = min(expiry, Timestamp(microseconds: claims.iat * 1_000_000) + settings.accessTokenLife)
        return Caller(
            actor: User.actor(user), workspace: workspace, user: user, session: session, generation: generation,
            roles: roles, expiresAt: expiresAt)
    }

    /// Whether the caller's token would still be found good but for its expiry: its session goes on, and the role that
    /// it tells has not changed. From memory alone; for connections that outlast a request.
    ///
    /// What changes in a workspace that was picked with ``caller(_:in:)`` is not seen.
    package func isCurrent(_ caller: Caller) -> Bool {
        guard caller.expiresAt > clock.now else { return false }
        if let key = caller.apiKey { return isCurrent(key, version: caller.generation) }
        guard let session = caller.session else { return isCurrent(unbound: caller.generation) }
        return isCurrent(session, generation: caller.generation)
    }

    /// The same for a token without a session, of which only the generation was kept: whether no key is gone since with which
    /// it may have been signed.
    package func isCurrent(unbound generation: Int64) -> Bool { generation == accessTokens.epoch }

    /// The same for a caller of whom only this was kept.
    package func isCurrent(_ session: SessionID, generation: Int64) -> Bool {
        verdict(on: session, generation: generation) == .good
    }

    /// What has become of a session; `stale` when it is only that the role has changed.
    package func verdict(on session: SessionID, generation: Int64) -> RefusalVerdict {
        refused.verdict(on: session, generation: generation)
    }

    /// Rises with whatever may change what is found of some session, API key or token.
    package var refusalRevision: Int {
        refused.revision &+ refusedKeys.revision &+ Int(truncatingIfNeeded: accessTokens.epoch)
    }

    /// Who the caller of a session is now, where its token still tells an earlier role.
    /// - Parameter expiresAt: When that token would have ended; so does what is returned.
    /// - Throws: `identity.token_invalid` when the session has ended, or the user belongs to the workspace no more.
    package func current(_ session: SessionID, until expiresAt: Timestamp) async throws -> Caller {
        let now = clock.now
        return try await database.read { tx in
            guard let found = try SessionStore.standing(of: session, now: now, tx) else {
                throw IdentityError.tokenInvalid
            }
            let roles = Role.effective(
                try WorkspaceStore.role(of: found.user, in: found.workspace, tx), isOperator: found.isOperator)
            guard !roles.isEmpty else { throw IdentityError.tokenInvalid }
            return Caller(
                actor: User.actor(found.user), workspace: found.workspace, user: found.user, session: session,
                generation: found.validFrom, roles: roles, expiresAt: expiresAt)
        }
    }

    /// A token for the machine's own command line: role `operator` in the workspace `default`, without a session, so it is
    /// good until it expires.
    ///
    /// - Parameter life: At least a second.
    package func operatorToken(life: Duration) async throws -> Secret {
        let principal = Principal.localOperator
        return try await accessTokens.sign(
            subject: principal.actor, session: nil, workspace: principal.workspace, roles: [.operator], generation: nil,
            life: life, id: ids.next(), now: clock.now)
    }

    func tokens(for grant: Grant, refreshToken: Secret, now: Timestamp) async throws -> Tokens {
        let accessToken = try await accessTokens.sign(
            subject: grant.user.description, session: grant.session, workspace: grant.workspace, roles: grant.roles,
            generation: grant.generation, life: settings.accessTokenLife, id: ids.next(), now: now)
        return Tokens(accessToken: accessToken, refreshToken: refreshToken, expiresIn: settings.accessTokenLife)
    }

    // MARK: Refresh tokens

    func rotate(_ token: Secret, from client: ClientInfo, now: Timestamp) async throws -> Rotation {
        let successor = refreshTokens.successor(of: token)
        guard let hash = RefreshTokens.hash(token), let successorHash = RefreshTokens.hash(successor) else {
            return Rotation(outcome: .refused, grant: nil, successor: successor)
        }
        let (grace, expiresAt) = (settings.refreshGrace, now + settings.refreshTokenLife)
        let (outcome, grant): (IdentityMetrics.Refresh, Grant?) = try await database.write { tx in
            guard var found = try SessionStore.presented(hash, tx) else { return (.refused, nil) }
            let act = Act(actor: User.actor(found.user), client: client, time: now, ids: self.ids)
            var verdict = found.verdict(now: now, grace: grace)
            if verdict == .rotate {
                if try SessionStore.rotate(
                    hash, found, to: successorHash, from: client, expiresAt: expiresAt, now: now, tx)
                {
                    try act.audit(.refresh, target: .session(found.session), in: found.workspace, tx)
                    // The session's row is held now: a change of the role has either been seen here or waits, and then
                    // refuses what is granted here.
                    let role = try WorkspaceStore.role(of: found.user, in: found.workspace, tx)
                    return (.ok, found.grant(as: role))
                }
                // Another request was first, between the two statements.
                guard let again = try SessionStore.presented(hash, tx) else { return (.refused, nil) }
                found = again
                verdict = again.verdict(now: now, grace: grace)
            }
            switch verdict {
            case .answerAgain where found.successorHash == successorHash.bytes:
                return (.repeated, found.grant(as: found.role))
            case .reuse:
                try act.audit(
                    .refreshReuseDetected, .failure, target: .session(found.session), in: found.workspace,
                    details: ["generation": .integer(found.generation)], tx)
                try self.endSessions("id = \(found.session)", .reuse, by: act, tx)
                return (.reused, nil)
            // The key that makes successors was exchanged within the grace: the one that was given cannot be made again.
            case .answerAgain, .rotate, .refuse: return (.refused, nil)
            }
        }
        return Rotation(outcome: outcome, grant: grant, successor: successor)
    }

    // MARK: Ends

    func act(of caller: Caller, from client: ClientInfo) -> Act {
        Act(actor: caller.principal.actor, client: client, time: clock.now, ids: ids, apiKey: caller.apiKey)
    }

    /// Ends the live sessions that `condition` names, and lets their access tokens die with the commit.
    @discardableResult
    func endSessions(
        _ condition: SQL, _ reason: SessionEnd, by act: Act, _ tx: borrowing Transaction
    ) throws -> [EndedSession] {
        let ended = try SessionStore.end(condition, now: act.time, tx)
        guard !ended.isEmpty else { return [] }
        for session in ended {
            try act.record(.sessionEnded(session.id, session.user, reason), in: session.workspace, tx)
        }
        refuse(ended.map { Refusal(session: $0.id, validFrom: .max, at: act.time) }, tx)
        let metrics = metrics
        tx.afterCommit { metrics.countEnded(ended.count, reason) }
        return ended
    }

    /// Refuses the access tokens of sessions in this process, once the transaction is durable.
    func refuse(_ refusals: [Refusal<SessionID>], _ tx: borrowing Transaction) {
        tx.afterCommit { [refused] in refused.insert(refusals) }
    }

    /// Reads which sessions were ended or changed since the last time, by whomever.
    func readRefusals() async throws {
        let now = clock.now
        let oldest = now - settings.accessTokenLife - Self.clockSkewMax
        // What commits late, or comes from a clock that is behind, is still found.
        let since = refused.readUntil.map { max($0 - Self.clockSkewMax, oldest) } ?? oldest
        var last: Refusal<SessionID>?
        while true {
            let page = try await database.read { [last] tx in
                try SessionStore.refusals(since: since, after: last, limit: Self.refusalsPerPage, tx)
            }
            refused.insert(page)
            last = page.last
            guard page.count == Self.refusalsPerPage else { break }
        }
        refused.finishReading(at: now, forgettingBefore: oldest)
    }

    /// How far the clocks of the machines that share a database may be apart.
    static let clockSkewMax: Duration = .seconds(60)
    static let refusalsPerPage = 1_000

    /// Removes sessions and tokens that have expired, a bounded number.
    /// - Returns: Whether more are left.
    func pruneSessions() async throws -> Bool {
        let now = clock.now
        return try await database.write { tx in
            let areSessionsLeft = try SessionStore.prune(now: now, limit: 1_000, tx)
            let areTokensLeft = try AccountTokenStore.prune(now: now, limit: 1_000, tx)
            return areSessionsLeft || areTokensLeft
        }
    }

    /// Stores which sessions were used since the last time.
    func storeSeen() async throws {
        let ids = seen.take()
        guard !ids.isEmpty else { return }
        let now = clock.now
        try await database.write { tx in
            for start in stride(from: 0, to: ids.count, by: 500) {
                try SessionStore.touch(Array(ids[start..<min(start + 500, ids.count)]), now: now, tx)
            }
        }
    }
}

extension PresentedToken {
    /// What the successor stands for.
    fileprivate func grant(as role: Role?) -> Grant {
        Grant(
            session: session, user: user, workspace: workspace,
            roles: Role.effective(role, isOperator: isOperator), generation: generation + 1)
    }
}
