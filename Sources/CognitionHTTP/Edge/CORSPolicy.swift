import HTTPTypes
import Hummingbird

/// Which pages of other origins may read answers: cross-origin resource sharing as the Fetch standard has it.
struct CORSPolicy: Sendable {
    private static let methods = "GET, HEAD, POST, PUT, PATCH, DELETE"
    /// How long a browser may remember what a preflight was told; browsers have bounds of their own.
    private static let maxAge = "7200"
    /// What pages may read besides the few headers that they always may.
    private static let exposed =
        "ETag, Link, Location, RateLimit, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, Retry-After, WWW-Authenticate, X-Request-ID, traceparent, Idempotency-Replayed"
    private static let vary = "Origin"

    private let allowsAll: Bool
    private let rules: OriginRules

    /// - Parameter origins: As `scheme://host[:port]`, or `*` for all.
    /// - Returns: `nil` when there are none, and pages of the server itself need none of this.
    init?(_ origins: [String]) {
        guard !origins.isEmpty else { return nil }
        allowsAll = origins.contains("*")
        rules = OriginRules(origins.filter { $0 != "*" })
    }

    private func allows(_ origin: String) -> Bool { allowsAll || rules.allows(origin, host: nil) }

    /// The answer to the question whether a request may be sent; `nil` for any other request.
    func preflight(_ request: Request) -> Response? {
        guard request.method == .options, let origin = request.headers[.origin],
            request.headers[.accessControlRequestMethod] != nil
        else { return nil }
        var headers: HTTPFields = [
            .vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers", .cacheControl: "no-store",
        ]
        guard allows(origin) else { return Response(status: .noContent, headers: headers) }
        mark(&headers, for: origin)
        headers[.accessControlAllowMethods] = Self.methods
        // No header of a request is secret or dangerous here, so whatever is asked for may be sent.
        if let asked = request.headers[.accessControlRequestHeaders], asked.utf8.count <= 1_024 {
            headers[.accessControlAllowHeaders] = asked
        }
        headers[.accessControlMaxAge] = Self.maxAge
        return Response(status: .noContent, headers: headers)
    }

    /// Says to the browser which page may read an answer.
    func mark(_ response: inout Response, to request: Request) {
        // Whatever is kept of an answer holds for one origin.
        if !allowsAll { response.headers.addVary(Self.vary) }
        guard let origin = request.headers[.origin], allows(origin) else { return }
        mark(&response.headers, for: origin)
        response.headers[.accessControlExposeHeaders] = Self.exposed
    }

    private func mark(_ headers: inout HTTPFields, for origin: String) {
        guard !allowsAll else {
            headers[.accessControlAllowOrigin] = "*"
            return
        }
        headers[.accessControlAllowOrigin] = origin
        headers[.accessControlAllowCredentials] = "true"
    }
}

extension HTTPFields {
    /// Names another header of requests on which the answer depends.
    mutating func addVary(_ name: String) {
        guard let known = self[.vary] else {
            self[.vary] = name
            return
        }
        if !known.split(separator: ",").contains(where: { $0.trimmingSpaces.lowercased() == name.lowercased() }) {
            self[.vary] = known + ", " + name
        }
    }
}
