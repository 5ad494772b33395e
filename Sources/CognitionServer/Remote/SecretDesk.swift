import CognitionCore
import CognitionHTTP
import CognitionIdentity
import CognitionWorkflows

/// Where secrets are set, listed and deleted: in this process on the data folder, or by the server that holds it.
protocol SecretDesk: Sendable {
    /// - Returns: The secret, without what it holds.
    /// - Throws: `secret.name_invalid`, `secret.value_invalid`, `secret.too_many`.
    func set(_ name: String, to value: JSONValue) async throws -> JSONValue

    /// Secrets by name, as `{items, next_cursor}`.
    func list(_ page: PageWish) async throws -> JSONValue

    /// - Throws: `secret.not_found`.
    func delete(_ name: String) async throws
}

enum SecretDesks {
    static func withDesk<Result>(
        _ configuration: ServerConfiguration, _ body: (any SecretDesk) async throws -> Result
    ) async throws -> Result {
        try await RemoteServer.withServer(configuration) { server in
            if let server { return try await body(RemoteSecretDesk(server: server)) }
            return try await Node.withNode(configuration, .any) { node in
                try await body(LocalSecretDesk(node: node))
            }
        }
    }
}

private struct LocalSecretDesk: SecretDesk {
    let node: Node

    func set(_ name: String, to value: JSONValue) async throws -> JSONValue {
        let identity = try node.identity(mayCreateKeys: node.isOwner)
        let made = try await node.workflows.setSecret(
            name, to: value, as: .localOperator,
            also: identity.audit(.secretSet, ofSecret: name, by: .localOperator, from: .local))
        return SecretShape(secret: made.secret).json
    }

    func list(_ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map { try Cursor($0, of: "secrets").key }
        let found = try await node.workflows.secrets(after: after ?? 0, limit: page.limit, in: .default)
        return Page(found.items.map(SecretShape.init), next: found.next.map { Cursor("secrets", after: $0) }).json
    }

    func delete(_ name: String) async throws {
        let identity = try node.identity(mayCreateKeys: node.isOwner)
        try await node.workflows.deleteSecret(
            name, as: .localOperator,
            also: identity.audit(.secretDelete, ofSecret: name, by: .localOperator, from: .local))
    }
}

private struct RemoteSecretDesk: SecretDesk {
    let server: RemoteServer

    func set(_ name: String, to value: JSONValue) async throws -> JSONValue {
        try await server.call("PUT", "secrets", name, body: .json(["value": value]))
    }

    func list(_ page: PageWish) async throws -> JSONValue {
        try await server.call("GET", "secrets", query: [("limit", String(page.limit)), ("cursor", page.cursor)])
    }

    func delete(_ name: String) async throws { _ = try await server.call("DELETE", "secrets", name) }
}
