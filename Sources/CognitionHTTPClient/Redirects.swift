import CognitionCore

/// The rules of RFC 9110, section 15.4, for following a redirect; pure.
enum Redirects {
    static let hopsMax = 5

    /// The next request after an answer, or `nil` when the answer is final: no redirect, or one without `Location`.
    ///
    /// 303 turns everything but HEAD into GET; 301 and 302 turn POST into GET, as every browser does and the RFC
    /// allows; 307 and 308 change nothing. A changed method loses the body and the headers that describe it. A change
    /// of origin drops credentials.
    /// - Throws: `http_client.invalid_url` when `Location` cannot be read.
    static func next(after status: Int, location: String?, of hop: Hop) throws -> Hop? {
        guard [301, 302, 303, 307, 308].contains(status), let location else { return nil }
        var next = hop
        next.url = try hop.url.resolving(location)
        let becomesGet =
            (status == 303 && hop.method != "HEAD") || ((status == 301 || status == 302) && hop.method == "POST")
        if becomesGet {
            next.method = "GET"
            next.body = nil
            next.headers.removeAll { contentHeaders.contains($0.name.lowercased()) }
        }
        if next.url.origin != hop.url.origin {
            next.headers.removeAll { credentialHeaders.contains($0.name.lowercased()) }
        }
        return next
    }

    private static let contentHeaders: Set<String> = [
        "content-type", "content-encoding", "content-language", "content-location", "content-disposition", "digest",
        "content-digest", "repr-digest", "last-modified",
    ]

    /// Beside the two of the contract, the names under which APIs commonly expect keys.
    private static let credentialHeaders: Set<String> = [
        "authorization", "cookie", "proxy-authorization", "x-api-key", "api-key", "x-auth-token",
    ]
}

/// One request of an exchange: the first, or what a redirect made of it.
struct Hop: Sendable {
    var method: String
    var url: OutboundURL
    var headers: [(name: String, value: String)]
    var body: [UInt8]?
}
