/// The way out for mail, one message to one person at a time.
///
/// Contexts write mails into an outbox of their own, in the transaction of what the mail is about, and a runner hands
/// them over here afterwards; so a crash between the two loses nothing, and the same message may come twice.
package protocol OutboundMail: Sendable {
    /// Returns once others answer for the mail: it lies on the disk, or a mail server has taken it.
    ///
    /// A message with the id of an earlier one is that message: it must not become a second one where that can be helped.
    /// - Throws: `CodedError` when it was not taken; it may be tried again.
    func send(_ message: MailMessage) async throws
}

/// A mail of plain text to one person.
package struct MailMessage: Sendable, Hashable {
    /// Becomes the `Message-ID`.
    package let id: UUIDv7
    package let to: MailAddress
    /// One line; control characters count as spaces.
    package let subject: String
    /// Lines end with a line feed.
    package let text: String
    /// When it was written.
    package let time: Timestamp

    package init(id: UUIDv7, to: MailAddress, subject: String, text: String, time: Timestamp) {
        self.id = id
        self.to = to
        self.subject = subject
        self.text = text
        self.time = time
    }
}

/// Who mails come from.
package struct MailSender: Sendable, Hashable {
    package let name: String?
    package let address: MailAddress

    package init(name: String?, address: MailAddress) {
        self.name = name
        self.address = address
    }
}
