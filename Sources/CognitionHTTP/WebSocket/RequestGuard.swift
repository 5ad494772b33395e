import NIOCore
import NIOHTTP1

/// Closes connections whose client takes its time on purpose: with the head of its first request, with the body of any
/// request, or with taking the answer.
///
/// Hummingbird's own handler counts the time between requests, and takes every small piece of a body for life. A later
/// request's head is under that handler's idle timeout, as it only sees whole heads.
final class RequestGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let head: TimeAmount
    private let body: TimeAmount
    private var headTask: Scheduled<Void>?
    private var bodyTask: Scheduled<Void>?
    private var stallTask: Scheduled<Void>?
    private var isReadingBody = false
    private var hasHead = false

    init(head: TimeAmount, body: TimeAmount) {
        self.head = head
        self.body = body
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
        switch Self.unwrapInboundIn(data) {
        case .head(let head):
            hasHead = true
            isReadingBody = true
            headTask?.cancel()
            headTask = nil
            if head.asksForUpgrade {
                return context.fireChannelRead(Self.wrapInboundOut(.head(Self.declining(head))))
            }
        case .body: break
        case .end:
            isReadingBody = false
            bodyTask?.cancel()
            bodyTask = nil
        }
        context.fireChannelRead(data)
    }

    /// A request for a protocol that there is not, as the plain request that it is. The connection ends with its answer, as
    /// the decoder reads nothing more.
    private static func declining(_ head: HTTPRequestHead) -> HTTPRequestHead {
        var head = head
        head.headers.remove(name: "Upgrade")
        head.headers.replaceOrAdd(name: "Connection", value: "close")
        return head
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
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Once a request is served, errors are for who serves it.
        guard !hasHead, let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        let status: HTTPResponseStatus = error == .headerOverflow ? .requestHeaderFieldsTooLarge : .badRequest
        let headers: HTTPHeaders = ["Connection": "close", "Content-Length": "0"]
        let answer = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(Self.wrapOutboundOut(.head(answer)), promise: nil)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
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
