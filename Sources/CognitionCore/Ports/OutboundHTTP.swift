/// The way out: one HTTP exchange with a server that is not ours, kept within bounds and egress rules.
///
/// Contexts call this port and never see the client behind it.
package protocol OutboundHTTP: Sendable {
    /// Sends one request and reads the whole bounded body.
    ///
    /// A status such as 404 or 500 is an answer, not an error. Cancellation closes the connection at once.
    /// - Throws: `OutboundHTTPError`, or `CancellationError`.
    func send(_ request: OutboundRequest) async throws -> OutboundResponse

    /// Sends one request and lends the answer to `body` while it comes.
    ///
    /// `body` begins when status and headers are there, and the exchange ends with it: what it leaves unread is not
    /// waited for, and its connection is closed. Errors of its own pass through unchanged. Cancellation closes the
    /// connection at once. `request.timeout` bounds the whole exchange, `body` included, and `request.bodyBytesMax` the
    /// bytes of the answer.
    /// - Parameters:
    ///   - firstByteTimeout: Until the first byte of the answer's body, from where the request has its turn.
    ///   - idleTimeout: Until each next byte, while it is waited for; the time that `body` takes for itself does not
    ///     count.
    /// - Throws: `OutboundHTTPError`, `CancellationError`, or what `body` throws.
    func stream<Result: Sendable>(
        _ request: OutboundRequest, firstByteTimeout: Duration, idleTimeout: Duration,
        body: @escaping @Sendable (OutboundStream) async throws -> Result
    ) async throws -> Result
}

extension OutboundHTTP {
    /// For clients that cannot stream: refuses, and sends nothing.
    package func stream<Result: Sendable>(
        _ request: OutboundRequest, firstByteTimeout: Duration, idleTimeout: Duration,
        body: @escaping @Sendable (OutboundStream) async throws -> Result
    ) async throws -> Result {
        throw OutboundHTTPError(OutboundHTTPError.unsupported, "This HTTP client does not stream answers.")
    }
}

/// One request, complete before it is sent.
package struct OutboundRequest: Sendable {
    /// An HTTP token; upper case, e.g. `GET`.
    package var method: String
    /// Absolute, `http` or `https`, without user information. A fragment is not sent.
    package var url: String
    /// In the order in which they are sent. `Host`, `Content-Length`, `Transfer-Encoding` and `Connection` are the
    /// client's own and ignored here.
    package var headers: [(name: String, value: String)]
    /// `nil` sends no body; an empty array sends a body of length zero.
    package var body: [UInt8]?
    /// For the whole exchange: name resolution, connection, all redirects and the last byte of the body.
    package var timeout: Duration
    /// A longer body of the answer is an error, and its connection is closed.
    package var bodyBytesMax: Int
    /// Follows at most 5 hops by the rules of RFC 9110, section 15.4; egress rules are checked on each, and credentials
    /// (`Authorization`, `Cookie`) are dropped on a change of origin. Otherwise a redirect is an answer like any other.
    package var followRedirects: Bool

    package init(
        method: String = "GET",
        url: String,
        headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil,
        timeout: Duration = .seconds(30),
        bodyBytesMax: Int = 8 << 20,
        followRedirects: Bool = false
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.bodyBytesMax = bodyBytesMax
        self.followRedirects = followRedirects
    }
}

/// One complete answer.
package struct OutboundResponse: Sendable {
    /// 200...599.
    package var status: Int
    /// In the order received; a name may occur more than once.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// Where the answer came from, after redirects.
    package var url: String

    package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = [], url: String) {
        self.status = status
        self.headers = headers
        self.body = body
        self.url = url
    }

    /// The value of the first header of that name, whatever its case.
    package func header(_ name: String) -> String? { headers.value(of: name) }
}

/// An answer whose body is still coming.
package struct OutboundStream: Sendable {
    /// The pieces of the body as they arrive, none of them empty; to be iterated once.
    package struct Chunks: AsyncSequence, Sendable {
        package struct AsyncIterator: AsyncIteratorProtocol {
            private let following: () async throws -> [UInt8]?

            package init(following: @escaping () async throws -> [UInt8]?) { self.following = following }

            package mutating func next() async throws -> [UInt8]? { try await following() }
        }

        private let begin: @Sendable () -> AsyncIterator

        package init(begin: @escaping @Sendable () -> AsyncIterator) { self.begin = begin }

        package func makeAsyncIterator() -> AsyncIterator { begin() }
    }

    /// 200...599.
    package var status: Int
    /// In the order received; a name may occur more than once.
    package var headers: [(name: String, value: String)]
    /// Where the answer comes from, after redirects.
    package var url: String
    package var chunks: Chunks

    package init(status: Int, headers: [(name: String, value: String)], url: String, chunks: Chunks) {
        self.status = status
        self.headers = headers
        self.url = url
        self.chunks = chunks
    }

    /// The value of the first header of that name, whatever its case.
    package func header(_ name: String) -> String? { headers.value(of: name) }
}

extension [(name: String, value: String)] {
    fileprivate func value(of name: String) -> String? {
        let wanted = name.lowercased()
        return first { $0.name.lowercased() == wanted }?.value
    }
}

/// Why an exchange did not come to an answer.
package struct OutboundHTTPError: CodedError {
    package var code: ErrorCode
    package var message: String
    package var cause: (any Error)?

    package init(_ code: ErrorCode, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// The egress rules forbid the address; nothing was sent to it.
    package static let refused = ErrorCode("http_client.refused", category: .forbidden)
    /// The name does not resolve, or nobody accepts the connection; nothing was sent.
    package static let unreachable = ErrorCode("http_client.unreachable", category: .unavailable)
    /// The exchange did not end in time; the server may have acted on it.
    package static let timeout = ErrorCode("http_client.timeout", category: .unavailable)
    /// The connection ended before the answer did; the server may have acted on the request.
    package static let reset = ErrorCode("http_client.reset", category: .unavailable)
    /// What came back is not HTTP, or contradicts itself.
    package static let malformedResponse = ErrorCode("http_client.malformed_response", category: .unavailable)
    /// The body or the header of the answer is longer than allowed.
    package static let bodyTooLarge = ErrorCode("http_client.body_too_large", category: .limited)
    /// The host failed too often in a row and rests for some seconds; nothing was sent.
    package static let circuitOpen = ErrorCode("http_client.circuit_open", category: .unavailable)
    /// The URL, the method or a header cannot be sent.
    package static let invalidURL = ErrorCode("http_client.invalid_url", category: .invalid)
    /// More hops than allowed, or a redirect without a usable target.
    package static let tooManyRedirects = ErrorCode("http_client.too_many_redirects", category: .unavailable)
    /// The client was shut down, or too many requests wait for a connection; nothing was sent.
    package static let overloaded = ErrorCode("http_client.overloaded", category: .unavailable)
    /// The client cannot stream answers; nothing was sent.
    package static let unsupported = ErrorCode("http_client.unsupported", category: .unsupported)
}
