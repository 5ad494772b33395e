import CognitionCore
import CognitionRealtime
import NIOCore
import NIOHTTP1

/// Looks at every request of a connection for one that makes it a WebSocket; the rest goes on to where HTTP is served.
///
/// In place of NIO's `NIOTypedHTTPServerUpgradeHandler`, which sees the first request only, and keeps the head of one that
/// asks for a protocol that there is not (`Upgrade: h2c`, as some clients always do) and so loses the request.
///
/// A connection that was served as HTTP before has a task of Hummingbird's and handlers at its end. They are told that
/// nothing more comes (``HTTPSide``), and only when they have said so themselves, everything of theirs being answered, is the
/// handshake answered and the WebSocket put in front of what is left of them.
final class UpgradeHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// HTTP, if anything yet; may become `deciding`.
        case plain
        /// A handshake; may become `plain` again, `leaving` or `done`.
        case deciding(HTTPRequestHead)
        /// Accepted, while those who served HTTP come to their end; may become `done`.
        case leaving(HTTPHeaders, WebSocketPeer)
        /// A WebSocket, or closed.
        case done
    }

    /// What is between this and the one who serves requests, and to be removed for a WebSocket.
    struct Parts {
        let encoder: any RemovableChannelHandler
        let requestGuard: any RemovableChannelHandler
        /// Reads nothing after a request to upgrade, and passes on what it has not read when it is removed.
        var decoder: any RemovableChannelHandler
        let makeDecoder: () -> any RemovableChannelHandler
    }

    private let endpoint: WebSocketEndpoint
    private var parts: Parts
    private let serveHTTP: (any Channel) throws -> HTTPSide
    private let outcome: EventLoopPromise<HTTP1WebSocketChannel.Outcome>
    private var state = State.plain
    /// Once a request was none for a WebSocket.
    private var http: HTTPSide?
    /// Requests that were passed on and whose answer has not come to its end.
    private var unanswered = 0
    /// A request was passed on after which the client wants no other.
    private var isLast = false
    private var hasEnd = false
    private var decision: WebSocketEndpoint.Decision?
    private var isReadHeld = false
    /// The server is ending, which a WebSocket has to hear that is there later.
    private var isQuiescing = false

    init(
        _ endpoint: WebSocketEndpoint, parts: Parts, outcome: EventLoopPromise<HTTP1WebSocketChannel.Outcome>,
        serveHTTP: @escaping (any Channel) throws -> HTTPSide
    ) {
        self.endpoint = endpoint
        self.parts = parts
        self.outcome = outcome
        self.serveHTTP = serveHTTP
    }

    // MARK: Pipeline

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .plain:
            guard case .head(let head) = Self.unwrapInboundIn(data) else { return context.fireChannelRead(data) }
            if !isLast, endpoint.claims(head) { decide(head, context) } else { serve(head, data, context) }
        case .deciding:
            // A handshake with a body is refused, and what follows it the decoder keeps.
            guard case .end = Self.unwrapInboundIn(data) else { return }
            hasEnd = true
            conclude(context)
        case .leaving: break
        case .done: context.fireChannelRead(data)
        }
    }

    func read(context: ChannelHandlerContext) {
        switch state {
        case .plain, .done: context.read()
        // Whatever a client sends before it is answered stays with the network.
        case .deciding, .leaving: isReadHeld = true
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .done = state { return context.write(data, promise: promise) }
        let isEnd = if case .end = Self.unwrapOutboundIn(data) { true } else { false }
        context.write(data, promise: promise)
        guard isEnd else { return }
        unanswered -= 1
        if unanswered == 0 { conclude(context) }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard case .leaving(let headers, let peer) = state else { return context.close(mode: mode, promise: promise) }
        // Who served HTTP has come to an end, first with writing, then with everything; the connection has not.
        promise?.succeed()
        if case .all = mode { open(headers, peer, context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch state {
        case .plain, .done: return context.fireUserInboundEventTriggered(event)
        case .deciding, .leaving: if event is ChannelShouldQuiesceEvent { isQuiescing = true }
        }
        // Who sends nothing more before the answer is gone.
        guard case ChannelEvent.inputClosed = event else { return context.fireUserInboundEventTriggered(event) }
        context.close(promise: nil)
    }

    private func end() {
        if case .done = state { return }
        state = .done
        if http == nil { outcome.fail(ChannelError.eof) }
    }

    // MARK: Decisions

    private func serve(_ head: HTTPRequestHead, _ data: NIOAny, _ context: ChannelHandlerContext) {
        if http == nil {
            do {
                let side = try serveHTTP(context.channel)
                http = side
                outcome.succeed(.http(side))
            } catch {
                state = .done
                outcome.fail(error)
                return context.close(promise: nil)
            }
        }
        unanswered += 1
        isLast = isLast || !head.isKeepAlive
        context.fireChannelRead(data)
    }

    private func decide(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        state = .deciding(head)
        hasEnd = false
        endpoint.decide(head, on: context.channel).hop(to: context.eventLoop).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let decision): self.decision = decision
            case .failure(let error): self.decision = .refused(HandshakeRefusal(error))
            }
            self.conclude(context)
        }
    }

    /// Once the decision is there, all earlier requests are answered, and the request is whole, if it is one at all.
    private func conclude(_ context: ChannelHandlerContext) {
        guard case .deciding(let head) = state, unanswered == 0, let decision else { return }
        switch decision {
        case .accepted(let headers, let peer):
            guard hasEnd else { return }
            accept(headers, peer, context)
        case .refused(let refusal):
            let isWellFormed = WebSocketHandshake.isWellFormed(head)
            guard hasEnd || !isWellFormed else { return }
            refuse(refusal, goesOn: isWellFormed && head.isKeepAlive, context)
        }
        self.decision = nil
    }

    private func accept(_ headers: HTTPHeaders, _ peer: WebSocketPeer, _ context: ChannelHandlerContext) {
        guard let http else { return open(headers, peer, context) }
        state = .leaving(headers, peer)
        http.leave()
        // Ends what is read there. The loop that reads it then closes the channel, which comes by.
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    private func open(_ headers: HTTPHeaders, _ peer: WebSocketPeer, _ context: ChannelHandlerContext) {
        state = .done
        let answer = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers)
        context.writeAndFlush(Self.wrapOutboundOut(.head(answer)), promise: nil)
        let (channel, pipeline) = (context.channel, context.pipeline.syncOperations)
        // First, as the socket writes bytes as soon as it is there.
        for handler in [parts.encoder, parts.requestGuard] + (http?.handlers ?? []) {
            pipeline.removeHandler(handler, promise: nil)
        }
        let socket: WebSocketHandler
        do {
            socket = try endpoint.open(channel, to: peer, after: self, drivesReads: http != nil)
        } catch {
            if http == nil { outcome.fail(error) }
            return channel.close(promise: nil)
        }
        if http == nil { outcome.succeed(.webSocket) }
        pipeline.removeHandler(self, promise: nil)
        // Gives the frames that came with the handshake to the WebSocket's decoder, which is next now.
        removeDecoder(context)
        if isReadHeld || http != nil { socket.readMore() }
        http = nil
        if isQuiescing { pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }

    private func refuse(_ refusal: HandshakeRefusal, goesOn: Bool, _ context: ChannelHandlerContext) {
        let requestID = endpoint.ids.next().description
        let body = refusal.body(requestID: requestID)
        var headers = refusal.headers
        headers.add(name: "X-Request-ID", value: requestID)
        headers.add(name: "Content-Length", value: "\(body.count)")
        if !goesOn { headers.add(name: "Connection", value: "close") }
        let answer = HTTPResponseHead(version: .http1_1, status: refusal.status, headers: headers)
        context.write(Self.wrapOutboundOut(.head(answer)), promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        let written = context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).assumeIsolated()
        guard goesOn else { return written.whenComplete { _ in context.close(promise: nil) } }
        goOn(context)
    }

    /// The next request may be anything again. It is for a new decoder, as this one reads nothing more.
    private func goOn(_ context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        let decoder = parts.makeDecoder()
        do {
            try pipeline.addHandler(decoder, position: .after(parts.decoder))
        } catch {
            return context.close(promise: nil)
        }
        removeDecoder(context)
        parts.decoder = decoder
        state = .plain
        if isReadHeld {
            isReadHeld = false
            context.read()
        }
    }

    /// What it had not read is passed on in one of the next turns of the loop, and then its end has to be told.
    private func removeDecoder(_ context: ChannelHandlerContext) {
        let promise = context.eventLoop.makePromise(of: Void.self)
        let pipeline = context.pipeline
        promise.futureResult.whenSuccess { pipeline.fireChannelReadComplete() }
        pipeline.syncOperations.removeHandler(parts.decoder, promise: promise)
    }
}
