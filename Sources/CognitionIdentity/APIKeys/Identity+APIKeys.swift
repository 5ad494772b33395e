package import CognitionCore
import CognitionStorage

extension Identity {
    /// Makes an API key.
    ///
    /// - Returns: The key, and its text, which is shown here and never again.
    /// - Throws: `identity.session_required` for a caller with an API key; `identity.scope_exceeded` for a scope that the
    ///   user's role in the workspace does not give; `identity.workspace_not_found`, `identity.user_not_found`,
    ///   `identity.name_invalid`, `identity.api_key_useless`, `identity.api_keys_max`; `identity.forbidden` when anybody
    ///   but who runs the server makes one for somebody else.
    package func createAPIKey(
        _ command: CreateAPIKeyCommand, as caller: Caller, from client: ClientInfo
    ) async throws -> (key: APIKey, text: Secret) {
        guard caller.apiKey == nil else { throw IdentityError.sessionRequired }
        guard let name = try DisplayText.read(command.name, "a name") else {
            throw IdentityError(.identityNameInvalid, "an API key has a name")
        }
        let act = act(of: caller, from: client)
        if let expiresAt = command.expiresAt, expiresAt <= act.time {
            throw IdentityError(.apiKeyUseless, "the moment when the API key expires has passed")
        }
        let (id, text) = (ids.next(APIKey.self), APIKeyText.make())
        let hash = SHA256Digest(of: Array(text.reveal().utf8))
        let key = try await database.write { tx in
            let user = try Self.owner(command.user, of: caller, tx)
            // Who is removed from the workspace meanwhile gets no key for it.
            try UserStore.hold(user.id, now: act.time, tx)
            let workspace =
                command.workspace ?? (command.user == nil ? caller.principal.workspace : user.homeWorkspace)
            let scopes = try Self.scopes(command.scopes, of: user, in: workspace, tx)
            try Self.checkRoomForAPIKey(of: user.id, now: act.time, tx)
            let key = APIKey(
                id: id, user: user.id, workspace: workspace, name: name, prefix: APIKeyText.prefix(of: text),
                scopes: scopes, createdAt: act.time, expiresAt: command.expiresAt, lastUsedAt: nil, lastUsedAddress: nil
            )
            try APIKeyStore.insert(key, hash, tx)
            try act.record(.apiKeyCreated(id, user.id), in: workspace, tx)
            var details = key.auditDetails
            details["scopes"] = .array(scopes.map(\.rawValue).sorted().map(JSONValue.string))
            if let expiresAt = key.expiresAt { details["expires_at"] = .string(expiresAt.description) }
            try act.audit(.apiKeyCreate, target: .apiKey(id), in: workspace, details: details, tx)
            return key
        }
        return (key, text)
    }

    /// The API keys of a user that were not revoked, in the order in which they were made.
    ///
    /// - Parameter user: `nil` for the caller. Only who runs the server names somebody else.
    /// - Throws: `identity.session_required`, `identity.user_not_found`, `identity.forbidden`.
    package func apiKeys(
        of user: UserReference? = nil, _ page: PageRequest = PageRequest(), as caller: Caller
    ) async throws -> Page<APIKey> {
        guard caller.apiKey == nil else { throw IdentityError.sessionRequired }
        return try await database.read { tx in
            try APIKeyStore.page(try Self.owner(user, of: caller, tx).id, page, tx)
        }
    }

    /// Revokes an API key: one of the caller's own, one for a workspace that the caller manages, or any for who runs the
    /// server. It is refused at once in this process, and within a second in every other.
    ///
    /// - Throws: `identity.session_required`; `identity.api_key_not_found`, also for one that was revoked.
    package func revokeAPIKey(_ id: APIKeyID, as caller: Caller, from client: ClientInfo) async throws {
        guard caller.apiKey == nil else { throw IdentityError.sessionRequired }
        let act = act(of: caller, from: client)
        try await database.write { tx in
            guard let key = try APIKeyStore.find(id, tx) else { throw IdentityError.apiKeyNotFound }
            guard try key.user == caller.user || Self.manages(caller, key.workspace, tx) else {
                throw IdentityError.apiKeyNotFound
            }
            try self.revokeAPIKeys("id = \(id)", by: act, tx)
        }
    }

    // MARK: In a transaction

    /// Revokes the keys that `condition` names, with an entry for each.
    func revokeAPIKeys(_ condition: SQL, by act: Act, _ tx: borrowing Transaction) throws {
        let revoked = try APIKeyStore.revoke(condition, now: act.time, tx)
        for key in revoked {
            try act.record(.apiKeyRevoked(key.id, key.user), in: key.workspace, tx)
            try act.audit(.apiKeyRevoke, target: .apiKey(key.id), in: key.workspace, details: key.auditDetails, tx)
        }
        refuseAPIKeys(revoked.map { Refusal(id: $0.id, validFrom: .max, at: act.time) }, tx)
    }

    /// Has the keys that `condition` names looked up again, because their user's role or status has changed.
    func refuseAPIKeys(_ condition: SQL, by act: Act, _ tx: borrowing Transaction) throws {
        refuseAPIKeys(try APIKeyStore.refuse(condition, now: act.time, tx), tx)
    }

    private func refuseAPIKeys(_ refusals: [Refusal<APIKeyID>], _ tx: borrowing Transaction) {
        guard !refusals.isEmpty else { return }
        tx.afterCommit { [refusedKeys] in refusedKeys.insert(refusals) }
    }

    private static func owner(
        _ named: UserReference?, of caller: Caller, _ tx: borrowing Transaction
    ) throws -> User {
        if let named {
            guard caller.principal.may(.operate) else {
                throw IdentityError(.identityForbidden, "only who runs the server deals with the keys of others")
            }
            return try find(named, tx)
        }
        guard let id = caller.user else { throw IdentityError.userNotFound }
        return try find(.id(id), tx)
    }

    /// What a new key permits: no more than the user's role in the workspace gives.
    private static func scopes(
        _ wanted: Set<Permission>?, of user: User, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> Set<Permission> {
        let role = try WorkspaceStore.role(of: user.id, in: workspace, tx)
        guard try role != nil || (user.isOperator && WorkspaceStore.find(workspace, tx) != nil) else {
            throw IdentityError.workspaceNotFound(workspace)
        }
        let given = Role.effective(role, isOperator: user.isOperator).permissions
        let scopes = wanted ?? given
        guard !scopes.isEmpty else { throw IdentityError(.apiKeyUseless, "an API key has at least one scope") }
        let excess = scopes.subtracting(given).map(\.rawValue).sorted()
        guard excess.isEmpty else {
            throw IdentityError(
                .scopeExceeded, "the user's role in this workspace does not give \(excess.joined(separator: ", "))")
        }
        return scopes
    }

    private static func checkRoomForAPIKey(of user: UserID, now: Timestamp, _ tx: borrowing Transaction) throws {
        // Nobody else makes one for the user until this has been committed.
        try tx.lock("identity.api_keys \(user)")
        guard try APIKeyStore.liveCount(of: user, now: now, tx) < APIKey.perUserMax else {
            throw IdentityError(
                .apiKeysMax, "a user has at most \(APIKey.perUserMax) API keys; revoke one that is not needed")
        }
    }
}

extension APIKey {
    /// What the audit trail says of a key.
    fileprivate var auditDetails: JSONObject {
        ["name": .string(name), "prefix": .string(prefix), "user": .string(User.actor(user))]
    }
}
