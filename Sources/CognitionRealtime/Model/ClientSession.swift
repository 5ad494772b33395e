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
    enum Renewal {
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
    package internal(set) var caller: RealtimeCaller?
    package internal(set) var lastTaken: Int64 = 0
    unowned let port: Port
    let rules: SessionRules
    var subscriptions: [Topic: Subscription] = [:]
    var flow = Flow.live
    var isClosed = false
    /// What a subscription to a room has missed is being read.
    var isReadingRoom = false
    /// Messages to rooms that are not written yet.
    private var publishing = 0
    /// Some subscription has text that was not taken.
    package internal(set) var hasText = false
    var hasAnnouncedExpiry = false
    /// Whether the device is put into the rooms of its user and its workspace.
    let joinsHomes: Bool
    var renewal = Renewal.none
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

    func sendConnected(answering id: JSONValue?) {
        port.send(
            ServerMessage.connected(
                self.id, caller: caller, heartbeat: rules.heartbeat, rooms: joinsHomes ? homes : nil, answering: id))
    }

    // MARK: End

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
