import CognitionCore
import CognitionIdentity
import HTTPTypes

/// What `WWW-Authenticate` says beside a 401, and beside a 403 for too few rights (RFC 6750, section 3).
struct Challenge: Sendable, Hashable {
    static let realm = "cognitionos"

    private static let aboutToken: Set<ErrorCode> = [.tokenInvalid, .tokenExpired, .apiKeyInvalid, .apiKeyExpired]

    let text: String

    /// - Returns: `nil` for an answer that has none.
    init?(to code: ErrorCode, _ status: HTTPResponse.Status) {
        switch (status, code) {
        case (.unauthorized, _):
            // Only a token or key that was shown and is not good is told so; a wrong password is neither.
            let isAboutToken = Self.aboutToken.contains(code)
            text = "Bearer realm=\"\(Self.realm)\"" + (isAboutToken ? ", error=\"invalid_token\"" : "")
        case (.forbidden, .permissionDenied):
            text = "Bearer realm=\"\(Self.realm)\", error=\"insufficient_scope\""
        default: return nil
        }
    }
}
