package import CognitionCore
import CognitionStorage

/// A mail that is to be put into the outbox.
package struct NewMail: Sendable, Hashable {
    package let purpose: MailPurpose
    package let to: MailAddress
    package let subject: String
    /// Lines end with a line feed.
    package let text: String
    /// When it has become pointless, such as when the link in it ends: what was not sent until then is dropped.
    package let expiresAt: Timestamp

    package init(purpose: MailPurpose, to: MailAddress, subject: String, text: String, expiresAt: Timestamp) {
        self.purpose = purpose
        self.to = to
        self.subject = subject
        self.text = text
        self.expiresAt = expiresAt
    }
}

/// Why a mail is sent; what may be told of it to logs and metrics.
package enum MailPurpose: String, Sendable, Hashable, CaseIterable, SQLEncodable, SQLDecodable {
    /// Asks whether the address is that of who registered with it.
    case verifyEmail = "verify_email"
    /// Has the token with which its reader becomes a member of a workspace.
    case invitation = "invitation"
    /// Tells the owner of an account that somebody registered with its address.
    case addressTaken = "address_taken"
    /// Has the link with which a forgotten password is replaced.
    case resetPassword = "reset_password"
    /// Tells that the password was changed.
    case passwordChanged = "password_changed"
}

/// A mail of the outbox that this process has claimed.
struct ClaimedMail: Sendable {
    let key: Int64
    let id: UUIDv7
    let purpose: MailPurpose
    /// How often it was claimed, this time included; fences off whoever was too slow.
    let attempt: Int
    let createdAt: Timestamp
    let expiresAt: Timestamp
    /// `nil` when no key of today opens it, or it is damaged.
    let message: MailMessage?
}
