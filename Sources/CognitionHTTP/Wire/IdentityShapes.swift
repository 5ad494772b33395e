import CognitionCore
import CognitionIdentity

struct RegisterRequest: RequestBody {
    let command: RegisterCommand

    init(json: JSONValue) throws {
        command = RegisterCommand(
            email: json["email"]?.stringValue ?? "", password: Secret(json["password"]?.stringValue ?? ""),
            fullName: json["full_name"]?.stringValue, locale: json["locale"]?.stringValue,
            timeZone: json["time_zone"]?.stringValue, invitation: json["invitation"]?.stringValue.map(Secret.init))
    }

    static let schemaName = "RegisterRequest"
    static let schema: JSONValue = .record(
        [
            "email": .text(length: 3...254), "password": Self.password,
            "full_name": .nullable(.text(length: 0...200)), "locale": Self.locale, "time_zone": Self.timeZone,
            "invitation": .nullable(
                .text("The token of an invitation to the address; accepted with the registration.", length: 1...512)),
        ], optional: ["full_name", "locale", "time_zone", "invitation"], isClosed: true)
    static let locale: JSONValue = .nullable(.text("A language tag of BCP 47, e.g. `de-CH`.", length: 1...35))
    static let timeZone: JSONValue = .nullable(
        .text("A name of the IANA time zone database, e.g. `Europe/Zurich`.", length: 1...64))
    static let password: JSONValue = .text(
        "8 to 72 bytes of UTF-8, not on the list of common passwords.", length: 1...256)
    static let sample: JSONValue = [
        "email": "ada@example.com", "password": "correct horse battery", "full_name": "Ada Lovelace",
        "locale": "en-GB", "time_zone": "Europe/London",
    ]
}

struct LoginRequest: RequestBody {
    let command: LoginCommand

    init(json: JSONValue) throws {
        command = LoginCommand(
            email: json["email"]?.stringValue ?? "", password: Secret(json["password"]?.stringValue ?? ""),
            workspace: json["workspace_id"]?.stringValue.map(WorkspaceID.init))
    }

    static let schemaName = "LoginRequest"
    static let schema: JSONValue = .record(
        [
            "email": .text(length: 1...254), "password": .text(length: 1...256),
            "workspace_id": .nullable(
                .text("A workspace that one is a member of; one's own unless given.", length: 1...63)),
        ], optional: ["workspace_id"], isClosed: true)
    static let sample: JSONValue = ["email": "ada@example.com", "password": "correct horse battery"]
}

struct RefreshRequest: RequestBody {
    let token: Secret

    init(json: JSONValue) throws { token = Secret(json["refresh_token"]?.stringValue ?? "") }

    static let schemaName = "RefreshRequest"
    static let schema: JSONValue = .record(["refresh_token": .text(length: 1...512)], isClosed: true)
    static let sample: JSONValue = ["refresh_token": "u3kz0yVvT0n3o2mJb4xQmJ9Yc1p8sQeW5rT7uI9oPAs"]
}

struct TokensShape: AnswerBody {
    static let holdsSecrets = true
    let tokens: Tokens

    var json: JSONValue {
        [
            "access_token": .string(tokens.accessToken.reveal()),
            "refresh_token": .string(tokens.refreshToken.reveal()),
            "token_type": "bearer", "expires_in": .integer(tokens.expiresIn.components.seconds),
        ]
    }

    static let schemaName = "Tokens"
    static let schema: JSONValue = .record([
        "access_token": .text("A JWT; sent as `Authorization: Bearer …`."),
        "refresh_token": .text("Good for one refresh, which answers the next one."),
        "token_type": .choice(["bearer"]), "expires_in": .whole(1...(.max), "Seconds."),
    ])
    static let sample: JSONValue = [
        "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
        "refresh_token": "u3kz0yVvT0n3o2mJb4xQmJ9Yc1p8sQeW5rT7uI9oPAs", "token_type": "bearer", "expires_in": 1800,
    ]
}

struct UserShape: AnswerBody {
    let user: User

    var json: JSONValue {
        [
            "id": .string(user.id.description), "email": .string(user.email),
            "full_name": user.fullName.map(JSONValue.string) ?? .null,
            "locale": user.locale.map(JSONValue.string) ?? .null,
            "time_zone": user.timeZone.map(JSONValue.string) ?? .null, "status": .string(user.status.rawValue),
            "operator": .bool(user.isOperator), "workspace_id": .string(user.homeWorkspace.name),
            "locked_until": .init(user.lockedUntil), "last_login_at": .init(user.lastLoginAt),
            "created_at": .string(user.createdAt.description),
        ]
    }

    static let schemaName = "User"
    static let schema: JSONValue = .record([
        "id": .uuid, "email": .text(), "full_name": .nullable(.text()),
        "locale": .nullable(.text("A language tag of BCP 47.")),
        "time_zone": .nullable(.text("A name of the IANA time zone database.")),
        "status": .choice(UserStatus.allCases.map(\.rawValue)), "operator": .flag("Runs the server."),
        "workspace_id": .text("The workspace that came with the user."), "locked_until": .nullable(.moment),
        "last_login_at": .nullable(.moment), "created_at": .moment,
    ])
    static let sample: JSONValue = [
        "id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "email": "ada@example.com", "full_name": "Ada Lovelace",
        "locale": "en-GB", "time_zone": "Europe/London", "status": "active", "operator": false,
        "workspace_id": "u-2f4b5a6d7e8f", "locked_until": .null, "last_login_at": .null,
        "created_at": "2026-11-21T08:00:00.000000Z",
    ]
}

/// The user of a token, and where and as what they act.
struct ProfileShape: AnswerBody {
    let profile: Profile

    var json: JSONValue {
        guard case .object(var members) = UserShape(user: profile.user).json else { return .null }
        members["workspace_id"] = .string(profile.workspace.name)
        members["roles"] = .array(profile.roles.map { .string($0.rawValue) })
        members["permissions"] = .array(profile.permissions.map(\.rawValue).sorted().map(JSONValue.string))
        return .object(members)
    }

    static let schemaName = "Profile"
    static let schema: JSONValue = {
        guard case .object(var schema) = UserShape.schema, case .object(var members)? = schema["properties"] else {
            preconditionFailure("the schema of a user is an object with properties")
        }
        members["workspace_id"] = .text(
            "The workspace in which the request acts: the token's, or that of `X-Workspace-ID`.")
        members["roles"] = .list(of: .choice(Role.allCases.map(\.rawValue)))
        members["permissions"] = .list(of: .choice(Permission.allCases.map(\.rawValue)))
        return .record(members)
    }()
    static let sample: JSONValue = {
        guard case .object(var members) = UserShape.sample else { return .null }
        members["roles"] = ["admin"]
        members["permissions"] = .array(Role.admin.permissions.map(\.rawValue).sorted().map(JSONValue.string))
        return .object(members)
    }()
}

extension JSONValue {
    init(_ moment: Timestamp?) { self = moment.map { .string($0.description) } ?? .null }
}
