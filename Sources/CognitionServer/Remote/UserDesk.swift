import CognitionCore
import CognitionIdentity

/// Where users are made and locked: in this process on the data folder, or by the server that holds it.
///
/// Users are told with the members that ``UserMembers`` names, as the HTTP API calls them.
protocol UserDesk: Sendable {
    /// - Returns: The user, with `password` when it was made up, else null.
    /// - Throws: `identity.email_taken`, `identity.email_invalid`, `identity.password_refused`, `identity.name_invalid`.
    func create(_ command: CreateUserCommand) async throws -> JSONValue

    /// Locks until somebody unlocks, or unlocks.
    /// - Throws: `identity.user_not_found`.
    func setLocked(_ isLocked: Bool, email: String) async throws -> JSONValue
}

enum UserDesks {
    static func withDesk<Result>(
        _ configuration: ServerConfiguration, _ body: (any UserDesk) async throws -> Result
    ) async throws -> Result {
        try await RemoteServer.withServer(configuration) { server in
            if let server { return try await body(RemoteUserDesk(server: server)) }
            return try await Node.withNode(configuration, .any) { node in
                try await body(LocalUserDesk(identity: try node.identity(mayCreateKeys: node.isOwner)))
            }
        }
    }
}

/// What commands tell of a user, with or without a server.
enum UserMembers {
    static let names = [
        "id", "email", "full_name", "status", "operator", "workspace_id", "locked_until", "last_login_at", "created_at",
    ]

    /// The server tells more.
    static func of(_ user: JSONValue, _ names: [String]) -> JSONValue {
        .object(JSONObject(names.map { ($0, user[$0] ?? .null) }))
    }

    /// With exactly ``names``.
    static func of(_ user: User) -> JSONObject {
        func moment(_ time: Timestamp?) -> JSONValue { time.map { .string($0.description) } ?? .null }
        return [
            "id": .string(user.id.description), "email": .string(user.email),
            "full_name": user.fullName.map(JSONValue.string) ?? .null, "status": .string(user.status.rawValue),
            "operator": .bool(user.isOperator), "workspace_id": .string(user.homeWorkspace.name),
            "locked_until": moment(user.lockedUntil), "last_login_at": moment(user.lastLoginAt),
            "created_at": moment(user.createdAt),
        ]
    }
}

private struct LocalUserDesk: UserDesk {
    let identity: Identity

    func create(_ command: CreateUserCommand) async throws -> JSONValue {
        let made = try await identity.createUser(command, by: .localOperator, from: .local)
        var members = UserMembers.of(made.user)
        members["password"] = made.generatedPassword.map { .string($0.reveal()) } ?? .null
        return .object(members)
    }

    func setLocked(_ isLocked: Bool, email: String) async throws -> JSONValue {
        let user = try await identity.user(email: email)
        let changed =
            isLocked
            ? try await identity.lock(user.id, by: .localOperator, from: .local)
            : try await identity.unlock(user.id, by: .localOperator, from: .local)
        return .object(UserMembers.of(changed))
    }
}

private struct RemoteUserDesk: UserDesk {
    let server: RemoteServer

    func create(_ command: CreateUserCommand) async throws -> JSONValue {
        var body: JSONObject = ["email": .string(command.email), "operator": .bool(command.isOperator)]
        if let password = command.password { body["password"] = .string(password.reveal()) }
        if let name = command.fullName { body["full_name"] = .string(name) }
        return UserMembers.of(
            try await server.call("POST", "users", body: .json(.object(body))), UserMembers.names + ["password"])
    }

    func setLocked(_ isLocked: Bool, email: String) async throws -> JSONValue {
        UserMembers.of(
            try await server.call("PATCH", "users", email, body: .json(["locked": .bool(isLocked)])), UserMembers.names)
    }
}
