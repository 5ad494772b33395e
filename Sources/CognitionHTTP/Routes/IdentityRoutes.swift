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
            errors: [.conflict, .forbidden, .limited, .unavailable], access: .open, summary: "Makes an account.",
            details: """
                With it comes a workspace in which the new user has the role `admin`. Where addresses are verified, the user \
                is `pending` until `POST auth/verify-email`, and an address that is taken gets the same answer.
                """, use: register)
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
            .get, "auth/me", answers: [.ok(ProfileShape.self)], errors: [.notFound], access: .credential,
            summary: "Shows who the token or API key belongs to, and what it permits.", use: me)
        api.route(
            .post, "auth/logout", answers: [.noContent], access: .token,
            summary: "Ends the session of the token.", use: logout)
    }

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
}
