import CognitionCore
package import CognitionIdentity
package import CognitionWorkflows
import HTTPTypes

/// Secrets of a workspace; what they hold goes in and never out.
package struct SecretRoutes: RouteGroup {
    package static let tag = "Secrets"
    private let workflows: Workflows
    private let identity: Identity

    package init(workflows: Workflows, identity: Identity) {
        self.workflows = workflows
        self.identity = identity
    }

    package func routes(_ api: inout API) {
        api.route(
            .get, "secrets", parameters: [Query.limit, Query.cursor], answers: [.ok(Page<SecretShape>.self)],
            access: .permission(.readWorkflows), summary: "Lists the names of secrets.",
            details: "What a secret holds is never answered.", use: list)
        api.route(
            .put, "secrets/{name}", body: SecretRequest.self, parameters: [Self.name],
            answers: [
                .created(SecretShape.self, "There was none of that name."), .ok(SecretShape.self, "Replaced."),
            ], errors: [.limited, .unsupported], access: .permission(.manageSecrets), summary: "Sets a secret.",
            details: """
                Workflows that name it in `use.secrets` get its value, in `input.from` of calls and processes and in \
                authentication policies. A new value counts for every task that begins after it. Whoever may store \
                workflows in the workspace can send a secret anywhere.
                """, use: set)
        api.route(
            .delete, "secrets/{name}", parameters: [Self.name], answers: [.noContent], errors: [.notFound],
            access: .permission(.manageSecrets), summary: "Deletes a secret.",
            details: "Tasks that need it fault from then on.", use: delete)
    }

    private static let name = Parameter<String>(
        "name", in: .path, .text(pattern: SecretName.pattern), "The secret's name.",
        read: { SecretName.isValid($0) ? $0 : nil })

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let page = try await workflows.secrets(
            after: try call.cursor(of: "secrets")?.key ?? 0, limit: try call.limit, in: call.workspace)
        return .ok(Page(page.items.map(SecretShape.init), next: page.next.map { Cursor("secrets", after: $0) }))
    }

    @Sendable private func set(_ call: Call<SecretRequest>) async throws -> Answer {
        let name = try call.path(Self.name)
        let (secret, isNew) = try await workflows.setSecret(
            name, to: call.body.value, as: call.principal,
            also: identity.audit(.secretSet, ofSecret: name, by: call.principal, from: call.client))
        let body = SecretShape(secret: secret)
        return isNew ? .created(body) : .ok(body)
    }

    @Sendable private func delete(_ call: Call<Void>) async throws -> Answer {
        let name = try call.path(Self.name)
        try await workflows.deleteSecret(
            name, as: call.principal,
            also: identity.audit(.secretDelete, ofSecret: name, by: call.principal, from: call.client))
        return .noContent
    }
}
