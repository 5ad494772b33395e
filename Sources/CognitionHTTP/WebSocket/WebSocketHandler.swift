import CognitionCore
import CognitionRealtime
import NIOCore
import NIOPosix
import NIOWebSocket

/// One socket: the owner of a connection's machine and session. Nothing runs for it while it is idle.
///
/// Frames come from ``WebSocketFrameReader``; what is sent goes to the channel as bytes. The channel's own count of bytes that wait
/// to be sent is the connection's budget: over it nothing published is written, and nothing is read from the client.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    let lane: WebSocketLane
    let local: WebSocketLane.Local
    /// Of the client.
    let address: String?
    /// Set while the handler is in its pipeline.
    var context: ChannelHandlerContext?
    var machine: WebSocketConnectionMachine
    var session: ClientSession<WebSocketHandler>?
    /// Whose connection this counts as.
    var user: String?
    /// Reads are asked for here, as those of the channel do not come by.
    private let drivesReads: Bool
    /// That of the close frame that was sent or answered.
    private var closeCode: UInt16?
    /// Messages that wait for the hooks; the first one is being looked at. No more than one read brings.
    private var unchecked: [String] = []
    /// The first token is being looked at, and then the hooks have a say in what waits.
    var isVerifying = false
    private var isMarked = false
    /// As the channel has said last; it says so as soon as it changes.
    var isWritable = true
    private var isReadHeld = false
    /// The client has sent more than it may; reading goes on by itself.
    private var isThrottled = false
    private var isTextDue = false
    private var textSentAt = NIODeadline.uptimeNanoseconds(0)

    /// Between two messages with text of running tasks; what comes in the meantime goes together.
    private static let textInterval = TimeAmount.milliseconds(40)

    init(lane: WebSocketLane, peer: WebSocketPeer, drivesReads: Bool) {
        self.lane = lane
        self.drivesReads = drivesReads
        local = lane.local
        address = peer.address
        machine = WebSocketConnectionMachine(
            limits: lane.endpoint.settings.limits, isAuthenticated: peer.caller != nil, now: .now())
        session = ClientSession(
            peer.id, port: self, rules: lane.endpoint.hub.rules, caller: peer.caller,
            joinsHomes: peer.joinsHomes)
    }

    var hub: RealtimeHub { lane.endpoint.hub }

    // MARK: Pipeline

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        isWritable = context.channel.isWritable
        lane.add(self)
        if let caller = session?.caller {
            guard admit(caller) else { return disconnect(.tooManyConnections) }
        }
        session?.begin()
        // It may have ended since it was asked for, before anybody knew of this connection.
        recheckCaller()
        lane.flushAll()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        release()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        release()
        context.fireChannelInactive()
    }

    /// Counts the connection as one of its user, unless there are too many of those.
    func admit(_ caller: RealtimeCaller) -> Bool {
        guard let session else { return false }
        let (loop, handler) = (lane.eventLoop, NIOLoopBound(self, eventLoop: lane.eventLoop))
        // Held no longer than the connection, which is released when it ends.
        let isAdmitted = hub.admit(caller.user, session.id) { loop.execute { handler.value.evict() } }
        guard isAdmitted else { return false }
        user = caller.user
        if hub.isWatched { hub.opened(caller.details(of: session.id, from: address)) }
        return true
    }

    private func evict() {
        disconnect(.replaced)
        lane.flushAll()
    }

    private func release() {
        if let user, let session {
            hub.release(user, session.id)
            if hub.isWatched, let caller = session.caller {
                hub.closed(caller.details(of: session.id, from: address), code: closeCode ?? 1006)
            }
        }
        unchecked = []
        session?.end()
        session = nil
        user = nil
        lane.remove(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = Self.unwrapInboundIn(data)
        perform(machine.received(frame, now: .now()))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        lane.flushAll()
        context.fireChannelReadComplete()
        if drivesReads { read(context: context) }
    }

    func readMore() {
        if let context { read(context: context) }
    }

    func read(context: ChannelHandlerContext) {
        // While the connection ends, what the client answers has to be read, however much waits to be sent.
        isReadHeld =
            machine.isOpen
            && (session?.hasBacklog == true || !unchecked.isEmpty || !isWritable || isOverRate(context))
        if !isReadHeld { context.read() }
    }

    /// Whether the client has to wait before more is read; then it is looked at again when it has waited.
    private func isOverRate(_ context: ChannelHandlerContext) -> Bool {
        guard let until = machine.heldUntil(.now()) else { return false }
        guard !isThrottled else { return true }
        isThrottled = true
        hub.metrics.countThrottled()
        let handler = NIOLoopBound(self, eventLoop: lane.eventLoop)
        lane.eventLoop.scheduleTask(deadline: until) {
            handler.value.isThrottled = false
            handler.value.releaseRead()
        }
        return true
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        machine.writabilityChanged(isWritable, now: .now())
        if isWritable {
            session?.hasRoom()
            if session?.hasText == true { scheduleText() }
            releaseRead()
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: disconnect(.goingAway)
        case ChannelEvent.inputClosed: perform(machine.inputClosed())
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as WebSocketFrameReader.Violation: perform(machine.failed(error.reason, now: .now()))
        // More after what could not be decoded. Closing now might take the close frame away from the client.
        case is ByteToMessageDecoderError: break
        default: context.close(promise: nil)
        }
    }

    func tick(now: NIODeadline, time: Timestamp) {
        perform(machine.tick(now: now, isSubscribed: session?.isSubscribed == true))
        guard machine.isOpen else { return }
        session?.tick(now: time)
        if isWritable {
            session?.hasRoom()
            if session?.hasText == true { scheduleText() }
        }
    }

    func recheckCaller() {
        let authenticator = hub.authenticator
        session?.recheck { authenticator.standing(of: $0) }
    }

    func perform(_ action: WebSocketConnectionMachine.Action) {
        switch action {
        case .nothing: break
        case .deliver(let text):
            local.countReceived(bytes: text.utf8.count)
            deliver(text)
        case .ping: put(WebSocketFrames.ping)
        case .pong(let payload): put(WebSocketFrames.control(.pong, payload))
        case .sayGoodbye(let reason):
            closeCode = reason.code
            end(with: WebSocketFrames.close(reason))
            if reason == .tooSlow { countSlow(.closed) }
            releaseRead()
        case .hangUp(let reason):
            closeCode = reason.code
            end(with: WebSocketFrames.close(reason))
            context?.close(mode: .output, promise: nil)
        case .answerClose(let code):
            closeCode = code ?? 1005
            end(with: WebSocketFrames.close(code))
            context?.close(promise: nil)
        case .end:
            session?.end()
            context?.close(promise: nil)
        }
    }

    /// Asks the hooks, where there are some, about each message of a known user, one after the other.
    private func deliver(_ text: String) {
        guard let hooks = hub.hooks, isVerifying || session?.caller != nil else {
            session?.receive(text, now: hub.wallClock.now)
            return
        }
        unchecked.append(text)
        if unchecked.count == 1, !isVerifying { checkNext(hooks) }
    }

    /// The first token is known to be good, or not.
    func endVerifying() {
        guard isVerifying, let hooks = hub.hooks else { return }
        isVerifying = false
        guard session?.caller == nil else { return checkNext(hooks) }
        let texts = unchecked
        unchecked = []
        for text in texts { deliver(text) }
        releaseRead()
    }

    private func checkNext(_ hooks: any ConnectionHooks) {
        guard let text = unchecked.first, let session, let caller = session.caller else {
            unchecked = []
            return releaseRead()
        }
        let connection = caller.details(of: session.id, from: address)
        ask({ try await hooks.received(text, on: connection) }) { handler, result in
            guard !handler.unchecked.isEmpty else { return }
            handler.unchecked.removeFirst()
            switch result {
            case .success: handler.session?.receive(text, now: handler.hub.wallClock.now)
            case .failure(let error): handler.session?.refuse(text, error)
            }
            handler.checkNext(hooks)
        }
    }

    private func end(with frame: ByteBuffer) {
        session?.end()
        context?.writeAndFlush(Self.wrapOutboundOut(frame), promise: nil)
    }

    // MARK: Writing

    func put(_ frame: ByteBuffer) {
        guard let context else { return }
        if local.flushesAtOnce { return context.writeAndFlush(Self.wrapOutboundOut(frame), promise: nil) }
        context.write(Self.wrapOutboundOut(frame), promise: nil)
        guard !isMarked else { return }
        isMarked = true
        local.mark(self)
    }

    func flush() {
        isMarked = false
        context?.flush()
    }

    func scheduleText() {
        guard !isTextDue else { return }
        isTextDue = true
        let handler = NIOLoopBound(self, eventLoop: lane.eventLoop)
        lane.eventLoop.scheduleTask(deadline: max(.now(), textSentAt + Self.textInterval)) { handler.value.sendText() }
    }

    private func sendText() {
        isTextDue = false
        textSentAt = .now()
        session?.sendTexts()
        lane.flushAll()
    }

    func releaseRead() {
        guard isReadHeld else { return }
        isReadHeld = false
        // Looks again.
        readMore()
    }
}
