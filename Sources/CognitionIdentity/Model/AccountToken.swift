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

/// A link with which an operator lets somebody choose a new password.
package struct PasswordResetLink: Sendable, Hashable {
    package let user: User
    package let token: Secret
    /// With the token in its fragment, which browsers send to nobody.
    package let url: Secret
    package let expiresAt: Timestamp
}
