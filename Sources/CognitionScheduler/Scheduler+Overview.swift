import CognitionCore
import CognitionStorage
import Synchronization

/// How all of the server's jobs stand, of all workspaces together.
package struct SchedulerOverview: Sendable, Hashable {
    package var running: Int64 = 0
    /// They could run now, and wait for a slot.
    package var ready: Int64 = 0
    /// Their moment has not come.
    package var scheduled: Int64 = 0
    /// Others, or their keys, hold them up.
    package var blocked: Int64 = 0
    package var completed: Int64 = 0
    package var failed: Int64 = 0
    package var dead: Int64 = 0
    package var cancelled: Int64 = 0
    package var schedules: Int64 = 0
    /// Nodes that say that they run jobs.
    package var nodes: Int64 = 0

    /// Jobs that are kept, runs of schedules and the schedules themselves among them.
    package var total: Int64 {
        running + ready + scheduled + blocked + completed + failed + dead + cancelled + schedules
    }

    /// Jobs could run, and nobody is there who runs any.
    package var isStranded: Bool { ready > 0 && nodes == 0 }
}

extension Scheduler {
    /// Counts in the indexes of the states alone, so that rows themselves are not read: some 0.1 s for a million jobs that
    /// have ended. ``SchedulerWatch`` sees that this is not done too often.
    package func overview() async throws -> SchedulerOverview {
        try await database.read { tx in
            var counts: [JobState: Int64] = [:]
            // One statement for each index, whose condition it repeats.
            for statement: SQL in [
                "SELECT state, COUNT(*) FROM jobs WHERE state = 1 GROUP BY state",
                "SELECT state, COUNT(*) FROM jobs WHERE state = 2 GROUP BY state",
                "SELECT state, COUNT(*) FROM jobs WHERE state IN (0, 6, 7, 8) GROUP BY state",
                "SELECT state, COUNT(*) FROM jobs WHERE ended_at IS NOT NULL GROUP BY state",
            ] {
                for (state, count) in try tx.query(statement, as: { (try $0[0] as JobState, try $0[1] as Int64) }) {
                    counts[state] = count
                }
            }
            var overview = SchedulerOverview(counts)
            overview.schedules = try Self.number("SELECT COUNT(*) FROM job_schedules", tx)
            overview.nodes = try Self.number(
                "SELECT COUNT(DISTINCT node) FROM job_workers WHERE seen_until > \(fragment: .now)", tx)
            return overview
        }
    }

    private static func number(_ statement: SQL, _ tx: borrowing Transaction) throws -> Int64 {
        try tx.first(statement) { try $0[0] as Int64 } ?? 0
    }
}

extension SchedulerOverview {
    fileprivate init(_ counts: [JobState: Int64]) {
        func count(_ states: JobState...) -> Int64 { states.reduce(0) { $0 + (counts[$1] ?? 0) } }
        running = count(.running)
        ready = count(.ready)
        scheduled = count(.scheduled, .paused)
        blocked = count(.blocked, .limited)
        completed = count(.completed)
        failed = count(.failed)
        dead = count(.dead)
        cancelled = count(.cancelled)
    }
}

/// The overview for whoever asks often: it takes at most a hundredth of the time.
///
/// One that took a millisecond is counted again after a tenth of a second, one that took a whole second after 100.
package final class SchedulerWatch: Sendable {
    private struct Sight: Sendable {
        let overview: SchedulerOverview
        let goodUntil: ContinuousClock.Instant
    }

    private static let share = 100
    private let scheduler: Scheduler
    private let last = Mutex<Sight?>(nil)

    package init(_ scheduler: Scheduler) { self.scheduler = scheduler }

    package var overview: SchedulerOverview {
        get async throws {
            let start = ContinuousClock.now
            if let last = last.withLock({ $0 }), start < last.goodUntil { return last.overview }
            let overview = try await scheduler.overview()
            let end = ContinuousClock.now
            last.withLock { $0 = Sight(overview: overview, goodUntil: end + (end - start) * Self.share) }
            return overview
        }
    }
}
