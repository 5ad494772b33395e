import CognitionCore
import NIOCore
import NIOHTTP1

/// Closes connections whose client takes its time on purpose: with the head of its first request, with the body of any
/// request, or with taking the answer. Answers what is no HTTP, and `Expect: 100-continue`.
///
/// Hummingbird's own handler counts the time between requests, and takes every small piece of a body for life. A later
/// request's head is under that handler's idle timeout, as it only sees whole heads.
final class RequestGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// For the rest of a body that nobody needs, or while the server ends.
    private static let restTimeout: TimeAmount = .seconds(2)

    private let head: TimeAmount
    private let body: TimeAmount
    private let ids: UUIDGenerator
    private var headTask: Scheduled<Void>?
    private var bodyTask: Scheduled<Void>?
    private var stallTask: Scheduled<Void>?
    private var isReadingBody = false
    private var hasHead = false
    /// Requests whose answer has not come to its end.
    private var unanswered = 0
    private var isClosing = false

    init(head: TimeAmount, body: TimeAmount, ids: UUIDGenerator) {
        self.head = head
        self.body = body
        self.ids = ids
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { expectHead(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        expectHead(context)
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { cancelAll() }

    func channelInactive(context: ChannelHandlerContext) {
        cancelAll()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isClosing { return }
        switch Self.unwrapInboundIn(data) {
        case .head(let head):
            hasHead = true
            isReadingBody = true
            headTask?.cancel()
            headTask = nil
            if let refusal = Self.refusal(of: head), unanswered == 0 { return refuse(refusal, context) }
            if unanswered == 0 { goOn(head, context) }
            unanswered += 1
            return context.fireChannelRead(Self.wrapInboundOut(.head(Self.plain(head))))
        case .body: break
        case .end:
            isReadingBody = false
            bodyTask?.cancel()
            bodyTask = nil
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = Self.unwrapOutboundIn(data) {
            unanswered -= 1
            // Answered before its body came to an end: what is left of it is not waited for long.
            if isReadingBody { expectBody(context, within: Self.restTimeout) }
        }
        context.write(data, promise: promise)
    }

    /// The request as Hummingbird reads it, which knows no HTTP/1.0 and one spelling of a wish for the end. After a request
    /// for a protocol that there is not, the decoder reads nothing more.
    private static func plain(_ head: HTTPRequestHead) -> HTTPRequestHead {
        guard head.asksForUpgrade || !head.isKeepAlive else { return head }
        var head = head
        head.headers.remove(name: "Upgrade")
        head.headers.replaceOrAdd(name: "Connection", value: "close")
        return head
    }

    /// Bytes of the path and query; far more than any of ours has.
    private static let targetBytesMax = 8 << 10

    /// RFC 9112, 3.2: one host, which only HTTP/1.0 may leave out; 6.1: no transfer coding that is not understood.
    static func refusal(of head: HTTPRequestHead) -> HandshakeRefusal? {
        guard head.uri.utf8.count <= targetBytesMax else {
            return HandshakeRefusal(
                .uriTooLong, .targetTooLong, "the path and query are longer than \(targetBytesMax) bytes")
        }
        let codings = head.headers[canonicalForm: "Transfer-Encoding"].map { $0.lowercased() }
        guard codings.isEmpty || codings == ["chunked"] else {
            return HandshakeRefusal(.badRequest, .requestMalformed, "the only transfer coding taken is chunked")
        }
        let hosts = head.headers["Host"].count
        if hosts == 1 || hosts == 0 && head.version == .http1_0 { return nil }
        return HandshakeRefusal(.badRequest, .requestMalformed, "a request has one Host header, and this one \(hosts)")
    }

    /// RFC 9110, 10.1.1: a client that waits for it is told to send its body.
    private func goOn(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard head.version == .http1_1,
            head.headers[canonicalForm: "Expect"].contains(where: { $0.lowercased() == "100-continue" })
        else { return }
        let answer = HTTPResponseHead(version: .http1_1, status: .continue)
        context.writeAndFlush(Self.wrapOutboundOut(.head(answer)), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Most requests are whole by now and need no timer.
        if isReadingBody, bodyTask == nil { bodyTask = closing(context, after: body) }
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stallTask?.cancel()
        stallTask = context.channel.isWritable ? nil : closing(context, after: body)
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The server is going away, nothing has been asked yet, and nobody else is there to close.
        if event is ChannelShouldQuiesceEvent, !hasHead { return context.close(promise: nil) }
        if event is ChannelShouldQuiesceEvent, isReadingBody { expectBody(context, within: Self.restTimeout) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // While a request is served, errors are for who serves it.
        guard unanswered == 0, let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        guard !isClosing else { return }
        refuse(
            error == .headerOverflow
                ? HandshakeRefusal(
                    .requestHeaderFieldsTooLarge, .headerTooLarge,
                    "the request's line or headers are too long or too many")
                : HandshakeRefusal(.badRequest, .requestMalformed, "this is no request of HTTP/1.1"),
            context)
    }

    private func refuse(_ refusal: HandshakeRefusal, _ context: ChannelHandlerContext) {
        isClosing = true
        let requestID = ids.next().description
        let body = refusal.body(requestID: requestID)
        var headers = refusal.headers
        headers.add(name: "X-Request-ID", value: requestID)
        headers.add(name: "Connection", value: "close")
        headers.add(name: "Content-Length", value: "\(body.count)")
        let answer = HTTPResponseHead(version: .http1_1, status: refusal.status, headers: headers)
        context.write(Self.wrapOutboundOut(.head(answer)), promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }

    private func expectBody(_ context: ChannelHandlerContext, within limit: TimeAmount) {
        bodyTask?.cancel()
        bodyTask = closing(context, after: min(limit, body))
    }

    private func expectHead(_ context: ChannelHandlerContext) {
        if headTask == nil, !hasHead { headTask = closing(context, after: head) }
    }

    private func closing(_ context: ChannelHandlerContext, after delay: TimeAmount) -> Scheduled<Void> {
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) { context.close(promise: nil) }
    }

    private func cancelAll() {
        for task in [headTask, bodyTask, stallTask] { task?.cancel() }
        headTask = nil
        bodyTask = nil
        stallTask = nil
    }
}
