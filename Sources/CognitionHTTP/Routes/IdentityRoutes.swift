import CognitionCore
package import CognitionIdentity
import HTTPTypes

/// Accounts and tokens.
package struct IdentityRoutes: RouteGroup {
    package static let tag = "Identity"
    private let identity: Identity

    package init(identity: Identity) { self.identity = identity }

    package func routes(_ api: inout API) {
        api.route(
            .post, "auth/register", body: RegisterRequest.self, answers: [.created(UserShape.self)],
            errors: [.conflict, .forbidden, .unavailable], access: .open, summary: "Makes an account.",
            details: "With it comes a workspace in which the new user has the role `admin`.", use: register)
        api.route(
            .post, "auth/login", body: LoginRequest.self, answers: [.ok(TokensShape.self)],
            errors: [.unauthenticated, .notFound, .limited, .unavailable], access: .open,
            summary: "Gives tokens for an e-mail address and a password.",
            details: """
                An unknown address, a wrong password and a locked account are answered alike. Five wrong passwords lock an \
                account for half an hour. A `workspace_id` that one is no member of is answered with 404, once the password \
                was right.
                """, use: login)
        api.route(
            .post, "auth/refresh", body: RefreshRequest.self, answers: [.ok(TokensShape.self)],
            errors: [.unauthenticated, .unavailable], access: .open,
            summary: "Exchanges a refresh token for new tokens.",
            details: """
                A refresh token is good once. Sent again within some seconds, e.g. because the answer was lost, it gives the \
                same successor; later its session ends, since somebody else may have it.
                """, use: refresh)
        api.route(
            .get, "auth/me", answers: [.ok(ProfileShape.self)], errors: [.notFound], access: .token,
            summary: "Shows who the token belongs to, and what it permits.", use: me)
        api.route(
            .post, "auth/logout", answers: [.noContent], access: .token,
            summary: "Ends the session of the token.", use: logout)
        api.route(
            .get, "auth/audit",
            parameters: [
                Self.action, Self.actor, Self.target, Self.outcome, Self.since, Self.until, Query.limit, Query.cursor,
            ],
            answers: [.ok(Page<AuditEntryShape>.self)], access: .permission(.readAudit),
            summary: "Lists who did what, newest first.", use: audit)
    }

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

    @Sendable private func register(_ call: Call<RegisterRequest>) async throws -> Answer {
        .created(UserShape(user: try await identity.register(call.body.command, from: call.client)))
    }

    @Sendable private func login(_ call: Call<LoginRequest>) async throws -> Answer {
        .ok(TokensShape(tokens: try await identity.login(call.body.command, from: call.client)))
    }

    @Sendable private func refresh(_ call: Call<RefreshRequest>) async throws -> Answer {
        .ok(TokensShape(tokens: try await identity.refresh(call.body.token, from: call.client)))
    }

    @Sendable private func me(_ call: Call<Void>) async throws -> Answer {
        .ok(ProfileShape(profile: try await identity.me(call.caller)))
    }

    @Sendable private func logout(_ call: Call<Void>) async throws -> Answer {
        try await identity.logout(call.caller, from: call.client)
        return .noContent
    }

    @Sendable private func audit(_ call: Call<Void>) async throws -> Answer {
        // Whoever runs the server sees all of it, and one workspace by naming it.
        let seesAll = call.principal.may(.operate) && call.header(.workspaceID) == nil
        let filter = AuditFilter(
            workspace: seesAll ? nil : call.workspace, action: try call.query(Self.action),
            actor: try call.query(Self.actor),
            target: try call.query(Self.target), outcome: try call.query(Self.outcome),
            since: try call.query(Self.since), until: try call.query(Self.until))
        let page = try await identity.auditEntries(filter, try call.page(of: "audit"), as: call.caller)
        return .ok(Page(page.items.map(AuditEntryShape.init), next: page.next.map { Cursor("audit", after: $0) }))
    }
}
