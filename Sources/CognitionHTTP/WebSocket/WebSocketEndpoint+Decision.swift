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
        /// The headers of the answer, and who has asked.
        case accepted(HTTPHeaders, WebSocketPeer)
        case refused(HandshakeRefusal)
    }

    /// Whether a request asks to become a WebSocket here. The decoder reads nothing after one that does.
    func claims(_ head: HTTPRequestHead) -> Bool {
        head.method == .GET && WebSocketHandshake.path(of: head.uri) == settings.path && head.asksForUpgrade
            && head.headers[canonicalForm: "Upgrade"].contains { $0.lowercased() == "websocket" }
    }

    /// Looks at the form, then at the origin, then at the token, and then whether there is room.
    func decide(_ head: HTTPRequestHead, on channel: any Channel) -> EventLoopFuture<Decision> {
        let client = settings.proxies.origin(
            of: HTTPFields(head.headers, splitCookie: false), from: channel.remoteAddress, isEncrypted: false)
        if let (refusal, reason) = refusal(of: head, from: client) {
            return refuse(refusal, reason, channel.eventLoop)
        }
        let handshake = WebSocketHandshake(head)
        let (id, address) = (ids.next(), client.address?.description)
        guard let token = handshake.token else {
            return accept(
                handshake, WebSocketPeer(id: id, caller: nil, address: address, joinsHomes: handshake.joinsHomes), head,
                channel)
        }
        let promise = channel.eventLoop.makePromise(of: RealtimeCaller.self)
        let hub = hub
        promise.completeWithTask { try await hub.opening(id, with: token, from: address) }
        return promise.futureResult.flatMap { caller in
            self.accept(
                handshake, WebSocketPeer(id: id, caller: caller, address: address, joinsHomes: handshake.joinsHomes),
                head,
                channel)
        }.flatMapError { error in
            self.refuse(HandshakeRefusal(error), .unauthenticated, channel.eventLoop)
        }
    }

    private func refusal(
        of head: HTTPRequestHead, from client: ClientOrigin
    ) -> (HandshakeRefusal, RealtimeMetrics.Refusal)? {
        if let refusal = RequestGuard.refusal(of: head) { return (refusal, .handshake) }
        guard head.headers["Sec-WebSocket-Version"] == ["13"] else { return (.upgradeRequired, .handshake) }
        guard WebSocketHandshake.isWellFormed(head) else { return (.invalid, .handshake) }
        let (origin, host) = (head.headers.first(name: "Origin"), client.host ?? head.headers.first(name: "Host"))
        return settings.origins.allows(origin, host: host) ? nil : (.origin, .origin)
    }

    private func refuse(
        _ refusal: HandshakeRefusal, _ reason: RealtimeMetrics.Refusal, _ eventLoop: any EventLoop
    ) -> EventLoopFuture<Decision> {
        hub.metrics.countRefusal(reason)
        return eventLoop.makeSucceededFuture(.refused(refusal))
    }

    private func accept(
        _ handshake: WebSocketHandshake, _ peer: WebSocketPeer, _ head: HTTPRequestHead, _ channel: any Channel
    ) -> EventLoopFuture<Decision> {
        let hub = hub
        let address = peer.address
        // Counts the refusal itself.
        if let full = hub.connect(from: address) {
            return channel.eventLoop.makeSucceededFuture(
                .refused(full == .address ? .addressConnections : .connections))
        }
        channel.closeFuture.whenComplete { _ in hub.disconnected(from: address) }
        var extra = HTTPHeaders()
        if let subprotocol = handshake.subprotocol { extra.add(name: "Sec-WebSocket-Protocol", value: subprotocol) }
        let chosen = extra
        // NIO's own upgrader works out the answer to the key.
        return NIOTypedWebSocketServerUpgrader<Void>(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(chosen) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        ).buildUpgradeResponse(channel: channel, upgradeRequest: head, initialResponseHeaders: [:])
            .map { .accepted($0, peer) }
    }
}

/// Who is at the other end of a socket.
struct WebSocketPeer: Sendable {
    /// Of the connection.
    let id: UUIDv7
    /// Whose token came with the handshake.
    let caller: RealtimeCaller?
    /// As far as it is known; without a port.
    let address: String?
    /// See ``WebSocketHandshake/joinsHomes``.
    let joinsHomes: Bool
}

extension HTTPRequestHead {
    /// The client wants to speak another protocol after this request. The decoder then stops.
    var asksForUpgrade: Bool {
        headers.contains(name: "Upgrade")
            && headers[canonicalForm: "Connection"].contains { $0.lowercased() == "upgrade" }
    }
}
