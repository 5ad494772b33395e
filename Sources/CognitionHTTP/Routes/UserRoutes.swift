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
            .post, "users", body: UserRequest.self, answers: [.created(CreatedUserShape.self)],
            errors: [.conflict, .unavailable], access: .permission(.operate), summary: "Makes a user.",
            details: "Without a password one is made up, which is in this answer only.", use: create)
        api.route(
            .patch, "users/{user}", body: UserChangeRequest.self, parameters: [Self.user],
            answers: [.ok(UserShape.self)], errors: [.notFound], access: .permission(.operate),
            summary: "Changes a user's status, locks or unlocks it.",
            details: "Whoever is locked or not active is logged out at once.", use: change)
    }

    private static let user = Parameter.text("user", in: .path, "The user's e-mail address.", bytesMax: 254)

    @Sendable private func create(_ call: Call<UserRequest>) async throws -> Answer {
        let made = try await identity.createUser(call.body.command, by: call.principal, from: call.client)
        return .created(CreatedUserShape(user: made.user, password: made.generatedPassword))
    }

    @Sendable private func change(_ call: Call<UserChangeRequest>) async throws -> Answer {
        var user = try await identity.user(email: try call.path(Self.user))
        switch call.body.isLocked {
        case true?: user = try await identity.lock(user.id, by: call.principal, from: call.client)
        case false?: user = try await identity.unlock(user.id, by: call.principal, from: call.client)
        case nil: break
        }
        if let status = call.body.status {
            user = try await identity.setStatus(status, of: user.id, by: call.principal, from: call.client)
        }
        return .ok(UserShape(user: user))
    }
}
