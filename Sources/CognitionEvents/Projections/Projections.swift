package import CognitionCore
package import CognitionStorage

/// How the projections of a database are doing, and what they are told to do; any node does it.
package struct Projections: Sendable {
    private let database: any Database
    private let archives: EventArchives
    private let clock: any WallClock
    private let upcasters: Upcasters

    /// - Parameters:
    ///   - archives: Where events are that have left the database.
    ///   - upcasters: What events are handed over through.
    package init(
        _ database: any Database, archives: EventArchives = .none, clock: any WallClock, upcasters: Upcasters = .none
    ) {
        self.database = database
        self.archives = archives
        self.clock = clock
        self.upcasters = upcasters
    }

    /// All of them, by name; at most 1,000.
    package func list() async throws -> [ProjectionState] {
        try await database.read { tx in
            let head = try EventReader.head(in: tx)
            return try ProjectionStore.list(in: tx).map { try Self.state($0, head: head, in: tx) }
        }
    }

    /// - Throws: `event.projection_unknown`.
    package func state(of name: String) async throws -> ProjectionState {
        try await database.read { tx in
            try Self.state(try Self.row(name, in: tx), head: try EventReader.head(in: tx), in: tx)
        }
    }

    /// Makes it anew from the first event, beside what is read.
    /// - Throws: `event.projection_unknown`, `event.projection_rebuilding`.
    package func rebuild(_ name: String) async throws {
        let now = clock.now
        try await database.write { try ProjectionStore.rebuild(name, now: now, in: $0) }
    }

    /// Lets it stand still.
    /// - Throws: `event.projection_unknown`.
    package func pause(_ name: String) async throws {
        let now = clock.now
        try await database.write { try ProjectionStore.pause(name, since: now, in: $0) }
    }

    /// Lets it go on, also when an event has stopped it: that one is tried again.
    /// - Parameter skippingFailed: Goes on after that event, which is then never handled.
    /// - Throws: `event.projection_unknown`.
    package func resume(_ name: String, skippingFailed: Bool = false) async throws {
        let now = clock.now
        try await database.write { tx in
            try ProjectionStore.pause(name, since: nil, in: tx)
            let row = try Self.row(name, in: tx)
            for generation in row.generations {
                let subscription = ProjectionStore.subscription(of: name, generation: generation)
                guard try SubscriptionStore.find(subscription, in: tx)?.failure != nil else { continue }
                try SubscriptionStore.resume(subscription, skipping: skippingFailed, now: now, in: tx)
            }
        }
    }

    // MARK: Events that were put aside

    /// - Parameter limit: 1...200.
    /// - Throws: `event.projection_unknown`.
    package func parked(_ name: String, after position: Int64 = 0, limit: Int = 50) async throws -> [ParkedEvent] {
        try await database.read { tx in
            try ParkedEventStore.list(try Self.row(name, in: tx).subscription, after: position, limit: limit, in: tx)
        }
    }

    /// Hands an event that was put aside to the projection once more.
    /// - Throws: `event.projection_unknown`, `event.projection_paused`, `event.parked_unknown`; `event.archived` where the file
    ///   that it lies in is not at hand; what an upcaster or the projection throws. Then it stays there.
    package func retry(_ position: Int64, of projection: some Projection) async throws {
        let window = try await database.read { tx in
            let subscription = try Self.row(projection.name, in: tx).subscription
            guard try ParkedEventStore.has(position, of: subscription, in: tx) else {
                throw Self.notParked(position, projection.name)
            }
            return try EventReader.window(after: position - 1, limit: 1, filter: .all, in: tx)
        }
        // Events do not change, and no transaction waits for a file.
        guard let stored = try await archives.complete(window).events.first, stored.position == position else {
            throw EventError(.eventDamaged, "there is no event at position \(position)", position: position)
        }
        let event = try upcasters.upcast(stored)
        try await database.write { tx in
            // Held, so that it is neither paused nor exchanged before the commit.
            let row = try Self.row(projection.name, .share, in: tx)
            guard !row.isPaused else {
                throw EventError(.projectionPaused, "the projection \(row.name) is paused; resume it first")
            }
            guard try ParkedEventStore.remove(position, of: row.subscription, in: tx) else {
                throw Self.notParked(position, row.name)
            }
            try projection.apply([event], to: Generation(number: row.live, isRebuild: false), in: tx)
        }
    }

    /// Lets go of an event that was put aside.
    /// - Throws: `event.projection_unknown`, `event.parked_unknown`.
    package func discard(_ position: Int64, of name: String) async throws {
        try await database.write { tx in
            guard try ParkedEventStore.remove(position, of: try Self.row(name, in: tx).subscription, in: tx) else {
                throw Self.notParked(position, name)
            }
        }
    }

    private static func row(
        _ name: String, _ lock: ProjectionStore.Lock = .none, in tx: borrowing Transaction
    ) throws -> ProjectionStore.Row {
        guard let row = try ProjectionStore.find(name, lock, in: tx) else { throw ProjectionStore.unknown(name) }
        return row
    }

    private static func notParked(_ position: Int64, _ name: String) -> EventError {
        EventError(.parkedUnknown, "the projection \(name) has not put an event at position \(position) aside")
    }

    private static func state(
        _ row: ProjectionStore.Row, head: Int64, in tx: borrowing Transaction
    ) throws -> ProjectionState {
        let live = try SubscriptionStore.find(row.subscription, in: tx)
        let rebuild = try row.building.map { building in
            let place = try SubscriptionStore.find(
                ProjectionStore.subscription(of: row.name, generation: building), in: tx)
            return ProjectionState.Rebuild(
                generation: building, position: place?.position ?? 0, failure: place?.failure)
        }
        return ProjectionState(
            name: row.name, foldVersion: row.foldVersion, generation: row.live, position: live?.position ?? 0,
            head: head, isPaused: row.isPaused, failure: live?.failure, rebuild: rebuild,
            parked: try ParkedEventStore.count(row.subscription, in: tx))
    }
}
