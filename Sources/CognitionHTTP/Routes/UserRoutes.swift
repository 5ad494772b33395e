import CognitionCore
package import CognitionIdentity
import HTTPTypes

/// Users, for operators.
package struct UserRoutes: RouteGroup {
    package static let tag = "Users"
    private let identity: Identity

    package init(identity: Identity) { self.identity = identity }

    package func routes(_ api: inout API) {
        api.route(
            .get, "users", parameters: [Self.status, Query.limit, Query.cursor], answers: [.ok(Page<UserShape>.self)],
            access: .permission(.operate),
            summary: "Lists the users of the server, in the order in which they were made.",
            use: list)
        api.route(
            .post, "users", body: UserRequest.self, answers: [.created(CreatedUserShape.self)],
            errors: [.conflict, .unavailable], access: .permission(.operate), summary: "Makes a user.",
            details: """
                Without a password one is made up, which is in this answer only. Users who run the server are made with the \
                command line's token; any other token gets 403.
                """, use: create)
        api.route(
            .patch, "users/{id}", body: UserChangeRequest.self, parameters: [Self.user],
            answers: [.ok(UserShape.self)], errors: [.notFound], access: .permission(.operate),
            summary: "Changes a user's status, locks or unlocks it.",
            details: "Whoever is locked or not active is logged out at once.", use: change)
        api.route(
            .get, "users/{id}", parameters: [Self.user], answers: [.ok(UserShape.self)], errors: [.notFound],
            access: .permission(.operate), summary: "Shows a user.", use: show)
        api.route(
            .get, "users/{id}/sessions", parameters: [Self.user], answers: [.ok(Page<SessionShape>.self)],
            errors: [.notFound], access: .permission(.operate),
            summary: "Lists where a user is logged in, the newest session first.", use: sessions)
        api.route(
            .delete, "users/{id}/sessions", parameters: [Self.user], answers: [.ok(EndedSessionsShape.self)],
            errors: [.notFound], access: .permission(.operate), summary: "Ends all sessions of a user.",
            details: "The user may log in again; see the status and `locked` for one who may not.", use: endSessions)
        api.route(
            .post, "users/{id}/password-reset", parameters: [Self.user],
            answers: [.created(PasswordResetLinkShape.self)],
            errors: [.notFound, .forbidden], access: .permission(.operate),
            summary: "Makes a link with which a user chooses a new password.",
            details: "It is in this answer only, good once, for an hour; no mail is sent.", use: resetPassword)
    }

    private static let status = Parameter<UserStatus>(
        "status", in: .query, .choice(UserStatus.allCases.map(\.rawValue)), "Only users of this status.",
        read: UserStatus.init(rawValue:))
    private static let user = Parameter<UserReference>(
        "id", in: .path, .text(length: 3...254), "The user's id, or the e-mail address.", read: UserReference.init)

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let page = try await identity.users(
            UserFilter(status: try call.query(Self.status)), try call.page(of: "users"))
        return .ok(Page(page.items.map(UserShape.init), next: page.next.map { Cursor("users", after: $0) }))
    }

    @Sendable private func create(_ call: Call<UserRequest>) async throws -> Answer {
        let made = try await identity.createUser(call.body.command, by: call.principal, from: call.client)
        return .created(CreatedUserShape(user: made.user, password: made.generatedPassword))
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        .ok(UserShape(user: try await identity.user(call.path(Self.user))))
    }

    @Sendable private func sessions(_ call: Call<Void>) async throws -> Answer {
        let current = call.caller.session
        let sessions = try await identity.sessions(of: call.path(Self.user))
        return .ok(Page(sessions.map { SessionShape(session: $0, isCurrent: $0.id == current) }, next: nil))
    }

    @Sendable private func endSessions(_ call: Call<Void>) async throws -> Answer {
        let count = try await identity.endSessions(
            of: try call.path(Self.user), by: call.principal, from: call.client)
        return .ok(EndedSessionsShape(count: count))
    }

    @Sendable private func resetPassword(_ call: Call<Void>) async throws -> Answer {
        let link = try await identity.passwordResetLink(
            for: try call.path(Self.user), by: call.principal, from: call.client)
        return .created(PasswordResetLinkShape(link: link))
    }

    @Sendable private func change(_ call: Call<UserChangeRequest>) async throws -> Answer {
        let user = try await identity.change(
            try call.path(Self.user), call.body.change, by: call.principal, from: call.client)
        return .ok(UserShape(user: user))
    }
}
