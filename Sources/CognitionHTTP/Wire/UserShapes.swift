import CognitionCore
import CognitionIdentity

struct UserRequest: RequestBody {
    let command: CreateUserCommand

    init(json: JSONValue) throws {
        command = CreateUserCommand(
            email: json["email"]?.stringValue ?? "", password: json["password"]?.stringValue.map(Secret.init),
            fullName: json["full_name"]?.stringValue, locale: json["locale"]?.stringValue,
            timeZone: json["time_zone"]?.stringValue, isOperator: json["operator"]?.boolValue ?? false)
    }

    static let schemaName = "UserRequest"
    static let schema: JSONValue = .record(
        [
            "email": .text(length: 3...254), "password": .nullable(RegisterRequest.password),
            "full_name": .nullable(.text(length: 0...200)), "locale": RegisterRequest.locale,
            "time_zone": RegisterRequest.timeZone,
            "operator": .flag(
                "Runs the server: may do everything in every workspace. Only the command line's token may say so."),
        ], optional: ["password", "full_name", "locale", "time_zone", "operator"], isClosed: true)
    static let sample: JSONValue = ["email": "grace@example.com", "full_name": "Grace Hopper", "locale": "en-US"]
}

struct CreatedUserShape: AnswerBody {
    static let holdsSecrets = true
    let user: User
    let password: Secret?

    var json: JSONValue {
        guard case .object(var members) = UserShape(user: user).json else { return .null }
        members["password"] = password.map { .string($0.reveal()) } ?? .null
        return .object(members)
    }

    static let schemaName = "CreatedUser"
    static let schema: JSONValue = {
        guard case .object(var members)? = UserShape.schema["properties"] else {
            preconditionFailure("the schema of a user is an object with properties")
        }
        members["password"] = .nullable(.text("The password that was made up; null when one was given."))
        return .record(members)
    }()
    static let sample: JSONValue = {
        guard case .object(var members) = UserShape.sample else { return .null }
        members["password"] = "u3kz0yVvT0n3o2mJb4xQmJ9Yc1p8sQeW5rT7uI9oPAs"
        return .object(members)
    }()
}

struct UserChangeRequest: RequestBody {
    let change: UserChange

    init(json: JSONValue) throws {
        change = UserChange(
            status: json["status"]?.stringValue.flatMap(UserStatus.init(rawValue:)), isLocked: json["locked"]?.boolValue
        )
    }

    static let schemaName = "UserChangeRequest"
    static let schema: JSONValue = .record(
        [
            "status": .choice(UserStatus.allCases.map(\.rawValue)),
            "locked": .flag("True locks until somebody unlocks; false unlocks."),
        ], optional: ["status", "locked"], isClosed: true)
    static let sample: JSONValue = ["status": "suspended"]
}
