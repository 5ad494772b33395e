package import CognitionCore

extension IdentityError {
    /// One answer for an unknown, a used, a withdrawn and an expired one, and for one that was sent to somebody else.
    static let invitationInvalid = IdentityError(
        .invitationInvalid, "the invitation is not valid for this e-mail address; ask for another one")
    static let invitationNotFound = IdentityError(.invitationNotFound, "there is no such invitation")
}

extension ErrorCode {
    /// The invitation is unknown, used, withdrawn or expired, or was sent to another address.
    package static let invitationInvalid = ErrorCode("identity.invitation_invalid", category: .forbidden)
    /// There is no such invitation that waits.
    package static let invitationNotFound = ErrorCode("identity.invitation_not_found", category: .notFound)
    /// As many invitations of the workspace wait as may, or the address was sent one a moment ago.
    package static let invitationsMax = ErrorCode("identity.invitations_max", category: .limited)
}
