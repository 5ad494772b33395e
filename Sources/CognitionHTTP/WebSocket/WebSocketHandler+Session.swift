import CognitionCore
import CognitionRealtime
import NIOCore

/// What the session asks for.
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
    func ask<Value: Sendable>(
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
