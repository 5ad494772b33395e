import CognitionCore
import CognitionIdentity

struct WorkspaceRequest: RequestBody {
    let name: String
    let title: String?

    init(json: JSONValue) throws {
        name = json["name"]?.stringValue ?? ""
        title = json["title"]?.stringValue
    }

    static let schemaName = "WorkspaceRequest"
    static let schema: JSONValue = .record(
        [
            "name": .text("Its id, unique on the server.", pattern: "^[a-z0-9][a-z0-9_-]{0,62}$"),
            "title": .nullable(.text(length: 0...200)),
        ], optional: ["title"], isClosed: true)
    static let sample: JSONValue = ["name": "research", "title": "Research"]
}

struct MemberRequest: RequestBody {
    let email: String
    let role: Role

    init(json: JSONValue) throws {
        email = json["email"]?.stringValue ?? ""
        role = json["role"]?.stringValue.flatMap(Role.init(rawValue:)) ?? .viewer
    }

    static let schemaName = "MemberRequest"
    static let schema: JSONValue = .record(
        ["email": .text("Of a user of this server.", length: 3...254), "role": RoleRequest.role], isClosed: true)
    static let sample: JSONValue = ["email": "grace@example.com", "role": "user"]
}

struct RoleRequest: RequestBody {
    let role: Role

    init(json: JSONValue) throws { role = json["role"]?.stringValue.flatMap(Role.init(rawValue:)) ?? .viewer }

    static let role: JSONValue = .choice(Role.workspaceRoles.map(\.rawValue))
    static let schemaName = "RoleRequest"
    static let schema: JSONValue = .record(["role": role], isClosed: true)
    static let sample: JSONValue = ["role": "admin"]
}

/// A workspace that the caller is a member of.
struct WorkspaceShape: AnswerBody {
    let membership: Membership

    var json: JSONValue {
        [
            "id": .string(membership.workspace.id.name),
            "title": membership.workspace.title.map(JSONValue.string) ?? .null,
            "role": membership.role.map { .string($0.rawValue) } ?? .null,
            "created_at": .string(membership.workspace.createdAt.description),
        ]
    }

    static let schemaName = "Workspace"
    static let schema: JSONValue = .record([
        "id": .text("Its name."), "title": .nullable(.text()),
        "role": .nullable(.choice(Role.workspaceRoles.map(\.rawValue), "The caller's role in it.")),
        "created_at": .moment,
    ])
    static let sample: JSONValue = [
        "id": "research", "title": "Research", "role": "admin", "created_at": "2026-11-21T08:00:00.000000Z",
    ]
}

struct MemberShape: AnswerBody {
    let member: Member

    var json: JSONValue {
        [
            "user_id": .string(member.user.description), "email": .string(member.email),
            "full_name": member.fullName.map(JSONValue.string) ?? .null, "role": .string(member.role.rawValue),
            "since": .string(member.since.description),
        ]
    }

    static let schemaName = "Member"
    static let schema: JSONValue = .record([
        "user_id": .uuid, "email": .text(), "full_name": .nullable(.text()), "role": RoleRequest.role, "since": .moment,
    ])
    static let sample: JSONValue = [
        "user_id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "email": "grace@example.com", "full_name": .null,
        "role": "user", "since": "2026-11-21T08:00:00.000000Z",
    ]
}
