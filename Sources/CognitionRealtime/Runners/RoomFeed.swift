import CognitionCore
import CognitionStorage
import Logging
import Synchronization

/// Follows the rooms that somebody on this node is in, and hands what is new to the lanes: in the order of each room's numbers.
///
/// What this node has written comes straight from the ``RoomPublisher``. Everything else, and whatever does not follow the last
/// number, is read from the database: when somebody has changed a room (``SignalTopic/rooms(_:isShared:)``), and once a second.
final class RoomFeed: Sendable {
    fileprivate struct Watched {
        /// Subscriptions and listeners.
        var count = 0
        /// Of the room, once somebody has entered.
        var key: Int64?
        /// What was told.
        var marks = RoomMarks(lastOffset: 0, presence: 0, revision: 0)
        var users: Set<String> = []
        /// It is to be looked at.
        var isDirty = false
        var listeners: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    fileprivate struct State {
        var lanes: [any FeedLane] = []
        var topics: [Topic: Watched] = [:]
        var keys: [Int64: Topic] = [:]
        var dirtyParts: Set<Int64> = []
        var hasDirty = false
        var nextListener = 0
    }

    private let rooms: Rooms
    private let state = Mutex(State())
    private let rings: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    /// Rooms that are asked for in one query.
    private static let chunkMax = 500
    private static let pollPause: Duration = .seconds(1)
    /// Between two looks, and how many times as long as the last look has taken.
    private static let pauseMin: Duration = .milliseconds(2)
    private static let pauseFactor = 3
    private static let congestionPause: Duration = .milliseconds(2)

    init(_ rooms: Rooms) {
        self.rooms = rooms
        (rings, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    func add(_ lane: any FeedLane) { state.withLock { $0.lanes.append(lane) } }

    // MARK: Who is interested

    func watch(_ topic: Topic) { state.withLock { $0.topics[topic, default: Watched()].count += 1 } }

    func unwatch(_ topic: Topic) {
        state.withLock { state in
            guard var watched = state.topics[topic] else { return }
            watched.count -= 1
            if watched.count > 0 {
                state.topics[topic] = watched
            } else {
                state.topics[topic] = nil
                if let key = watched.key { state.keys[key] = nil }
            }
        }
    }

    /// From here on what is new about the room is told; it was read after the first ``watch(_:)``.
    func start(_ topic: Topic, _ opening: Rooms.Opening) {
        state.withLock { state in
            guard var watched = state.topics[topic], watched.key != opening.room.key else { return }
            if let old = watched.key { state.keys[old] = nil }
            watched.key = opening.room.key
            watched.marks = opening.marks
            watched.users = opening.users
            // What came between the reading and now.
            watched.isDirty = true
            state.hasDirty = true
            state.topics[topic] = watched
            state.keys[opening.room.key] = topic
        }
        ring.yield()
    }

    /// Wakes whoever listens each time there may be something new about the room, and once a second.
    func listen(to topic: Topic) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.nextListener += 1
            state.topics[topic, default: Watched()].count += 1
            state.topics[topic]?.listeners[state.nextListener] = continuation
            return state.nextListener
        }
        continuation.onTermination = { [weak self] _ in
            guard let self else { return }
            state.withLock { $0.topics[topic]?.listeners[id] = nil }
            unwatch(topic)
        }
        return stream
    }

    /// The room is looked at.
    func touch(_ key: Int64) {
        let isWatched = state.withLock { state in
            guard let topic = state.keys[key] else { return false }
            state.topics[topic]?.isDirty = true
            state.hasDirty = true
            return true
        }
        if isWatched { ring.yield() }
    }

    // MARK: What this node has written

    /// Takes messages that are durable, rising within a room; called by one task at a time.
    func take(_ messages: [(room: Room, message: RoomMessage)]) {
        let wanted = state.withLock { state in
            state.topics.isEmpty
                ? []
                : messages.filter { state.topics[.room($0.room.workspace, $0.room.id.text)] != nil }
        }
        guard !wanted.isEmpty else { return }
        let frames = wanted.map { FeedMessage($0.message, of: $0.room) }
        let isIncomplete = state.withLock { state in
            var next: [FeedMessage] = []
            next.reserveCapacity(frames.count)
            var isIncomplete = false
            for (frame, (room, message)) in zip(frames, wanted) {
                let topic = frame.topics[0]
                guard state.topics[topic] != nil else { continue }
                // Before somebody has entered there is nobody to be told; who enters reads it.
                guard state.topics[topic]?.key == room.key, let last = state.topics[topic]?.marks.lastOffset else {
                    state.wake(topic)
                    continue
                }
                if message.offset == last + 1 {
                    state.topics[topic]?.marks.lastOffset = message.offset
                    next.append(frame)
                } else if message.offset > last {
                    state.topics[topic]?.isDirty = true
                    state.hasDirty = true
                    isIncomplete = true
                }
                state.wake(topic)
            }
            state.post(next)
            return isIncomplete
        }
        if isIncomplete { ring.yield() }
    }

    // MARK: What others have written

    /// Looks after the rooms until the task is cancelled.
    func run() async {
        await withTaskGroup { group in
            group.addTask { await self.follow() }
            group.addTask {
                // Its only error is cancellation.
                while (try? await Task.sleep(for: Self.pollPause)) != nil { self.lookAtAll() }
            }
            let signals = rooms.database.signals
            for part in 0..<(rooms.database.isShared ? SignalTopic.roomParts : 1) {
                group.addTask {
                    for await _ in signals.wakeUps(for: .rooms(part: part)) { self.look(at: part) }
                }
            }
        }
    }

    private func look(at part: Int64) {
        let isNew = state.withLock { !$0.keys.isEmpty && $0.dirtyParts.insert(part).inserted }
        if isNew { ring.yield() }
    }

    private func lookAtAll() {
        let isNew = state.withLock { state in
            for (topic, watched) in state.topics where !watched.listeners.isEmpty { state.wake(topic) }
            guard !state.keys.isEmpty else { return false }
            state.dirtyParts.formUnion(0..<SignalTopic.roomParts)
            return true
        }
        if isNew { ring.yield() }
    }

    private func follow() async {
        var isFailing = false
        for await _ in rings {
            let began = ContinuousClock.now
            do {
                for chunk in takeDirty() { try await look(at: chunk) }
                isFailing = false
            } catch is CancellationError {
                return
            } catch {
                if !isFailing { Logger.current.warning("Rooms are looked at again", metadata: ["error": "\(error)"]) }
                isFailing = true
                lookAtAll()
            }
            let took = ContinuousClock.now - began
            // Its only error is cancellation, which ends the loop.
            try? await Task.sleep(for: max(Self.pauseMin, isFailing ? Self.pollPause : took * Self.pauseFactor))
        }
    }

    private func takeDirty() -> [[Rooms.Followed]] {
        let isShared = rooms.database.isShared
        let followed = state.withLock { state -> [Rooms.Followed] in
            let parts = state.dirtyParts
            guard state.hasDirty || !parts.isEmpty else { return [] }
            state.dirtyParts = []
            state.hasDirty = false
            var followed: [Rooms.Followed] = []
            for (key, topic) in state.keys {
                guard let watched = state.topics[topic],
                    watched.isDirty || parts.contains(isShared ? key % SignalTopic.roomParts : 0)
                else { continue }
                state.topics[topic]?.isDirty = false
                followed.append(Rooms.Followed(key: key, marks: watched.marks))
            }
            return followed
        }
        return stride(from: 0, to: followed.count, by: Self.chunkMax).map {
            Array(followed[$0..<min($0 + Self.chunkMax, followed.count)])
        }
    }

    /// Returns once no loop has more messages before it than it should, or the task is cancelled.
    func waitForRoom() async {
        while state.withLock({ $0.lanes }).contains(where: { $0.isCongested }) {
            // Its only error is cancellation.
            guard (try? await Task.sleep(for: Self.congestionPause)) != nil else { return }
        }
    }

    private func look(at followed: [Rooms.Followed]) async throws {
        await waitForRoom()
        let (news, gone) = try await rooms.news(of: followed)
        let frames = news.map { item in item.messages.map { FeedMessage($0, of: item.room) } }
        let now = rooms.clock.now
        let hasMore = state.withLock { state in
            for key in gone { state.forget(key, now: now) }
            for (item, frames) in zip(news, frames) { state.tell(item, frames, now: now) }
            return state.hasDirty
        }
        if hasMore { ring.yield() }
    }
}

extension RoomFeed.State {
    fileprivate func post(_ messages: [FeedMessage]) {
        guard !messages.isEmpty else { return }
        for lane in lanes { lane.post(messages) }
    }

    fileprivate func wake(_ topic: Topic) {
        guard let listeners = topics[topic]?.listeners, !listeners.isEmpty else { return }
        for listener in listeners.values { listener.yield() }
    }

    /// A room that is not there any more.
    fileprivate mutating func forget(_ key: Int64, now: Timestamp) {
        guard let topic = keys.removeValue(forKey: key), topics[topic]?.key == key else { return }
        topics[topic]?.key = nil
        topics[topic]?.users = []
        post([Self.access(RoomAccess(key: key, rule: .nobody), topic, now)])
        wake(topic)
    }

    fileprivate mutating func tell(_ news: Rooms.News, _ frames: [FeedMessage], now: Timestamp) {
        guard let topic = keys[news.room.key], var watched = topics[topic] else { return }
        var next: [FeedMessage] = []
        // Before what is said in it from now on.
        if let access = news.access { next.append(Self.access(access, topic, now)) }
        for frame in frames where frame.position > watched.marks.lastOffset {
            next.append(frame)
            watched.marks.lastOffset = frame.position
        }
        if let users = news.users {
            let old = watched.users
            for (user, isThere) in users.subtracting(old).map({ ($0, true) })
                + old.subtracting(users).map({ ($0, false) })
            {
                next.append(
                    FeedMessage(
                        position: 0, topics: [topic], time: now,
                        json: ServerMessage.presence(user, isThere: isThere, in: topic, members: users.count, at: now),
                        kind: .presence(key: news.room.key)))
            }
            watched.users = users
        }
        watched.marks.presence = news.marks.presence
        watched.marks.revision = news.marks.revision
        if watched.marks.lastOffset < news.marks.lastOffset {
            // A page was full; or the rest is not kept any more, which each subscription finds by itself.
            if frames.isEmpty { watched.marks.lastOffset = news.marks.lastOffset }
            watched.isDirty = true
            hasDirty = true
        }
        topics[topic] = watched
        post(next)
        wake(topic)
    }

    private static func access(_ access: RoomAccess, _ topic: Topic, _ now: Timestamp) -> FeedMessage {
        FeedMessage(position: 0, topics: [topic], time: now, json: [], kind: .access(access))
    }
}
