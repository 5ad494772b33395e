import CognitionCore
import CognitionRealtime
import Metrics
import NIOCore
import Synchronization

/// The sockets of one event loop: what is published is framed once, written to each, and flushed once at the end of the
/// loop's turn; one timer serves all.
final class WebSocketLane: FeedLane {
    /// What only the loop touches.
    final class Local {
        let fanout = Fanout<WebSocketHandler>()
        fileprivate var members: [ObjectIdentifier: WebSocketHandler] = [:]
        fileprivate var unflushed: [WebSocketHandler] = []
        /// The message that is being delivered, as a frame.
        fileprivate var current: (position: Int64, topic: Topic?, frame: ByteBuffer)?
        fileprivate var ticker: RepeatedTask?
        fileprivate var messagesSent = 0
        fileprivate var bytesSent = 0
        fileprivate var messagesReceived = 0
        fileprivate var bytesReceived = 0
    }

    private struct Inbox {
        var messages: [FeedMessage] = []
        var isScheduled = false
    }

    private static let congestedAbove = 4_096

    let endpoint: WebSocketEndpoint
    let eventLoop: any EventLoop
    private let bound: NIOLoopBound<Local>
    private let inbox = Mutex(Inbox())

    /// To be made on `eventLoop`.
    init(_ endpoint: WebSocketEndpoint, on eventLoop: any EventLoop) {
        self.endpoint = endpoint
        self.eventLoop = eventLoop
        bound = NIOLoopBound(Local(), eventLoop: eventLoop)
    }

    /// Only on the loop.
    var local: Local { bound.value }

    // MARK: Delivery

    func post(_ messages: [FeedMessage]) {
        let isFirst = inbox.withLock { inbox in
            inbox.messages += messages
            defer { inbox.isScheduled = true }
            return !inbox.isScheduled
        }
        if isFirst { eventLoop.execute { self.deliverAll() } }
    }

    var isCongested: Bool { inbox.withLock { $0.messages.count > Self.congestedAbove } }

    private func deliverAll() {
        let messages = inbox.withLock { inbox in
            defer { inbox = Inbox() }
            return inbox.messages
        }
        let local = local
        for message in messages {
            local.current = (message.position, message.topics.first, WebSocketFrames.text(message.json))
            local.fanout.deliver(message)
        }
        local.current = nil
        flushAll()
        let now = endpoint.hub.wallClock.now
        for message in messages {
            endpoint.hub.metrics.lag.recordNanoseconds(max(0, (now - message.time).microseconds) * 1_000)
        }
    }

    func frame(of message: FeedMessage) -> ByteBuffer {
        if let current = local.current, current.position == message.position, current.topic == message.topics.first {
            return current.frame
        }
        return WebSocketFrames.text(message.json)
    }

    /// What `handler` has written is flushed at the end of this turn.
    func mark(_ handler: WebSocketHandler) { local.unflushed.append(handler) }

    func flushAll() {
        let local = local
        let handlers = local.unflushed
        local.unflushed = []
        for handler in handlers { handler.flush() }
        countTraffic()
    }

    // MARK: Counting

    func countSent(bytes: Int) {
        local.messagesSent += 1
        local.bytesSent += bytes
    }

    func countReceived(bytes: Int) {
        local.messagesReceived += 1
        local.bytesReceived += bytes
    }

    /// Added up for a turn, so that the hot path touches nothing that is shared.
    private func countTraffic() {
        let local = local
        if local.messagesSent > 0 {
            endpoint.hub.countSent(messages: local.messagesSent, bytes: local.bytesSent)
            local.messagesSent = 0
            local.bytesSent = 0
        }
        if local.messagesReceived > 0 {
            endpoint.hub.countReceived(messages: local.messagesReceived, bytes: local.bytesReceived)
            local.messagesReceived = 0
            local.bytesReceived = 0
        }
    }

    // MARK: Members and time

    func add(_ handler: WebSocketHandler) {
        let local = local
        local.members[ObjectIdentifier(handler)] = handler
        guard local.ticker == nil else { return }
        let interval = endpoint.settings.tickInterval
        local.ticker = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in self.tick() }
    }

    func remove(_ handler: WebSocketHandler) {
        let local = local
        local.members[ObjectIdentifier(handler)] = nil
        if local.members.isEmpty {
            local.ticker?.cancel()
            local.ticker = nil
        }
    }

    func recheckCallers() {
        eventLoop.execute {
            for handler in Array(self.local.members.values) { handler.recheckCaller() }
            self.flushAll()
        }
    }

    private func tick() {
        let (now, time) = (NIODeadline.now(), endpoint.hub.wallClock.now)
        // A copy, as a member may leave.
        for handler in Array(local.members.values) { handler.tick(now: now, time: time) }
        flushAll()
    }
}
