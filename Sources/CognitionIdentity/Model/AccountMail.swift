import CognitionCore

/// The mails of an account's life: what they say, in the order in which a person meets them.
struct AccountMail: Sendable {
    let serviceName: String
    /// Without a slash at its end.
    let publicURL: String

    /// - Parameter page: The path of a page that this server has.
    func link(_ page: String, _ token: Secret) -> String { "\(publicURL)/account/\(page)#\(token.reveal())" }

    func verifyEmail(_ token: Secret, to: MailAddress, until: Timestamp) -> NewMail {
        NewMail(
            purpose: .verifyEmail, to: to, subject: "Confirm your e-mail address",
            text: """
                Somebody, hopefully you, has made an account at \(serviceName) with this e-mail address.

                To confirm that the address is yours, open this link:

                \(link("verify-email", token))

                It can be used once, until \(Self.minute(until)). The code in it is

                \(token.reveal())

                If it was not you, do nothing: without this the account cannot be used.

                """, expiresAt: until)
    }

    func addressTaken(_ token: Secret, to: MailAddress, until: Timestamp) -> NewMail {
        NewMail(
            purpose: .addressTaken, to: to, subject: "You have an account already",
            text: """
                Somebody, hopefully you, has tried to make an account at \(serviceName) with this e-mail address. There is
                one already.

                If you do not know its password, or have just made the account, choose a password here:

                \(link("reset-password", token))

                The link can be used once, until \(Self.minute(until)). If it was not you, do nothing.

                """, expiresAt: until)
    }

    func resetPassword(_ token: Secret, to: MailAddress, until: Timestamp) -> NewMail {
        NewMail(
            purpose: .resetPassword, to: to, subject: "Choose a new password",
            text: """
                Somebody, hopefully you, has asked for a new password at \(serviceName).

                To choose one, open this link:

                \(link("reset-password", token))

                It can be used once, until \(Self.minute(until)). The code in it is

                \(token.reveal())

                If it was not you, do nothing: your password stays as it is.

                """, expiresAt: until)
    }

    func passwordChanged(to: MailAddress, at time: Timestamp) -> NewMail {
        NewMail(
            purpose: .passwordChanged, to: to, subject: "Your password was changed",
            text: """
                The password of your account at \(serviceName) was changed at \(Self.minute(time)).

                If it was not you, choose a new one at once, with "forgot password", and tell whoever runs the server.

                """, expiresAt: time + .seconds(3 * 86_400))
    }

    /// `2026-11-27 14:16 UTC`.
    static func minute(_ time: Timestamp) -> String {
        "\(time.description.prefix(10)) \(time.description.dropFirst(11).prefix(5)) UTC"
    }
}
