package import CognitionCore
package import CognitionStorage

extension Identity {
    /// The audit trail, newest first: for who runs the server all of it; for who may read it that of the caller's
    /// workspace; for everybody else what they did, and what was done to them, wherever that was.
    ///
    /// - Throws: `identity.workspace_not_found` for another workspace; `identity.forbidden` for an API key that does not
    ///   permit reading it.
    package func auditEntries(
        _ filter: AuditFilter, _ page: PageRequest, as caller: Caller
    ) async throws -> Page<AuditEntry> {
        var filter = filter
        guard !caller.principal.may(.operate) else {
            return try await database.read { [filter] tx in try AuditStore.page(filter, page, tx) }
        }
        let own = caller.principal.workspace
        if let wanted = filter.workspace, wanted != own { throw IdentityError.workspaceNotFound(wanted) }
        if caller.principal.may(.readAudit) {
            filter.workspace = own
            return try await database.read { [filter] tx in try AuditStore.page(filter, page, tx) }
        }
        guard caller.apiKey == nil, caller.user != nil else {
            throw IdentityError(.identityForbidden, "this API key does not permit \(Permission.readAudit.rawValue)")
        }
        let actor = caller.principal.actor
        filter.involving = actor
        let found = try await database.read { [filter] tx in try AuditStore.page(filter, page, tx) }
        // From where somebody else has done it is theirs; from where a stranger has tried, the user should know.
        return found.map { [actor, Act.anonymous].contains($0.actor) ? $0 : $0.withoutClient() }
    }

    /// Writes that a secret was set or deleted; never what it holds.
    ///
    /// - Parameter action: ``AuditAction/secretSet`` or ``AuditAction/secretDelete``.
    package func audit(
        _ action: AuditAction, ofSecret name: String, by principal: Principal, from client: ClientInfo
    ) -> @Sendable (borrowing Transaction) throws -> Void {
        let act = Act(actor: principal.actor, client: client, time: clock.now, ids: ids)
        return { tx in try act.audit(action, target: .secret(name), in: principal.workspace, tx) }
    }
}
