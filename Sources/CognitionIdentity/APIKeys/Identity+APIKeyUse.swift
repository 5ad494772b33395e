package import CognitionCore
import CognitionStorage

// How a request with an API key is let in.
extension Identity {
    /// How long what was read of a key counts, at most; then it is read again. Changes are heard of much sooner.
    static let apiKeyCheckLife: Duration = .seconds(86_400)
    /// Uses that are written in one transaction.
    private static let usesPerWrite = 500

    /// Who an API key stands for, and what it permits.
    ///
    /// It is looked up once and then found in memory. Whatever changes about it, its user or the user's role is heard of as
    /// with sessions: at once in this process, and by a ``RevocationRunner`` within a second in every other; it is then
    /// looked up again.
    ///
    /// - Throws: `identity.api_key_invalid`, `identity.api_key_expired`.
    func authenticate(apiKey text: String, from client: () -> ClientInfo) async throws -> Caller {
        let now = clock.now
        if let known = cache.find(text) {
            if known.expiresAt > now, isCurrent(known) { return use(known, now: now, from: client) }
            cache.remove(text)
        }
        guard APIKeyText.isWellFormed(text) else {
            metrics.countAPIKeyUse(.malformed)
            throw IdentityError.apiKeyMalformed
        }
        let hash = SHA256Digest(of: Array(text.utf8))
        guard let found = try await database.read({ try APIKeyStore.presented(hash, $0) }) else {
            metrics.countAPIKeyUse(.unknown)
            throw IdentityError.apiKeyInvalid
        }
        if let denial = found.denial(at: now) {
            metrics.countAPIKeyUse(.denied)
            try await noteDenial(denial, of: found.id, of: found.user, in: found.workspace, from: client, now: now)
            throw denial == .expired ? IdentityError.apiKeyExpired : IdentityError.apiKeyInvalid
        }
        let caller = Caller(key: found, checkedUntil: now + Self.apiKeyCheckLife)
        cache.insert(caller, for: text)
        return use(caller, now: now, from: client)
    }

    private func use(_ caller: Caller, now: Timestamp, from client: () -> ClientInfo) -> Caller {
        metrics.countAPIKeyUse(.ok)
        if let key = caller.apiKey { uses.note(key, now: now) { client().address } }
        return caller
    }

    /// Notes that a request was refused because the API key it came with does not permit it; with a token nothing is noted.
    package func noteDenied(_ permission: Permission, of caller: Caller, from client: ClientInfo) async throws {
        guard let key = caller.apiKey, let user = caller.user else { return }
        metrics.countAPIKeyUse(.denied)
        try await noteDenial(
            .scope, of: key, of: user, in: caller.principal.workspace, from: { client }, now: clock.now,
            details: ["permission": .string(permission.rawValue)])
    }

    private func noteDenial(
        _ reason: APIKeyDenial, of key: APIKeyID, of user: UserID, in workspace: WorkspaceID,
        from client: () -> ClientInfo, now: Timestamp, details: JSONObject = [:]
    ) async throws {
        guard uses.isWorthAnEntry(key, reason, now: now) else { return }
        let act = Act(actor: User.actor(user), client: client(), time: now, ids: ids, apiKey: key)
        var details = details
        details["reason"] = .string(reason.rawValue)
        try await database.write { [details] tx in
            try act.audit(.apiKeyDenied, .failure, target: .apiKey(key), in: workspace, details: details, tx)
        }
    }

    // MARK: What others changed

    /// Whether an API key of whose user only this was kept is still as it was. From memory alone.
    package func isCurrent(_ key: APIKeyID, version: Int64) -> Bool {
        refusedKeys.verdict(on: key, generation: version) == .good
    }

    /// Reads which keys were revoked or changed since the last time, by whomever.
    func readAPIKeyRefusals() async throws {
        let now = clock.now
        // Who has only just begun knows no key from before; what commits late, or comes from a clock that is behind, is
        // still found.
        let since = (refusedKeys.readUntil ?? now) - Self.clockSkewMax
        var last: Refusal<APIKeyID>?
        while true {
            let page = try await database.read { [last] tx in
                try APIKeyStore.refusals(since: since, after: last, limit: Self.refusalsPerPage, tx)
            }
            refusedKeys.insert(page)
            last = page.last
            guard page.count == Self.refusalsPerPage else { break }
        }
        refusedKeys.finishReading(at: now, forgettingBefore: now - Self.apiKeyCheckLife - Self.clockSkewMax)
    }

    // MARK: Upkeep

    /// Writes when keys were last used.
    func writeAPIKeyUses() async throws {
        while true {
            let taken = uses.take(limit: Self.usesPerWrite)
            guard !taken.isEmpty else { return }
            try await database.write { try APIKeyStore.note(taken, $0) }
        }
    }

    /// Removes keys that ended a month ago, a bounded number.
    /// - Returns: Whether more are left.
    func pruneAPIKeys() async throws -> Bool {
        let now = clock.now
        return try await database.write { try APIKeyStore.prune(now: now, limit: 1_000, $0) }
    }
}

extension Caller {
    /// The user of a key, with what the key permits.
    fileprivate init(key: PresentedAPIKey, checkedUntil: Timestamp) {
        let roles = Role.effective(key.role, isOperator: key.isOperator)
        self.init(
            actor: User.actor(key.user), workspace: key.workspace, user: key.user, session: nil, apiKey: key.id,
            generation: key.version, roles: roles, scopes: key.scopes,
            expiresAt: min(key.expiresAt ?? checkedUntil, checkedUntil))
    }
}
