import CognitionCore
import CognitionRealtime
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Decides for one channel whether its first request becomes a WebSocket: first the origin, then the token, then whether
/// there is room.
///
/// A request that is no WebSocket handshake for the endpoint's path goes on as HTTP; one that is and is refused gets its
/// answer here, and the channel is closed.
final class WebSocketUpgrader: NIOTypedHTTPServerProtocolUpgrader {
    typealias UpgradeResult = HTTP1WebSocketChannel.Outcome

    private struct Decision {
        var caller: RealtimeCaller?
        var isRefused = false
    }

    let supportedProtocol = "websocket"
    /// `Connection: upgrade` is what makes the decoder stop after the request: without it, a second request that comes
    /// with the first would be handed to the WebSocket as it is.
    let requiredUpgradeHeaders = ["upgrade"]
    private let endpoint: WebSocketEndpoint
    private let deadlines: NIOLoopBound<RequestDeadlines>
    private let decision: NIOLoopBoundBox<Decision>

    /// On the channel's event loop.
    init(_ endpoint: WebSocketEndpoint, deadlines: RequestDeadlines, on eventLoop: any EventLoop) {
        self.endpoint = endpoint
        self.deadlines = NIOLoopBound(deadlines, eventLoop: eventLoop)
        decision = NIOLoopBoundBox(Decision(), eventLoop: eventLoop)
    }

    /// The request was answered; nothing is to be added to the pipeline.
    var hasRefused: Bool { decision.value.isRefused }

    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest head: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        guard head.method == .GET, WebSocketHandshake.path(of: head.uri) == endpoint.settings.path else {
            return channel.eventLoop.makeFailedFuture(NIOWebSocketUpgradeError.unsupportedWebSocketTarget)
        }
        guard head.headers["Sec-WebSocket-Version"] == ["13"] else { return refuse(.upgradeRequired, .handshake, channel) }
        guard WebSocketHandshake.isWellFormed(head) else { return refuse(.invalid, .handshake, channel) }
        let handshake = WebSocketHandshake(head)
        guard endpoint.settings.origins.allows(handshake.origin, host: handshake.host) else {
            return refuse(.origin, .origin, channel)
        }
        guard let token = handshake.token else {
            return accept(handshake, caller: nil, head, initialResponseHeaders, channel)
        }
        let promise = channel.eventLoop.makePromise(of: RealtimeCaller.self)
        let authenticator = endpoint.hub.authenticator
        promise.completeWithTask { try await authenticator.caller(token: token.reveal()) }
        return promise.futureResult.flatMap { caller in
            self.accept(handshake, caller: caller, head, initialResponseHeaders, channel)
        }.flatMapError { error in
            self.hasRefused
                ? channel.eventLoop.makeFailedFuture(error)
                : self.refuse(HandshakeRefusal(error), .unauthenticated, channel)
        }
    }

    func upgrade(
        channel: any Channel, upgradeRequest: HTTPRequestHead
    ) -> EventLoopFuture<HTTP1WebSocketChannel.Outcome> {
        channel.eventLoop.makeCompletedFuture {
            try endpoint.open(channel, caller: decision.value.caller, isDraining: deadlines.value.isDraining)
            return .webSocket
        }
    }

    private func accept(
        _ handshake: WebSocketHandshake, caller: RealtimeCaller?, _ head: HTTPRequestHead, _ initial: HTTPHeaders,
        _ channel: any Channel
    ) -> EventLoopFuture<HTTPHeaders> {
        let hub = endpoint.hub
        guard hub.connect() else { return refuse(.connections, nil, channel) }
        channel.closeFuture.whenComplete { _ in hub.disconnected() }
        decision.value.caller = caller
        var extra = HTTPHeaders()
        if let subprotocol = handshake.subprotocol { extra.add(name: "Sec-WebSocket-Protocol", value: subprotocol) }
        let chosen = extra
        // NIO's own upgrader works out the answer to the key.
        return NIOTypedWebSocketServerUpgrader<Void>(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(chosen) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        ).buildUpgradeResponse(channel: channel, upgradeRequest: head, initialResponseHeaders: initial)
    }

    private func refuse(
        _ refusal: HandshakeRefusal, _ reason: RealtimeMetrics.Refusal?, _ channel: any Channel
    ) -> EventLoopFuture<HTTPHeaders> {
        decision.value.isRefused = true
        if let reason { endpoint.hub.metrics.countRefusal(reason) }
        let body = refusal.body
        var headers = refusal.headers
        headers.add(name: "Content-Length", value: "\(body.count)")
        headers.add(name: "Connection", value: "close")
        let head = HTTPResponseHead(version: .http1_1, status: refusal.status, headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        channel.writeAndFlush(HTTPServerResponsePart.end(nil)).whenComplete { _ in channel.close(promise: nil) }
        return channel.eventLoop.makeFailedFuture(refusal)
    }
}
