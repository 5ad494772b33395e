package import CognitionCore
package import CognitionStorage
import Logging
package import Metrics

/// Keeps one projection up to date, rebuilds it when that is wanted, and takes away what was before.
///
/// Any number of runners may serve one projection, on any number of machines. The counter `events.projection.rebuilds` tells
/// by `projection` how often a rebuilt generation was taken up.
package struct ProjectionRunner: Sendable {
    private static let deletedMax = 500

    package let projection: any Projection
    private let database: any Database
    private let archives: EventArchives
    private let wallClock: any WallClock
    private let clock: any Clock<Duration>
    private let polling: Duration
    private let rest: Duration
    private let upcasters: Upcasters
    private let metrics: any MetricsFactory
    private let rebuilds: Counter
    /// The gauge that the runner of a rebuild writes, to be set back when there is none any more.
    private let rebuildLag: Gauge

    /// - Parameters:
    ///   - archives: Where events are that have left the database, which one that is made anew begins with.
    ///   - clock: What the runner sleeps on.
    ///   - polling: How long it waits at most before it looks again.
    ///   - rest: How long it stands still each time it has come to the end of the log.
    ///   - upcasters: What events are handed over through.
    package init(
        _ projection: any Projection, database: any Database, archives: EventArchives = .none,
        wallClock: any WallClock = SystemWallClock(),
        clock: any Clock<Duration> = ContinuousClock(), polling: Duration = .seconds(1),
        rest: Duration = .zero, upcasters: Upcasters = .none, metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        self.projection = projection
        self.database = database
        self.archives = archives
        self.wallClock = wallClock
        self.clock = clock
        self.polling = polling
        self.rest = rest
        self.upcasters = upcasters
        self.metrics = metrics
        rebuilds = Counter(
            label: "events.projection.rebuilds", dimensions: [("projection", projection.name)], factory: metrics)
        rebuildLag = Gauge(
            label: "events.subscription.lag",
            dimensions: [("subscription", ProjectionStore.label(of: projection.name, isRebuild: true))],
            factory: metrics)
    }

    /// Runs until the task is cancelled, and then returns.
    /// - Throws: What the database throws when it is closed; `event.invalid` for a name that is none.
    package func run() async throws {
        while !Task.isCancelled {
            do {
                let (projection, now) = (projection, wallClock.now)
                let row = try await database.write { try ProjectionStore.open(projection, now: now, in: $0) }
                try await serve(row)
            } catch is CancellationError {
                return
            } catch let error as StorageError where error.code == .storageClosed {
                throw error
            } catch let error as StorageError {
                Logger.current.warning(
                    "Projection is tried again",
                    metadata: ["projection.name": "\(projection.name)", "error": "\(error.code.name)"])
                try? await clock.sleep(for: polling)  // its only error is cancellation, which the loop looks at
            }
        }
    }

    /// Returns when another row has to be served.
    private func serve(_ row: ProjectionStore.Row) async throws {
        // Each tells whether the row has changed.
        try await withThrowingTaskGroup(of: Bool.self) { group in
            // A newer release folds otherwise; what it has begun is its own.
            if !row.isPaused, row.foldVersion <= projection.foldVersion {
                for number in row.generations {
                    let generation = Generation(number: number, isRebuild: number != row.live)
                    let runner = try subscriptionRunner(generation)
                    group.addTask {
                        try await runner.run()
                        if generation.isRebuild { rebuildLag.record(0) }
                        return true
                    }
                }
                group.addTask {
                    try await deleteAbandoned(row)
                    return false
                }
            }
            group.addTask {
                try await watch(row)
                return true
            }
            // Whoever watches has seen another row, even if it has become what it was since.
            while let hasChanged = try await group.next(), !hasChanged {}
            group.cancelAll()
        }
    }

    private func subscriptionRunner(_ generation: Generation) throws -> SubscriptionRunner {
        let (name, handler) = (projection.name, handler(for: generation))
        let subscription = try Subscription(
            ProjectionStore.subscription(of: name, generation: generation.number), filter: projection.filter,
            startAt: .existing)
        let attendance = SubscriptionRunner.Attendance(
            begin: { tx in
                // It may have been paused, or another node has exchanged the generations, unnoticed here so far.
                guard try ProjectionStore.isWanted(generation.number, of: name, in: tx) else {
                    throw EventError(
                        .projectionRetired, "generation \(generation.number) of \(name) is not wanted now")
                }
            },
            isInline: projection.isInline && !generation.isRebuild,
            isExact: projection.isInline || generation.isRebuild)
        return SubscriptionRunner(
            subscription, label: ProjectionStore.label(of: name, isRebuild: generation.isRebuild), database: database,
            archives: archives, wallClock: wallClock, clock: clock, polling: polling,
            rest: generation.isRebuild ? .zero : rest,
            failurePolicy: projection.failurePolicy, attendance: attendance, metrics: metrics,
            handler: { try handler.hand($0, in: $1) })
    }

    private func handler(for generation: Generation) -> ProjectionHandler {
        ProjectionHandler(projection: projection, generation: generation, upcasters: upcasters)
    }

    /// Returns when the row is another one. Exchanges the generations once the new one is as far as the old one.
    private func watch(_ row: ProjectionStore.Row) async throws {
        while !Task.isCancelled {
            let wakeUps = database.signals.wakeUps(for: .projections)
            let current = try await database.read { try ProjectionStore.find(row.name, in: $0) }
            guard current == row else { return }
            if row.building != nil, try await exchange(row) {
                rebuilds.increment()
                Logger.current.notice("Projection is rebuilt", metadata: ["projection.name": "\(row.name)"])
                return
            }
            await wait(for: wakeUps, atMost: row.building == nil ? polling : min(polling, .milliseconds(50)), on: clock)
        }
    }

    private func exchange(_ row: ProjectionStore.Row) async throws -> Bool {
        let (now, isInline) = (wallClock.now, projection.isInline)
        do {
            return try await database.write { tx in
                try ProjectionStore.exchange(
                    row.name, catchingUp: isInline ? { handler(for: Generation(number: $0, isRebuild: true)) } : nil,
                    now: now, in: tx)
            }
        } catch let error as StorageError where error.isTransient || error.code == .storageClosed {
            throw error
        } catch {
            // An event that it cannot take, to which its own runner comes as well, and says so.
            return false
        }
    }

    private func deleteAbandoned(_ row: ProjectionStore.Row) async throws {
        let projection = projection
        for generation in try await database.read({ try ProjectionStore.abandoned(row.name, in: $0) }) {
            var deleted = Self.deletedMax
            while deleted == Self.deletedMax {
                deleted = try await database.write {
                    try projection.delete(generation, limit: Self.deletedMax, in: $0)
                }
            }
            try await database.write { try ProjectionStore.forget(generation, of: row.name, in: $0) }
        }
    }
}
