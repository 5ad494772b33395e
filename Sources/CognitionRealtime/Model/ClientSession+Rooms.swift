package import CognitionCore

/// Rooms. Each subscription to one follows the room's own numbers: what is published goes straight to the connection as long as
/// it has room, and anything else is read from the room's history, so nothing is kept here.
extension ClientSession {
    /// What concerns a room that is subscribed to.
    package func take(_ message: FeedMessage, for subscription: Subscription) {
        guard !isClosed, !subscription.isClosed else { return }
        switch message.kind {
        case .log: break
        case .room(let key):
            switch subscription.tail?.published(message.position, key: key) {
            case .write: tell(message, to: subscription)
            case .read: readRooms()
            case .nothing, nil: break
            }
        case .presence(let key):
            guard let tail = subscription.tail, tail.key == key, tail.flow != .opening, tail.wantsPresence else {
                return
            }
            // Who has no room for it asks who is there.
            _ = port.write(message)
        case .settings(let key, let policy):
            guard let tail = subscription.tail, tail.key == key, tail.flow != .opening else { return }
            subscription.tail?.policy = policy
            // Who has no room for it asks what the room is like.
            _ = port.write(message)
        case .access(let access):
            guard let tail = subscription.tail else { return }
            guard tail.flow != .opening else {
                subscription.tail?.access = access
                return
            }
            apply(access, to: subscription)
        }
    }

    /// What was published in a room that is subscribed to.
    package func take(_ run: RoomRun, for subscription: Subscription) {
        guard !isClosed, !subscription.isClosed else { return }
        guard subscription.tail?.isNext(run.first...run.last, key: run.key) == true else {
            for message in run.messages { take(message, for: subscription) }
            return
        }
        let count = port.write(run)
        subscription.tail?.told(upTo: run.first + Int64(count) - 1)
        guard count < run.messages.count else { return }
        subscription.tail?.flow = .behind
        port.countSlow(.paused)
    }

    /// The next message, while the subscription is live.
    private func tell(_ message: FeedMessage, to subscription: Subscription) {
        guard port.write(message) else {
            subscription.tail?.flow = .behind
            return port.countSlow(.paused)
        }
        subscription.tail?.told(upTo: message.position)
    }

    /// Leaves the room if the client may no longer be in it.
    private func apply(_ access: RoomAccess, to subscription: Subscription) {
        guard let caller, let tail = subscription.tail, tail.key == access.key, !access.admits(caller.inRooms) else {
            return
        }
        if tail.isQuiet, access.rule == .nobody {
            subscription.tail?.forget()
            return
        }
        close(subscription)
        port.send(
            ServerMessage.unsubscribed(
                subscription.topic, reason: access.rule == .nobody ? "deleted" : "removed", answering: nil))
    }

    /// The answer to ``SessionPort/enter(_:as:since:answering:)``. Whoever has lost the subscription gives the seat back.
    package func entered(
        _ subscription: Subscription, _ result: Result<RoomStart, any Error>, answering id: JSONValue?, now: Timestamp
    ) {
        guard !isClosed, !subscription.isClosed else {
            if case .success(let start) = result { start.seat.leave() }
            if !isClosed { leftMeanwhile(subscription, answering: id, now: now) }
            return
        }
        switch result {
        case .success(let start):
            port.send(ServerMessage.entered(start, answering: id))
            subscription.tail?.open(start)
            if let gap = start.gap { tellGap(gap, epoch: start.room.epoch, of: subscription) }
            if let access = subscription.tail?.access { apply(access, to: subscription) }
            if subscription.tail?.recover() == true { readRooms() }
        case .failure(let error):
            close(subscription)
            fail(error, answering: id)
        }
        resume(now: now)
    }

    // MARK: Rooms that a device is in without asking

    /// Joins the rooms of the user and the workspace.
    /// - Returns: Whether ``attended(_:answering:now:)`` comes.
    func attendHomes(of caller: RealtimeCaller, answering id: JSONValue?) -> Bool {
        let homes = joinsHomes ? caller.homes : []
        guard !homes.isEmpty else { return false }
        for topic in homes {
            let subscription = Subscription(topic, of: port)
            subscription.isAutomatic = true
            subscription.tail?.isQuiet = true
            subscription.tail?.wantsPresence = false
            subscriptions[topic] = subscription
            port.join(subscription)
        }
        port.attend(homes, answering: id)
        return true
    }

    /// The answer to ``SessionPort/attend(_:answering:)``: the client hears which rooms it is in, and what is said there from now on.
    package func attended(_ result: Result<[RoomPlace], any Error>, answering id: JSONValue?, now: Timestamp) {
        guard !isClosed else { return }
        switch result {
        case .success(let places):
            for place in places { subscriptions[place.topic]?.tail?.attend(place) }
        case .failure:
            // It is in none, as `connected` says.
            for subscription in subscriptions.values where subscription.isAutomatic { close(subscription) }
        }
        sendConnected(answering: id)
        for subscription in subscriptions.values where subscription.isAutomatic {
            if let access = subscription.tail?.access { apply(access, to: subscription) }
            if subscription.tail?.recover() == true { readRooms() }
        }
        resume(now: now)
    }

    /// The rooms that it is in without having asked, and up to where it was told of each.
    var homes: [JSONValue] {
        (caller?.homes ?? []).compactMap { topic in
            guard let subscription = subscriptions[topic], subscription.isAutomatic, let tail = subscription.tail else {
                return nil
            }
            return ["room": .string(topic.room), "epoch": .string(tail.epoch), "offset": .integer(tail.after)]
        }
    }

    private func tellGap(_ offsets: ClosedRange<Int64>, epoch: String, of subscription: Subscription) {
        port.send(ServerMessage.gap(offsets, in: subscription.topic, epoch: epoch))
        subscription.tail?.told(upTo: offsets.upperBound)
    }

    // MARK: What was missed

    /// Reads what a subscription has missed, one at a time.
    func readRooms() {
        guard !isClosed, !isReadingRoom, port.hasRoom else { return }
        guard let subscription = subscriptions.values.first(where: { $0.tail?.flow == .behind }),
            let tail = subscription.tail
        else { return }
        isReadingRoom = true
        subscription.tail?.flow = .reading
        port.catchUp(subscription, after: tail.after, tail.reading)
    }

    /// The answer to ``SessionPort/catchUp(_:after:_:)``.
    package func caughtUp(_ subscription: Subscription, _ result: Result<RoomCatchUp, any Error>) {
        isReadingRoom = false
        guard !isClosed else { return }
        guard !subscription.isClosed, let tail = subscription.tail else {
            return readRooms()
        }
        guard tail.key != 0 else {
            _ = subscription.tail?.dropReading()
            return readRooms()
        }
        let epoch = tail.epoch
        guard case .success(let page) = result else {
            // Tried again with the next tick; of a room that is gone, it is said by whoever follows the rooms.
            subscription.tail?.flow = .behind
            return
        }
        let mustTellAll = tail.policy == .disconnect && !tail.isRecovering
        if mustTellAll, page.last - tail.after > rules.positionsBehindMax { return endSlow() }
        for message in page.messages {
            guard let after = subscription.tail?.after, message.position > after else { continue }
            if message.position > after + 1 {
                guard !mustTellAll else { return endSlow() }
                tellGap(after + 1...message.position - 1, epoch: epoch, of: subscription)
            }
            guard port.write(message) else {
                subscription.tail?.flow = .behind
                return
            }
            subscription.tail?.told(upTo: message.position)
        }
        if page.messages.isEmpty, let after = subscription.tail?.after, page.last > after {
            guard !mustTellAll else { return endSlow() }
            tellGap(after + 1...page.last, epoch: epoch, of: subscription)
        }
        if subscription.tail?.caughtUp(page.last) == true, !tail.isRecovering { port.countSlow(.recovered) }
        readRooms()
    }

    private func endSlow() { port.disconnect(.tooSlow) }
}
