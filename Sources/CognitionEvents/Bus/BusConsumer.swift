package import CognitionCore
package import CognitionStorage
import Logging
package import Metrics

/// Takes events of other systems: each has its effect exactly once, in the transaction that also notes that it came, and is
/// accepted after the commit.
///
/// What cannot be read, or is refused for good, is put aside with the reason. While the database is away messages are held,
/// as many as the broker hands out without an answer, and tried again.
package struct BusConsumer: Sendable {
    /// What an event does; called outside of any transaction. An error that will not pass puts the message aside.
    package typealias Intake = @Sendable (_ event: JSONValue, _ delivery: BusDelivery) throws -> BusIntake

    private let inbox: any BusInbox
    private let database: any Database
    private let wallClock: any WallClock
    private let clock: any Clock<Duration>
    private let retry: RetryPolicy
    private let accepted: Counter
    private let repeated: Counter
    private let deadLettered: Counter
    private let intake: Intake

    /// How often what came long ago is forgotten.
    private static let sweepPause: Duration = .seconds(600)

    /// - Parameters:
    ///   - clock: What the consumer sleeps on.
    ///   - retry: Delays between attempts; its bounds on their number and duration do not count.
    package init(
        _ inbox: any BusInbox, database: any Database, wallClock: any WallClock = SystemWallClock(),
        clock: any Clock<Duration> = ContinuousClock(), retry: RetryPolicy = SubscriptionRunner.standardRetry,
        metrics: any MetricsFactory = MetricsSystem.factory, intake: @escaping Intake
    ) {
        self.inbox = inbox
        self.database = database
        self.wallClock = wallClock
        self.clock = clock
        self.retry = retry
        accepted = Counter(
            label: "bus.consumed", dimensions: [("bus", inbox.name), ("outcome", "accepted")], factory: metrics)
        repeated = Counter(
            label: "bus.consumed", dimensions: [("bus", inbox.name), ("outcome", "repeated")], factory: metrics)
        deadLettered = Counter(label: "bus.dead_lettered", dimensions: [("bus", inbox.name)], factory: metrics)
        self.intake = intake
    }

    /// Runs until the task is cancelled, and then returns; a transaction that has begun is completed.
    /// - Throws: What the database throws when it is closed.
    package func run() async throws {
        var attempt = 0
        var sweptAt: ContinuousClock.Instant?
        while !Task.isCancelled {
            do {
                if sweptAt.map({ ContinuousClock.now - $0 > Self.sweepPause }) ?? true {
                    try await forgetOld()
                    sweptAt = .now
                }
                try await handle(try await inbox.receive())
                if attempt > 0 { Logger.current.notice("Inbox reached again", metadata: ["bus": "\(inbox.name)"]) }
                attempt = 0
            } catch is CancellationError {
                return
            } catch let error as StorageError where error.code == .storageClosed {
                throw error
            } catch {
                attempt += 1
                // An outage is told once, and its end once.
                if attempt == 1 {
                    Logger.current.warning(
                        "Inbox not reached", metadata: ["bus": "\(inbox.name)", "error": "\(error)"])
                }
                await inbox.giveBack()
                await pause(attempt)
            }
        }
    }

    // MARK: Messages

    private typealias Piece = (delivery: BusDelivery, intake: BusIntake)

    private func handle(_ deliveries: [BusDelivery]) async throws {
        guard !deliveries.isEmpty else { return }
        var pieces: [Piece] = []
        for delivery in deliveries {
            do {
                pieces.append((delivery, try intake(try Self.event(of: delivery), delivery)))
            } catch let error as any CodedError where error.category != .unavailable {
                try await putAside(delivery, error)
            }
        }
        guard !pieces.isEmpty else { return }
        do {
            try await take(pieces)
        } catch let error as any CodedError where error.isLasting {
            // Of a batch, the one that is refused is found singly.
            for piece in pieces {
                do {
                    try await take([piece])
                } catch let error as any CodedError where error.isLasting {
                    try await putAside(piece.delivery, error)
                }
            }
        }
    }

    private static func event(of delivery: BusDelivery) throws(EventError) -> JSONValue {
        guard !delivery.isTooLong else {
            throw EventError(.busMessageInvalid, "the message is too long to be an event")
        }
        do {
            return try JSONValue(parsing: delivery.body)
        } catch {
            throw EventError(.busMessageInvalid, "the message is no JSON: \(error)", cause: error)
        }
    }

    private func take(_ pieces: [Piece]) async throws {
        let new = try await commit(pieces.map(\.intake))
        accepted.increment(by: new)
        repeated.increment(by: pieces.count - new)
        try await inbox.accept(pieces.map(\.delivery))
    }

    /// - Returns: How many of them were new.
    private func commit(_ intakes: [BusIntake]) async throws -> Int {
        let now = wallClock.now
        var attempt = 0
        while true {
            do {
                return try await database.write { tx in
                    var new = 0
                    for intake in intakes where try BusInboxStore.note(intake, now: now, in: tx) {
                        try intake.apply(tx)
                        new += 1
                    }
                    return new
                }
            } catch let error as StorageError where error.mayPass {
                // What may have been committed is found as noted.
                attempt += 1
                if attempt == 1 {
                    Logger.current.warning(
                        "Inbox waits for the database", metadata: ["bus": "\(inbox.name)", "error": "\(error)"])
                }
                await pause(attempt)
                try Task.checkCancellation()
            }
        }
    }

    private func putAside(_ delivery: BusDelivery, _ error: any CodedError) async throws {
        try await inbox.putAside(delivery, because: error)
        deadLettered.increment()
        Logger.current.warning(
            "Message put aside", metadata: ["bus": "\(inbox.name)", "error": "\(error.code.name)"])
    }

    private func forgetOld() async throws {
        let moment = wallClock.now - BusInboxStore.memory
        while try await database.write({ try BusInboxStore.forget(before: moment, in: $0) }) {}
    }

    private func pause(_ attempt: Int) async {
        var random = SystemRandomNumberGenerator()
        // Its only error is cancellation, which the loops look at.
        try? await clock.sleep(for: retry.delay(afterAttempt: attempt, using: &random))
    }
}

extension StorageError {
    fileprivate var mayPass: Bool { code != .storageClosed && !isLasting }
}

extension CodedError {
    /// The same message would be refused again. What the bus itself and a database in trouble say is not about a message.
    fileprivate var isLasting: Bool {
        if code == .busRefused || code == .commitUnknown { return false }
        return category != .unavailable && !(self is StorageError && category == .internal)
    }
}
