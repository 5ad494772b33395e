package import CognitionCore
import CognitionStorage

/// Sessions as their user sees them.
extension Identity {
    /// The caller's sessions that have not ended, the newest first; at most ``sessionsPerUserMax``.
    /// - Throws: `identity.user_not_found` for the command line, which is no user.
    package func sessions(of caller: Caller) async throws -> [SessionDetails] {
        guard let user = caller.user else { throw IdentityError.userNotFound }
        let now = clock.now
        return try await database.read { try SessionStore.live(of: user, now: now, $0) }
    }

    /// Ends one of the caller's sessions, the current one or another; one that has ended stays so.
    /// - Throws: `identity.session_not_found` for one that is not the caller's.
    package func endSession(_ id: SessionID, as caller: Caller, from client: ClientInfo) async throws {
        let act = act(of: caller, from: client)
        try await database.write { tx in
            guard let user = caller.user, try SessionStore.owner(of: id, tx) == user else {
                throw IdentityError(.sessionNotFound, "there is no such session")
            }
            try self.revoke("id = \(id)", by: act, tx)
        }
    }

    /// Ends all sessions of the caller but the current one.
    /// - Returns: How many there were.
    /// - Throws: `identity.user_not_found` for the command line, which is no user.
    package func endOtherSessions(of caller: Caller, from client: ClientInfo) async throws -> Int {
        guard let user = caller.user else { throw IdentityError.userNotFound }
        let act = act(of: caller, from: client)
        return try await database.write { tx in
            guard let current = caller.session else { return try self.revoke("user_id = \(user)", by: act, tx) }
            return try self.revoke("user_id = \(user) AND id <> \(current)", by: act, tx)
        }
    }

    // MARK: By an operator

    /// - Throws: `identity.user_not_found`, `identity.email_invalid`.
    package func sessions(of reference: UserReference) async throws -> [SessionDetails] {
        let now = clock.now
        return try await database.read { tx in
            try SessionStore.live(of: Self.find(reference, tx).id, now: now, tx)
        }
    }

    /// Ends all sessions of a user, who may log in again.
    /// - Returns: How many there were.
    /// - Throws: `identity.user_not_found`, `identity.email_invalid`.
    package func endSessions(
        of reference: UserReference, by principal: Principal, from client: ClientInfo
    ) async throws -> Int {
        let act = Act(actor: principal.actor, client: client, time: clock.now, ids: ids)
        return try await database.write { tx in
            try self.revoke("user_id = \(Self.find(reference, tx).id)", by: act, tx)
        }
    }

    // MARK: In a transaction

    @discardableResult
    private func revoke(_ condition: SQL, by act: Act, _ tx: borrowing Transaction) throws -> Int {
        let ended = try endSessions(condition, .revoked, by: act, tx)
        for session in ended {
            try act.audit(.sessionRevoke, target: .session(session.id), in: session.workspace, tx)
        }
        return ended.count
    }
}
