package import CognitionCore
package import CognitionStorage
package import Metrics

/// What happened, in which order?
///
/// The log has every event of every workspace in the order of the commits: positions count from 1, without a gap, and
/// no event appears before one that was read already. An event belongs to a **stream**, in which versions count from
/// 1. Events are written with ``CognitionStorage/Transaction/append(_:to:expecting:context:)``, in the transaction of
/// the change that they tell about, and never changed.
///
/// Each way to read comes twice: `async`, and with `in tx` as a part of another transaction. What was archived is read back
/// by the first; the second throws `event.archived`.
package struct EventLog: Sendable {
    package let database: any Database
    /// Where events are that have left the database.
    package let archives: EventArchives
    /// `event.store.append.duration` (seconds): of an append of its own, from the call until it is durable.
    private let appendDuration: Metrics.Timer
    /// `event.store.replay.duration` (seconds): of a load of an aggregate, from the call to the state.
    let replayDuration: Metrics.Timer

    package init(
        _ database: any Database, archives: EventArchives = .none, metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        self.database = database
        self.archives = archives
        appendDuration = Metrics.Timer(label: "event.store.append.duration", factory: metrics)
        replayDuration = Metrics.Timer(label: "event.store.replay.duration", factory: metrics)
    }

    /// Writes events in a transaction of their own.
    /// - Throws: As ``CognitionStorage/Transaction/append(_:to:expecting:context:)`` does.
    @discardableResult
    package func append(
        _ events: [NewEvent], to stream: StreamName, expecting expected: ExpectedVersion = .any, context: EventContext
    ) async throws -> AppendReceipt {
        try await timed { try $0.append(events, to: stream, expecting: expected, context: context) }
    }

    /// Writes to several streams, all of it or nothing.
    /// - Returns: A receipt for each, in their order.
    /// - Throws: As ``append(_:to:expecting:context:)``.
    @discardableResult
    package func append(_ appends: [StreamAppend], context: EventContext) async throws -> [AppendReceipt] {
        try await timed { tx in
            var receipts: [AppendReceipt] = []
            for append in appends {
                receipts.append(
                    try tx.append(append.events, to: append.stream, expecting: append.expected, context: context))
            }
            return receipts
        }
    }

    private func timed<Receipts: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Receipts
    ) async throws -> Receipts {
        let start = ContinuousClock.now
        let receipts = try await database.write(body)
        appendDuration.record(duration: ContinuousClock.now - start)
        return receipts
    }

    /// Writes what users of the platform have to tell, which is not for the streams of the platform itself.
    /// - Parameter schemas: What the events are checked against.
    /// - Throws: `event.stream_reserved`, `event.schema_violated`; else as ``append(_:context:)``.
    package func accept(
        _ appends: [StreamAppend], context: EventContext, checkedBy schemas: EventSchemas
    ) async throws -> [AppendReceipt] {
        if let reserved = appends.first(where: { PlatformStreams.types.contains($0.stream.type) }) {
            throw EventError(
                .streamReserved, "streams of type \(reserved.stream.type) are written by the platform alone")
        }
        try await schemas.check(appends, in: context.workspace)
        return try await append(appends, context: context)
    }

    /// The position of the last event, 0 for an empty log.
    package func head() async throws -> Int64 {
        try await database.read { try EventReader.head(in: $0) }
    }

    package static func head(in tx: borrowing Transaction) throws -> Int64 {
        try EventReader.head(in: tx)
    }

    /// Events of one stream, in the order of their versions; none when there is no such stream.
    ///
    /// - Parameters:
    ///   - fromVersion: The first version wanted, which backward is the highest; versions count from 1.
    ///   - limit: 1...1,000; a page with much data may have fewer.
    /// - Throws: `event.archived` when they are in a file that is not at hand.
    package func readStream(
        _ stream: StreamName, workspace: WorkspaceID, fromVersion: Int64 = 1, _ direction: ReadDirection = .forward,
        limit: Int = 1_000
    ) async throws -> StreamPage {
        let window = try await database.read { tx in
            try EventReader.streamWindow(
                stream, workspace: workspace, fromVersion: fromVersion, direction, limit: limit, in: tx)
        }
        return try await archives.complete(window)
    }

    package static func readStream(
        _ stream: StreamName, workspace: WorkspaceID, fromVersion: Int64 = 1, _ direction: ReadDirection = .forward,
        limit: Int = 1_000, in tx: borrowing Transaction
    ) throws -> StreamPage {
        try EventReader.streamWindow(
            stream, workspace: workspace, fromVersion: fromVersion, direction, limit: limit, in: tx
        ).complete
    }

    /// Events of the log, in the order of their positions.
    ///
    /// A page looks through a bounded piece of the log, so it may have fewer events than `limit`, or none, before the
    /// end; the next starts after its `position`.
    ///
    /// - Parameter limit: 1...1,000.
    /// - Throws: `event.archived` when some of it is in a file that is not at hand.
    package func readAll(
        after position: Int64 = 0, limit: Int = 1_000, filter: EventFilter = .all
    ) async throws -> EventPage {
        let window = try await database.read {
            try EventReader.window(after: position, limit: limit, filter: filter, in: $0)
        }
        return try await archives.complete(window)
    }

    package static func readAll(
        after position: Int64 = 0, limit: Int = 1_000, filter: EventFilter = .all, in tx: borrowing Transaction
    ) throws -> EventPage {
        try EventReader.readAll(after: position, limit: limit, filter: filter, in: tx)
    }

    /// Events of the log towards its beginning, the newest first; else as ``readAll(after:limit:filter:)``.
    /// - Parameter position: Events before this one; `nil` for the end of the log.
    package func readAll(
        before position: Int64?, limit: Int = 1_000, filter: EventFilter = .all
    ) async throws -> EventPage {
        let window = try await database.read {
            try EventReader.window(before: position ?? .max, limit: limit, filter: filter, in: $0)
        }
        return try await archives.complete(window)
    }

    /// The events after `position` and then every new one, as long as they are pulled.
    ///
    /// - Parameters:
    ///   - position: `nil` for the end of the log at the first pull.
    ///   - pageMax: Events held in memory, 1...1,000.
    ///   - polling: How long to wait at most before looking again, for the case that a wake-up was lost.
    package func tail(
        after position: Int64? = nil, filter: EventFilter = .all, pageMax: Int = 256,
        clock: any Clock<Duration> = ContinuousClock(), polling: Duration = .seconds(1)
    ) -> EventTail {
        EventTail(
            log: self, position: position, filter: filter, pageMax: pageMax, clock: clock, polling: polling)
    }
}

// MARK: - Subscriptions

extension EventLog {
    /// All durable subscriptions, by name; at most 1,000.
    package func subscriptions() async throws -> [SubscriptionState] {
        try await database.read { try SubscriptionStore.list(in: $0) }
    }

    /// - Throws: `event.subscription_unknown`.
    package func subscription(named name: String) async throws -> SubscriptionState {
        try await database.read { tx in
            guard let state = try SubscriptionStore.find(name, in: tx) else { throw SubscriptionStore.unknown(name) }
            return state
        }
    }

    /// Takes away the place of a subscription that nobody serves any more, and what it has put aside: nothing waits for it, and
    /// one of that name begins anew.
    /// - Throws: `event.subscription_unknown`.
    package func forgetSubscription(named name: String) async throws {
        try await database.write { try SubscriptionStore.forget(name, in: $0) }
    }

    /// Makes the place of a subscription at the end of the log, unless there is one: whoever reads on from it misses nothing that
    /// comes after this transaction.
    package static func follow(_ name: String, now: Timestamp, in tx: borrowing Transaction) throws {
        try SubscriptionStore.make(name, at: try EventReader.head(in: tx), now: now, in: tx)
    }

    /// Takes a place away that nobody reads on from, so that it holds nothing back; none is there afterwards.
    package static func unfollow(_ name: String, in tx: borrowing Transaction) throws {
        guard try SubscriptionStore.find(name, in: tx) != nil else { return }
        try SubscriptionStore.forget(name, in: tx)
    }

    /// Lets a subscription that has stopped go on.
    ///
    /// - Parameter skippingFailed: Go on after the event that failed, which is then never handled.
    /// - Throws: `event.subscription_unknown`.
    package func resumeSubscription(
        named name: String, skippingFailed: Bool = false, now: Timestamp
    ) async throws {
        try await database.write { tx in
            try SubscriptionStore.resume(name, skipping: skippingFailed, now: now, in: tx)
        }
    }
}
