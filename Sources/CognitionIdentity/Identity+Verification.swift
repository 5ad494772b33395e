package import CognitionCore
import CognitionStorage
import Logging

/// Whether an e-mail address belongs to who registered with it; asked where the settings say so.
extension Identity {
    // MARK: Registering

    /// Registers so that the answer does not tell whether the address is taken: the user cannot log in before the link of
    /// a mail was followed, and of a taken address its owner learns by mail.
    func registerUnverified(_ command: RegisterCommand, from client: ClientInfo) async throws -> User {
        try countMailRequest(from: client)
        var new = try await newUser(command, isOperator: false, mayBeTaken: true)
        guard let address = MailAddress(new.email.text) else {
            throw IdentityError(.emailInvalid, "no mail can be sent to this e-mail address")
        }
        new.status = .pending
        for _ in 0..<3 {
            do {
                return try await write(new, address, from: client)
            } catch let error as IdentityError where error.code == .emailTaken {
                // Somebody else was first between two statements; the next look finds them.
                continue
            }
        }
        throw IdentityError(.identityBusy, "others register with this address at this moment; try again shortly")
    }

    private func write(_ new: NewUser, _ address: MailAddress, from client: ClientInfo) async throws -> User {
        let act = Act(actor: User.actor(new.id), client: client, time: clock.now, ids: ids)
        return try await database.write { [new] tx in
            try MailOutbox.checkRoom(tx)
            if let owner = try UserStore.find(new.email, tx) {
                try self.registerAgain(new, owner, address, from: client, at: act.time, tx)
                return User(unstored: new, home: Self.randomHome(), now: act.time)
            }
            let user = try Self.insert(new, by: act, tx)
            try self.mailVerification(of: user, address, now: act.time, tx)
            return user
        }
    }

    /// Somebody registers with the address of an account that is there. As long as nobody has been in, nothing tells whose
    /// address it is, and a link in a mail does not tell its reader whose password it lets in: so no password of any
    /// registration counts any more, and whoever reads the mails chooses one.
    private func registerAgain(
        _ new: NewUser, _ owner: User, _ address: MailAddress, from client: ClientInfo, at now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        let act = Act(actor: Act.anonymous, client: client, time: now, ids: ids)
        try act.audit(
            .register, .failure, target: .user(owner.id), in: owner.homeWorkspace,
            details: ["reason": "address_taken"], tx)
        switch owner.status {
        case .active, .pending:
            if owner.status == .pending, owner.lastLoginAt == nil {
                try AccountTokenStore.expire(.verifyEmail, of: owner.id, now: now, tx)
                try UserStore.dropPassword(owner.id, cost: settings.bcryptCost, now: now, tx)
            }
            guard try AccountTokenStore.mayMail(owner.id, .resetPassword, now: now, tx) else { return }
            let (token, until) = try issue(.resetPassword, for: owner.id, now: now, tx)
            try outbox.add(mails.addressTaken(token, to: address, until: until), now: now, tx)
        case .inactive, .suspended: return
        }
    }

    // MARK: Verifying

    /// Lets a user log in whose address is found right.
    ///
    /// - Throws: `identity.mail_token_invalid` for a token that is unknown, expired or used, or whose user does not wait
    ///   for it.
    package func verifyEmail(_ token: Secret, from client: ClientInfo) async throws {
        guard let hash = OpaqueToken.hash(token) else { throw IdentityError.mailTokenInvalid }
        let now = clock.now
        try await database.write { tx in
            guard let used = try AccountTokenStore.consume(hash, .verifyEmail, now: now, tx),
                let user = try UserStore.verify(used, now: now, tx)
            else { throw IdentityError.mailTokenInvalid }
            try AccountTokenStore.expire(.verifyEmail, of: user.id, now: now, tx)
            let act = Act(actor: user.actor, client: client, time: now, ids: self.ids)
            try self.noteVerified(user, by: act, tx)
        }
    }

    func noteVerified(_ user: User, by act: Act, _ tx: borrowing Transaction) throws {
        try act.record(.userStatusChanged(user.id, .active), in: user.homeWorkspace, tx)
        try act.audit(.emailVerify, target: .user(user.id), in: user.homeWorkspace, tx)
    }

    /// Sends the mail again, if the address belongs to a user who waits for it; the answer is the same in any case.
    ///
    /// - Throws: `identity.too_many_mails` with `retryAfter`, `identity.mail_backlog`.
    package func resendVerification(to email: String, from client: ClientInfo) async throws {
        try countMailRequest(from: client)
        let (email, now) = (try? EmailAddress(email), clock.now)
        let act = Act(actor: Act.anonymous, client: client, time: now, ids: ids)
        try await database.write { tx in
            try MailOutbox.checkRoom(tx)
            guard let user = try email.flatMap({ try UserStore.find($0, tx) }), user.status == .pending,
                let address = MailAddress(user.email)
            else {
                return try act.audit(
                    .emailVerifyRequest, .failure, in: nil, details: ["reason": "nobody_waits"], tx)
            }
            guard try AccountTokenStore.mayMail(user.id, .verifyEmail, now: now, tx) else {
                return try act.audit(
                    .emailVerifyRequest, .failure, target: .user(user.id), in: user.homeWorkspace,
                    details: ["reason": "too_many"], tx)
            }
            try act.audit(.emailVerifyRequest, target: .user(user.id), in: user.homeWorkspace, tx)
            try self.mailVerification(of: user, address, now: now, tx)
        }
    }

    // MARK: Mails

    /// Bounds how many mails one network address has sent to others, in memory.
    /// - Throws: `identity.too_many_mails`.
    func countMailRequest(from client: ClientInfo) throws {
        let now = clock.now
        if let wait = mailThrottle.wait(for: client, now: now) {
            throw IdentityError(
                .tooManyMails, "too many mails were asked for from this address; try again later", retryAfter: wait)
        }
        mailThrottle.countFailure(of: client, now: now)
    }

    /// A token for a link, stored as a hash.
    func issue(
        _ purpose: AccountTokenPurpose, for user: UserID, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> (token: Secret, expiresAt: Timestamp) {
        let token = OpaqueToken.random()
        guard let hash = OpaqueToken.hash(token) else { preconditionFailure("a token of ours has the form of one") }
        let expiresAt = now + purpose.life
        try AccountTokenStore.insert(hash, purpose, of: user, expiresAt: expiresAt, now: now, tx)
        return (token, expiresAt)
    }

    private func mailVerification(
        of user: User, _ address: MailAddress, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        let (token, until) = try issue(.verifyEmail, for: user.id, now: now, tx)
        try outbox.add(mails.verifyEmail(token, to: address, until: until), now: now, tx)
    }

    /// Tells the owner of an account what was done to it. When nothing more can wait to be sent, that is left out: the
    /// owner must be able to change a password all the same.
    func mailNotice(_ notice: (MailAddress) -> NewMail, to user: User, now: Timestamp, _ tx: borrowing Transaction)
        throws
    {
        guard let address = MailAddress(user.email) else { return }
        do {
            try outbox.add(notice(address), now: now, tx)
        } catch let error as IdentityError where error.code == .mailBacklog {
            let metrics = metrics
            tx.afterCommit {
                metrics.countMail(.dropped)
                Logger.current.error("Mail dropped", metadata: ["reason": "too many wait", "user.id": "\(user.id)"])
            }
        }
    }
}

extension User {
    /// What an answer tells of somebody who is not stored.
    fileprivate init(unstored new: NewUser, home: WorkspaceID, now: Timestamp) {
        self.init(
            id: new.id, email: new.email.text, fullName: new.fullName, locale: new.locale, timeZone: new.timeZone,
            status: new.status, isOperator: new.isOperator, homeWorkspace: home, lockedUntil: nil, lastLoginAt: nil,
            createdAt: now)
    }
}
