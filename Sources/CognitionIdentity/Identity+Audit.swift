package import CognitionCore
package import CognitionStorage

/// Entries of the audit trail about what other contexts change; they commit with the change.
extension Identity {
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
