import CognitionCore
import CognitionHTTP
import CognitionIdentity

/// Where accounts and their sessions are looked at and changed: in this process on the data folder, or by the server that
/// holds it.
///
/// Users are told as by ``UserDesk``, all else with the members of the HTTP API.
protocol AccountDesk: Sendable {
    /// Users in the order in which they were made, as `{items, next_cursor}`.
    func users(status: UserStatus?, _ page: PageWish) async throws -> JSONValue

    /// - Throws: `identity.user_not_found`, as all of the following.
    func user(_ email: String) async throws -> JSONValue

    func setStatus(_ status: UserStatus, of email: String) async throws -> JSONValue

    /// - Returns: `{user_id, email, token, url, expires_at}`.
    func passwordResetLink(for email: String) async throws -> JSONValue

    /// - Returns: `{items, next_cursor}`.
    func sessions(of email: String) async throws -> JSONValue

    /// - Returns: `{ended}`.
    func endSessions(of email: String) async throws -> JSONValue
}

enum AccountDesks {
    static func withDesk<Result>(
        _ configuration: ServerConfiguration, _ body: (any AccountDesk) async throws -> Result
    ) async throws -> Result {
        try await RemoteServer.withServer(configuration) { server in
            if let server { return try await body(RemoteAccountDesk(server: server)) }
            return try await Node.withNode(configuration, .any) { node in
                try await body(LocalAccountDesk(identity: try node.identity(mayCreateKeys: node.isOwner)))
            }
        }
    }
}

private struct LocalAccountDesk: AccountDesk {
    let identity: Identity

    func users(status: UserStatus?, _ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map { try Cursor($0, of: "users").key }
        let found = try await identity.users(
            UserFilter(status: status), PageRequest(after: after, limit: page.limit))
        return LocalDesk.page(
            found.items.map { .object(UserMembers.of($0)) }, found.next.map { Cursor("users", after: $0) })
    }

    func user(_ email: String) async throws -> JSONValue {
        .object(UserMembers.of(try await identity.user(email: email)))
    }

    func setStatus(_ status: UserStatus, of email: String) async throws -> JSONValue {
        let user = try await identity.change(
            .email(email), UserChange(status: status), by: .localOperator, from: .local)
        return .object(UserMembers.of(user))
    }

    func passwordResetLink(for email: String) async throws -> JSONValue {
        let link = try await identity.passwordResetLink(for: .email(email), by: .localOperator, from: .local)
        return PasswordResetLinkShape(link: link).json
    }

    func sessions(of email: String) async throws -> JSONValue {
        let sessions = try await identity.sessions(of: .email(email))
        return LocalDesk.page(sessions.map { SessionShape(session: $0, isCurrent: false).json }, nil)
    }

    func endSessions(of email: String) async throws -> JSONValue {
        let count = try await identity.endSessions(of: .email(email), by: .localOperator, from: .local)
        return EndedSessionsShape(count: count).json
    }
}

private struct RemoteAccountDesk: AccountDesk {
    let server: RemoteServer

    func users(status: UserStatus?, _ page: PageWish) async throws -> JSONValue {
        let answer = try await server.call(
            "GET", "users",
            query: [("status", status?.rawValue), ("limit", String(page.limit)), ("cursor", page.cursor)])
        let items = (answer["items"]?.arrayValue ?? []).map { UserMembers.of($0, UserMembers.names) }
        return ["items": .array(items), "next_cursor": answer["next_cursor"] ?? .null]
    }

    func user(_ email: String) async throws -> JSONValue {
        UserMembers.of(try await server.call("GET", "users", email), UserMembers.names)
    }

    func setStatus(_ status: UserStatus, of email: String) async throws -> JSONValue {
        UserMembers.of(
            try await server.call("PATCH", "users", email, body: .json(["status": .string(status.rawValue)])),
            UserMembers.names)
    }

    func passwordResetLink(for email: String) async throws -> JSONValue {
        try await server.call("POST", "users", email, "password-reset")
    }

    func sessions(of email: String) async throws -> JSONValue {
        try await server.call("GET", "users", email, "sessions")
    }

    func endSessions(of email: String) async throws -> JSONValue {
        try await server.call("DELETE", "users", email, "sessions")
    }
}
