package import CognitionCore
package import CognitionStorage
import Logging
package import Metrics
import Synchronization

/// Hands the events of the log to a bus, in their order: the log is the outbox.
///
/// A batch is read, published and confirmed, and only then the place moves. So a broker that is away means lag and never
/// loss, and a crash between the confirmation and the move means that messages are sent again, with the same ids.
///
/// Any number of nodes may run one; the one that has the lease publishes. When it cannot, for longer than 10 seconds or because
/// it lacks the file of an archive, it lets another try. A failure is tried again after ever longer delays.
/// An event that is damaged stops the publisher before that event until it is resumed, like any subscription.
package struct BusPublisher: Sendable {
    package struct Settings: Sendable {
        /// Where it starts the first time.
        package var start: Subscription.Start = .end
        /// Events of these streams stay here.
        package var hiddenStreamTypes = PlatformStreams.ofAdministration
        /// Only messages whose type begins with one of these; empty for all.
        package var typePrefixes: [String] = []
        /// Messages that are confirmed together, 1...1,000.
        package var batchMax = 256

        package init() {}
    }

    private let bus: any EventBus
    private let database: any Database
    private let archives: EventArchives
    private let settings: Settings
    private let subscription: Subscription
    private let owner: UUIDv7
    private let wallClock: any WallClock
    private let clock: any Clock<Duration>
    private let polling: Duration
    private let patience: Duration
    private let retry: RetryPolicy
    private let metrics: BusMetrics
    private let outage = Outage()

    /// Positions without a message after which the place is stored all the same.
    private static let silentPositionsMax: Int64 = 1_000
    /// Bytes of messages after which they are sent, so that one confirmation is not waited for too long.
    private static let batchBytesMax = 4 << 20

    /// - Parameters:
    ///   - archives: Where events are that have left the database, where it begins with them.
    ///   - owner: Names this node among those of the database.
    ///   - clock: What the publisher sleeps on.
    ///   - polling: How long it waits at most before it looks again.
    ///   - patience: For how long a node that can publish nothing keeps others from trying.
    ///   - retry: Delays between attempts; its bounds on their number and duration do not count.
    /// - Throws: `event.invalid` for a name of a bus or a batch that is none.
    package init(
        _ bus: any EventBus, database: any Database, archives: EventArchives = .none, owner: UUIDv7,
        settings: Settings = Settings(),
        wallClock: any WallClock = SystemWallClock(), clock: any Clock<Duration> = ContinuousClock(),
        polling: Duration = .seconds(1), patience: Duration = .seconds(10),
        retry: RetryPolicy = SubscriptionRunner.standardRetry,
        metrics: any MetricsFactory = MetricsSystem.factory
    ) throws(EventError) {
        self.bus = bus
        self.database = database
        self.archives = archives
        self.settings = settings
        self.owner = owner
        self.wallClock = wallClock
        self.clock = clock
        self.polling = polling
        self.patience = patience
        self.retry = retry
        subscription = try Subscription(
            Self.subscription(of: bus.name), filter: EventFilter(hiddenStreamTypes: settings.hiddenStreamTypes),
            startAt: settings.start, batchMax: settings.batchMax)
        self.metrics = BusMetrics(bus: bus.name, factory: metrics)
    }

    /// The name under which the place of a bus is kept.
    package static func subscription(of bus: String) -> String { prefix + bus }

    /// Whether a subscription is a place of a bus.
    package static func isOfBus(_ subscription: String) -> Bool { subscription.hasPrefix(prefix) }

    private static let prefix = "bus."

    /// Runs until the task is cancelled, and then returns.
    /// - Throws: What the database throws when it is closed.
    package func run() async throws {
        var attempt = 0
        while !Task.isCancelled {
            do {
                // From here on events count, also while no node can reach the broker.
                _ = try await open()
                if try await hold() {
                    try await publishWhileHeld()
                    if outage.failure != nil {
                        // Time enough for another node to take it.
                        await letGo()
                        try await clock.sleep(for: BusLease.renewal * 2)
                    }
                } else {
                    outage.end()
                    await leaveToOthers()
                    try await clock.sleep(for: min(BusLease.renewal, polling * 3))
                }
                attempt = 0
            } catch is CancellationError {
                break
            } catch let error as StorageError where error.code == .storageClosed {
                throw error
            } catch {
                attempt += 1
                Logger.current.warning(
                    "Publishing waits for the database", metadata: ["bus": "\(bus.name)", "error": "\(error)"])
                await pause(attempt)
            }
        }
        await letGo()
    }

    // MARK: The lease

    /// Where one process has the database to itself, nobody else publishes.
    private func hold() async throws -> Bool {
        guard database.isShared else { return true }
        let (name, owner) = (bus.name, owner)
        return try await database.write { try BusLease.hold(name, by: owner, in: $0) }
    }

    /// While another node publishes, this one needs no connection. That it could not reach the broker is told until it can.
    private func leaveToOthers() async {
        switch bus.connection {
        case .unused: return
        case .down:
            // Tried again with the next round.
            guard (try? await bus.connect()) != nil else { return }
        case .open, .blocked: break
        }
        await bus.release()
    }

    private func letGo() async {
        guard database.isShared else { return }
        let (name, owner, database) = (bus.name, owner, database)
        // Shields the last write from the cancellation that has brought us here. When it fails, the lease runs out.
        await Task { try? await database.write { try BusLease.end(name, by: owner, in: $0) } }.value
    }

    private func publishWhileHeld() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await publish() }
            group.addTask {
                var renewed = ContinuousClock.now
                while true {
                    try await clock.sleep(for: BusLease.renewal)
                    do {
                        guard try await hold() else { return }
                        renewed = .now
                    } catch let error as StorageError where error.isTransient {
                        guard ContinuousClock.now - renewed < .microseconds(BusLease.life) else { return }
                    }
                }
            }
            defer { metrics.lag.record(0) }  // from here on another node tells
            try await group.next()
            group.cancelAll()
        }
    }

    // MARK: Publishing

    /// What one run knows; all of it can be read again.
    private struct Progress {
        /// As it is stored; `nil`: to be loaded.
        var stored: Int64?
        /// Looked through up to here; not before `stored`.
        var position: Int64 = 0
    }

    /// Why this node publishes nothing, though it is the one that should; `nil` while it does, or another one should.
    package var failure: EventBusFailure? { outage.failure }

    /// Publishes until the task is cancelled, or another node should try.
    private func publish() async throws {
        var progress = Progress()
        while !Task.isCancelled {
            do {
                try await bus.connect()
                try await step(&progress)
                if outage.end() { Logger.current.notice("Bus reached again", metadata: ["bus": "\(bus.name)"]) }
            } catch let error as EventError where error.position != nil {
                try await stop(for: error, &progress)
            } catch let error as EventError {
                let (attempt, lasts) = outage.goesOn(with: error)
                // An outage is told once, and its end once.
                if attempt == 1 {
                    Logger.current.log(
                        level: error.isOfBusSettings ? .error : .warning,
                        error.code == .eventArchived ? "Bus waits for an archive" : "Bus not reached",
                        metadata: ["bus": "\(bus.name)", "error": "\(error)"])
                }
                try await tellLag(of: progress)
                if database.isShared, error.code == .eventArchived || lasts > patience { return }
                await pause(attempt)
            }
        }
    }

    /// Since when nothing could be published here, and why.
    private final class Outage: Sendable {
        private struct State {
            var attempts = 0
            var since = ContinuousClock.now
            var failure: EventBusFailure?
        }

        private let state = Mutex(State())

        var failure: EventBusFailure? { state.withLock(\.failure) }

        /// - Returns: How often it was tried, and since when.
        func goesOn(with error: EventError) -> (attempts: Int, lasts: Duration) {
            state.withLock { state in
                if state.attempts == 0 { state.since = .now }
                state.attempts += 1
                state.failure = EventBusFailure(error)
                return (state.attempts, ContinuousClock.now - state.since)
            }
        }

        /// - Returns: Whether there was one.
        @discardableResult
        func end() -> Bool {
            state.withLock { state in
                defer { state = State() }
                return state.attempts > 0
            }
        }
    }

    private func step(_ progress: inout Progress) async throws {
        guard let stored = progress.stored else {
            let state = try await open()
            guard state.failure == nil else { return try await waitUntilResumed(state) }
            progress = Progress(stored: state.position, position: state.position)
            return
        }
        let (filter, position, limit) = (subscription.filter, progress.position, subscription.batchMax)
        let window = try await database.read {
            try EventReader.window(after: position, limit: limit, filter: filter, in: $0)
        }
        let page = try await archives.complete(window)
        metrics.lag.record(max(0, page.head - position))
        let (messages, end) = batch(of: page)
        if !messages.isEmpty {
            metrics.published.increment(by: messages.count)
            let start = ContinuousClock.now
            try await bus.publish(messages)
            metrics.duration.record(duration: ContinuousClock.now - start)
            metrics.confirmed.increment(by: messages.count)
        } else if end - stored < Self.silentPositionsMax {
            progress.position = end
            if page.isAtEnd { try await waitForMore(after: end) }
            return
        }
        let (name, now) = (subscription.name, wallClock.now)
        let hasMoved = try await database.write {
            try SubscriptionStore.move(name, from: stored, to: end, now: now, in: $0)
        }
        progress = hasMoved ? Progress(stored: end, position: end) : Progress()
    }

    /// The messages of a page, and up to where the log is told with them.
    private func batch(of page: EventPage) -> (messages: [BusMessage], end: Int64) {
        var messages: [BusMessage] = []
        var bytes = 0
        for event in page.events where isWanted(event) {
            let message = BusMessage(event)
            messages.append(message)
            bytes += message.body.count
            if bytes >= Self.batchBytesMax, event.position < page.position { return (messages, event.position) }
        }
        return (messages, page.position)
    }

    private func isWanted(_ event: Event) -> Bool {
        guard !settings.typePrefixes.isEmpty else { return true }
        let type = BusMessage.type(of: event)
        return settings.typePrefixes.contains { type.hasPrefix($0) }
    }

    private func open() async throws -> SubscriptionState {
        let subscription = subscription
        if let state = try await database.read({ try SubscriptionStore.find(subscription.name, in: $0) }) {
            return state
        }
        let now = wallClock.now
        return try await database.write { try SubscriptionStore.open(subscription, now: now, in: $0) }
    }

    private func waitForMore(after position: Int64) async throws {
        let wakeUps = database.signals.wakeUps(for: .log)
        let head = try await database.read { try EventReader.head(in: $0) }
        guard head <= position else { return }
        await wait(for: wakeUps, atMost: polling, on: clock)
    }

    private func waitUntilResumed(_ state: SubscriptionState) async throws {
        let wakeUps = database.signals.wakeUps(for: .subscriptions)
        guard try await open().failure != nil else { return }
        try await tellLag(of: Progress(stored: state.position, position: state.position))
        await wait(for: wakeUps, atMost: polling, on: clock)
    }

    private func tellLag(of progress: Progress) async throws {
        guard progress.stored != nil else { return }
        let head = try await database.read { try EventReader.head(in: $0) }
        metrics.lag.record(max(0, head - progress.position))
    }

    /// Stops before an event that cannot be read.
    private func stop(for error: EventError, _ progress: inout Progress) async throws {
        guard let stored = progress.stored, let position = error.position else { throw error }
        Logger.current.error(
            "Bus stopped before an event that cannot be read",
            metadata: ["bus": "\(bus.name)", "event.position": "\(position)", "error": "\(error.code.name)"])
        let name = subscription.name
        let failure = SubscriptionState.Failure(error: "\(error)", time: wallClock.now, position: position)
        try await database.write { try SubscriptionStore.park(name, at: stored, failure: failure, in: $0) }
        progress = Progress()
    }

    private func pause(_ attempt: Int) async {
        var random = SystemRandomNumberGenerator()
        // Its only error is cancellation, which the loops look at.
        try? await clock.sleep(for: retry.delay(afterAttempt: attempt, using: &random))
    }
}
