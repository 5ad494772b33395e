package import CognitionCore

/// What a ``ClientSession`` needs of the connection that it belongs to.
///
/// Each request for something that has to be waited for is answered once, on the connection's event loop, unless the
/// connection ends before.
package protocol SessionPort: FeedMember {
    /// Sends an answer or a notice, whether there is room or not: requests are not read while there is none.
    func send(_ json: [UInt8])
    /// Sends a published message, unless the connection has no room for it.
    func write(_ message: FeedMessage) -> Bool
    /// Sends messages of a room as far as the connection has room for them.
    /// - Returns: How many of the first ones.
    func write(_ run: RoomRun) -> Int

    /// More can be sent without much waiting.
    var hasRoom: Bool { get }

    /// The text of running tasks from now on, where somebody tells it; the session hears of news by
    /// ``ClientSession/textCame(_:)``, and is asked to send it by ``ClientSession/sendTexts()``, on the event loop.
    func watchText(of subscription: TopicSubscription<Self>) -> (any LiveText)?

    /// Is answered by ``ClientSession/verified(_:admitted:answering:now:)``.
    func verify(_ token: Secret, answering id: JSONValue?)
    /// Is answered by ``ClientSession/loaded(_:_:answering:now:)``.
    func load(_ subscription: TopicSubscription<Self>, since: FeedPlace?, answering id: JSONValue?)
    /// Is answered by ``ClientSession/arrived(_:for:)``.
    func read(after position: Int64, for subscriptions: [TopicSubscription<Self>])

    /// Says where rooms stand that the connection has joined; is answered by ``ClientSession/attended(_:answering:now:)``.
    func attend(_ topics: [Topic], answering id: JSONValue?)
    /// Is answered by ``ClientSession/entered(_:_:answering:now:)``.
    func enter(
        _ subscription: TopicSubscription<Self>, as caller: RoomCaller, since: FeedPlace?, answering id: JSONValue?)
    /// Is answered by ``ClientSession/caughtUp(_:_:)``.
    func catchUp(_ subscription: TopicSubscription<Self>, after offset: Int64, _ reading: RoomReading)
    /// Is answered by ``ClientSession/published(_:to:answering:now:)``; several may be under way, and are answered in their order.
    func publish(_ publication: Publication, answering id: JSONValue?)

    /// Asks who the caller is now; is answered by ``ClientSession/renewed(_:)``.
    func renew(_ caller: RealtimeCaller)
    /// Asks whether the caller may be in a room as whoever it is now; is answered by ``ClientSession/readmitted(_:_:)``.
    func readmit(_ subscription: TopicSubscription<Self>, as caller: RoomCaller)

    func join(_ subscription: TopicSubscription<Self>)
    func leave(_ subscription: TopicSubscription<Self>)
    /// Ends the connection; the session is told by ``ClientSession/end()``.
    func disconnect(_ reason: CloseReason)
    /// No request waits any more.
    func backlogEnded()

    var stats: RealtimeStats { get }
    func countError()
    func countSlow(_ outcome: RealtimeMetrics.SlowOutcome)
}

/// The bounds of a connection's session, the same for all.
package final class SessionRules: Sendable {
    package let heartbeat: Duration
    package let subscriptionsMax: Int
    /// Messages kept while a state or a page is read.
    package let pendingMax: Int
    /// Positions of the log that a slow connection may lie behind before it is closed.
    package let positionsBehindMax: Int64
    /// Messages that a connection may have sent to rooms and that are not written yet.
    package let publishingMax = 64
    /// How long before its token ends a client is told.
    package let expiryNotice: Duration
    /// How long after its token has ended a connection is closed.
    package let expiryGrace: Duration
    /// The one topic that a client's name for it means.
    package let topic: @Sendable (ClientAction.Target, WorkspaceID) -> Topic

    package init(
        heartbeat: Duration = .seconds(30), subscriptionsMax: Int = 100, pendingMax: Int = 1_000,
        positionsBehindMax: Int64 = 10_000, expiryNotice: Duration = .seconds(30), expiryGrace: Duration = .seconds(5),
        topic: @escaping @Sendable (ClientAction.Target, WorkspaceID) -> Topic
    ) {
        self.heartbeat = heartbeat
        self.subscriptionsMax = subscriptionsMax
        self.pendingMax = pendingMax
        self.positionsBehindMax = positionsBehindMax
        self.expiryNotice = expiryNotice
        self.expiryGrace = expiryGrace
        self.topic = topic
    }
}

/// Where a subscription starts.
package struct TopicStart: Sendable {
    package let snapshot: TopicSnapshot
    package let epoch: String
    /// The place that the client named, with `recovered`; else that of the snapshot.
    package let from: Int64
    /// Whether everything after the place that the client named is in `messages`; `nil` when it named none.
    package let recovered: Bool?
    /// What came after `from`, up to `position`.
    package let messages: [FeedMessage]
    /// The log was looked through up to here.
    package let position: Int64

    package init(
        snapshot: TopicSnapshot, epoch: String, from: Int64, recovered: Bool?, messages: [FeedMessage], position: Int64
    ) {
        self.snapshot = snapshot
        self.epoch = epoch
        self.from = from
        self.recovered = recovered
        self.messages = messages
        self.position = position
    }
}

/// A piece of the log as messages of some topics.
package struct FeedPage: Sendable {
    package let messages: [FeedMessage]
    /// Where it begins.
    package let after: Int64
    /// The log was looked through up to here.
    package let position: Int64
    /// The log's last position when it was read.
    package let head: Int64

    package var isAtEnd: Bool { position >= head }

    package init(messages: [FeedMessage], after: Int64, position: Int64, head: Int64) {
        self.messages = messages
        self.after = after
        self.position = position
        self.head = head
    }
}
