import CognitionCore

/// One connection's interest in one topic; confined to the event loop of its connection.
package final class TopicSubscription<Member: FeedMember> {
    enum State {
        /// The state of the topic is being read; what comes meanwhile is kept, unless it becomes too much.
        case opening(pending: [FeedMessage], overflowed: Bool)
        /// Everything up to `after` was sent, or is in what was sent.
        case open(after: Int64)
        case closed
    }

    package let topic: Topic
    unowned let member: Member
    var state = State.opening(pending: [], overflowed: false)
    /// Where it began once it is open.
    var start: Int64 = 0
    /// Nobody has asked for it: a device is in the rooms of its user and its workspace.
    package internal(set) var isAutomatic = false
    /// Whether text of running tasks is wanted.
    var wantsText = false
    /// Text of running tasks, once it is open.
    var text: (any LiveText)?
    /// There is text that was not taken.
    var hasText = false
    /// Of a room: how far it was told. `state` then says only whether it is closed.
    var tail: RoomTail?
    /// Where the fan-out has it in its list.
    fileprivate var index = -1

    init(_ topic: Topic, of member: Member) {
        self.topic = topic
        self.member = member
        if topic.isRoom { tail = RoomTail() }
    }

    /// It counts for nothing in its room.
    package var isQuiet: Bool { tail?.isQuiet ?? false }

    /// Of the room that was entered.
    package var roomKey: Int64 { tail?.key ?? 0 }

    var isClosed: Bool { if case .closed = state { true } else { false } }

    fileprivate func collect(_ message: FeedMessage, atMost pendingMax: Int) {
        guard case .opening(var pending, let overflowed) = state, !overflowed else { return }
        // Taken out first, so that the list is not copied.
        state = .closed
        if pending.count < pendingMax {
            pending.append(message)
            state = .opening(pending: pending, overflowed: false)
        } else {
            state = .opening(pending: [], overflowed: true)
        }
    }
}

/// Who gets messages from a ``Fanout``.
package protocol FeedMember: AnyObject {
    /// The position of the last message that was taken.
    var lastTaken: Int64 { get }

    /// A message of a topic that is subscribed to. Each is offered once for every matching subscription.
    func take(_ message: FeedMessage)

    /// What concerns a room that is subscribed to.
    func take(_ message: FeedMessage, for subscription: TopicSubscription<Self>)

    /// What was published in a room that is subscribed to.
    func take(_ run: RoomRun, for subscription: TopicSubscription<Self>)
}

/// Which connections of one event loop want which topic. Confined to that loop.
///
/// A class, because a member may end its subscriptions while it is offered a message.
package final class Fanout<Member: FeedMember> {
    package typealias Subscription = TopicSubscription<Member>

    private var topics: [Topic: [Subscription]] = [:]
    /// Messages that a subscription keeps while its topic's state is read.
    private let pendingMax: Int

    package init(pendingMax: Int = 1_000) { self.pendingMax = pendingMax }

    package func add(_ subscription: Subscription) {
        let topic = subscription.topic
        subscription.index = topics[topic]?.count ?? 0
        topics[topic, default: []].append(subscription)
    }

    package func remove(_ subscription: Subscription) {
        let (topic, index) = (subscription.topic, subscription.index)
        guard index >= 0, var list = topics.removeValue(forKey: topic) else { return }
        subscription.index = -1
        let last = list.removeLast()
        if last !== subscription {
            list[index] = last
            last.index = index
        }
        if !list.isEmpty { topics[topic] = list }
    }

    package func deliver(_ message: FeedMessage) {
        guard case .log = message.kind else { return deliverToRoom(message) }
        var someAreOpening = false
        for topic in message.topics {
            guard let list = topics[topic] else { continue }
            for subscription in list {
                switch subscription.state {
                case .open(let after): if message.position > after { subscription.member.take(message) }
                case .opening: someAreOpening = true
                case .closed: break
                }
            }
        }
        // Afterwards, so that a message that a connection has got by another of its subscriptions is not kept as well.
        if someAreOpening { collect(message) }
    }

    package func deliver(_ piece: FeedPiece) {
        switch piece {
        case .message(let message): deliver(message)
        case .run(let run):
            guard let topic = run.topic, let list = topics[topic] else { return }
            for subscription in list where !subscription.isClosed { subscription.member.take(run, for: subscription) }
        }
    }

    private func deliverToRoom(_ message: FeedMessage) {
        for topic in message.topics {
            for subscription in topics[topic] ?? [] where !subscription.isClosed {
                subscription.member.take(message, for: subscription)
            }
        }
    }

    private func collect(_ message: FeedMessage) {
        for topic in message.topics {
            for subscription in topics[topic] ?? [] where subscription.member.lastTaken != message.position {
                subscription.collect(message, atMost: pendingMax)
            }
        }
    }
}
