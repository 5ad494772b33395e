package import CognitionCore
package import CognitionStorage
import Logging
package import Metrics

/// Hands the events of the log to a handler, batch by batch, each in the transaction that also moves the subscription's
/// place: what the handler writes there is written **exactly once** for every event.
///
/// Any number of runners may serve one subscription, on any number of machines; one of them moves, the others follow.
///
/// A failure that may pass (an error of category `unavailable`) is tried again after ever longer delays. Any other
/// error of the handler, and an event that is damaged, stop the subscription before that event, with the error in its
/// row, until it is resumed; the runner waits for that. With ``FailurePolicy/skip`` the event is put aside instead, which
/// the counter `events.parked` counts by `subscription`.
///
/// The gauge `events.subscription.lag` tells by `subscription` how many events of the log are still to be looked through.
package struct SubscriptionRunner: Sendable {
    /// Synchronous and without effects outside of the transaction, as it may run more than once. A batch has one event
    /// at least; all match the subscription's filter.
    package typealias Handler = @Sendable (_ events: [Event], _ tx: borrowing Transaction) throws -> Void

    /// What a projection adds to its transactions.
    struct Attendance: Sendable {
        /// Called first; throws when the batch is not wanted.
        let begin: @Sendable (_ tx: borrowing Transaction) throws -> Void
        /// Appends move the place as well, once it has come to the end of the log.
        let isInline: Bool
        /// The place is stored at the end of the log also when nothing has matched, as others look at it.
        let isExact: Bool
    }

    package let subscription: Subscription
    private let database: any Database
    private let archives: EventArchives
    private let wallClock: any WallClock
    private let clock: any Clock<Duration>
    private let polling: Duration
    private let rest: Duration
    private let retry: RetryPolicy
    private let failurePolicy: FailurePolicy
    private let attendance: Attendance?
    private let lag: Gauge
    private let parked: Counter
    private let handler: Handler

    /// Positions without a matching event after which the place is stored all the same.
    private static let silentPositionsMax: Int64 = 1_000
    /// And after this time without one: what lies behind the place cannot leave the database.
    private static let silenceMax: Duration = .seconds(60)

    /// Delays of 100 ms, doubled up to 30 s, without end.
    package static let standardRetry = RetryPolicy(
        delay: .milliseconds(100), backoff: .exponential(), delayMax: .seconds(30))

    /// - Parameters:
    ///   - label: What metrics call the subscription; its name unless given.
    ///   - archives: Where events are that have left the database. What is not at hand is waited for.
    ///   - clock: What the runner sleeps on.
    ///   - polling: How long it waits at most before it looks again, for the case that a wake-up was lost.
    ///   - rest: How long it stands still after a batch that has come to the end of the log, so that what comes one by one
    ///     is handled together and not with a commit for each.
    ///   - retry: Delays between attempts; its bounds on their number and duration do not count.
    package init(
        _ subscription: Subscription, label: String? = nil, database: any Database,
        archives: EventArchives = .none, wallClock: any WallClock = SystemWallClock(),
        clock: any Clock<Duration> = ContinuousClock(), polling: Duration = .seconds(1),
        rest: Duration = .zero, retry: RetryPolicy = Self.standardRetry, failurePolicy: FailurePolicy = .stop,
        metrics: any MetricsFactory = MetricsSystem.factory, handler: @escaping Handler
    ) {
        self.init(
            subscription, label: label, database: database, archives: archives, wallClock: wallClock, clock: clock,
            polling: polling, rest: rest, retry: retry, failurePolicy: failurePolicy, attendance: nil, metrics: metrics,
            handler: handler)
    }

    init(
        _ subscription: Subscription, label: String?, database: any Database, archives: EventArchives,
        wallClock: any WallClock, clock: any Clock<Duration>, polling: Duration, rest: Duration,
        retry: RetryPolicy = Self.standardRetry,
        failurePolicy: FailurePolicy, attendance: Attendance?, metrics: any MetricsFactory, handler: @escaping Handler
    ) {
        self.subscription = subscription
        self.database = database
        self.archives = archives
        self.wallClock = wallClock
        self.clock = clock
        self.polling = polling
        self.rest = rest
        self.retry = retry
        self.failurePolicy = failurePolicy
        self.attendance = attendance
        let dimensions = [("subscription", label ?? subscription.name)]
        lag = Gauge(label: "events.subscription.lag", dimensions: dimensions, factory: metrics)
        parked = Counter(label: "events.parked", dimensions: dimensions, factory: metrics)
        self.handler = handler
    }

    /// Runs until the task is cancelled, and then returns; a transaction that has begun is completed.
    /// - Throws: What the database throws when it is closed.
    package func run() async throws {
        var progress = Progress()
        while !Task.isCancelled {
            do {
                do {
                    try await step(&progress)
                } catch  where !error.mayPass && !(error is CancellationError) {
                    try await stop(for: error, &progress)
                }
                progress.failures = 0
            } catch is CancellationError {
                return
            } catch let error as StorageError where error.code == .storageClosed {
                throw error
            } catch {
                progress.failures += 1
                // Whoever has the file that this node lacks may have moved the place past it.
                if (error as? EventError)?.code == .eventArchived { progress.stored = nil }
                await pause(after: error, attempt: progress.failures)
            }
        }
    }

    /// What one runner knows; all of it can be read again.
    private struct Progress {
        /// As it is stored; `nil`: to be loaded.
        var stored: Int64?
        /// When that was so for the first time.
        var storedAt: Timestamp?
        /// Looked through up to here; not before `stored`.
        var position: Int64 = 0
        /// Up to here events are handled one by one.
        var singlyUntil: Int64 = 0
        /// Attempts that failed since the last that did not.
        var failures = 0
    }

    /// An error of the handler, which no repetition mends.
    private struct HandlerFailure: Error {
        let error: any Error
        let first: Int64
        let end: Int64
        let count: Int
    }

    private func step(_ progress: inout Progress) async throws {
        guard progress.stored != nil else {
            let state = try await open()
            guard state.failure == nil else { return try await waitUntilResumed(at: state.position) }
            progress.stored = state.position
            progress.storedAt = wallClock.now
            progress.position = state.position
            return
        }
        let (page, stored) = try await next(&progress)
        let isArrival = attendance?.isExact == true && page.isAtEnd && page.position > stored
        let now = wallClock.now
        let isLate = page.position > stored && progress.storedAt.map { now - $0 >= Self.silenceMax } ?? false
        if page.events.isEmpty, page.position - stored < Self.silentPositionsMax, !isArrival, !isLate {
            progress.position = page.position
            if page.isAtEnd { try await waitForMore(progress) }
            return
        }
        if let page = try await handle(page, from: stored, progress, now: now) {
            progress.stored = page.position
            progress.storedAt = now
            progress.position = page.position
            if page.isAtEnd, rest > .zero { try await clock.sleep(for: rest) }
        } else {
            progress.stored = nil
        }
    }

    private func open() async throws -> SubscriptionState {
        let subscription = subscription
        if let state = try await database.read({ try SubscriptionStore.find(subscription.name, in: $0) }) {
            return state
        }
        let now = wallClock.now
        return try await database.write { try SubscriptionStore.open(subscription, now: now, in: $0) }
    }

    private func limit(at position: Int64, _ progress: Progress) -> Int {
        position < progress.singlyUntil ? 1 : subscription.batchMax
    }

    /// - Returns: What comes next, and the place as it is stored.
    private func next(_ progress: inout Progress) async throws -> (EventPage, stored: Int64) {
        let (known, subscription, isInline) = (progress, subscription, attendance?.isInline == true)
        let (window, stored, start) = try await database.read { tx in
            // At one moment, so that what appends have handled is not taken for something that is still to be done.
            let place = isInline ? try SubscriptionStore.find(subscription.name, in: tx)?.position : nil
            let stored = place ?? known.stored ?? known.position
            let start = stored == known.stored ? known.position : stored
            let window = try EventReader.window(
                after: start, limit: limit(at: start, known), filter: subscription.filter, in: tx)
            return (window, stored, start)
        }
        let page = try await archives.complete(window)
        (progress.stored, progress.position) = (stored, start)
        tellLag(of: start, behind: page.head)
        return (page, stored)
    }

    /// - Returns: What was handled; `nil` when the place was not `stored` any more, and nothing was.
    private func handle(_ page: EventPage, from stored: Int64, _ progress: Progress, now: Timestamp) async throws
        -> EventPage?
    {
        let limit = limit(at: progress.position, progress)
        let (subscription, handler, attendance) = (subscription, handler, attendance)
        return try await database.write { tx in
            try attendance?.begin(tx)
            var page = page
            if page.isAtEnd, attendance?.isInline == true {
                // Nobody appends until the commit, so that the next append finds it at the end.
                _ = try EventReader.head(locked: true, in: tx)
                page = try Self.extend(page, limit: limit, filter: subscription.filter, in: tx)
            }
            guard
                try SubscriptionStore.move(subscription.name, from: stored, to: page.position, now: now, in: tx)
            else { return nil }
            if let first = page.events.first {
                do {
                    try handler(page.events, tx)
                } catch  where error.mayPass {
                    throw error
                } catch {
                    throw HandlerFailure(
                        error: error, first: first.position, end: page.position, count: page.events.count)
                }
            }
            return page
        }
    }

    /// Adds what has come since a page was read, as far as there is room for it.
    private static func extend(
        _ page: EventPage, limit: Int, filter: EventFilter, in tx: borrowing Transaction
    ) throws -> EventPage {
        guard page.events.count < limit else { return page }
        let rest = try EventReader.readAll(
            after: page.position, limit: limit - page.events.count, filter: filter, in: tx)
        return EventPage(
            events: page.events + rest.events, position: rest.position, head: rest.head, isAtEnd: rest.isAtEnd)
    }

    /// Waits for a change of the log that came after `progress.position` was read.
    private func waitForMore(_ progress: Progress) async throws {
        let wakeUps = database.signals.wakeUps(for: .log)
        let head = try await database.read { try EventReader.head(in: $0) }
        tellLag(of: progress.position, behind: head)
        guard head <= progress.position else { return }
        await wait(for: wakeUps, atMost: polling, on: clock)
    }

    private func waitUntilResumed(at position: Int64) async throws {
        let wakeUps = database.signals.wakeUps(for: .subscriptions)
        guard try await open().failure != nil else { return }
        tellLag(of: position, behind: try await database.read { try EventReader.head(in: $0) })
        await wait(for: wakeUps, atMost: polling, on: clock)
    }

    private func tellLag(of position: Int64, behind head: Int64) { lag.record(max(0, head - position)) }

    private func pause(after error: any Error, attempt: Int) async {
        Logger.current.warning(
            "Subscription is tried again",
            metadata: [
                "subscription.name": "\(subscription.name)", "attempt": "\(attempt)", "error": "\(error.codeName)",
            ])
        var random = SystemRandomNumberGenerator()
        let delay = retry.delay(afterAttempt: attempt, using: &random)
        // Its only error is cancellation, which the loop looks at.
        try? await clock.sleep(for: delay)
    }

    /// Stops the subscription before the event that cannot be handled, or goes on without it; of a batch, that one is found
    /// first.
    private func stop(for error: any Error, _ progress: inout Progress) async throws {
        let failure = error as? HandlerFailure
        if let failure, failure.count > 1 {
            progress.singlyUntil = failure.end
            return
        }
        guard let stored = progress.stored, let position = failure?.first ?? (error as? EventError)?.position else {
            throw error
        }
        let cause = failure?.error ?? error
        Logger.current.error(
            failurePolicy == .stop ? "Subscription stopped" : "Event put aside",
            metadata: [
                "subscription.name": "\(subscription.name)", "event.position": "\(position)",
                "error": "\(cause.codeName)",
            ])
        let entry = SubscriptionState.Failure(
            error: SubscriptionStore.text(of: cause), time: wallClock.now, position: position)
        let name = subscription.name
        switch failurePolicy {
        case .stop: try await database.write { try SubscriptionStore.park(name, at: stored, failure: entry, in: $0) }
        case .skip:
            let isParked = try await database.write { tx in
                guard try SubscriptionStore.move(name, from: stored, to: position, now: entry.time, in: tx) else {
                    return false
                }
                try ParkedEventStore.park(position, of: name, error: entry.error, now: entry.time, in: tx)
                return true
            }
            if isParked { parked.increment() }
        }
        progress.stored = nil
    }
}

extension Error {
    /// The same may succeed later: also where another node has the archive, or it is put back.
    fileprivate var mayPass: Bool {
        guard let error = self as? any CodedError else { return false }
        return error.category == .unavailable || error.code == .eventArchived
    }

    /// Nothing of the error's text, which may hold what belongs in no log.
    fileprivate var codeName: String { (self as? any CodedError)?.code.name ?? "\(type(of: self))" }
}
