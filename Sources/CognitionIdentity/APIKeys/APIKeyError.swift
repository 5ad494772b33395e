package import CognitionCore

extension IdentityError {
    /// Says what is true of any text, so that it tells nothing about keys.
    static let apiKeyMalformed = IdentityError(
        .apiKeyInvalid, "the API key is mistyped: its checksum does not fit; copy it whole")
    static let apiKeyInvalid = IdentityError(.apiKeyInvalid, "the API key is not valid, or was revoked")
    static let apiKeyExpired = IdentityError(.apiKeyExpired, "the API key has expired; make another one")
    static let apiKeyNotFound = IdentityError(.apiKeyNotFound, "there is no such API key")
    package static let sessionRequired = IdentityError(
        .sessionRequired, "this cannot be done with an API key; log in, and use the access token")
}

extension ErrorCode {
    /// The API key is mistyped, unknown or revoked, or its user may not come in.
    package static let apiKeyInvalid = ErrorCode("identity.api_key_invalid", category: .unauthenticated)
    /// The API key was good, and has expired.
    package static let apiKeyExpired = ErrorCode("identity.api_key_expired", category: .unauthenticated)
    /// There is no such API key, or it is not one that the caller may see.
    package static let apiKeyNotFound = ErrorCode("identity.api_key_not_found", category: .notFound)
    /// The user has as many API keys as one may have.
    package static let apiKeysMax = ErrorCode("identity.api_keys_max", category: .limited)
    /// An API key is to get no permission at all, or would have expired already.
    package static let apiKeyUseless = ErrorCode("identity.api_key_useless", category: .invalid)
    /// An API key is to get a permission that the user's role does not give.
    package static let scopeExceeded = ErrorCode("identity.scope_exceeded", category: .forbidden)
    /// Personal matters take somebody who has logged in, not an API key.
    package static let sessionRequired = ErrorCode("identity.session_required", category: .forbidden)
}
