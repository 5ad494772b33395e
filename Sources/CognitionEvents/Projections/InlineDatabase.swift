package import CognitionCore
package import CognitionStorage
package import Metrics

/// A database in which whoever appends to the log writes the inline projections with it.
///
/// Each is handed what a transaction appends, last before its commit, if it has everything before that: its rows and its
/// place then say what the log says. One that is behind, as it is new or was paused or stopped, is left alone until a
/// ``ProjectionRunner`` has brought it to the end of the log.
package struct InlineDatabase: Database {
    private let database: any Database
    private let inline: InlineProjections

    /// - Returns: `database` itself when none of `projections` is inline.
    package static func serving(
        _ projections: [any Projection], in database: any Database, clock: any WallClock,
        upcasters: Upcasters = .none, metrics: any MetricsFactory = MetricsSystem.factory
    ) -> any Database {
        let inline = projections.filter(\.isInline)
        guard !inline.isEmpty else { return database }
        return InlineDatabase(
            database: database,
            inline: InlineProjections(inline, clock: clock, upcasters: upcasters, metrics: metrics))
    }

    package var dialect: Dialect { database.dialect }
    package var isGuest: Bool { database.isGuest }
    package var isShared: Bool { database.isShared }
    package var signals: Signals { database.signals }
    package var writesWaiting: Int { database.writesWaiting }

    package func write<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) async throws -> Value {
        let inline = inline
        return try await database.write { tx in
            tx.commitStep(InlineStep.self).serve(inline)
            return try body(tx)
        }
    }

    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) async throws -> Value {
        try await database.read(body)
    }

    package func backup(to path: String) async throws { try await database.backup(to: path) }

    package func close() async { await database.close() }
}

/// The projections of a program that are written with the appends.
struct InlineProjections: Sendable {
    private struct Entry: Sendable {
        let projection: any Projection
        let parked: Counter
    }

    /// By name, so that all go through them in one order.
    private let entries: [Entry]
    private let clock: any WallClock
    private let upcasters: Upcasters

    init(_ projections: [any Projection], clock: any WallClock, upcasters: Upcasters, metrics: any MetricsFactory) {
        entries = projections.sorted { $0.name < $1.name }.map { projection in
            let label = ProjectionStore.label(of: projection.name, isRebuild: false)
            return Entry(
                projection: projection,
                parked: Counter(label: "events.parked", dimensions: [("subscription", label)], factory: metrics))
        }
        self.clock = clock
        self.upcasters = upcasters
    }

    /// Hands events that were appended just now to every projection that is at the event before them.
    ///
    /// The head of the log is locked already, so that appends come one after the other, and whoever else moves such a place
    /// locks the head before it.
    func take(_ positions: ClosedRange<Int64>, in tx: borrowing Transaction) throws {
        for entry in entries {
            let name = entry.projection.name
            guard let row = try ProjectionStore.find(name, in: tx), !row.isPaused,
                row.foldVersion <= entry.projection.foldVersion,
                // One that is behind is not waited for.
                try SubscriptionStore.find(row.subscription, in: tx)?.position == positions.lowerBound - 1,
                try SubscriptionStore.hold(row.subscription, in: tx) == positions.lowerBound - 1,
                // Whoever pauses or exchanges it holds its place meanwhile, so what is found now stays so.
                let held = try ProjectionStore.find(name, in: tx), held.live == row.live, !held.isPaused
            else { continue }
            let handler = ProjectionHandler(
                projection: entry.projection, generation: Generation(number: row.live, isRebuild: false),
                upcasters: upcasters)
            let now = clock.now
            try handler.each(after: positions.lowerBound - 1, in: tx) { events in
                guard entry.projection.failurePolicy == .skip else { return try handler.hand(events, in: tx) }
                try hand(events, to: handler, parking: (row.subscription, entry.parked, now), in: tx)
            }
            _ = try SubscriptionStore.move(
                row.subscription, from: positions.lowerBound - 1, to: positions.upperBound, now: now, in: tx)
        }
    }

    private func hand(
        _ events: [Event], to handler: ProjectionHandler,
        parking: (subscription: String, counter: Counter, now: Timestamp), in tx: borrowing Transaction
    ) throws {
        guard let error = try tx.attempt({ try handler.hand(events, in: tx) }) else { return }
        if (error as? any CodedError)?.category == .unavailable { throw error }
        guard events.count == 1, let event = events.first else {
            for event in events { try hand([event], to: handler, parking: parking, in: tx) }
            return
        }
        try ParkedEventStore.park(
            event.position, of: parking.subscription, error: SubscriptionStore.text(of: error), now: parking.now, in: tx
        )
        let counter = parking.counter
        tx.afterCommit { counter.increment() }
    }
}

/// Hands events of the log to one generation of a projection.
struct ProjectionHandler: Sendable {
    let projection: any Projection
    let generation: Generation
    let upcasters: Upcasters

    func hand(_ events: [Event], in tx: borrowing Transaction) throws {
        try projection.apply(try events.map(upcasters.upcast), to: generation, in: tx)
    }

    /// Calls `body` with the events that the projection wants after a position, page by page to the end of the log.
    func each(
        after position: Int64, in tx: borrowing Transaction, _ body: (_ events: [Event]) throws -> Void
    ) throws {
        var position = position
        while true {
            let page = try EventReader.readAll(
                after: position, limit: EventReader.limitMax, filter: projection.filter, in: tx)
            if !page.events.isEmpty { try body(page.events) }
            if page.isAtEnd { return }
            position = page.position
        }
    }
}
