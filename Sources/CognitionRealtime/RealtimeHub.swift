package import CognitionCore
import CognitionEvents
package import CognitionStorage
package import Metrics
import Synchronization

/// What changed while you watched?
///
/// One reader per node follows the log (``run()``), encodes each event once, and hands it to the **lanes**: one for each
/// event loop, which knows its own connections. What a single connection missed it reads from the log itself, so nothing
/// here keeps messages.
package final class RealtimeHub: Sendable {
    /// Of this log; see ``EpochStore``.
    package let epoch: String
    package let rules: SessionRules
    package let metrics: RealtimeMetrics
    package let authenticator: any RealtimeAuthenticator
    package let wallClock: any WallClock
    /// What running tasks are writing; `nil` where nobody tells.
    package let texts: (any LiveTextSource)?
    package let rooms: Rooms
    let feed: RoomFeed
    let publisher: RoomPublisher
    let presence: Presence
    /// Of whom nobody wants to hear, nothing is noted.
    private let journal: ConnectionJournal?
    package let hooks: (any ConnectionHooks)?
    let reader: FeedReader
    private let connectionsPerUserMax: Int
    private let connectionsPerAddressMax: Int
    private let evictsOldest: Bool
    package let connectionsMax: Int
    /// The log's end when this was made: what comes later is followed.
    private let start: Int64
    private let state = Mutex(State())
    private let sent = Atomic<Int>(0)
    private let received = Atomic<Int>(0)
    private let errors = Atomic<Int>(0)
    private let totalRooms = Atomic<Int>(0)

    private struct State {
        var lanes: [any FeedLane] = []
        /// How many subscriptions each topic has; events of others are not encoded.
        var interest: [Topic: Int] = [:]
        /// How many connections each user has.
        var users: [String: Int] = [:]
        /// Of each user, oldest first; only where the oldest gives way.
        var seats: [String: [(id: UUIDv7, evict: @Sendable () -> Void)]] = [:]
        /// How many connections each address has; only where that is limited.
        var addresses: [String: Int] = [:]
        var connections = 0
        var authenticated = 0
        var subscriptions = 0
    }

    package struct Settings: Sendable {
        /// At least 1.
        package var connectionsPerUserMax = 5
        /// Whether a connection too many of a user ends the oldest in place of itself.
        package var evictsOldest = false
        /// Of one network address; 0 for no limit.
        package var connectionsPerAddressMax = 0
        /// At least 1.
        package var connectionsMax = 10_000
        package var heartbeat: Duration = .seconds(30)
        package var subscriptionsMax = 100
        package var pendingMax = 1_000
        package var positionsBehindMax: Int64 = 10_000
        package var expiryNotice: Duration = .seconds(30)
        package var expiryGrace: Duration = .seconds(5)
        /// Whether the log tells of connections.
        package var connectionEvents = false
        package var hooks: (any ConnectionHooks)?
        /// How long a user stays in a room after the last connection.
        package var presenceGrace: Duration = .seconds(5)

        package init() {}
    }

    /// Opens the feed at the end of the log; whatever subscribes afterwards misses nothing once ``run()`` is running.
    ///
    /// - Parameters:
    ///   - jobs: How jobs are doing; without, nothing is told of them.
    ///   - directory: Who belongs to a workspace; without, rooms of users are not made.
    ///   - lease: Of this node: it says how long those who are connected here are in their rooms, and which other nodes live.
    /// - Throws: `StorageError`.
    package static func open(
        _ database: any Database, source: any ExecutionSource, jobs: (any JobSource)? = nil,
        authenticator: any RealtimeAuthenticator,
        texts: (any LiveTextSource)? = nil, directory: (any RoomDirectory)? = nil, lease: NodeLease? = nil,
        settings: Settings = Settings(), wallClock: any WallClock = SystemWallClock(),
        ids: UUIDGenerator = UUIDGenerator(), metrics: any MetricsFactory = MetricsSystem.factory
    ) async throws -> RealtimeHub {
        let rooms = try await Rooms.open(database, directory: directory, clock: wallClock, ids: ids)
        return RealtimeHub(
            rooms, lease: lease ?? NodeLease(database, node: ids.next()), start: try await EventLog(database).head(),
            source: source, jobs: jobs, authenticator: authenticator, texts: texts, settings: settings,
            wallClock: wallClock, ids: ids, metrics: metrics)
    }

    /// - Parameter start: The log is followed from here on.
    package init(
        _ rooms: Rooms, lease: NodeLease, start: Int64, source: any ExecutionSource,
        jobs: (any JobSource)? = nil, authenticator: any RealtimeAuthenticator, texts: (any LiveTextSource)? = nil,
        settings: Settings = Settings(), wallClock: any WallClock, ids: UUIDGenerator = UUIDGenerator(),
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        epoch = rooms.epoch
        self.rooms = rooms
        self.start = start
        self.authenticator = authenticator
        self.texts = texts
        self.wallClock = wallClock
        self.metrics = RealtimeMetrics(factory: metrics)
        feed = RoomFeed(rooms)
        publisher = RoomPublisher(rooms, feed: feed, metrics: self.metrics)
        presence = Presence(rooms, feed: feed, lease: lease, grace: settings.presenceGrace)
        hooks = settings.hooks
        journal =
            settings.connectionEvents || settings.hooks != nil
            ? ConnectionJournal(
                rooms.database, writesEvents: settings.connectionEvents, hooks: settings.hooks, ids: ids,
                metrics: self.metrics) : nil
        connectionsPerUserMax = settings.connectionsPerUserMax
        connectionsPerAddressMax = settings.connectionsPerAddressMax
        evictsOldest = settings.evictsOldest
        connectionsMax = settings.connectionsMax
        reader = FeedReader(
            log: EventLog(rooms.database), source: source, jobs: jobs, epoch: epoch,
            positionsMax: settings.positionsBehindMax,
            messagesMax: settings.pendingMax)
        rules = SessionRules(
            heartbeat: settings.heartbeat, subscriptionsMax: settings.subscriptionsMax,
            pendingMax: settings.pendingMax, positionsBehindMax: settings.positionsBehindMax,
            expiryNotice: settings.expiryNotice, expiryGrace: settings.expiryGrace
        ) { target, workspace in
            let room: LogRoom
            switch target {
            case .execution(let id): room = .execution(id)
            case .workflow(let id): room = .workflow(id)
            case .room(let id):
                guard let found = LogRoom(id) else { return .room(workspace, RoomName(id)?.text ?? id) }
                room = found
            }
            return room.topic(in: workspace, workflow: source.canonicalWorkflowID) ?? .room(workspace, "")
        }
    }

    /// Follows the log and the rooms until the task is cancelled, and then returns.
    /// - Throws: `storage.closed`.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await FeedRunner(hub: self, reader: self.reader, start: self.start).run() }
            group.addTask { await self.feed.run() }
            group.addTask { await self.publisher.run() }
            group.addTask { await self.presence.run() }
            group.addTask { await self.countRooms() }
            if let journal { group.addTask { await journal.run() } }
            group.addTask { await self.followRevocations() }
            try await group.next()
            group.cancelAll()
        }
    }

    /// How often it is looked whether some session has ended or changed.
    private static let revocationInterval = Duration.milliseconds(100)

    /// Has all connections looked at whenever something about some session has changed, and never otherwise.
    private func followRevocations() async {
        var known: Int?
        while !Task.isCancelled {
            let revision = authenticator.revision
            if known != revision {
                known = revision
                for lane in state.withLock({ $0.lanes }) { lane.recheckCallers() }
            }
            // Ends early when the task is cancelled, as the loop does then.
            try? await Task.sleep(for: Self.revocationInterval)
        }
    }

    // MARK: Publishing

    /// Whether anybody on this node waits for one of `topics`.
    func isWanted(_ topics: [Topic]) -> Bool {
        state.withLock { state in topics.contains { state.interest[$0] != nil } }
    }

    var hasSubscriptions: Bool { state.withLock { !$0.interest.isEmpty } }

    /// Hands a message to all event loops. Positions rise from call to call.
    package func publish(_ message: FeedMessage) {
        for lane in state.withLock({ $0.lanes }) { lane.post([message]) }
    }

    /// A loop has more messages before it than it should.
    var isCongested: Bool { state.withLock { $0.lanes }.contains { $0.isCongested } }

    package func add(_ lane: any FeedLane) {
        state.withLock { $0.lanes.append(lane) }
        feed.add(lane)
    }

    // MARK: Subscriptions

    /// The state of a topic and what came after the place that a client has seen.
    package func load(_ topic: Topic, since: FeedPlace?) async throws -> TopicStart {
        try await reader.load(topic, since: since)
    }

    /// Messages of `topics` after `position`; at most one page of the log.
    package func page(after position: Int64, topics: [Topic]) async throws -> FeedPage {
        try await reader.page(after: position, topics: topics)
    }

    /// - Parameter isAutomatic: Nobody has asked for it, and it is not counted.
    package func subscribed(to topic: Topic, isAutomatic: Bool = false) {
        if topic.isRoom { feed.watch(topic) }
        let count = state.withLock { state in
            // Rooms are followed by themselves, and the log tells nothing of them.
            if !topic.isRoom { state.interest[topic, default: 0] += 1 }
            if !isAutomatic { state.subscriptions += 1 }
            return state.subscriptions
        }
        metrics.subscriptions.record(count)
    }

    package func unsubscribed(from topic: Topic, isAutomatic: Bool = false) {
        if topic.isRoom { feed.unwatch(topic) }
        let count = state.withLock { state in
            if let left = state.interest[topic].map({ $0 - 1 }) { state.interest[topic] = left > 0 ? left : nil }
            if !isAutomatic { state.subscriptions -= 1 }
            return state.subscriptions
        }
        metrics.subscriptions.record(count)
    }

    // MARK: Connections

    /// What there are enough connections of.
    package enum Full: Sendable {
        case server
        case address
    }

    /// Counts a connection, unless there are as many as there may be.
    /// - Parameter address: Of the client, as far as it is known.
    package func connect(from address: String?) -> Full? {
        let (full, count): (Full?, Int) = state.withLock { state in
            guard state.connections < connectionsMax else { return (.server, 0) }
            if connectionsPerAddressMax > 0, let address {
                guard state.addresses[address, default: 0] < connectionsPerAddressMax else { return (.address, 0) }
                state.addresses[address, default: 0] += 1
            }
            state.connections += 1
            return (nil, state.connections)
        }
        if let full {
            metrics.countRefusal(full == .address ? .addressConnections : .connections)
            return full
        }
        metrics.opened.increment()
        metrics.connections.record(count)
        return nil
    }

    package func disconnected(from address: String?) {
        let count = state.withLock { state in
            if let address, let left = state.addresses[address].map({ $0 - 1 }) {
                state.addresses[address] = left > 0 ? left : nil
            }
            state.connections -= 1
            return state.connections
        }
        metrics.connections.record(count)
    }

    /// Who is behind the first token of a connection, if that may be opened.
    /// - Throws: As ``RealtimeAuthenticator/caller(token:from:)`` and ``ConnectionHooks/connected(_:)``.
    package func opening(
        _ connection: UUIDv7, with token: Secret, from address: String?
    ) async throws -> RealtimeCaller {
        let caller = try await authenticator.caller(token: token.reveal(), from: address)
        try await hooks?.connected(caller.details(of: connection, from: address))
        return caller
    }

    /// Whether ``opened(_:)`` and ``closed(_:code:)`` matter to anybody.
    package var isWatched: Bool { journal != nil }

    package func opened(_ connection: ConnectionDetails) {
        journal?.note(.opened, of: connection, at: wallClock.now)
    }

    package func closed(_ connection: ConnectionDetails, code: UInt16) {
        let now = wallClock.now
        journal?.note(.closed(ConnectionEnd(code: code, time: now)), of: connection, at: now)
    }

    /// Counts a connection of a user, unless that has as many as it may have and the oldest does not give way.
    ///
    /// - Parameters:
    ///   - connection: Its name.
    ///   - evict: Ends it, as others have come; called from any thread, at most once, and not after
    ///     ``release(_:_:)``.
    package func admit(_ user: String, _ connection: UUIDv7, evict: @escaping @Sendable () -> Void) -> Bool {
        var oldest: (@Sendable () -> Void)?
        let isAdmitted = state.withLock { state in
            if state.users[user, default: 0] < connectionsPerUserMax {
                state.users[user, default: 0] += 1
            } else {
                guard let seat = state.seats[user]?.first else { return false }
                state.seats[user]?.removeFirst()
                oldest = seat.evict
            }
            if evictsOldest { state.seats[user, default: []].append((connection, evict)) }
            state.authenticated += 1
            return true
        }
        if let oldest {
            metrics.countRefusal(.evicted)
            oldest()
        }
        if !isAdmitted { metrics.countRefusal(.userConnections) }
        return isAdmitted
    }

    package func release(_ user: String, _ connection: UUIDv7) {
        state.withLock { state in
            state.authenticated -= 1
            if evictsOldest {
                // Whoever has taken its place counts in its stead.
                guard let index = state.seats[user]?.firstIndex(where: { $0.id == connection }) else { return }
                state.seats[user]?.remove(at: index)
                if state.seats[user]?.isEmpty == true { state.seats[user] = nil }
            }
            if let left = state.users[user].map({ $0 - 1 }) { state.users[user] = left > 0 ? left : nil }
        }
    }

    // MARK: Counting

    package var stats: RealtimeStats {
        var stats = state.withLock { state in
            RealtimeStats(
                connectedClients: state.connections, authenticatedConnections: state.authenticated,
                activeSubscriptions: state.subscriptions)
        }
        stats.totalRooms = totalRooms.load(ordering: .relaxed)
        stats.messagesSent = sent.load(ordering: .relaxed)
        stats.messagesReceived = received.load(ordering: .relaxed)
        stats.errors = errors.load(ordering: .relaxed)
        return stats
    }

    package func countReceived(messages: Int, bytes: Int) {
        received.add(messages, ordering: .relaxed)
        metrics.countReceived(messages: messages, bytes: bytes)
    }

    package func countSent(messages: Int, bytes: Int) {
        sent.add(messages, ordering: .relaxed)
        metrics.countSent(messages: messages, bytes: bytes)
    }

    func noteRooms(_ count: Int) {
        totalRooms.store(count, ordering: .relaxed)
        metrics.rooms.record(count)
    }

    package func countError() { errors.add(1, ordering: .relaxed) }
}

/// The connections of one event loop, as the hub sees them.
package protocol FeedLane: Sendable {
    /// Takes messages from any thread; they are delivered on the loop, together with others that have come by then.
    func post(_ messages: [FeedMessage])

    /// More messages wait than the loop takes in one turn: who publishes should wait.
    var isCongested: Bool { get }

    /// Looks whether the sessions behind its connections still stand; called from any thread.
    func recheckCallers()
}

extension FeedLane {
    package func recheckCallers() {}
}
