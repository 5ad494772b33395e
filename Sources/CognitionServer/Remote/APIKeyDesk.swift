import CognitionCore
import CognitionHTTP
import CognitionIdentity

/// Where API keys of users are made, listed and revoked: in this process on the data folder, or by the server that holds it.
protocol APIKeyDesk: Sendable {
    /// - Returns: The key with its text, as `POST auth/api-keys` answers it.
    /// - Throws: `identity.user_not_found`, `identity.workspace_not_found`, `identity.scope_exceeded`,
    ///   `identity.api_keys_max`.
    func create(_ command: CreateAPIKeyCommand) async throws -> JSONValue

    /// Keys of a user, as `{items, next_cursor}`.
    func list(of user: UserReference, _ page: PageWish) async throws -> JSONValue

    /// - Throws: `identity.api_key_not_found`.
    func revoke(_ id: APIKeyID) async throws
}

enum APIKeyDesks {
    static func withDesk<Result>(
        _ configuration: ServerConfiguration, _ body: (any APIKeyDesk) async throws -> Result
    ) async throws -> Result {
        try await RemoteServer.withServer(configuration) { server in
            if let server { return try await body(RemoteAPIKeyDesk(server: server)) }
            return try await Node.withNode(configuration, .any) { node in
                try await body(LocalAPIKeyDesk(identity: try node.identity(mayCreateKeys: node.isOwner)))
            }
        }
    }
}

private struct LocalAPIKeyDesk: APIKeyDesk {
    let identity: Identity

    func create(_ command: CreateAPIKeyCommand) async throws -> JSONValue {
        let made = try await identity.createAPIKey(command, as: .localOperator, from: .local)
        return CreatedAPIKeyShape(key: made.key, text: made.text).json
    }

    func list(of user: UserReference, _ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map { try Cursor($0, of: "api-keys").key }
        let found = try await identity.apiKeys(
            of: user, PageRequest(after: after, limit: page.limit), as: .localOperator)
        return Page(found.items.map(APIKeyShape.init), next: found.next.map { Cursor("api-keys", after: $0) }).json
    }

    func revoke(_ id: APIKeyID) async throws {
        try await identity.revokeAPIKey(id, as: .localOperator, from: .local)
    }
}

private struct RemoteAPIKeyDesk: APIKeyDesk {
    let server: RemoteServer

    func create(_ command: CreateAPIKeyCommand) async throws -> JSONValue {
        var body: JSONObject = ["name": .string(command.name)]
        if let scopes = command.scopes {
            body["scopes"] = .array(scopes.map(\.rawValue).sorted().map(JSONValue.string))
        }
        if let expiresAt = command.expiresAt { body["expires_at"] = .string(expiresAt.description) }
        if let user = command.user { body["user"] = .string(user.text) }
        if let workspace = command.workspace { body["workspace_id"] = .string(workspace.name) }
        return try await server.call("POST", "auth", "api-keys", body: .json(.object(body)))
    }

    func list(of user: UserReference, _ page: PageWish) async throws -> JSONValue {
        try await server.call(
            "GET", "auth", "api-keys",
            query: [("user", user.text), ("limit", String(page.limit)), ("cursor", page.cursor)])
    }

    func revoke(_ id: APIKeyID) async throws {
        _ = try await server.call("DELETE", "auth", "api-keys", id.description)
    }
}

extension UserReference {
    fileprivate var text: String {
        switch self {
        case .id(let id): id.description
        case .email(let text): text
        }
    }
}
