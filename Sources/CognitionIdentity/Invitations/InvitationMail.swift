import CognitionCore

extension Identity {
    /// What somebody who is invited gets to read.
    /// - Throws: `identity.email_invalid` for an address to which no mail can be sent.
    func mail(about invitation: Invitation, _ token: Secret) throws -> NewMail {
        guard let address = MailAddress(invitation.email) else {
            throw IdentityError(.emailInvalid, "no mail can be sent to this e-mail address")
        }
        return NewMail(
            purpose: .invitation, to: address, subject: "You are invited to \(invitation.workspace.name)",
            text: """
                You are invited to the workspace \(invitation.workspace.name) at \(settings.serviceName), with the role
                \(invitation.role.rawValue).

                To accept, open this link:

                \(mails.link("invitation", token))

                It can be used once, until \(AccountMail.minute(invitation.expiresAt)), by whoever has an account with this
                e-mail address, or makes one. The code in it is

                \(token.reveal())

                If you do not want to, do nothing.

                """, expiresAt: invitation.expiresAt)
    }
}
