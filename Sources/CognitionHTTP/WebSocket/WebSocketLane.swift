import CognitionCore
import CognitionRealtime
import Metrics
import NIOCore
import Synchronization

/// The sockets of one event loop: what is published is framed once and written to each, what follows in one room in one piece, and
/// goes to the network once in a turn of the loop; one timer serves all.
final class WebSocketLane: FeedLane {
    /// What only the loop touches.
    final class Local {
        let fanout = Fanout<WebSocketHandler>()
        fileprivate var members: [ObjectIdentifier: WebSocketHandler] = [:]
        fileprivate var unflushed: [WebSocketHandler] = []
        fileprivate var current: (position: Int64, topic: Topic?, frame: ByteBuffer)?
        /// The messages that are being delivered together, as frames one after the other.
        fileprivate var run: RoomRun?
        fileprivate var frames = ByteBuffer()
        fileprivate var ends: [Int] = []
        /// What is written now is the last of the turn, and goes to the network while everything about its socket is at hand.
        fileprivate(set) var flushesAtOnce = false
        fileprivate var ticker: RepeatedTask?
        fileprivate var messagesSent = 0
        fileprivate var bytesSent = 0
        fileprivate var messagesReceived = 0
        fileprivate var bytesReceived = 0

        func countSent(messages: Int, bytes: Int) {
            messagesSent += messages
            bytesSent += bytes
        }

        func countReceived(bytes: Int) {
            messagesReceived += 1
            bytesReceived += bytes
        }

        /// What `handler` has written is flushed at the end of this turn.
        func mark(_ handler: WebSocketHandler) { unflushed.append(handler) }

        fileprivate func begin(_ run: RoomRun) {
            frames = ByteBufferAllocator().buffer(
                capacity: run.bytes + run.messages.count * WebSocketFrames.headerBytesMax)
            ends.removeAll(keepingCapacity: true)
            for message in run.messages {
                WebSocketFrames.write(message.json, to: &frames)
                ends.append(frames.writerIndex)
            }
            self.run = run
        }

        fileprivate func end() {
            current = nil
            run = nil
            frames = ByteBuffer()
        }

        /// Shared with all others that get the same.
        func frame(of message: FeedMessage) -> ByteBuffer {
            if let current, current.position == message.position, current.topic == message.topics.first {
                return current.frame
            }
            if let run, case .room(run.key) = message.kind, (run.first...run.last).contains(message.position) {
                let index = Int(message.position - run.first)
                let start = index > 0 ? ends[index - 1] : 0
                if let frame = frames.getSlice(at: start, length: ends[index] - start) { return frame }
            }
            return WebSocketFrames.text(message.json)
        }

        func frames(of run: RoomRun) -> ByteBuffer {
            if run === self.run { return frames }
            var frames = ByteBuffer()
            for message in run.messages { WebSocketFrames.write(message.json, to: &frames) }
            return frames
        }
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
        let pieces = FeedPiece.pieces(of: messages)
        for (index, piece) in pieces.enumerated() {
            local.flushesAtOnce = index == pieces.count - 1
            switch piece {
            case .message(let message):
                local.current = (message.position, message.topics.first, WebSocketFrames.text(message.json))
            case .run(let run): local.begin(run)
            }
            local.fanout.deliver(piece)
            local.end()
        }
        local.flushesAtOnce = false
        flushAll()
        let now = endpoint.hub.wallClock.now
        for message in messages {
            endpoint.hub.metrics.lag.recordNanoseconds(max(0, (now - message.time).microseconds) * 1_000)
        }
    }

    func flushAll() {
        let local = local
        var handlers = local.unflushed
        local.unflushed = []
        for handler in handlers { handler.flush() }
        // The list keeps its memory for the next turn.
        handlers.removeAll(keepingCapacity: true)
        if local.unflushed.isEmpty { local.unflushed = handlers }
        countTraffic()
    }

    // MARK: Counting

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
