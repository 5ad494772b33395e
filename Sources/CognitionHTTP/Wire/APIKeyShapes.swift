package import CognitionCore
package import CognitionIdentity

struct APIKeyRequest: RequestBody {
    let command: CreateAPIKeyCommand

    init(json: JSONValue) throws {
        let expiresAt: Timestamp? = try json["expires_at"]?.stringValue.map { text in
            guard let moment = Timestamp(text) else {
                throw RequestError(.bodyInvalid, "expires_at is a moment such as 2027-01-31T00:00:00Z")
            }
            return moment
        }
        let user: UserReference? = try json["user"]?.stringValue.map { text in
            guard let user = UserReference(text) else {
                throw RequestError(.bodyInvalid, "user is an id or an e-mail address")
            }
            return user
        }
        command = CreateAPIKeyCommand(
            name: json["name"]?.stringValue ?? "",
            scopes: json["scopes"]?.arrayValue.map {
                Set($0.compactMap { Permission(rawValue: $0.stringValue ?? "") })
            },
            expiresAt: expiresAt, user: user, workspace: json["workspace_id"]?.stringValue.map(WorkspaceID.init))
    }

    static let scopes: JSONValue = .list(of: .choice(Permission.allCases.map(\.rawValue)), max: 64)
    static let schemaName = "APIKeyRequest"
    static let schema: JSONValue = .record(
        [
            "name": .text("What it is for.", length: 1...200), "scopes": .nullable(scopes),
            "expires_at": .nullable(.moment),
            "workspace_id": .nullable(.text("Where it acts; that of the request unless given.", length: 1...63)),
            "user": .nullable(
                .text("Whose it is, by id or e-mail address; only for who runs the server.", length: 3...254)),
        ], optional: ["scopes", "expires_at", "workspace_id", "user"], isClosed: true)
    static let sample: JSONValue = [
        "name": "nightly import", "scopes": ["workflows:read", "workflows:execute"],
        "expires_at": "2027-11-21T08:00:00.000000Z",
    ]
}

package struct APIKeyShape: AnswerBody {
    let key: APIKey

    package init(key: APIKey) { self.key = key }

    package var json: JSONValue { .object(members) }

    fileprivate var members: JSONObject {
        [
            "id": .string(key.id.description), "prefix": .string(key.prefix), "name": .string(key.name),
            "user_id": .string(key.user.description), "workspace_id": .string(key.workspace.name),
            "scopes": .array(key.scopes.map(\.rawValue).sorted().map(JSONValue.string)),
            "created_at": .string(key.createdAt.description), "expires_at": .init(key.expiresAt),
            "last_used_at": .init(key.lastUsedAt),
            "last_used_ip": key.lastUsedAddress.map(JSONValue.string) ?? .null,
        ]
    }

    fileprivate static let properties: JSONObject = [
        "id": .uuid, "prefix": .text("Its first characters, by which people know it."), "name": .text(),
        "user_id": .uuid, "workspace_id": .text("Where it acts."), "scopes": APIKeyRequest.scopes,
        "created_at": .moment, "expires_at": .nullable(.moment),
        "last_used_at": .nullable(.moment), "last_used_ip": .nullable(.text()),
    ]
    package static let schemaName = "APIKey"
    package static let schema: JSONValue = .record(properties)
    package static let sample: JSONValue = .object(sampleMembers)
    fileprivate static let sampleMembers: JSONObject = [
        "id": "0198f2c5-6b20-7c3a-9c1e-2f4b5a6d7e91", "prefix": "cog_3kTMd9xQ", "name": "nightly import",
        "user_id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "workspace_id": "u-2f4b5a6d7e8f",
        "scopes": ["workflows:execute", "workflows:read"], "created_at": "2026-11-21T08:00:00.000000Z",
        "expires_at": "2027-11-21T08:00:00.000000Z", "last_used_at": .null, "last_used_ip": .null,
    ]
}

package struct CreatedAPIKeyShape: AnswerBody {
    package static let holdsSecrets = true
    let key: APIKey
    let text: Secret

    package init(key: APIKey, text: Secret) {
        self.key = key
        self.text = text
    }

    package var json: JSONValue {
        var members = APIKeyShape(key: key).members
        members["key"] = .string(text.reveal())
        return .object(members)
    }

    package static let schemaName = "CreatedAPIKey"
    package static let schema: JSONValue = {
        var properties = APIKeyShape.properties
        properties["key"] = .text("The key itself: sent as `Authorization: Bearer …`, and shown in this answer only.")
        return .record(properties)
    }()
    package static let sample: JSONValue = {
        var members = APIKeyShape.sampleMembers
        // Not one whose checksum fits, so that scanners do not take it for a key.
        members["key"] = "cog_3kTMd9xQ_…"
        return .object(members)
    }()
}
