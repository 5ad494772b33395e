import CognitionCore
import CognitionRealtime
import NIOCore
import NIOHTTP1

/// Waits for a connection's first request, decides whether it becomes a WebSocket, and leaves.
///
/// In place of NIO's `NIOTypedHTTPServerUpgradeHandler`, which keeps the head of a request that asks for a protocol that
/// there is not (`Upgrade: h2c`, as some clients always do) and so loses the request.
final class FirstRequestHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// May become `deciding` or `done`.
        case waiting
        /// A handshake; may become `done`.
        case deciding
        case done
    }

    private let endpoint: WebSocketEndpoint
    /// What belongs to HTTP alone and leaves with it; the decoder last, as it passes on what it has not read.
    private let handlers: [any RemovableChannelHandler]
    private let serveHTTP: (any Channel) throws -> HTTP1WebSocketChannel.Outcome
    private let outcome: EventLoopPromise<HTTP1WebSocketChannel.Outcome>
    private var state = State.waiting
    private var hasEnd = false
    private var decision: WebSocketEndpoint.Decision?
    private var isReadHeld = false

    init(
        _ endpoint: WebSocketEndpoint, handlers: [any RemovableChannelHandler],
        outcome: EventLoopPromise<HTTP1WebSocketChannel.Outcome>,
        serveHTTP: @escaping (any Channel) throws -> HTTP1WebSocketChannel.Outcome
    ) {
        self.endpoint = endpoint
        self.handlers = handlers
        self.outcome = outcome
        self.serveHTTP = serveHTTP
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .waiting:
            guard case .head(let head) = Self.unwrapInboundIn(data) else { return context.close(promise: nil) }
            if endpoint.claims(head) { decide(head, context) } else { beginHTTP(data, context) }
        case .deciding:
            // A handshake with a body is refused, and what follows it the decoder keeps.
            guard case .end = Self.unwrapInboundIn(data) else { return }
            hasEnd = true
            conclude(context)
        case .done: context.fireChannelRead(data)
        }
    }

    func read(context: ChannelHandlerContext) {
        // Whatever a client sends before it is answered stays with the network.
        if case .deciding = state { isReadHeld = true } else { context.read() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { fail() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .done = state { return context.fireUserInboundEventTriggered(event) }
        // Who sends nothing more before the answer is gone.
        guard case ChannelEvent.inputClosed = event else { return context.fireUserInboundEventTriggered(event) }
        context.close(promise: nil)
    }

    private func fail() {
        if case .done = state { return }
        state = .done
        outcome.fail(ChannelError.eof)
    }

    private func beginHTTP(_ data: NIOAny, _ context: ChannelHandlerContext) {
        state = .done
        do {
            outcome.succeed(try serveHTTP(context.channel))
        } catch {
            outcome.fail(error)
            return context.close(promise: nil)
        }
        context.fireChannelRead(data)
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func decide(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        state = .deciding
        endpoint.decide(head, on: context.channel).hop(to: context.eventLoop).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let decision): self.decision = decision
            case .failure(let error): self.decision = .refused(HandshakeRefusal(error))
            }
            self.conclude(context)
        }
    }

    /// Once the decision is there, and the request is whole if it was accepted.
    private func conclude(_ context: ChannelHandlerContext) {
        guard case .deciding = state else { return }
        switch decision {
        case .accepted(let headers, let peer) where hasEnd: accept(headers, peer, context)
        case .refused(let refusal):
            decision = nil
            refuse(refusal, context)
        case .accepted, nil: break
        }
    }

    private func accept(_ headers: HTTPHeaders, _ peer: WebSocketPeer, _ context: ChannelHandlerContext) {
        state = .done
        let answer = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers)
        context.writeAndFlush(Self.wrapOutboundOut(.head(answer)), promise: nil)
        let (channel, pipeline) = (context.channel, context.pipeline.syncOperations)
        for handler in handlers.dropLast() { pipeline.removeHandler(handler, promise: nil) }
        do {
            try endpoint.open(channel, to: peer)
        } catch {
            outcome.fail(error)
            return channel.close(promise: nil)
        }
        outcome.succeed(.webSocket)
        pipeline.removeHandler(self, promise: nil)
        // Gives the frames that came with the handshake to the WebSocket's decoder, which is next now.
        if let decoder = handlers.last { pipeline.removeHandler(decoder, promise: nil) }
        if isReadHeld { channel.read() }
    }

    private func refuse(_ refusal: HandshakeRefusal, _ context: ChannelHandlerContext) {
        let requestID = endpoint.ids.next().description
        let body = refusal.body(requestID: requestID)
        var headers = refusal.headers
        headers.add(name: "X-Request-ID", value: requestID)
        headers.add(name: "Content-Length", value: "\(body.count)")
        headers.add(name: "Connection", value: "close")
        let head = HTTPResponseHead(version: .http1_1, status: refusal.status, headers: headers)
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }
}
