package import CognitionCore
import CognitionStorage

/// Upkeep of the scheduler's own tables.
extension Scheduler {
    private static let jobsAtOnce = 500

    /// Deletes jobs that have ended longer ago than their queues keep them, in pieces.
    /// - Returns: How many.
    @discardableResult
    package func deleteExpired() async throws -> Int {
        let now = clock.now
        var (total, last) = (0, Int64(0))
        while true {
            let from = last
            let queues = try await database.read { tx in try JobRetention.queues(after: from, limit: 100, tx) }
            guard let next = queues.last?.key else { return total }
            for queue in queues {
                while true {
                    try Task.checkCancellation()
                    let count = try await database.write { tx in
                        try JobRetention.delete(from: queue, limit: Self.jobsAtOnce, now: now, tx)
                    }
                    total += count
                    guard count >= Self.jobsAtOnce else { break }
                }
            }
            last = next
        }
    }

    /// Deletes jobs that have ended long ago, limits that no job names any more, and schedules that ended a week ago.
    /// - Returns: How many rows.
    package func tidy() async throws -> Int {
        let now = clock.now
        let expired = try await deleteExpired()
        return try await expired + database.write { tx in try JobRetention.tidy(now: now, tx) }
    }

    /// Makes schedules of the installation's own, unless they are there, changed or not.
    package func ensure(_ jobs: [NewJob], as principal: Principal) async throws {
        for job in jobs {
            guard let id = job.id else { continue }
            let found = try await database.read { tx in try ScheduleStore.find(id, in: principal.workspace, tx) }
            guard found == nil else { continue }
            do {
                _ = try await create(job, as: principal)
            } catch let error as SchedulerError where error.code == .jobTaken {
                continue  // another node was faster, or somebody has an own one of the name
            }
        }
    }
}
