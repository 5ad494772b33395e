package import CognitionCore
package import CognitionWorkflows

struct SecretRequest: RequestBody {
    let value: JSONValue

    init(json: JSONValue) throws { value = json["value"] ?? .null }

    static let schemaName = "SecretRequest"
    static let schema: JSONValue = .record(
        [
            "value": .anything(
                "What it holds: a text, or an object such as `{\"username\": …, \"password\": …}`; not null, at most "
                    + "64 KiB as JSON.")
        ], isClosed: true)
    static let sample: JSONValue = ["value": ["username": "ada", "password": "correct horse battery"]]
}

/// A secret, without what it holds.
package struct SecretShape: AnswerBody {
    package let secret: StoredSecret

    package init(secret: StoredSecret) { self.secret = secret }

    package var json: JSONValue {
        [
            "name": .string(secret.name), "created_at": .string(secret.createdAt.description),
            "updated_at": .string(secret.updatedAt.description),
        ]
    }

    package static let schemaName = "Secret"
    package static let schema: JSONValue = .record([
        "name": .text(pattern: SecretName.pattern), "created_at": .moment, "updated_at": .moment,
    ])
    package static let sample: JSONValue = [
        "name": "crm-password", "created_at": "2026-11-27T08:00:00.000000Z",
        "updated_at": "2026-11-27T08:00:00.000000Z",
    ]
}
