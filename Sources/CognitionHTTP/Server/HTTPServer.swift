package import CognitionCore
package import CognitionIdentity
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import ServiceLifecycle
package import Tracing

/// The server: the declared routes and the WebSocket on one port.
package struct HTTPServer: Service {
    package struct Settings: Sendable {
        package var host = "127.0.0.1"
        /// 0 takes a free one.
        package var port = 8_100
        package var bodyBytesMax = 8 << 20
        package var connectionsMax = 20_000
        package var connection = HTTP1WebSocketChannel.Configuration()
        /// `nil` for plain HTTP.
        package var tls: TLSIdentity?
        package var edge = Edge()
        /// Whether each answer has a line in the log.
        package var logsAccess = false
        /// Makes a span of each request.
        package var tracer: (any Tracer)?

        package init() {}
    }

    /// How the server stands to the world around it.
    package struct Edge: Sendable {
        /// Origins of pages that may read answers, besides the server's own; `*` for all.
        package var origins: [String] = []
        package var proxies = TrustedProxies.none
        package var rateLimits = RateLimiter.Settings()
        /// Answers of so many bytes are compressed for who takes that; `nil` for none.
        package var compressesFrom: Int? = 1_024

        package init() {}
    }

    private let application: Application<EdgeResponder>

    /// - Parameters:
    ///   - onRunning: Called with the port once connections are taken.
    package init(
        _ api: API, webSocket: WebSocketEndpoint, identity: Identity, repetitions: RepetitionDesk, settings: Settings,
        ids: UUIDGenerator, logger: Logger, onRunning: @escaping @Sendable (Int) async -> Void
    ) {
        let router = APIRouter(
            envelope: Envelope(
                ids: ids, writer: AnswerWriter(compressesFrom: settings.edge.compressesFrom), tracer: settings.tracer,
                logsAccess: settings.logsAccess),
            identity: identity, bodyBytesMax: settings.bodyBytesMax, edge: settings.edge, repetitions: repetitions,
            isEncrypted: settings.tls != nil)
        application = Application(
            responder: router.responder(for: api),
            server: .http1WithWebSocket(
                configuration: settings.connection, upgrade: webSocket, tls: settings.tls),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port), backlog: 4_096,
                availableConnectionsDelegate: MaximumAvailableConnections(settings.connectionsMax)),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? settings.port) },
            logger: logger)
    }

    /// Serves until graceful shutdown; then requests in flight are finished and sockets are told.
    package func run() async throws { try await application.run() }
}
