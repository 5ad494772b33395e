import CognitionCore
import CognitionRealtime
import HummingbirdCore
import NIOCore
import NIOHTTP1

/// What a request to become a WebSocket says about who asks, and from where.
struct WebSocketHandshake {
    /// Never printed: it is in the request's path, or in a header.
    let token: Secret?
    /// The sub-protocol that the answer has to name, as the client offered it.
    let subprotocol: String?
    /// Whether the device is to be in the rooms of its user and workspace without asking: not with `auto=false` in the URL.
    let joinsHomes: Bool

    /// The name under which a browser can send a token: `new WebSocket(url, ["bearer", token])`.
    private static let bearer = "bearer"

    init(_ head: HTTPRequestHead) {
        let offered = head.headers[canonicalForm: "Sec-WebSocket-Protocol"].map(String.init)
        let offersBearer = offered.first?.lowercased() == Self.bearer
        subprotocol = offersBearer ? offered[0] : nil
        joinsHomes = URI(head.uri).queryParameters["auto"] != "false"
        let token =
            Self.queryToken(head.uri) ?? Self.headerToken(head.headers)
            ?? (offersBearer ? offered.dropFirst().first : nil)
        self.token = token.map { Secret($0) }
    }

    /// The path of a request's target, without its query.
    static func path(of uri: String) -> Substring { uri.prefix { $0 != "?" && $0 != "#" } }

    /// HTTP/1.1, without a body, and with a key (RFC 6455, 4.2.1).
    static func isWellFormed(_ head: HTTPRequestHead) -> Bool {
        head.version == .http1_1 && head.headers["Transfer-Encoding"].isEmpty
            && head.headers["Content-Length"].allSatisfy { $0 == "0" } && hasValidKey(head.headers)
    }

    /// The key is 16 bytes in base64.
    private static func hasValidKey(_ headers: HTTPHeaders) -> Bool {
        let keys = headers["Sec-WebSocket-Key"]
        guard keys.count == 1 else { return false }
        let key = Array(keys[0].utf8)
        return key.count == 24 && key.suffix(2) == [UInt8(ascii: "="), UInt8(ascii: "=")]
            && key.dropLast(2).allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                    true
                default: false
                }
            }
    }

    private static func queryToken(_ uri: String) -> String? {
        guard let token = URI(uri).queryParameters["token"], !token.isEmpty else { return nil }
        return String(token)
    }

    private static func headerToken(_ headers: HTTPHeaders) -> String? {
        guard let value = headers.first(name: "Authorization") else { return nil }
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == bearer else { return nil }
        return parts[1].trimmingPrefix(while: { $0 == " " }).description
    }
}

/// Which pages may connect: those of the server itself, and of the origins that were configured.
///
/// A browser sends `Origin` with every handshake and no page can forge it; other programs need none.
struct OriginRules: Sendable {
    private let allowsAll: Bool
    private let allowed: Set<String>

    init(_ origins: [String]) {
        allowsAll = origins.contains("*")
        allowed = Set(origins.map(Self.normal))
    }

    func allows(_ origin: String?, host: String?) -> Bool {
        guard let origin, !allowsAll else { return true }
        let normal = Self.normal(origin)
        if allowed.contains(normal) { return true }
        guard let host, let separator = normal.firstRange(of: "://") else { return false }
        let scheme = normal[..<separator.lowerBound]
        guard scheme == "http" || scheme == "https" else { return false }
        // A proxy may speak TLS for us, so that the scheme is not known here.
        return ["http", "https"].contains {
            Self.normal("\($0)://\(host)") == "\($0)://\(normal[separator.upperBound...])"
        }
    }

    /// Lower case, without a slash at the end and without the scheme's own port.
    private static func normal(_ origin: String) -> String {
        var text = origin.lowercased()
        if text.hasSuffix("/") { text.removeLast() }
        if text.hasPrefix("http://"), text.hasSuffix(":80") { text.removeLast(3) }
        if text.hasPrefix("https://"), text.hasSuffix(":443") { text.removeLast(4) }
        return text
    }
}

/// An answer to a handshake that is not accepted: a problem document (RFC 9457).
struct HandshakeRefusal: Error {
    let status: HTTPResponseStatus
    let code: ErrorCode
    let detail: String

    init(_ status: HTTPResponseStatus, _ code: ErrorCode, _ detail: String) {
        self.status = status
        self.code = code
        self.detail = detail
    }

    /// A token that could not be verified; what lies behind an internal error is not told.
    init(_ error: any Error) {
        guard let coded = error as? any CodedError else {
            self.init(.internalServerError, .realtimeInternal, "something went wrong in the server")
            return
        }
        switch coded.category {
        case .unauthenticated: self.init(.unauthorized, coded.code, coded.message)
        case .forbidden: self.init(.forbidden, coded.code, coded.message)
        case .limited: self.init(.tooManyRequests, coded.code, coded.message)
        case .unavailable: self.init(.serviceUnavailable, coded.code, coded.message)
        case .invalid, .notFound, .gone, .conflict, .unsupported: self.init(.badRequest, coded.code, coded.message)
        case .internal: self.init(.internalServerError, coded.code, "something went wrong in the server")
        }
    }

    static let origin = HandshakeRefusal(
        .forbidden, .originRefused, "pages of this origin may not connect; API_CORS_ORIGINS names those that may")
    static let connections = HandshakeRefusal(
        .serviceUnavailable, .connectionsExceeded, "the server has as many connections as it takes; try again later")
    static let addressConnections = HandshakeRefusal(
        .tooManyRequests, .addressConnectionsExceeded, "your network address has as many connections as it may have")
    static let upgradeRequired = HandshakeRefusal(
        .upgradeRequired, .upgradeRequired, "connect with a WebSocket client, version 13 of the protocol")
    static let invalid = HandshakeRefusal(
        .badRequest, .handshakeInvalid,
        "a handshake is a GET of HTTP/1.1 without a body, with one Sec-WebSocket-Key of 16 bytes in base64")

    var headers: HTTPHeaders {
        var headers: HTTPHeaders = ["Content-Type": "application/problem+json", "Cache-Control": "no-store"]
        switch status {
        case .unauthorized:
            headers.add(name: "WWW-Authenticate", value: "Bearer realm=\"cognitionos\", error=\"invalid_token\"")
        case .serviceUnavailable, .tooManyRequests: headers.add(name: "Retry-After", value: "5")
        case .upgradeRequired:
            headers.add(name: "Upgrade", value: "websocket")
            headers.add(name: "Sec-WebSocket-Version", value: "13")
        default: break
        }
        return headers
    }

    func body(requestID: String) -> [UInt8] {
        JSONValue.object([
            "type": .string("urn:cognitionos:error:\(code.name)"), "title": .string(status.reasonPhrase),
            "status": .integer(Int64(status.code)), "detail": .string(detail), "code": .string(code.name),
            "request_id": .string(requestID),
        ]).jsonBytes
    }
}
