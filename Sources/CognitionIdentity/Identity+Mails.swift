package import CognitionCore
package import CognitionStorage
import Logging

extension Identity {
    /// Mails that one look at the outbox takes.
    private static let mailsPerClaim = 16
    /// For how long they are this process's; longer than handing over a few of them takes.
    private static let mailLease: Duration = .seconds(30)
    private static let mailRetry = RetryPolicy(
        delay: .seconds(5), backoff: .exponential(), delayMax: .seconds(600), jitter: .added(.zero...(.seconds(2))))

    /// Puts a mail into the outbox; it leaves once the transaction is durable.
    /// - Throws: `identity.mail_backlog`.
    package func post(_ mail: NewMail, _ tx: borrowing Transaction) throws {
        try outbox.add(mail, now: clock.now, tx)
    }

    /// Hands over the mails that are due.
    ///
    /// Of several nodes one sends each. When this process ends between handing over and noting it, the mail is handed over
    /// again, under the same id.
    ///
    /// - Returns: Whether more may be due.
    package func sendMails(over mail: any OutboundMail) async throws -> Bool {
        let now = clock.now
        // Most of the time there is nothing, and a look costs no commit.
        let waiting = try await database.read { try MailOutbox.waitingCount($0) }
        metrics.recordMailsWaiting(waiting)
        guard waiting > 0 else { return false }
        let outbox = outbox
        let claimed = try await database.write { tx in
            try outbox.claim(limit: Self.mailsPerClaim, lease: Self.mailLease, now: now, tx)
        }
        for claim in claimed { try await send(claim, over: mail) }
        return claimed.count == Self.mailsPerClaim
    }

    private func send(_ claim: ClaimedMail, over mail: any OutboundMail) async throws {
        let now = clock.now
        guard let message = claim.message, claim.expiresAt > now else {
            try await database.write { try MailOutbox.remove(claim, $0) }
            metrics.countMail(.dropped)
            Logger.current.error(
                "Mail dropped",
                metadata: [
                    "mail.id": "\(claim.id)", "mail.purpose": "\(claim.purpose.rawValue)",
                    "reason": claim.message == nil ? "it was encrypted with a key that is gone" : "it took too long",
                ])
            return
        }
        do {
            try await mail.send(message)
        } catch let error as any CodedError {
            var random = SystemRandomNumberGenerator()
            let next = now + Self.mailRetry.delay(afterAttempt: claim.attempt, using: &random)
            try await database.write { try MailOutbox.postpone(claim, to: next, $0) }
            metrics.countMail(.failed)
            Logger.current.warning(
                "Mail could not be sent and is tried again",
                metadata: [
                    "mail.id": "\(claim.id)", "mail.purpose": "\(claim.purpose.rawValue)",
                    "attempt": "\(claim.attempt)", "error": "\(error)",
                ])
            return
        }
        try await database.write { try MailOutbox.remove(claim, $0) }
        metrics.countMail(.sent)
    }
}
