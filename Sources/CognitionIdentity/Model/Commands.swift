package import CognitionCore

/// Somebody wants an account.
package struct RegisterCommand: Sendable {
    package var email: String
    /// 8...72 bytes of UTF-8.
    package var password: Secret
    package var fullName: String?

    package init(email: String, password: Secret, fullName: String? = nil) {
        self.email = email
        self.password = password
        self.fullName = fullName
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
    /// Runs the server: has the role `operator` everywhere, and owns the workspace of the command line.
    package var isOperator: Bool

    package init(email: String, password: Secret? = nil, fullName: String? = nil, isOperator: Bool = false) {
        self.email = email
        self.password = password
        self.fullName = fullName
        self.isOperator = isOperator
    }
}
