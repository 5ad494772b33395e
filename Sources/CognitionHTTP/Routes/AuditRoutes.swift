import CognitionCore
package import CognitionIdentity
import HTTPTypes

/// Who did what.
package struct AuditRoutes: RouteGroup {
    package static let tag = "Audit"
    private let identity: Identity

    package init(identity: Identity) { self.identity = identity }

    package func routes(_ api: inout API) {
        api.route(
            .get, "auth/audit",
            parameters: [
                Self.workspace, Self.action, Self.actor, Self.target, Self.outcome, Self.since, Self.until, Query.limit,
                Query.cursor,
            ],
            answers: [.ok(Page<AuditEntryShape>.self)], errors: [.forbidden], access: .credential,
            summary: "Lists who did what, newest first.",
            details: """
                Who runs the server sees all of it, and with `workspace_id` one workspace. Who has `audit:read` sees the \
                workspace. Everybody else sees what they did themselves, and what was done to them, wherever it was; where \
                somebody else did it from is left out. An API key needs `audit:read`.
                """, use: list)
    }

    private static let workspace = Parameter.text(
        "workspace_id", "Only of this workspace: one's own, or any for who runs the server.", bytesMax: 63)
    private static let action = Parameter<AuditAction>(
        "action", in: .query, .choice(AuditAction.allCases.map(\.rawValue)), "Only entries of this kind.",
        read: AuditAction.init(rawValue:))
    private static let actor = Parameter.text("actor", "Only what this actor did, e.g. `user:…`.")
    private static let target = Parameter.text("target", "Only what concerns this, e.g. `user:…`.")
    private static let outcome = Parameter<AuditOutcome>(
        "outcome", in: .query, .choice(AuditOutcome.allCases.map(\.rawValue)), "Only with this outcome.",
        read: AuditOutcome.init(rawValue:))
    private static let since = Parameter.moment("since", "Only entries of this moment or later.")
    private static let until = Parameter.moment("until", "Only entries before this moment.")

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let picked = call.header(.workspaceID) == nil ? nil : call.workspace
        let filter = AuditFilter(
            workspace: try call.query(Self.workspace).map(WorkspaceID.init) ?? picked,
            action: try call.query(Self.action),
            actor: try call.query(Self.actor), target: try call.query(Self.target),
            outcome: try call.query(Self.outcome), since: try call.query(Self.since),
            until: try call.query(Self.until))
        let page = try await identity.auditEntries(filter, try call.page(of: "audit"), as: call.caller)
        return .ok(Page(page.items.map(AuditEntryShape.init), next: page.next.map { Cursor("audit", after: $0) }))
    }
}
