import HTTPTypes

/// Names of header fields that the library does not know.
extension HTTPField.Name {
    static let forwarded = known("Forwarded")
    static let idempotencyKey = known("Idempotency-Key")
    /// The answer was given before, to the same request.
    static let idempotencyReplayed = known("Idempotency-Replayed")
    static let lastEventID = known("Last-Event-ID")
    static let rateLimit = known("RateLimit")
    static let rateLimitLimit = known("RateLimit-Limit")
    static let rateLimitPolicy = known("RateLimit-Policy")
    static let rateLimitRemaining = known("RateLimit-Remaining")
    static let rateLimitReset = known("RateLimit-Reset")
    static let referrerPolicy = known("Referrer-Policy")
    static let requestID = known("X-Request-ID")
    static let traceparent = known("traceparent")
    static let tracestate = known("tracestate")
    /// Picks another workspace than that of the token.
    static let workspaceID = known("X-Workspace-ID")
    static let xForwardedFor = known("X-Forwarded-For")
    static let xForwardedHost = known("X-Forwarded-Host")
    static let xForwardedProto = known("X-Forwarded-Proto")
    static let xContentTypeOptions = known("X-Content-Type-Options")
    static let xFrameOptions = known("X-Frame-Options")

    private static func known(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("\(text) is no name of a field") }
        return name
    }
}
