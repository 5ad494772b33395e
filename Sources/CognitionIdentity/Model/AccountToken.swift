package import CognitionCore
import CognitionStorage

/// What a link in a mail lets its reader do, once.
enum AccountTokenPurpose: String, Sendable, Hashable, CaseIterable, SQLEncodable, SQLDecodable {
    case verifyEmail = "verify_email"
    case resetPassword = "reset_password"

    /// How long a link is good for.
    var life: Duration {
        switch self {
        case .verifyEmail: .seconds(24 * 3_600)
        case .resetPassword: .seconds(3_600)
        }
    }

    /// Mails of this kind that one account gets within ``window``; what is asked for beyond it is left out.
    static let mailsMax = 5
    static let window: Duration = .seconds(3_600)
    /// And the next one not before this.
    static let pause: Duration = .seconds(60)
}

/// A token as it is stored.
struct AccountToken: Sendable {
    let hash: SHA256Digest
    let purpose: AccountTokenPurpose
    let user: UserID
    /// Of the registration that the token belongs to. Whoever follows the link of one mail gets the password that was
    /// chosen with it, and not that of somebody else who had registered with the same address before.
    let passwordHash: String?
}

/// A link with which an operator lets somebody choose a new password.
package struct PasswordResetLink: Sendable, Hashable {
    package let user: User
    package let token: Secret
    /// With the token in its fragment, which browsers send to nobody.
    package let url: Secret
    package let expiresAt: Timestamp
}
