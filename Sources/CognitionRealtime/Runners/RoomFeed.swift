import CognitionCore
import CognitionStorage
import Logging
import Synchronization

/// Follows the rooms that somebody on this node is in, and hands what is new to the lanes: in the order of each room's numbers.
///
/// What this node has written comes straight from the ``RoomPublisher``. Everything else, and whatever does not follow the last
/// number, is read from the database: when somebody has changed a room (``SignalTopic/rooms(_:isShared:)``), and once a second.
final class RoomFeed: Sendable {
    struct Watched {
        /// Subscriptions and listeners.
        var count = 0
        /// Of the room, once somebody has entered.
        var key: Int64?
        /// The same room, and as it was when it was looked at last.
        var room: Room?
        /// Somebody is in it without having asked.
        var isAttended = false
        /// Nobody has used it, as far as is known; who is in it without having asked is told of all that is said once it is there.
        var isMissing = false
        /// What was told.
        var marks = RoomMarks(lastOffset: 0, presence: 0, revision: 0)
        var users: Set<String> = []
        /// It is to be looked at.
        var isDirty = false
        var listeners: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    struct State {
        var lanes: [any FeedLane] = []
        var topics: [Topic: Watched] = [:]
        var keys: [Int64: Topic] = [:]
        var dirtyParts: Set<Int64> = []
        var hasDirty = false
        var nextListener = 0
        /// Who wants to know where rooms stand.
        var asking: [Asking] = []
        /// Rooms that may be there again.
        var lost: Set<Topic> = []
        /// The last key of which it is known whether it is of a room that somebody is in without having asked; `nil` while nobody is.
        var lastKey: Int64?
        var isOver = false
    }

    struct Asking {
        let topics: [Topic]
        let answer: CheckedContinuation<[RoomPlace], any Error>
    }

    private let rooms: Rooms
    private let state = Mutex(State())
    private let questions: AsyncStream<Void>
    private let question: AsyncStream<Void>.Continuation
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
        (questions, question) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
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
    /// - Parameter isAttended: Also about the next room of that name.
    func start(_ topic: Topic, _ opening: Rooms.Opening, isAttended: Bool = false) {
        state.withLock { state in
            if isAttended { state.topics[topic]?.isAttended = true }
            guard var watched = state.topics[topic], watched.key != opening.room.key else { return }
            watched.users = opening.users
            state.follow(opening.room, opening.marks, as: topic, watched)
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

    // MARK: Who is in a room without having asked

    private static let askingMax = 500
    /// Commits may come in another order than keys: so far back is looked again.
    private static let keysAgain: Int64 = 1_000
    private static let lookAgain: Duration = .seconds(10)

    /// Where rooms stand whose topics are watched; what is new about them is told from there on. Many ask at once, and one look
    /// answers them.
    func attend(_ topics: [Topic]) async throws -> [RoomPlace] {
        let places = state.withLock { $0.places(of: topics, log: rooms.epoch) }
        if let places { return places }
        return try await withCheckedThrowingContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.isOver { state.asking.append(Asking(topics: topics, answer: continuation)) }
                return state.isOver
            }
            if isOver { return continuation.resume(throwing: CancellationError()) }
            question.yield()
        }
    }

    /// Answers until the task is cancelled.
    private func answer() async {
        for await _ in questions {
            while let (asking, lost) = takeQuestions() {
                do {
                    let topics = Set(asking.flatMap(\.topics)).union(lost)
                    let (found, lastKey) = try await rooms.openings(of: Array(topics))
                    let places = state.withLock { state in
                        state.lastKey = state.lastKey ?? lastKey
                        for topic in topics { state.settle(topic, found[topic]) }
                        // By now each is known.
                        return asking.map { state.places(of: $0.topics, log: rooms.epoch) ?? [] }
                    }
                    for (asking, places) in zip(asking, places) { asking.answer.resume(returning: places) }
                    ring.yield()
                } catch {
                    for asking in asking { asking.answer.resume(throwing: error) }
                    // Looked for again with the next question, or tick.
                    state.withLock { $0.lost.formUnion(lost) }
                    if !lost.isEmpty { break }
                }
            }
        }
        let left = state.withLock { state in
            state.isOver = true
            defer { state.asking = [] }
            return state.asking
        }
        for asking in left { asking.answer.resume(throwing: CancellationError()) }
    }

    private func takeQuestions() -> (asking: [Asking], lost: Set<Topic>)? {
        state.withLock { state in
            guard !state.asking.isEmpty || !state.lost.isEmpty else { return nil }
            let asking = Array(state.asking.prefix(Self.askingMax))
            state.asking.removeFirst(asking.count)
            defer { state.lost = [] }
            return (asking, state.lost)
        }
    }

    /// Finds rooms that other nodes have made, until the task is cancelled.
    private func findMade() async {
        let signals = rooms.database.signals
        await withTaskGroup { group in
            let (looks, look) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
            group.addTask { for await _ in signals.wakeUps(for: .roomsMade) { look.yield(true) } }
            group.addTask {
                // Its only error is cancellation.
                while (try? await Task.sleep(for: Self.pollPause)) != nil { look.yield(false) }
            }
            var lookUntil = ContinuousClock.now
            for await isSure in looks {
                guard let last = state.withLock({ $0.lastKey }) else { continue }
                do {
                    if try await rooms.lastKey() != last || isSure { lookUntil = .now + Self.lookAgain }
                    guard ContinuousClock.now < lookUntil else { continue }
                    try await findMade(after: last - Self.keysAgain)
                } catch {
                    Logger.current.debug("New rooms not looked for", metadata: ["error": "\(error)"])
                }
            }
            group.cancelAll()
        }
    }

    private func findMade(after key: Int64) async throws {
        var page = try await rooms.homes(after: key)
        while true {
            let isNew = state.withLock { state in
                for (topic, opening) in page.found where state.topics[topic]?.isMissing == true {
                    state.settle(topic, opening)
                }
                return state.hasDirty
            }
            if isNew { ring.yield() }
            // A full page is not all of them.
            guard page.found.count >= RoomStore.homesMax, let last = page.found.values.map(\.room.key).max() else {
                break
            }
            page = try await rooms.homes(after: last)
        }
        state.withLock { $0.lastKey = page.lastKey }
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
                guard let watched = state.topics[topic] else { continue }
                if watched.isMissing {
                    state.follow(room, RoomMarks(lastOffset: 0, presence: 0, revision: 0), as: topic, watched)
                }
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
            group.addTask { await self.answer() }
            if rooms.database.isShared { group.addTask { await self.findMade() } }
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
        if state.withLock({ !$0.lost.isEmpty }) { question.yield() }
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
            if !state.lost.isEmpty { question.yield() }
            return state.hasDirty
        }
        if hasMore { ring.yield() }
    }
}
