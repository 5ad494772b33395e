import HTTPTypes

/// Names of header fields that the library does not know.
extension HTTPField.Name {
    static let idempotencyKey = known("Idempotency-Key")
    static let lastEventID = known("Last-Event-ID")
    static let referrerPolicy = known("Referrer-Policy")
    static let requestID = known("X-Request-ID")
    static let traceparent = known("traceparent")
    static let tracestate = known("tracestate")
    /// Picks another workspace than that of the token.
    static let workspaceID = known("X-Workspace-ID")
    static let xContentTypeOptions = known("X-Content-Type-Options")
    static let xFrameOptions = known("X-Frame-Options")

    private static func known(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("\(text) is no name of a field") }
        return name
    }
}
