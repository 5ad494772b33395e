package import CognitionCore

/// Why somebody is not who they say, may not do what they want, or could not be found.
package struct IdentityError: CodedError {
    package let code: ErrorCode
    package let message: String
    package let cause: (any Error)?
    /// How long to wait before the same call may succeed; for `identity.too_many_failures` and
    /// `identity.too_many_mails`.
    package let retryAfter: Duration?

    package init(_ code: ErrorCode, _ message: String, cause: (any Error)? = nil, retryAfter: Duration? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
        self.retryAfter = retryAfter
    }

    /// One answer for an unknown address, a wrong password, a locked and a suspended user, so that it tells nothing.
    static let loginFailed = IdentityError(.loginFailed, "the e-mail address or the password is wrong")
    static let passwordWrong = IdentityError(.passwordWrong, "the current password is wrong")
    /// One answer for a token that is unknown, expired or used, or of a user who may not use it.
    static let mailTokenInvalid = IdentityError(
        .mailTokenInvalid, "the link is not good, has expired or was used; ask for a new one")
    static let refreshInvalid = IdentityError(.refreshInvalid, "the refresh token is not valid; log in again")
    static let tokenInvalid = IdentityError(.tokenInvalid, "the access token is not valid")
    static let tokenExpired = IdentityError(.tokenExpired, "the access token has expired; refresh it")
    static let emailTaken = IdentityError(.emailTaken, "a user with this e-mail address exists")
    static let userNotFound = IdentityError(.userNotFound, "there is no such user")
    static let memberNotFound = IdentityError(.memberNotFound, "the user is no member of the workspace")

    static func workspaceNotFound(_ id: WorkspaceID) -> IdentityError {
        IdentityError(.workspaceNotFound, "there is no workspace '\(id.name.prefix(63))'")
    }
}

extension ErrorCode {
    /// A text is no e-mail address.
    package static let emailInvalid = ErrorCode("identity.email_invalid", category: .invalid)
    /// A user with the e-mail address exists.
    package static let emailTaken = ErrorCode("identity.email_taken", category: .conflict)
    /// The password is too short, too long, too common, or says who it belongs to.
    package static let passwordRefused = ErrorCode("identity.password_refused", category: .invalid)
    /// A name or title is too long or has characters that it may not have.
    package static let identityNameInvalid = ErrorCode("identity.name_invalid", category: .invalid)
    /// A text is no language tag.
    package static let localeInvalid = ErrorCode("identity.locale_invalid", category: .invalid)
    /// A text is no name of the time zone database.
    package static let timeZoneInvalid = ErrorCode("identity.time_zone_invalid", category: .invalid)
    /// Strangers cannot register on this server.
    package static let registrationClosed = ErrorCode("identity.registration_closed", category: .forbidden)
    /// The address is unknown, the password wrong, or the user locked or not active.
    package static let loginFailed = ErrorCode("identity.login_failed", category: .unauthenticated)
    /// Too many logins from one network address have failed.
    package static let tooManyFailures = ErrorCode("identity.too_many_failures", category: .limited)
    /// More passwords wait to be checked than the queue takes.
    package static let identityBusy = ErrorCode("identity.busy", category: .unavailable)
    /// The current password, that was to be replaced, is wrong.
    package static let passwordWrong = ErrorCode("identity.password_wrong", category: .forbidden)
    /// The token of a mail's link is unknown, expired or used.
    package static let mailTokenInvalid = ErrorCode("identity.mail_token_invalid", category: .invalid)
    /// Too many mails to others were asked for from one network address.
    package static let tooManyMails = ErrorCode("identity.too_many_mails", category: .limited)
    /// There is no such session, or it is somebody else's.
    package static let sessionNotFound = ErrorCode("identity.session_not_found", category: .notFound)
    /// As many mails wait to be sent as may.
    package static let mailBacklog = ErrorCode("identity.mail_backlog", category: .unavailable)
    /// The refresh token is unknown, expired or used, or its session has ended.
    package static let refreshInvalid = ErrorCode("identity.refresh_invalid", category: .unauthenticated)
    /// The access token is forged, damaged or for another server, or its session has ended.
    package static let tokenInvalid = ErrorCode("identity.token_invalid", category: .unauthenticated)
    /// The access token was good, and a new one can be had.
    package static let tokenExpired = ErrorCode("identity.token_expired", category: .unauthenticated)
    /// There is no such user.
    package static let userNotFound = ErrorCode("identity.user_not_found", category: .notFound)
    /// There is no such workspace, or the caller is no member of it.
    package static let workspaceNotFound = ErrorCode("identity.workspace_not_found", category: .notFound)
    /// A workspace of that name exists.
    package static let workspaceTaken = ErrorCode("identity.workspace_taken", category: .conflict)
    /// The user is a member of as many workspaces as one may be.
    package static let workspacesMax = ErrorCode("identity.workspaces_max", category: .limited)
    /// The user is a member already.
    package static let memberExists = ErrorCode("identity.member_exists", category: .conflict)
    /// The user is no member of the workspace.
    package static let memberNotFound = ErrorCode("identity.member_not_found", category: .notFound)
    /// A workspace keeps at least one admin.
    package static let lastAdmin = ErrorCode("identity.last_admin", category: .conflict)
    /// The role cannot be given to members of a workspace.
    package static let roleInvalid = ErrorCode("identity.role_invalid", category: .invalid)
    /// The caller's role in the workspace does not allow this, or only the command line may do it.
    package static let identityForbidden = ErrorCode("identity.forbidden", category: .forbidden)
    /// The keys that sign tokens are missing, weak or damaged.
    package static let keysInvalid = ErrorCode("identity.keys_invalid", category: .invalid)
    /// A setting of this module is out of its range.
    package static let identitySettingInvalid = ErrorCode("identity.setting_invalid", category: .invalid)
    /// The system's library could not hash a password.
    package static let passwordHashFailed = ErrorCode("identity.password_hash_failed", category: .internal)
}
