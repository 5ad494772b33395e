package import CognitionCore
package import CognitionStorage

/// A read model that is made of the events of the log, by one handler that writes in the transaction which also moves its
/// place: every event counts in it once.
///
/// Its rows belong to a **generation**. A rebuild makes the next generation from the first event on, while the one before is
/// read; then they are exchanged in one transaction, and the old rows are deleted.
package protocol Projection: Sendable {
    /// `[a-z][a-z0-9_]{0,47}`; unique in the database.
    var name: String { get }
    /// What it wants of the log.
    var filter: EventFilter { get }
    /// Counted up whenever ``apply(_:to:in:)`` makes something else of the same events: then it is rebuilt by itself.
    var foldVersion: Int { get }
    /// What becomes of an event that the handler cannot take.
    var failurePolicy: FailurePolicy { get }
    /// Whether it is written in the transaction of the append (``InlineDatabase``), so that whoever is told of the append
    /// finds it there; else a moment later.
    ///
    /// Every append then waits for the handler. An event that it cannot take is not appended, and the append fails with
    /// the handler's error, or with ``FailurePolicy/skip`` it is put aside.
    var isInline: Bool { get }

    /// Writes what follows from `events`, at least one, into rows of the generation.
    ///
    /// Synchronous and without effects outside of the transaction, as it may run more than once. What is for others to
    /// know, such as a signal, is left out while it is rebuilt. One that is inline only writes rows, and appends nothing.
    func apply(_ events: [Event], to generation: Generation, in tx: borrowing Transaction) throws

    /// Deletes rows of a generation that nobody reads any more.
    /// - Returns: How many; fewer than `limit` when none are left.
    func delete(_ generation: Int64, limit: Int, in tx: borrowing Transaction) throws -> Int
}

extension Projection {
    package var filter: EventFilter { .all }
    package var failurePolicy: FailurePolicy { .stop }
    package var isInline: Bool { false }
}

/// What a handler writes to.
package struct Generation: Sendable, Hashable {
    package let number: Int64
    /// Nobody reads it yet, and what it writes has happened long ago.
    package let isRebuild: Bool
}

/// What becomes of a subscription when an event cannot be handled.
package enum FailurePolicy: String, Sendable, Hashable, CaseIterable {
    /// It stands still before that event until it is resumed.
    case stop
    /// The event is put aside, to be retried or discarded, and it goes on.
    case skip
}

/// How a projection is doing.
package struct ProjectionState: Sendable, Hashable {
    package enum Status: String, Sendable, Hashable, CaseIterable {
        case running
        case paused
        /// An event could not be handled.
        case stopped
        case rebuilding
    }

    package let name: String
    package let foldVersion: Int
    /// The generation that is read.
    package let generation: Int64
    package let position: Int64
    /// The log's last event.
    package let head: Int64
    package let isPaused: Bool
    package let failure: SubscriptionState.Failure?
    /// The generation that is being made, and how far it is.
    package let rebuild: Rebuild?
    /// Events that were put aside.
    package let parked: Int

    package struct Rebuild: Sendable, Hashable {
        package let generation: Int64
        package let position: Int64
        package let failure: SubscriptionState.Failure?
    }

    package var status: Status {
        if isPaused { return .paused }
        if failure != nil || rebuild?.failure != nil { return .stopped }
        return rebuild == nil ? .running : .rebuilding
    }

    package var lag: Int64 { max(0, head - position) }
}

/// An event that a projection could not handle and has gone on without.
package struct ParkedEvent: Sendable, Hashable {
    package let position: Int64
    /// For people; starts with the error's code where it has one.
    package let error: String
    package let parkedAt: Timestamp
}
