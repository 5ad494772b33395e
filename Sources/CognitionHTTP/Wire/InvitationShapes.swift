import CognitionCore
import CognitionIdentity

struct InvitationRequest: RequestBody {
    let email: String
    let role: Role

    init(json: JSONValue) throws {
        email = json["email"]?.stringValue ?? ""
        role = json["role"]?.stringValue.flatMap(Role.init(rawValue:)) ?? .viewer
    }

    static let schemaName = "InvitationRequest"
    static let schema: JSONValue = .record(
        ["email": .text("To whom it is sent.", length: 3...254), "role": RoleRequest.role], isClosed: true)
    static let sample: JSONValue = ["email": "grace@example.com", "role": "user"]
}

struct InvitationTokenRequest: RequestBody {
    let token: Secret

    init(json: JSONValue) throws { token = Secret(json["token"]?.stringValue ?? "") }

    static let schemaName = "InvitationTokenRequest"
    static let schema: JSONValue = .record(["token": .text("Of the mail.", length: 1...512)], isClosed: true)
    static let sample: JSONValue = ["token": "u3kz0yVvT0n3o2mJb4xQmJ9Yc1p8sQeW5rT7uI9oPAs"]
}

/// An invitation that waits; its token is in the mail alone.
struct InvitationShape: AnswerBody {
    let invitation: Invitation

    var json: JSONValue {
        [
            "id": .string(invitation.id.description), "workspace_id": .string(invitation.workspace.name),
            "email": .string(invitation.email), "role": .string(invitation.role.rawValue),
            "invited_by": .string(invitation.invitedBy), "created_at": .string(invitation.createdAt.description),
            "expires_at": .string(invitation.expiresAt.description),
        ]
    }

    static let schemaName = "Invitation"
    static let schema: JSONValue = .record([
        "id": .uuid, "workspace_id": .text(), "email": .text(), "role": RoleRequest.role,
        "invited_by": .text("e.g. `user:…`"), "created_at": .moment, "expires_at": .moment,
    ])
    static let sample: JSONValue = [
        "id": "0198f2c5-6b30-7c3a-9c1e-2f4b5a6d7e92", "workspace_id": "research", "email": "grace@example.com",
        "role": "user", "invited_by": "user:0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f",
        "created_at": "2026-11-21T08:00:00.000000Z", "expires_at": "2026-11-28T08:00:00.000000Z",
    ]
}
