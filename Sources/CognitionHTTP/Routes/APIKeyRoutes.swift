import CognitionCore
package import CognitionIdentity
import HTTPTypes

/// API keys: what programs carry in place of an access token.
package struct APIKeyRoutes: RouteGroup {
    package static let tag = "API keys"
    private let identity: Identity

    package init(identity: Identity) { self.identity = identity }

    package func routes(_ api: inout API) {
        api.route(
            .get, "auth/api-keys", parameters: [Self.user, Query.limit, Query.cursor],
            answers: [.ok(Page<APIKeyShape>.self)], access: .token,
            summary: "Lists one's API keys, in the order in which they were made.",
            details: "Revoked ones are left out. Of a key only its first characters are shown.", use: list)
        api.route(
            .post, "auth/api-keys", body: APIKeyRequest.self, answers: [.created(CreatedAPIKeyShape.self)],
            errors: [.notFound, .limited], access: .token, summary: "Makes an API key.",
            details: """
                The key itself is in this answer only. It is sent as an access token is, acts in the workspace of this \
                request, and permits its scopes as far as its user's role gives them at the time; without `scopes` it gets \
                all that the role gives now. A user has at most 50.
                """, use: create)
        api.route(
            .delete, "auth/api-keys/{id}", parameters: [Self.key], answers: [.noContent], errors: [.notFound],
            access: .token, summary: "Revokes an API key, which is refused from then on.",
            details: "Who manages a workspace may revoke every key for it.", use: revoke)
    }

    private static let user = Parameter<UserReference>(
        "user", in: .query, .text(length: 3...254), "Whose, by id or e-mail address; only for who runs the server.",
        read: UserReference.init)
    private static let key = Parameter<APIKeyID>("id", in: .path, .uuid, "The key's id.", read: APIKeyID.init)

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let page = try await identity.apiKeys(
            of: try call.query(Self.user), try call.page(of: "api-keys"), as: call.caller)
        return .ok(Page(page.items.map(APIKeyShape.init), next: page.next.map { Cursor("api-keys", after: $0) }))
    }

    @Sendable private func create(_ call: Call<APIKeyRequest>) async throws -> Answer {
        let made = try await identity.createAPIKey(call.body.command, as: call.caller, from: call.client)
        return .created(CreatedAPIKeyShape(key: made.key, text: made.text))
    }

    @Sendable private func revoke(_ call: Call<Void>) async throws -> Answer {
        try await identity.revokeAPIKey(try call.path(Self.key), as: call.caller, from: call.client)
        return .noContent
    }
}
