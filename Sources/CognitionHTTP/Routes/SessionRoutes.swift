import CognitionCore
package import CognitionIdentity
import HTTPTypes

/// Where one is logged in.
package struct SessionRoutes: RouteGroup {
    package static let tag = "Identity"
    private let identity: Identity

    package init(identity: Identity) { self.identity = identity }

    package func routes(_ api: inout API) {
        api.route(
            .get, "auth/sessions", answers: [.ok(Page<SessionShape>.self)], errors: [.notFound], access: .token,
            summary: "Lists where one is logged in, the newest session first.",
            details: "All of them, which are 100 at most, so there is no further page.", use: list)
        api.route(
            .delete, "auth/sessions", answers: [.ok(EndedSessionsShape.self)], errors: [.notFound], access: .token,
            summary: "Ends all sessions but the one of the token.",
            details: "Their access tokens stop at once here, and on other nodes within a second.", use: endOthers)
        api.route(
            .delete, "auth/sessions/{id}", parameters: [Self.session], answers: [.noContent], errors: [.notFound],
            access: .token, summary: "Ends one of one's sessions, also the one of the token.",
            details: "Of a session that has ended already the answer is the same.", use: end)
    }

    private static let session = Parameter<SessionID>(
        "id", in: .path, .uuid, "The session's id.", read: SessionID.init)

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let current = call.caller.session
        let sessions = try await identity.sessions(of: call.caller)
        return .ok(Page(sessions.map { SessionShape(session: $0, isCurrent: $0.id == current) }, next: nil))
    }

    @Sendable private func endOthers(_ call: Call<Void>) async throws -> Answer {
        .ok(EndedSessionsShape(count: try await identity.endOtherSessions(of: call.caller, from: call.client)))
    }

    @Sendable private func end(_ call: Call<Void>) async throws -> Answer {
        try await identity.endSession(try call.path(Self.session), as: call.caller, from: call.client)
        return .noContent
    }
}
