import AsyncHTTPClient
package import CognitionCore
import NIOCore
import NIOHTTP1
import NIOSSL

/// The bounds of the client; every field has a default that fits a small server.
package struct HTTPClientSettings: Sendable {
    /// Exchanges at a time with one origin; further ones wait in line. 1...10,000.
    package var connectionsPerHost = 64
    /// Exchanges waiting in all lines together; more are refused with `http_client.overloaded`.
    package var waitingMax = 4_096
    /// For TCP and TLS together.
    package var connectTimeout = Duration.seconds(5)
    /// The longest silence of a server inside an exchange.
    package var idleReadTimeout = Duration.seconds(300)
    package var circuit = CircuitBreakerSettings()
    package var egress = EgressRules.standard
    /// Certificates (PEM) of authorities trusted beside the system's; for private networks.
    package var trustRootsPEM: [UInt8]?
    /// Whether a server has to prove by its certificate that it is the one that was meant.
    package var verifiesServers = true

    package init() {}
}

extension HTTPClientSettings {
    static func refusal(_ host: String, address: IPAddress?) -> OutboundHTTPError {
        let what = address.map { $0.description == host ? host : "\(host) (\($0))" } ?? host
        return OutboundHTTPError(
            OutboundHTTPError.refused, "The egress rules refuse \(what); EGRESS_ALLOW can name the host or its range.")
    }

    /// - Parameter judgesPeers: Whether a connection is dropped when the address it reached is refused.
    func configuration(judgesPeers: Bool) -> HTTPClient.Configuration {
        var pool = HTTPClient.Configuration.ConnectionPool(
            idleTimeout: .seconds(60), concurrentHTTP1ConnectionsPerHostSoftLimit: connectionsPerHost)
        // A failure is told at once: whoever calls has its own retry policy, and the circuit counts.
        pool.retryConnectionEstablishment = false
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls,
            redirectConfiguration: .disallow,
            timeout: .init(
                connect: .microseconds(connectTimeout.microseconds), read: .microseconds(idleReadTimeout.microseconds),
                write: .microseconds(idleReadTimeout.microseconds)),
            connectionPool: pool)
        configuration.httpVersion = .http1Only
        configuration.tracing.tracer = nil  // spans are made in one place, of whole exchanges
        if judgesPeers {
            configuration.http1_1ConnectionDebugInitializer = { [egress] channel in Self.judge(channel, by: egress) }
        }
        return configuration
    }

    /// Runs after TCP and TLS are up and before the connection gets its first request.
    private static func judge(_ channel: any Channel, by rules: EgressRules) -> EventLoopFuture<Void> {
        let peer = channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) }
        if let peer, rules.allows(peer) { return channel.eventLoop.makeSucceededVoidFuture() }
        let refusal = HTTPClientSettings.refusal(peer?.description ?? "the address reached", address: peer)
        // The pool closes no connection that failed to start, so close it here.
        return channel.close(mode: .all).flatMapErrorThrowing { _ in }.flatMapThrowing { throw refusal }
    }

    private var tls: TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if !verifiesServers { tls.certificateVerification = .none }
        if let trustRootsPEM, let certificates = try? NIOSSLCertificate.fromPEMBytes(trustRootsPEM) {
            tls.additionalTrustRoots = [.certificates(certificates)]
        }
        return tls
    }
}

extension Hop {
    /// - Throws: `http_client.invalid_url` for a method or header that HTTP cannot say.
    init(_ request: OutboundRequest) throws {
        guard Self.isToken(request.method), request.method != "CONNECT" else {
            throw OutboundHTTPError(
                OutboundHTTPError.invalidURL, "Not a method that can be sent: '\(request.method.prefix(32))'.")
        }
        for (name, value) in request.headers {
            guard Self.isToken(name), value.utf8.allSatisfy({ ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }) else {
                throw OutboundHTTPError(
                    OutboundHTTPError.invalidURL,
                    "The header '\(name.prefix(64))' has a name or value that cannot be sent.")
            }
        }
        method = request.method
        url = try OutboundURL(request.url)
        headers = request.headers.filter { !Self.ownHeaders.contains($0.name.lowercased()) }
        body = request.body
    }

    var clientRequest: HTTPClientRequest {
        var request = HTTPClientRequest(url: url.description)
        request.method = HTTPMethod(rawValue: method)
        request.headers = HTTPHeaders(headers.map { ($0.name, $0.value) })
        if !request.headers.contains(name: "user-agent") {
            request.headers.add(name: "User-Agent", value: "CognitionOS")
        }
        if !request.headers.contains(name: "accept") { request.headers.add(name: "Accept", value: "*/*") }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        return request
    }

    /// Headers that frame a message or belong to the connection; the client writes them itself.
    private static let ownHeaders: Set<String> = [
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
        "proxy-connection",
    ]

    private static let tokenMarks = Set("!#$%&'*+-.^_`|~".utf8)

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 256
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || tokenMarks.contains($0)
            }
    }
}
