package import CognitionCore

/// What one connection said and is owed: who it is, what it subscribed to, and up to where it was told.
///
/// Confined to the connection's event loop; it waits for nothing and knows no socket. What has to be waited for, it asks
/// of its ``SessionPort``, one thing at a time; further requests wait, so answers come in the order of the requests.
///
/// **No loss, no repetition.** A subscription joins the fan-out first, then the topic's state is read together with its
/// position; what was published meanwhile is kept, and sent as far as it comes after that position. So it is with a
/// connection that reads too slowly: it is sent nothing more, remembers how far it came, and once it has room again reads
/// what it missed from the log, page by page; what is published during the last page is kept.
package final class ClientSession<Port: SessionPort> {
    package typealias Subscription = TopicSubscription<Port>

    /// Whether what is published goes straight to the connection.
    enum Flow {
        case live
        /// The connection has no room.
        case paused
        /// A page of what was missed is being read; what comes meanwhile is kept, unless it becomes too much.
        case reading(pending: [FeedMessage], overflowed: Bool)
    }

    /// Whether it has to be found out who the caller is now.
    private enum Renewal {
        case none
        case underWay
        /// Under way, and more has changed since it was begun.
        case outdated
        /// Under way for a session that a refresh has replaced: the answer counts for nothing.
        case superseded
        /// To be done with the next tick.
        case due
    }

    package let id: UUIDv7
    package private(set) var caller: RealtimeCaller?
    package private(set) var lastTaken: Int64 = 0
    unowned let port: Port
    let rules: SessionRules
    var subscriptions: [Topic: Subscription] = [:]
    private var flow = Flow.live
    var isClosed = false
    /// What a subscription to a room has missed is being read.
    var isReadingRoom = false
    /// Messages to rooms that are not written yet.
    private var publishing = 0
    /// Some subscription has text that was not taken.
    package private(set) var hasText = false
    private var hasAnnouncedExpiry = false
    /// Whether the device is put into the rooms of its user and its workspace.
    let joinsHomes: Bool
    private var renewal = Renewal.none
    /// Something was asked of the port that has not been answered.
    private var isBusy = false
    /// Requests that wait for that; no more than one read from the socket brings, as none is read meanwhile.
    private var waiting: [String] = []

    package init(_ id: UUIDv7, port: Port, rules: SessionRules, caller: RealtimeCaller?, joinsHomes: Bool = false) {
        self.id = id
        self.port = port
        self.rules = rules
        self.caller = caller
        self.joinsHomes = joinsHomes
    }

    package var isSubscribed: Bool { !subscriptions.isEmpty }

    /// Requests wait to be answered; nothing further should be read from the socket.
    package var hasBacklog: Bool { !waiting.isEmpty }

    package func begin() {
        if let caller, attendHomes(of: caller, answering: nil) {
            isBusy = true
        } else {
            sendConnected(answering: nil)
        }
    }

    // MARK: Requests

    package func receive(_ text: String, now: Timestamp) {
        guard !isClosed else { return }
        guard !isBusy else { return waiting.append(text) }
        do {
            let action = try ClientAction(parsing: text)
            if publishing > 0, !action.isPublish {
                // Answers come in the order of the requests.
                isBusy = true
                return waiting.append(text)
            }
            try perform(action, now: now)
        } catch {
            fail(error.error, answering: error.id)
        }
    }

    /// Answers a message that is not to be received.
    package func refuse(_ text: String, _ error: any Error) {
        guard !isClosed else { return }
        let id: JSONValue?
        do { id = try ClientAction(parsing: text).id } catch { id = error.id }
        fail(error, answering: id)
    }

    private func perform(_ action: ClientAction, now: Timestamp) throws(ClientAction.Refusal) {
        switch action.kind {
        case .ping: return port.send(ServerMessage.pong(at: now, answering: action.id))
        case .authenticate(let token), .refresh(let token):
            isBusy = true
            return port.verify(token, answering: action.id)
        default: break
        }
        guard let caller else {
            throw refusal(.realtimeUnauthenticated, "send {\"action\": \"authenticate\", \"token\": …} first", action)
        }
        try check(caller, action)
        switch action.kind {
        case .publish(let message): try publish(message, caller, action)
        case .subscribe(let target, let since): try subscribe(to: target, since: since, caller, action)
        case .unsubscribe(let target):
            let topic = rules.topic(target, caller.workspace)
            if let subscription = subscriptions[topic] { close(subscription) }
            port.send(ServerMessage.unsubscribed(topic, answering: action.id))
        case .stats: port.send(ServerMessage.stats(port.stats, answering: action.id))
        case .ping, .authenticate, .refresh: break
        }
    }

    private func check(_ caller: RealtimeCaller, _ action: ClientAction) throws(ClientAction.Refusal) {
        let needed: Permission
        switch action.kind {
        case .publish: needed = .publishToRooms
        case .subscribe(let target, _), .unsubscribe(let target):
            needed = rules.topic(target, caller.workspace).permission
        case .stats where caller.principal.may(.readRooms): return
        default: needed = .readWorkflows
        }
        guard caller.principal.may(needed) else {
            throw refusal(.realtimeForbidden, "the permission \(needed.rawValue) is needed", action)
        }
    }

    private func publish(
        _ message: ClientAction.Message, _ caller: RealtimeCaller, _ action: ClientAction
    ) throws(ClientAction.Refusal) {
        let publication: Publication
        do throws(RealtimeError) {
            publication = try Publication(
                to: try RoomName.parse(message.room), message.content, type: message.type,
                idempotencyKey: message.idempotencyKey,
                from: caller.inRooms)
        } catch {
            throw ClientAction.Refusal(error: error, id: action.id)
        }
        publishing += 1
        if publishing >= rules.publishingMax { isBusy = true }
        port.publish(publication, answering: action.id)
    }

    private func subscribe(
        to target: ClientAction.Target, since: FeedPlace?, _ caller: RealtimeCaller, _ action: ClientAction
    ) throws(ClientAction.Refusal) {
        let topic = rules.topic(target, caller.workspace)
        if action.isQuiet, !topic.isHome {
            throw refusal(
                .actionInvalid, "\"quiet\" is for the rooms user:ID and workspace:NAME", action)
        }
        let old = subscriptions[topic]
        // Those that are there without asking do not count, also when they are asked for from a place.
        let counted = subscriptions.values.count { $0 !== old && $0.tail?.isQuiet != true }
        guard action.isQuiet || counted < rules.subscriptionsMax else {
            throw refusal(
                .subscriptionsExceeded, "a connection has at most \(rules.subscriptionsMax) subscriptions", action)
        }
        // Asked for again, it starts again from where the client says.
        if let old { close(old) }
        let subscription = Subscription(topic, of: port)
        subscription.wantsText = action.wantsText
        subscription.tail?.wantsPresence = action.wantsPresence && !action.isQuiet
        subscription.tail?.isQuiet = action.isQuiet
        subscriptions[topic] = subscription
        isBusy = true
        port.join(subscription)
        if topic.isRoom {
            return port.enter(subscription, as: caller.inRooms, since: since, answering: action.id)
        }
        port.load(subscription, since: since, answering: action.id)
    }

    private func refusal(_ code: ErrorCode, _ text: String, _ action: ClientAction) -> ClientAction.Refusal {
        ClientAction.Refusal(error: RealtimeError(code, text), id: action.id)
    }

    func fail(_ error: any Error, answering id: JSONValue?) {
        port.countError()
        port.send(ServerMessage.error(error, answering: id))
    }

    /// After an answer of the port: what has waited for it.
    func resume(now: Timestamp) {
        isBusy = false
        var texts = waiting[...]
        waiting = []
        while !isBusy, !isClosed, let text = texts.popFirst() { receive(text, now: now) }
        if !isClosed { waiting += texts }
        if waiting.isEmpty { port.backlogEnded() }
    }

    // MARK: Answers of the port

    /// - Parameter admitted: Whether the user may have one more connection; asked when there was no caller.
    package func verified(
        _ result: Result<RealtimeCaller, any Error>, admitted: Bool, answering id: JSONValue?, now: Timestamp
    ) {
        guard !isClosed else { return }
        switch result {
        case .success(let new):
            if let caller, caller.user != new.user || caller.workspace != new.workspace {
                fail(RealtimeError(.realtimeForbidden, "the token is of another user or workspace"), answering: id)
                return port.disconnect(.forbidden)
            }
            guard admitted else { return port.disconnect(.tooManyConnections) }
            let isFirst = caller == nil
            caller = new
            hasAnnouncedExpiry = false
            if renewal == .underWay || renewal == .outdated { renewal = .superseded }
            if !isFirst { leaveForbidden() }
            // Goes on once it is in its rooms.
            if isFirst, attendHomes(of: new, answering: id) { return }
            sendConnected(answering: id)
        case .failure(let error):
            fail(error, answering: id)
            // With a token that still holds, a refresh that failed may be tried again.
            let isRefused = (error as? any CodedError)?.category == .unauthenticated
            if caller == nil, isRefused { return port.disconnect(.tokenRefused) }
        }
        resume(now: now)
    }

    /// - Parameter result: Of the oldest message that was under way.
    package func published(
        _ result: Result<Published, any Error>, to room: RoomName, answering id: JSONValue?, now: Timestamp
    ) {
        guard !isClosed else { return }
        publishing -= 1
        switch result {
        case .success(let published): port.send(ServerMessage.ack(published, room: room, answering: id))
        case .failure(let error): fail(error, answering: id)
        }
        if isBusy, publishing == 0 { resume(now: now) }
    }

    package func loaded(
        _ subscription: Subscription, _ result: Result<TopicStart, any Error>, answering id: JSONValue?, now: Timestamp
    ) {
        guard !isClosed else { return }
        guard !subscription.isClosed else { return leftMeanwhile(subscription, answering: id, now: now) }
        switch result {
        case .success(let start):
            port.send(
                ServerMessage.subscribed(
                    subscription.topic, snapshot: start.snapshot, recovered: start.recovered,
                    place: FeedPlace(epoch: start.epoch, offset: start.from), answering: id))
            open(subscription, start)
            if subscription.wantsText, case .execution = subscription.topic {
                subscription.text = port.watchText(of: subscription)
            }
        case .failure(let error):
            close(subscription)
            fail(error, answering: id)
        }
        resume(now: now)
    }

    /// It was left before it was open, as the client's role has changed, which the client has heard.
    func leftMeanwhile(_ subscription: Subscription, answering id: JSONValue?, now: Timestamp) {
        fail(RealtimeError(.realtimeForbidden, "\(subscription.topic.room) was left meanwhile"), answering: id)
        resume(now: now)
    }

    private func open(_ subscription: Subscription, _ start: TopicStart) {
        guard case .opening(let pending, let overflowed) = subscription.state else { return }
        var sent = start.from
        subscription.start = sent
        subscription.state = .open(after: sent)
        guard case .live = flow else {
            // What is missing is read from the log together with what the others miss. A page that is under way was not
            // asked for this one, so it cannot be the last.
            if case .reading = flow { flow = .reading(pending: [], overflowed: true) }
            return
        }
        // Everything that was taken is sent, so that what others have brought is known as told.
        settle(except: subscription)
        for message in start.messages + pending where message.position > sent && !hasTold(message) {
            guard port.write(message) else {
                pause(except: subscription)
                subscription.state = .open(after: message.position - 1)
                return
            }
            sent = message.position
        }
        subscription.state = .open(after: max(sent, start.position))
        if overflowed {
            pause(except: subscription)
            hasRoom()
        }
    }

    func sendConnected(answering id: JSONValue?) {
        port.send(
            ServerMessage.connected(
                self.id, caller: caller, heartbeat: rules.heartbeat, rooms: joinsHomes ? homes : nil, answering: id))
    }

    // MARK: What is published

    package func take(_ message: FeedMessage) {
        // Another subscription of this connection has brought it: just now, or with what it recovered.
        guard message.position > lastTaken, !isClosed, !hasTold(message) else { return }
        switch flow {
        case .live:
            // What a task has written comes before its end.
            if hasText { sendTexts() }
            if port.write(message) {
                lastTaken = message.position
            } else {
                // What was published before it was sent or concerned others, however long ago the last one was sent.
                lastTaken = message.position - 1
                pause()
            }
        case .paused: break
        case .reading(var pending, let overflowed):
            lastTaken = message.position
            guard !overflowed else { return }
            // Taken out first, so that the list is not copied.
            flow = .paused
            if pending.count < rules.pendingMax {
                pending.append(message)
                flow = .reading(pending: pending, overflowed: false)
            } else {
                flow = .reading(pending: [], overflowed: true)
            }
        }
    }

    /// Everything that was taken so far is sent; from here on the log is read.
    private func pause(except partial: Subscription? = nil) {
        flow = .paused
        settle(except: partial)
        port.countSlow(.paused)
    }

    /// Notes for each subscription that it was told up to the last message taken; right only when that was live.
    private func settle(except partial: Subscription?) {
        for subscription in subscriptions.values where subscription !== partial {
            subscription.raise(to: lastTaken)
        }
    }

    /// The connection takes more: reads what it missed while it did not.
    package func hasRoom() {
        readRooms()
        guard !isClosed, case .paused = flow else { return }
        readMore()
    }

    private func readMore() {
        let missing = subscriptions.values.filter { $0.position != nil }
        guard let after = missing.compactMap(\.position).min() else {
            flow = .live
            return
        }
        flow = .reading(pending: [], overflowed: false)
        port.read(after: after, for: missing)
    }

    /// - Parameter missing: The subscriptions that the page was read for.
    package func arrived(_ result: Result<FeedPage, any Error>, for missing: [Subscription]) {
        guard !isClosed, case .reading(let pending, let overflowed) = flow else { return }
        guard case .success(let page) = result else {
            // Tried again with the next tick.
            flow = .paused
            return
        }
        guard page.head - page.after <= rules.positionsBehindMax else {
            port.countSlow(.closed)
            return port.disconnect(.tooSlow)
        }
        for message in page.messages where missing.contains(where: { $0.misses(message) }) && !hasTold(message) {
            guard port.write(message) else { return pauseAgain(missing, before: message) }
        }
        for subscription in missing { subscription.raise(to: page.position) }
        // Others may have been opened while the page was read, and lag behind it.
        let isComplete = subscriptions.values.allSatisfy { ($0.position ?? page.position) >= page.position }
        guard page.isAtEnd, !overflowed, isComplete else { return readMore() }
        for message in pending where message.position > page.position {
            guard port.write(message) else { return pauseAgain(Array(subscriptions.values), before: message) }
        }
        flow = .live
        port.countSlow(.recovered)
    }

    /// Another subscription has brought the message, with what it recovered or in a page: both may be ahead of what is
    /// published.
    private func hasTold(_ message: FeedMessage) -> Bool {
        message.topics.contains { topic in
            guard let subscription = subscriptions[topic], let position = subscription.position else { return false }
            return message.position > subscription.start && message.position <= position
        }
    }

    private func pauseAgain(_ subscriptions: [Subscription], before message: FeedMessage) {
        for subscription in subscriptions { subscription.raise(to: message.position - 1) }
        flow = .paused
    }

    // MARK: Text of running tasks

    /// There is text to take. It stays where it is until there is room, and then goes in larger pieces.
    package func textCame(_ subscription: Subscription) {
        guard !isClosed, subscription.text != nil else { return }
        subscription.hasText = true
        hasText = true
    }

    package func sendTexts() {
        guard !isClosed, case .live = flow else { return }
        for subscription in subscriptions.values where subscription.hasText {
            guard port.hasRoom else { return }
            subscription.hasText = false
            for data in subscription.text?.take() ?? [] { port.send(ServerMessage.message("event", data)) }
        }
        hasText = false
    }

    // MARK: Time and end

    /// Called about once a second.
    package func tick(now: Timestamp) {
        guard !isClosed, let caller else { return }
        if now >= caller.expiresAt + rules.expiryGrace { return port.disconnect(.tokenExpired) }
        if renewal == .due { renew(caller) }
        if !hasAnnouncedExpiry, now >= caller.expiresAt - rules.expiryNotice {
            hasAnnouncedExpiry = true
            port.send(ServerMessage.tokenExpiring(caller))
        }
    }

    /// Something about some session has changed, perhaps this one.
    package func recheck(_ standing: (RealtimeCaller) -> RealtimeStanding) {
        guard !isClosed, let caller else { return }
        switch standing(caller) {
        case .good: break
        case .changed:
            switch renewal {
            case .none, .due: renew(caller)
            case .underWay, .outdated: renewal = .outdated
            case .superseded: break
            }
        case .ended: port.disconnect(.sessionRevoked)
        }
    }

    private func renew(_ caller: RealtimeCaller) {
        renewal = .underWay
        port.renew(caller)
    }

    /// The answer to ``SessionPort/renew(_:)``.
    package func renewed(_ result: Result<RealtimeCaller, any Error>) {
        let before = renewal
        renewal = before == .underWay ? .none : .due
        guard !isClosed, before != .superseded, let old = caller else { return }
        switch result {
        case .success(let new):
            // A refresh that came meanwhile has moved the end of the token.
            caller = RealtimeCaller(
                user: old.user, principal: new.principal, expiresAt: old.expiresAt, session: new.session)
            leaveForbidden()
        case .failure(let error):
            // Asked again with the next tick.
            guard (error as? any CodedError)?.category == .unauthenticated else { return renewal = .due }
            port.disconnect(.sessionRevoked)
        }
    }

    /// Leaves what the caller may no longer see, and asks of rooms, which know it themselves.
    private func leaveForbidden() {
        guard let caller else { return }
        for subscription in Array(subscriptions.values) {
            guard caller.principal.may(subscription.topic.permission) else {
                leaveForRole(subscription)
                continue
            }
            if subscription.topic.isRoom { port.readmit(subscription, as: caller.inRooms) }
        }
    }

    private func leaveForRole(_ subscription: Subscription) {
        close(subscription)
        port.send(ServerMessage.unsubscribed(subscription.topic, reason: "role_changed", answering: nil))
    }

    /// The answer to ``SessionPort/readmit(_:as:)``; what could not be found out is left to whoever follows the rooms.
    package func readmitted(_ subscription: Subscription, _ result: Result<Void, any Error>) {
        guard !isClosed, !subscription.isClosed, case .failure(let error) = result else { return }
        switch (error as? any CodedError)?.category {
        case .notFound, .forbidden: leaveForRole(subscription)
        default: break
        }
    }

    /// Leaves all topics; nothing happens afterwards.
    package func end() {
        guard !isClosed else { return }
        isClosed = true
        waiting = []
        for subscription in subscriptions.values { leave(subscription) }
        subscriptions = [:]
    }

    func close(_ subscription: Subscription) {
        subscriptions[subscription.topic] = nil
        leave(subscription)
    }

    private func leave(_ subscription: Subscription) {
        subscription.state = .closed
        subscription.hasText = false
        subscription.text?.end()
        subscription.text = nil
        subscription.tail?.seat?.leave()
        port.leave(subscription)
    }
}

extension TopicSubscription {
    /// Up to where it was told; `nil` unless it is open.
    fileprivate var position: Int64? { if case .open(let after) = state { after } else { nil } }

    fileprivate func raise(to position: Int64) {
        if case .open(let after) = state { state = .open(after: max(after, position)) }
    }

    fileprivate func misses(_ message: FeedMessage) -> Bool {
        guard let position else { return false }
        return message.position > position && message.topics.contains(topic)
    }
}
