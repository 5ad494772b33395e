package import CognitionCore
import CognitionStorage

package typealias UserID = Identifier<User>
package typealias SessionID = Identifier<Session>

/// A person with an e-mail address and a password.
package struct User: Sendable, Hashable {
    package let id: UserID
    /// Trimmed and in lower case; unique on the server.
    package let email: String
    package let fullName: String?
    /// A language tag of BCP 47 such as `de-CH`.
    package let locale: String?
    /// A name of the IANA database such as `Europe/Zurich`.
    package let timeZone: String?
    package let status: UserStatus
    /// Has the role `operator` in every workspace.
    package let isOperator: Bool
    /// The workspace that came with the user, in which a login without a workspace acts.
    package let homeWorkspace: WorkspaceID
    /// Until when no login succeeds; a moment that has passed does not matter.
    package let lockedUntil: Timestamp?
    package let lastLoginAt: Timestamp?
    package let createdAt: Timestamp

    func mayLogIn(at moment: Timestamp) -> Bool {
        status == .active && lockedUntil.map { $0 <= moment } ?? true
    }

    /// The actor of what the user does, in audit entries and events.
    package var actor: String { Self.actor(id) }

    static func actor(_ id: UserID) -> String { "user:\(id)" }

    /// The last moment that RFC 3339 can write: locked until somebody unlocks.
    package static let lockedForever = Timestamp(microseconds: 253_402_300_799_999_999)
}

package enum UserStatus: String, Sendable, Hashable, CaseIterable, SQLEncodable, SQLDecodable {
    case active
    /// Put to rest.
    case inactive
    /// Shut out.
    case suspended
    /// Has not proved the e-mail address yet.
    case pending
}

/// Which users are wanted; what is `nil` does not matter.
package struct UserFilter: Sendable, Hashable {
    package var status: UserStatus?

    package init(status: UserStatus? = nil) { self.status = status }
}

/// How people name a user to whom they do something.
package enum UserReference: Sendable, Hashable {
    case id(UserID)
    /// As it was written.
    case email(String)

    /// - Parameter text: An id, or anything with an `@` in it.
    package init?(_ text: String) {
        if text.contains("@") {
            self = .email(text)
        } else if let id = UserID(text) {
            self = .id(id)
        } else {
            return nil
        }
    }
}

/// One login and what was renewed from it, until it ends.
package enum Session {}

/// A user, and where and as what a token lets them act.
package struct Profile: Sendable, Hashable {
    package let user: User
    package let workspace: WorkspaceID
    package let roles: [Role]
    /// With an API key fewer than the roles give.
    package let permissions: Set<Permission>
}
