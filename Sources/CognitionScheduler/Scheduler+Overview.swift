import CognitionCore
import CognitionStorage
import Synchronization

/// How all of the server's jobs stand, of all workspaces together.
package struct SchedulerOverview: Sendable, Hashable {
    /// By their states, as these are stored.
    fileprivate var counts: [JobState: Int64] = [:]
    package fileprivate(set) var running: Int64 = 0
    package fileprivate(set) var schedules: Int64 = 0
    /// Nodes that say that they run jobs.
    package fileprivate(set) var nodes: Int64 = 0
    fileprivate var hasReady = false

    /// Jobs that are kept, runs of schedules and the schedules themselves among them.
    package var total: Int64 { counts.values.reduce(schedules, +) }

    /// Jobs could run, and nobody is there who runs any.
    package var isStranded: Bool { hasReady && nodes == 0 }

    /// How many jobs stand so, as states are named on the wire.
    package func count(_ state: String) -> Int64 {
        JobState.named(state).reduce(0) { $0 + (counts[$1] ?? 0) }
    }
}

/// The overview for whoever asks often.
///
/// What runs, and whether somebody runs what is ready, is looked up each time and takes next to nothing. Everything else is
/// counted in the indexes of the states, so that rows themselves are not read, and at most for a hundredth of the time: what
/// took a millisecond to count is counted again after a tenth of a second, what took a second after 100.
package final class SchedulerWatch: Sendable {
    private struct Sight: Sendable {
        let overview: SchedulerOverview
        let goodUntil: ContinuousClock.Instant
    }

    private static let share = 100
    private let database: any Database
    private let last = Mutex<Sight?>(nil)

    package init(_ scheduler: Scheduler) { database = scheduler.database }

    package var overview: SchedulerOverview {
        get async throws {
            let counted = try await counted()
            return try await database.read { tx in
                var overview = counted
                overview.running = try Self.number("SELECT COUNT(*) FROM jobs WHERE state = 2", tx)
                overview.nodes = try Self.number(
                    "SELECT COUNT(DISTINCT node) FROM job_workers WHERE seen_until > \(fragment: .now)", tx)
                overview.hasReady =
                    try tx.first("SELECT 1 FROM jobs WHERE state = 1 LIMIT 1") { try $0[0] as Int } != nil
                return overview
            }
        }
    }

    private func counted() async throws -> SchedulerOverview {
        let start = ContinuousClock.now
        if let last = last.withLock({ $0 }), start < last.goodUntil { return last.overview }
        let overview = try await database.read { tx in
            var overview = SchedulerOverview()
            // One statement for each index, whose condition it repeats.
            for statement: SQL in [
                "SELECT state, COUNT(*) FROM jobs WHERE state = 1 GROUP BY state",
                "SELECT state, COUNT(*) FROM jobs WHERE state = 2 GROUP BY state",
                "SELECT state, COUNT(*) FROM jobs WHERE state IN (0, 6, 7, 8) GROUP BY state",
                "SELECT state, COUNT(*) FROM jobs WHERE ended_at IS NOT NULL GROUP BY state",
            ] {
                for (state, count) in try tx.query(statement, as: { (try $0[0] as JobState, try $0[1] as Int64) }) {
                    overview.counts[state] = count
                }
            }
            overview.schedules = try Self.number("SELECT COUNT(*) FROM job_schedules", tx)
            return overview
        }
        let end = ContinuousClock.now
        last.withLock { $0 = Sight(overview: overview, goodUntil: end + (end - start) * Self.share) }
        return overview
    }

    private static func number(_ statement: SQL, _ tx: borrowing Transaction) throws -> Int64 {
        try tx.first(statement) { try $0[0] as Int64 } ?? 0
    }
}
