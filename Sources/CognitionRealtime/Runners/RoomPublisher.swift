import CognitionCore
import CognitionStorage
import DequeModule
import Logging
import Metrics
import Synchronization

/// Writes the messages of all connections and requests of this node, as many as there are at once in one commit: while one is
/// being made durable, the next ones gather.
final class RoomPublisher: Sendable {
    package typealias Completion = @Sendable (Result<Published, any Error>) -> Void

    private struct Entry {
        let publication: Publication
        let completion: Completion
    }

    private struct State {
        var waiting: Deque<Entry> = []
        var isOver = false
        /// Rooms whose history is longer than it should be, by how many messages, and how long it should be.
        var surplus: [Int64: Surplus] = [:]
    }

    private struct Surplus {
        var added = 0
        let limit: Int
    }

    /// Messages that wait; one more is refused.
    static let waitingMax = 16_384
    private static let batchMax = 1_024
    private static let surplusMax = 65_536
    private static let prunePause: Duration = .seconds(1)
    private static let sweepPause: Duration = .milliseconds(50)

    private let rooms: Rooms
    private let feed: RoomFeed
    private let metrics: RealtimeMetrics
    private let state = Mutex(State())
    private let rings: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    init(_ rooms: Rooms, feed: RoomFeed, metrics: RealtimeMetrics) {
        self.rooms = rooms
        self.feed = feed
        self.metrics = metrics
        (rings, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// - Parameter completion: Called once, from any thread, when the message is durable or refused; those of one caller in
    ///   their order. It does not block.
    func publish(_ publication: Publication, _ completion: @escaping Completion) {
        let refusal = state.withLock { state -> RealtimeError? in
            guard !state.isOver else { return Self.goingAway }
            guard state.waiting.count < Self.waitingMax else {
                return RealtimeError(.publishingOverloaded, "too many messages wait to be written")
            }
            state.waiting.append(Entry(publication: publication, completion: completion))
            return nil
        }
        if let refusal { return completion(.failure(refusal)) }
        ring.yield()
    }

    func publish(_ publication: Publication) async throws -> Published {
        try await withCheckedThrowingContinuation { continuation in
            publish(publication) { continuation.resume(with: $0) }
        }
    }

    /// Writes until the task is cancelled; what waits then is refused.
    func run() async {
        await withTaskGroup { group in
            group.addTask { await self.prune() }
            for await _ in rings {
                while let batch = next() {
                    await write(batch)
                    // What the loops have no room for waits here, and then whoever wants to send more.
                    await feed.waitForRoom()
                }
            }
            group.cancelAll()
        }
        let left = state.withLock { state in
            state.isOver = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for entry in left {
            entry.completion(.failure(Self.goingAway))
        }
    }

    private static var goingAway: RealtimeError { RealtimeError(.publishingOverloaded, "the server is going away") }

    private func next() -> [Entry]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else { return nil }
            let batch = Array(state.waiting.prefix(Self.batchMax))
            state.waiting.removeFirst(batch.count)
            return batch
        }
    }

    private func write(_ entries: [Entry]) async {
        do {
            let batch = try await rooms.publishAll(entries.map(\.publication))
            feed.take(batch.messages)
            metrics.published.increment(by: batch.messages.count)
            for (entry, outcome) in zip(entries, batch.outcomes) { entry.completion(outcome) }
            note(batch.messages)
        } catch is CancellationError {
            // Nothing was written.
            for entry in entries { entry.completion(.failure(Self.goingAway)) }
        } catch {
            // Those that can be written are, when one of them has failed as the database sees it.
            guard entries.count > 1, (error as? StorageError)?.isTransient != true else {
                for entry in entries { entry.completion(.failure(error)) }
                return
            }
            for entry in entries { await write([entry]) }
        }
    }

    // MARK: History

    private func note(_ messages: [(room: Room, message: RoomMessage)]) {
        state.withLock { state in
            for (room, _) in messages {
                guard case .last(let limit) = room.settings.history else { continue }
                state.surplus[room.key, default: Surplus(limit: limit)].added += 1
            }
        }
    }

    /// Takes away what is beyond the history of rooms, a while after it was written, and what deleted rooms have left.
    private func prune() async {
        var due: [Int64: Int] = [:]
        var lastLook = ContinuousClock.now
        while !Task.isCancelled {
            let isSwept = await sweep()
            // Ends early when the task is cancelled, as the loop does then.
            try? await Task.sleep(for: isSwept ? Self.sweepPause : Self.prunePause)
            guard ContinuousClock.now - lastLook >= RoomMessageStore.grace else { continue }
            lastLook = .now
            // What was noted before the last look is old enough by now.
            await prune(due)
            due = takeSurplus()
        }
    }

    /// Rooms with so much beyond their history that it is worth a statement.
    private func takeSurplus() -> [Int64: Int] {
        state.withLock { state in
            // Rooms that were deleted stay among them until there are too many.
            let takesAll = state.surplus.count > Self.surplusMax
            let full = state.surplus.filter { takesAll || $0.value.added >= max(16, $0.value.limit / 2) }
            for key in full.keys { state.surplus[key] = nil }
            return full.mapValues(\.limit)
        }
    }

    private func prune(_ due: [Int64: Int]) async {
        for (key, limit) in due {
            do {
                _ = try await rooms.shorten(key, to: limit)
            } catch {
                // It is noted again with the next messages.
                Logger.current.debug("History of a room not shortened", metadata: ["error": "\(error)"])
                if error is CancellationError { return }
            }
        }
    }

    private func sweep() async -> Bool {
        do {
            return try await rooms.sweep()
        } catch {
            Logger.current.debug("Deleted rooms not cleared away", metadata: ["error": "\(error)"])
            return false
        }
    }
}
