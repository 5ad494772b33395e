package import CognitionCore
package import CognitionIdentity

struct MailTokenRequest: RequestBody {
    let token: Secret

    init(json: JSONValue) throws { token = Secret(json["token"]?.stringValue ?? "") }

    static let schemaName = "MailTokenRequest"
    static let schema: JSONValue = .record(["token": Self.token], isClosed: true)
    static let token: JSONValue = .text("What stands behind the `#` of the mail's link.", length: 1...512)
    static let sample: JSONValue = ["token": "u3kz0yVvT0n3o2mJb4xQmJ9Yc1p8sQeW5rT7uI9oPAs"]
}

struct AddressRequest: RequestBody {
    let email: String

    init(json: JSONValue) throws { email = json["email"]?.stringValue ?? "" }

    static let schemaName = "AddressRequest"
    static let schema: JSONValue = .record(["email": .text(length: 1...254)], isClosed: true)
    static let sample: JSONValue = ["email": "ada@example.com"]
}

struct PasswordChangeRequest: RequestBody {
    let current: Secret
    let new: Secret

    init(json: JSONValue) throws {
        current = Secret(json["current_password"]?.stringValue ?? "")
        new = Secret(json["new_password"]?.stringValue ?? "")
    }

    static let schemaName = "PasswordChangeRequest"
    static let schema: JSONValue = .record(
        ["current_password": .text(length: 1...256), "new_password": RegisterRequest.password], isClosed: true)
    static let sample: JSONValue = [
        "current_password": "correct horse battery", "new_password": "another horse, other battery",
    ]
}

struct PasswordResetRequest: RequestBody {
    let token: Secret
    let password: Secret

    init(json: JSONValue) throws {
        token = Secret(json["token"]?.stringValue ?? "")
        password = Secret(json["password"]?.stringValue ?? "")
    }

    static let schemaName = "PasswordResetRequest"
    static let schema: JSONValue = .record(
        ["token": MailTokenRequest.token, "password": RegisterRequest.password], isClosed: true)
    static let sample: JSONValue = [
        "token": "u3kz0yVvT0n3o2mJb4xQmJ9Yc1p8sQeW5rT7uI9oPAs", "password": "another horse, other battery",
    ]
}

/// What an operator hands to somebody who has no mail.
package struct PasswordResetLinkShape: AnswerBody {
    package static let holdsSecrets = true
    let link: PasswordResetLink

    package init(link: PasswordResetLink) { self.link = link }

    package var json: JSONValue {
        [
            "user_id": .string(link.user.id.description), "email": .string(link.user.email),
            "token": .string(link.token.reveal()), "url": .string(link.url.reveal()),
            "expires_at": .string(link.expiresAt.description),
        ]
    }

    package static let schemaName = "PasswordResetLink"
    package static let schema: JSONValue = .record([
        "user_id": .uuid, "email": .text(), "token": .text("For `POST auth/password/reset`; in this answer only."),
        "url": .text("A page of this server with the token behind the `#`."), "expires_at": .moment,
    ])
    package static let sample: JSONValue = [
        "user_id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "email": "ada@example.com",
        "token": "u3kz0yVvT0n3o2mJb4xQmJ9Yc1p8sQeW5rT7uI9oPAs",
        "url": "http://127.0.0.1:8100/account/reset-password#u3kz0yVvT0n3o2mJb4xQmJ9Yc1p8sQeW5rT7uI9oPAs",
        "expires_at": "2026-11-21T09:00:00.000000Z",
    ]
}
