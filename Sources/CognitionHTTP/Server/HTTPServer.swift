package import CognitionCore
package import CognitionIdentity
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
package import ServiceLifecycle
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
        /// Whether each answer has a line in the log.
        package var logsAccess = false
        /// Makes a span of each request.
        package var tracer: (any Tracer)?

        package init() {}
    }

    private let application: Application<RouterResponder<APIContext>>

    /// - Parameters:
    ///   - onRunning: Called with the port once connections are taken.
    package init(
        _ api: API, webSocket: WebSocketEndpoint, identity: Identity, settings: Settings, ids: UUIDGenerator,
        logger: Logger, onRunning: @escaping @Sendable (Int) async -> Void
    ) {
        let router = APIRouter(
            envelope: Envelope(ids: ids, tracer: settings.tracer, logsAccess: settings.logsAccess), identity: identity, bodyBytesMax: settings.bodyBytesMax)
        application = Application(
            responder: router.responder(for: api),
            server: .http1WithWebSocket(configuration: settings.connection, upgrade: webSocket),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port), backlog: 1_024,
                availableConnectionsDelegate: MaximumAvailableConnections(settings.connectionsMax)),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? settings.port) },
            logger: logger)
    }

    /// Serves until graceful shutdown; then requests in flight are finished and sockets are told.
    package func run() async throws { try await application.run() }
}
