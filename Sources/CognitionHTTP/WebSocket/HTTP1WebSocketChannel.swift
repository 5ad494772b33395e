import CognitionCore
import HTTPTypes
package import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// HTTP/1.1 as Hummingbird's `HTTP1Channel` has it, except that any request of a connection may make it a WebSocket.
///
/// A WebSocket has no task: its handlers do the work on the event loop.
package struct HTTP1WebSocketChannel: HTTPChannelHandler {
    package struct Configuration: Sendable {
        /// How long a connection may be kept open between two requests.
        package var idleTimeout: Duration = .seconds(60)
        /// How long the first request's head may take, from the connection's start.
        package var headTimeout: Duration = .seconds(10)
        /// How long a request's body may take, and how long a client may take nothing of its answer.
        package var bodyTimeout: Duration = .seconds(60)
        /// Bytes of one header field, name and value.
        package var headerFieldBytesMax = 16 << 10
        /// Bytes of all header fields together.
        package var headerBytesMax = 64 << 10
        package var headerFieldsMax = 100

        package init() {}
    }

    /// A connection, of which the first request says whether it needs a task.
    package struct Value: ServerChildChannelValue {
        package let channel: any Channel
        let outcome: EventLoopFuture<Outcome>
    }

    enum Outcome: Sendable {
        /// May become a WebSocket later.
        case http(HTTPSide)
        case webSocket
    }

    package let responder: Responder
    private let configuration: Configuration
    private let endpoint: WebSocketEndpoint
    private let tls: TLSIdentity?

    package init(
        responder: @escaping Responder, configuration: Configuration, endpoint: WebSocketEndpoint,
        tls: TLSIdentity? = nil
    ) {
        self.configuration = configuration
        self.tls = tls
        self.endpoint = endpoint
        self.responder = Self.refusingPlainRequests(to: endpoint, responder)
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        // The outcome is not waited for here, as a channel reads nothing before it is set up.
        channel.eventLoop.makeCompletedFuture {
            Value(channel: channel, outcome: try configure(channel, logger))
        }
    }

    package func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.outcome.get() {
            case .http(let side): await handleHTTP(asyncChannel: side.stream, logger: logger)
            case .webSocket: break
            }
        } catch {
            // The connection ended before it became anything, or was refused with an answer.
            logger.trace("Connection ended early", metadata: ["error": "\(type(of: error))"])
        }
    }

    private func configure(_ channel: any Channel, _ logger: Logger) throws -> EventLoopFuture<Outcome> {
        if let tls { try channel.pipeline.syncOperations.addHandler(tls.handler()) }
        let encoder = HTTPResponseEncoder()
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = configuration.headerFieldBytesMax
        limits.maxHeaderListSize = configuration.headerBytesMax
        limits.maxHeaderFieldCount = configuration.headerFieldsMax
        let makeDecoder = {
            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
        }
        let requestGuard = RequestGuard(
            head: TimeAmount(configuration.headTimeout), body: TimeAmount(configuration.bodyTimeout), ids: endpoint.ids)
        let promise = channel.eventLoop.makePromise(of: Outcome.self)
        let (idleTimeout, isEncrypted) = (configuration.idleTimeout, tls != nil)
        let decoder = makeDecoder()
        let upgrade = UpgradeHandler(
            endpoint,
            parts: UpgradeHandler.Parts(
                encoder: encoder, requestGuard: requestGuard, decoder: decoder, makeDecoder: makeDecoder),
            outcome: promise
        ) { channel in
            try HTTPSide(
                channel,
                [
                    HTTP1ToHTTPServerCodec(secure: isEncrypted),
                    HTTPConnectionStateHandler(idleTimeout: idleTimeout, logger: logger),
                ])
        }
        try channel.pipeline.syncOperations.addHandlers([encoder, decoder, upgrade, requestGuard])
        return promise.futureResult
    }

    /// Whatever comes to the path as plain HTTP is told what it should be.
    private static func refusingPlainRequests(
        to endpoint: WebSocketEndpoint, _ responder: @escaping Responder
    ) -> Responder {
        { request, writer, channel in
            guard request.method == .get, request.uri.path == endpoint.settings.path else {
                return try await responder(request, writer, channel)
            }
            let refusal = HandshakeRefusal.upgradeRequired
            let requestID = endpoint.ids.next().description
            let problem = refusal.body(requestID: requestID)
            var fields = HTTPFields()
            var headers = refusal.headers
            headers.add(name: "X-Request-ID", value: requestID)
            for (name, value) in headers {
                if let name = HTTPField.Name(name) { fields[name] = value }
            }
            fields[.contentLength] = "\(problem.count)"
            var body = try await writer.writeHead(HTTPResponse(status: .upgradeRequired, headerFields: fields))
            try await body.write(ByteBuffer(bytes: problem))
            try await body.finish(nil)
        }
    }
}

extension HTTPServerBuilder {
    /// A server of HTTP/1.1 in which `upgrade`'s path becomes a WebSocket.
    package static func http1WithWebSocket(
        configuration: HTTP1WebSocketChannel.Configuration = HTTP1WebSocketChannel.Configuration(),
        upgrade: WebSocketEndpoint, tls: TLSIdentity? = nil
    ) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            HTTP1WebSocketChannel(responder: responder, configuration: configuration, endpoint: upgrade, tls: tls)
        }
    }
}
