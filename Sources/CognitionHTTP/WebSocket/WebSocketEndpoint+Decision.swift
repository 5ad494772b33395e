import CognitionCore
import CognitionRealtime
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOWebSocket

extension WebSocketEndpoint {
    /// What becomes of a request to be a WebSocket.
    enum Decision: Sendable {
        /// The headers of the answer, and whose token came with the request.
        case accepted(HTTPHeaders, RealtimeCaller?)
        case refused(HandshakeRefusal)
    }

    /// Whether a request asks to become a WebSocket here. The decoder reads nothing after one that does.
    func claims(_ head: HTTPRequestHead) -> Bool {
        head.method == .GET && WebSocketHandshake.path(of: head.uri) == settings.path && head.asksForUpgrade
            && head.headers[canonicalForm: "Upgrade"].contains { $0.lowercased() == "websocket" }
    }

    /// Looks at the form, then at the origin, then at the token, and then whether there is room.
    func decide(_ head: HTTPRequestHead, on channel: any Channel) -> EventLoopFuture<Decision> {
        if let (refusal, reason) = refusal(of: head, from: channel.remoteAddress) {
            return refuse(refusal, reason, channel.eventLoop)
        }
        let handshake = WebSocketHandshake(head)
        guard let token = handshake.token else { return accept(handshake, caller: nil, head, channel) }
        let promise = channel.eventLoop.makePromise(of: RealtimeCaller.self)
        let authenticator = hub.authenticator
        promise.completeWithTask { try await authenticator.caller(token: token.reveal()) }
        return promise.futureResult.flatMap { caller in
            self.accept(handshake, caller: caller, head, channel)
        }.flatMapError { error in
            self.refuse(HandshakeRefusal(error), .unauthenticated, channel.eventLoop)
        }
    }

    private func refusal(
        of head: HTTPRequestHead, from peer: SocketAddress?
    ) -> (HandshakeRefusal, RealtimeMetrics.Refusal)? {
        if let refusal = RequestGuard.refusal(of: head) { return (refusal, .handshake) }
        guard head.headers["Sec-WebSocket-Version"] == ["13"] else { return (.upgradeRequired, .handshake) }
        guard WebSocketHandshake.isWellFormed(head) else { return (.invalid, .handshake) }
        let (origin, host) = (head.headers.first(name: "Origin"), host(of: head, from: peer))
        return settings.origins.allows(origin, host: host) ? nil : (.origin, .origin)
    }

    /// The host that the client has named, be it to a proxy.
    private func host(of head: HTTPRequestHead, from peer: SocketAddress?) -> String? {
        let named = head.headers.first(name: "Host")
        guard !settings.proxies.isEmpty else { return named }
        let fields = HTTPFields(head.headers, splitCookie: false)
        return settings.proxies.origin(of: fields, from: peer, isEncrypted: false).host ?? named
    }

    private func refuse(
        _ refusal: HandshakeRefusal, _ reason: RealtimeMetrics.Refusal, _ eventLoop: any EventLoop
    ) -> EventLoopFuture<Decision> {
        hub.metrics.countRefusal(reason)
        return eventLoop.makeSucceededFuture(.refused(refusal))
    }

    private func accept(
        _ handshake: WebSocketHandshake, caller: RealtimeCaller?, _ head: HTTPRequestHead, _ channel: any Channel
    ) -> EventLoopFuture<Decision> {
        let hub = hub
        // Counts the refusal itself.
        guard hub.connect() else { return channel.eventLoop.makeSucceededFuture(.refused(.connections)) }
        channel.closeFuture.whenComplete { _ in hub.disconnected() }
        var extra = HTTPHeaders()
        if let subprotocol = handshake.subprotocol { extra.add(name: "Sec-WebSocket-Protocol", value: subprotocol) }
        let chosen = extra
        // NIO's own upgrader works out the answer to the key.
        return NIOTypedWebSocketServerUpgrader<Void>(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(chosen) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        ).buildUpgradeResponse(channel: channel, upgradeRequest: head, initialResponseHeaders: [:])
            .map { .accepted($0, caller) }
    }
}

extension HTTPRequestHead {
    /// The client wants to speak another protocol after this request. The decoder then stops.
    var asksForUpgrade: Bool {
        headers.contains(name: "Upgrade")
            && headers[canonicalForm: "Connection"].contains { $0.lowercased() == "upgrade" }
    }
}
