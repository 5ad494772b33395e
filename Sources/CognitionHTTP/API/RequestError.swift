package import CognitionCore

/// Why a request could not be understood or taken.
package struct RequestError: CodedError {
    package let code: ErrorCode
    package let message: String
    package let cause: (any Error)?
    /// Members that the problem document has besides the standard ones.
    package let details: JSONObject
    /// After which the same request may be taken.
    package let retryAfter: Duration?

    package init(
        _ code: ErrorCode, _ message: String, details: JSONObject = [:], retryAfter: Duration? = nil,
        cause: (any Error)? = nil
    ) {
        self.retryAfter = retryAfter
        self.code = code
        self.message = message
        self.details = details
        self.cause = cause
    }
}

extension ErrorCode {
    /// What came is no HTTP/1.1 request.
    package static let requestMalformed = ErrorCode("request.malformed", category: .invalid)
    /// The request's line or its headers are longer, or more, than the server takes.
    package static let headerTooLarge = ErrorCode("request.header_too_large", category: .limited)
    /// No route has this path.
    package static let routeNotFound = ErrorCode("request.not_found", category: .notFound)
    /// The path exists, but not with this method; `Allow` names those it has.
    package static let methodNotAllowed = ErrorCode("request.method_not_allowed", category: .unsupported)
    /// The body is no JSON or YAML, or does not fit the route's schema.
    package static let bodyInvalid = ErrorCode("request.body_invalid", category: .invalid)
    /// The body is longer than the server takes.
    package static let bodyTooLarge = ErrorCode("request.body_too_large", category: .limited)
    /// The body's media type is none that the route takes.
    package static let mediaTypeUnsupported = ErrorCode("request.media_type_unsupported", category: .unsupported)
    /// The body is compressed, or coded in another way that is not taken.
    package static let contentCodingUnsupported = ErrorCode(
        "request.content_coding_unsupported", category: .unsupported)
    /// The path and query are longer than the server takes.
    package static let targetTooLong = ErrorCode("request.target_too_long", category: .limited)
    /// Whoever asks has made as many requests as they may; `Retry-After` says when to go on.
    package static let rateLimited = ErrorCode("request.rate_limited", category: .limited)
    /// The same `Idempotency-Key` came before with another request.
    package static let keyReused = ErrorCode("request.idempotency_key_reused", category: .unsupported)
    /// A request with the same `Idempotency-Key` is under way.
    package static let keyInProgress = ErrorCode("request.idempotency_key_in_progress", category: .conflict)
    /// What a request with this `Idempotency-Key` asked for was done, and its answer is not kept.
    package static let keyDone = ErrorCode("request.idempotency_key_done", category: .conflict)
    /// A declared proxy is neither an address nor a range of them.
    package static let proxyInvalid = ErrorCode("request.proxy_invalid", category: .invalid)
    /// A parameter of the path, the query or a header has a value that it cannot have.
    package static let parameterInvalid = ErrorCode("request.parameter_invalid", category: .invalid)
    /// The cursor was not given by a page of this list.
    package static let cursorInvalid = ErrorCode("request.cursor_invalid", category: .invalid)
    /// The route needs a token, and none was given.
    package static let tokenMissing = ErrorCode("request.token_missing", category: .unauthenticated)
    /// The token's roles do not permit this.
    package static let permissionDenied = ErrorCode("request.permission_denied", category: .forbidden)
    /// The request asks for something that this release does not have.
    package static let featureUnsupported = ErrorCode("request.unsupported", category: .unsupported)
    /// Something went wrong inside; the log has it under the request's id.
    package static let internalError = ErrorCode("request.internal", category: .internal)
}
