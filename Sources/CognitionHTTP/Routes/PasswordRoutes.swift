import CognitionCore
package import CognitionIdentity
import HTTPTypes

/// Passwords that are changed or forgotten, and addresses that are found right.
package struct PasswordRoutes: RouteGroup {
    package static let tag = "Identity"
    private let identity: Identity

    package init(identity: Identity) { self.identity = identity }

    package func routes(_ api: inout API) {
        api.route(
            .post, "auth/verify-email", body: MailTokenRequest.self, answers: [.noContent], access: .open,
            summary: "Confirms an e-mail address with the token of a mail.",
            details: """
                Where addresses are verified (`SECURITY_EMAIL_VERIFICATION`), who registers is `pending` and cannot log in \
                before this. A token is good once, for a day.
                """, use: verify)
        api.route(
            .post, "auth/verify-email/send", body: AddressRequest.self, answers: [Self.mailed],
            errors: [.limited, .unavailable], access: .open, summary: "Sends that mail again.",
            details: """
                The answer is the same whether the address belongs to an account that waits for it or not. An account gets at \
                most five such mails an hour, and one a minute.
                """, use: resend)
        api.route(
            .post, "auth/password/change", body: PasswordChangeRequest.self, answers: [.noContent],
            errors: [.forbidden, .notFound, .limited, .unavailable], access: .token,
            summary: "Replaces the password of who is logged in.",
            details: """
                All other sessions of the user end, and so do links in mails that are under way. A wrong current password \
                counts as a failed login.
                """, use: change)
        api.route(
            .post, "auth/password/forgot", body: AddressRequest.self, answers: [Self.mailed],
            errors: [.limited, .unavailable], access: .open, summary: "Sends a link for a new password.",
            details: """
                The answer is the same whether the address belongs to an account or not. An account gets at most five such \
                mails an hour, and one a minute.
                """, use: forgot)
        api.route(
            .post, "auth/password/reset", body: PasswordResetRequest.self, answers: [.noContent],
            errors: [.unavailable], access: .open, summary: "Replaces a forgotten password with the token of a mail.",
            details: """
                A token is good once, for an hour. All sessions of the user end, a lock by wrong passwords is lifted, and an \
                address that was not confirmed is so now. Afterwards one logs in with the new password.
                """, use: reset)
    }

    private static let mailed = AnswerShape.noContent(
        "If the address belongs to an account for which it is meant, a mail is on its way.")

    @Sendable private func verify(_ call: Call<MailTokenRequest>) async throws -> Answer {
        try await identity.verifyEmail(call.body.token, from: call.client)
        return .noContent
    }

    @Sendable private func resend(_ call: Call<AddressRequest>) async throws -> Answer {
        try await identity.resendVerification(to: call.body.email, from: call.client)
        return .noContent
    }

    @Sendable private func change(_ call: Call<PasswordChangeRequest>) async throws -> Answer {
        try await identity.changePassword(
            from: call.body.current, to: call.body.new, as: call.caller, from: call.client)
        return .noContent
    }

    @Sendable private func forgot(_ call: Call<AddressRequest>) async throws -> Answer {
        try await identity.forgotPassword(call.body.email, from: call.client)
        return .noContent
    }

    @Sendable private func reset(_ call: Call<PasswordResetRequest>) async throws -> Answer {
        try await identity.resetPassword(call.body.token, to: call.body.password, from: call.client)
        return .noContent
    }
}
