package import CognitionCore

/// Somebody wants an account.
package struct RegisterCommand: Sendable {
    package var email: String
    /// 8...72 bytes of UTF-8.
    package var password: Secret
    package var fullName: String?
    /// A language tag such as `de-CH`.
    package var locale: String?
    /// A name of the IANA database such as `Europe/Zurich`.
    package var timeZone: String?
    /// The token of an invitation to the address.
    package var invitation: Secret?

    package init(
        email: String, password: Secret, fullName: String? = nil, locale: String? = nil, timeZone: String? = nil,
        invitation: Secret? = nil
    ) {
        self.email = email
        self.password = password
        self.fullName = fullName
        self.locale = locale
        self.timeZone = timeZone
        self.invitation = invitation
    }
}

/// Somebody says who they are.
package struct LoginCommand: Sendable {
    package var email: String
    package var password: Secret
    /// Where to act; `nil` for the workspace that came with the user.
    package var workspace: WorkspaceID?

    package init(email: String, password: Secret, workspace: WorkspaceID? = nil) {
        self.email = email
        self.password = password
        self.workspace = workspace
    }
}

/// An operator makes a user.
package struct CreateUserCommand: Sendable {
    package var email: String
    /// `nil`: one is made up.
    package var password: Secret?
    package var fullName: String?
    /// As in ``RegisterCommand``.
    package var locale: String?
    /// As in ``RegisterCommand``.
    package var timeZone: String?
    /// Runs the server: has the role `operator` everywhere, and is an admin of the workspace of the command line, which
    /// alone may say so.
    package var isOperator: Bool

    package init(
        email: String, password: Secret? = nil, fullName: String? = nil, locale: String? = nil,
        timeZone: String? = nil, isOperator: Bool = false
    ) {
        self.email = email
        self.password = password
        self.fullName = fullName
        self.locale = locale
        self.timeZone = timeZone
        self.isOperator = isOperator
    }
}

/// What an operator changes about a user; what is `nil` stays.
package struct UserChange: Sendable, Hashable {
    package var status: UserStatus?
    /// `true` locks until somebody unlocks.
    package var isLocked: Bool?

    package init(status: UserStatus? = nil, isLocked: Bool? = nil) {
        self.status = status
        self.isLocked = isLocked
    }
}
