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

    private let lane: WebSocketLane
    private let local: WebSocketLane.Local
    /// Of the client.
    private let address: String?
    /// Set while the handler is in its pipeline.
    private var context: ChannelHandlerContext?
    private var machine: WebSocketConnectionMachine
    private var session: ClientSession<WebSocketHandler>?
    /// Whose connection this counts as.
    private var user: String?
    /// Reads are asked for here, as those of the channel do not come by.
    private let drivesReads: Bool
    /// That of the close frame that was sent or answered.
    private var closeCode: UInt16?
    /// Messages that wait for the hooks; the first one is being looked at. No more than one read brings.
    private var unchecked: [String] = []
    /// The first token is being looked at, and then the hooks have a say in what waits.
    private var isVerifying = false
    private var isMarked = false
    /// As the channel has said last; it says so as soon as it changes.
    private var isWritable = true
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

    private var hub: RealtimeHub { lane.endpoint.hub }

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
    private func admit(_ caller: RealtimeCaller) -> Bool {
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

    private func perform(_ action: WebSocketConnectionMachine.Action) {
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
    private func endVerifying() {
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

    private func put(_ frame: ByteBuffer) {
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

    private func scheduleText() {
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

    private func releaseRead() {
        guard isReadHeld else { return }
        isReadHeld = false
        // Looks again.
        readMore()
    }
}

// MARK: - What the session asks for

extension WebSocketHandler: SessionPort {
    var lastTaken: Int64 { session?.lastTaken ?? 0 }

    func take(_ message: FeedMessage) { session?.take(message) }

    func take(_ message: FeedMessage, for subscription: TopicSubscription<WebSocketHandler>) {
        session?.take(message, for: subscription)
    }

    func take(_ run: RoomRun, for subscription: TopicSubscription<WebSocketHandler>) {
        session?.take(run, for: subscription)
    }

    func send(_ json: [UInt8]) {
        local.countSent(messages: 1, bytes: json.count)
        put(WebSocketFrames.text(json))
    }

    func write(_ message: FeedMessage) -> Bool {
        guard makesRoom() else { return false }
        local.countSent(messages: 1, bytes: message.json.count)
        put(local.frame(of: message))
        return true
    }

    func write(_ run: RoomRun) -> Int {
        guard makesRoom() else { return 0 }
        local.countSent(messages: run.messages.count, bytes: run.bytes)
        put(local.frames(of: run))
        return run.messages.count
    }

    private func makesRoom() -> Bool {
        guard machine.isOpen, context != nil else { return false }
        // It may be too much only because it was not flushed yet.
        if !isWritable { flush() }
        return isWritable
    }

    var hasRoom: Bool { machine.isOpen && context != nil && isWritable }

    func watchText(of subscription: TopicSubscription<WebSocketHandler>) -> (any LiveText)? {
        guard let texts = hub.texts, case .execution(let workspace, let id) = subscription.topic else { return nil }
        let loop = lane.eventLoop
        let bound = NIOLoopBound((handler: self, subscription: subscription), eventLoop: loop)
        return texts.watch(execution: id, in: workspace) {
            loop.execute {
                let (handler, subscription) = bound.value
                handler.session?.textCame(subscription)
                handler.scheduleText()
            }
        }
    }

    func verify(_ token: Secret, answering id: JSONValue?) {
        let (hub, address) = (hub, address)
        // A token that takes the place of another opens nothing.
        let opening = user == nil ? session?.id : nil
        isVerifying = hub.hooks != nil && session?.caller == nil
        ask({
            guard let opening else { return try await hub.authenticator.caller(token: token.reveal(), from: address) }
            return try await hub.opening(opening, with: token, from: address)
        }) { handler, result in
            handler.verified(result, answering: id)
        }
    }

    private func verified(_ result: Result<RealtimeCaller, any Error>, answering id: JSONValue?) {
        guard machine.isOpen, let session else { return }
        var isAdmitted = true
        if case .success(let caller) = result, user == nil {
            isAdmitted = admit(caller)
            if isAdmitted { machine.authenticated() }
        }
        if case .failure = result { hub.metrics.countRefusal(.unauthenticated) }
        session.verified(result, admitted: isAdmitted, answering: id, now: hub.wallClock.now)
        endVerifying()
        recheckCaller()
    }

    func load(_ subscription: TopicSubscription<WebSocketHandler>, since: FeedPlace?, answering id: JSONValue?) {
        let (hub, topic) = (hub, subscription.topic)
        ask({ try await hub.load(topic, since: since) }) { handler, result in
            handler.session?.loaded(subscription, result, answering: id, now: handler.hub.wallClock.now)
        }
    }

    func attend(_ topics: [Topic], answering id: JSONValue?) {
        let hub = hub
        ask({ try await hub.attend(topics) }) { handler, result in
            handler.session?.attended(result, answering: id, now: handler.hub.wallClock.now)
        }
    }

    func enter(
        _ subscription: TopicSubscription<WebSocketHandler>, as caller: RoomCaller, since: FeedPlace?,
        answering id: JSONValue?
    ) {
        let (hub, topic, isQuiet) = (hub, subscription.topic, subscription.isQuiet)
        ask({ try await hub.enter(topic, as: caller, since: since, isQuiet: isQuiet) }) { handler, result in
            guard let session = handler.session else {
                // The connection has ended meanwhile.
                if case .success(let start) = result { start.seat.leave() }
                return
            }
            session.entered(subscription, result, answering: id, now: handler.hub.wallClock.now)
        }
    }

    func renew(_ caller: RealtimeCaller) {
        let authenticator = hub.authenticator
        ask({ try await authenticator.renewed(caller) }) { handler, result in
            handler.session?.renewed(result)
        }
    }

    func readmit(_ subscription: TopicSubscription<WebSocketHandler>, as caller: RoomCaller) {
        let (hub, topic) = (hub, subscription.topic)
        ask({ try await hub.checkMayEnter(topic, as: caller) }) { handler, result in
            handler.session?.readmitted(subscription, result)
        }
    }

    func catchUp(
        _ subscription: TopicSubscription<WebSocketHandler>, after offset: Int64, _ reading: RoomReading
    ) {
        let (hub, key) = (hub, subscription.roomKey)
        ask({ try await hub.catchUp(key, after: offset, reading) }) { handler, result in
            handler.session?.caughtUp(subscription, result)
        }
    }

    func publish(_ publication: Publication, answering id: JSONValue?) {
        let loop = lane.eventLoop
        let bound = NIOLoopBound(self, eventLoop: loop)
        let room = publication.room
        hub.publish(publication) { result in
            loop.execute {
                let handler = bound.value
                handler.session?.published(result, to: room, answering: id, now: handler.hub.wallClock.now)
                handler.lane.flushAll()
            }
        }
    }

    func read(after position: Int64, for subscriptions: [TopicSubscription<WebSocketHandler>]) {
        let (hub, topics) = (hub, subscriptions.map(\.topic))
        ask({ try await hub.page(after: position, topics: topics) }) { handler, result in
            handler.session?.arrived(result, for: subscriptions)
        }
    }

    /// Asks something that has to be waited for, and comes back to the loop with the answer.
    private func ask<Value: Sendable>(
        _ question: @escaping @Sendable () async throws -> Value,
        then answer: @escaping (WebSocketHandler, Result<Value, any Error>) -> Void
    ) {
        let loop = lane.eventLoop
        let rest = NIOLoopBound((handler: self, answer: answer), eventLoop: loop)
        // Nothing waits for it but this connection, which has at most one request and one page under way; it ends by
        // itself, also when the connection has.
        Task {
            let result: Result<Value, any Error>
            do { result = .success(try await question()) } catch { result = .failure(error) }
            loop.execute {
                let (handler, answer) = rest.value
                answer(handler, result)
                handler.lane.flushAll()
            }
        }
    }

    func join(_ subscription: TopicSubscription<WebSocketHandler>) {
        lane.local.fanout.add(subscription)
        hub.subscribed(to: subscription.topic, isAutomatic: subscription.isAutomatic)
    }

    func leave(_ subscription: TopicSubscription<WebSocketHandler>) {
        lane.local.fanout.remove(subscription)
        hub.unsubscribed(from: subscription.topic, isAutomatic: subscription.isAutomatic)
    }

    func disconnect(_ reason: CloseReason) { perform(machine.sayGoodbye(reason, now: .now())) }

    func backlogEnded() { releaseRead() }

    var stats: RealtimeStats { hub.stats }

    func countError() { hub.countError() }

    func countSlow(_ outcome: RealtimeMetrics.SlowOutcome) { hub.metrics.countSlow(outcome) }
}
