package import CognitionCore

/// What the log tells: of each subscription the state and the place it was read at, then what is published after that.
extension ClientSession {
    /// The answer to ``SessionPort/load(_:since:answering:)``.
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
