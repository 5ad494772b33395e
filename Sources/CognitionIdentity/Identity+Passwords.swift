package import CognitionCore
import CognitionStorage

extension Identity {
    // MARK: Changed

    /// Gives the caller another password; their other sessions end, and so do links in mails that are under way.
    ///
    /// A wrong current password counts as a failed login: whoever has stolen a token does not guess it.
    ///
    /// - Throws: `identity.forbidden` for a caller without a session, `identity.password_wrong`,
    ///   `identity.password_refused`, `identity.too_many_failures`, `identity.busy`.
    package func changePassword(
        from current: Secret, to new: Secret, as caller: Caller, from client: ClientInfo
    ) async throws {
        guard let id = caller.user, let session = caller.session else {
            throw IdentityError(.identityForbidden, "a password is changed by who has logged in with it")
        }
        let now = clock.now
        try checkThrottle(of: client, now: now)
        guard let credentials = try await database.read({ try UserStore.credentials(id, $0) }) else {
            throw IdentityError.userNotFound
        }
        try PasswordRules.check(new, for: EmailAddress(credentials.user.email))
        guard try await isRight(current, for: credentials, now: now) else {
            let act = act(of: caller, from: client)
            try await database.write { tx in
                _ = try self.countFailure(of: credentials.user, as: .passwordChange, by: act, tx)
            }
            throttle.countFailure(of: client, now: clock.now)
            throw IdentityError.passwordWrong
        }
        let hash = try await hasher.hash(new)
        let act = act(of: caller, from: client)
        try await database.write { tx in
            // Stopped, or changed by somebody else, since it was compared.
            guard let user = try UserStore.setPassword(hash, replacing: credentials, now: act.time, tx) else {
                throw IdentityError.passwordWrong
            }
            try act.record(.passwordChanged(user.id), in: user.homeWorkspace, tx)
            try act.audit(.passwordChange, target: .user(user.id), in: user.homeWorkspace, tx)
            try AccountTokenStore.removeAll(of: user.id, tx)
            try self.endSessions("user_id = \(user.id) AND id <> \(session)", .passwordChanged, by: act, tx)
            try self.mailNotice({ self.mails.passwordChanged(to: $0, at: act.time) }, to: user, now: act.time, tx)
        }
        metrics.countPasswordChange(.changed)
    }

    // MARK: Forgotten

    /// Sends a link for a new password, if the address belongs to a user who may have one; the answer is the same, after
    /// the same kind of work, in any case.
    ///
    /// - Throws: `identity.too_many_mails` with `retryAfter`, `identity.mail_backlog`.
    package func forgotPassword(_ email: String, from client: ClientInfo) async throws {
        try countMailRequest(from: client)
        let (email, now) = (try? EmailAddress(email), clock.now)
        let act = Act(actor: Act.anonymous, client: client, time: now, ids: ids)
        try await database.write { tx in
            try MailOutbox.checkRoom(tx)
            guard let user = try email.flatMap({ try UserStore.find($0, tx) }), user.mayResetPassword,
                let address = MailAddress(user.email)
            else {
                // The address is left out, as with logins.
                return try act.audit(
                    .passwordResetRequest, .failure, in: nil, details: ["reason": "unknown_user"], tx)
            }
            guard try AccountTokenStore.mayMail(user.id, .resetPassword, now: now, tx) else {
                return try act.audit(
                    .passwordResetRequest, .failure, target: .user(user.id), in: user.homeWorkspace,
                    details: ["reason": "too_many"], tx)
            }
            try act.audit(.passwordResetRequest, target: .user(user.id), in: user.homeWorkspace, tx)
            let (token, until) = try self.issue(.resetPassword, for: user.id, now: now, tx)
            try self.outbox.add(self.mails.resetPassword(token, to: address, until: until), now: now, tx)
        }
    }

    /// A link for a new password, to be handed over by an operator; no mail is sent.
    ///
    /// - Throws: `identity.user_not_found`, `identity.email_invalid`; `identity.forbidden` for a user who is inactive or
    ///   suspended.
    package func passwordResetLink(
        for reference: UserReference, by principal: Principal, from client: ClientInfo
    ) async throws -> PasswordResetLink {
        let act = Act(actor: principal.actor, client: client, time: clock.now, ids: ids)
        return try await database.write { tx in
            let user = try Self.find(reference, tx)
            guard user.mayResetPassword else {
                throw IdentityError(
                    .identityForbidden, "the user is \(user.status.rawValue); make it active first")
            }
            try act.audit(.passwordResetRequest, target: .user(user.id), in: user.homeWorkspace, tx)
            let (token, until) = try self.issue(.resetPassword, for: user.id, now: act.time, tx)
            return PasswordResetLink(
                user: user, token: token, url: Secret(self.mails.link("reset-password", token)), expiresAt: until)
        }
    }

    /// Replaces a password by the token of a link, which shows as well that the address is the user's. All sessions end,
    /// and a lock that wrong passwords have caused.
    ///
    /// - Throws: `identity.mail_token_invalid`, `identity.password_refused`, `identity.busy`.
    package func resetPassword(_ token: Secret, to new: Secret, from client: ClientInfo) async throws {
        guard let hash = OpaqueToken.hash(token) else { throw IdentityError.mailTokenInvalid }
        let before = clock.now
        let owner = try await database.read { tx in
            try AccountTokenStore.owner(of: hash, .resetPassword, now: before, tx).flatMap {
                try UserStore.find($0, tx)
            }
        }
        guard let owner, owner.mayResetPassword else { throw IdentityError.mailTokenInvalid }
        // A password that is refused leaves the token as it is.
        try PasswordRules.check(new, for: EmailAddress(owner.email))
        let newHash = try await hasher.hash(new)
        let act = Act(actor: owner.actor, client: client, time: clock.now, ids: ids)
        try await database.write { tx in
            guard try AccountTokenStore.consume(hash, .resetPassword, now: act.time, tx) == owner.id,
                let wasPending = try UserStore.isPending(owner.id, tx),
                let user = try UserStore.resetPassword(newHash, of: owner.id, now: act.time, tx)
            else { throw IdentityError.mailTokenInvalid }
            try act.record(.passwordChanged(user.id), in: user.homeWorkspace, tx)
            try act.audit(.passwordResetComplete, target: .user(user.id), in: user.homeWorkspace, tx)
            if wasPending { try self.noteVerified(user, by: act, tx) }
            try AccountTokenStore.removeAll(of: user.id, tx)
            try self.endSessions("user_id = \(user.id)", .passwordReset, by: act, tx)
            try self.mailNotice({ self.mails.passwordChanged(to: $0, at: act.time) }, to: user, now: act.time, tx)
        }
        metrics.countPasswordChange(.reset)
    }
}

extension User {
    /// Whether a link may give a new password. Who was put to rest or shut out needs an operator.
    fileprivate var mayResetPassword: Bool { status == .active || status == .pending }
}
