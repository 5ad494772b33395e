import CognitionCore
import CognitionEvents
import CognitionScheduler
import CognitionStorage

/// The installation's own upkeep, as ordinary schedules of the workspace `default`: seen, paused and changed like any other.
struct MaintenanceJobs: Sendable {
    private let scheduler: Scheduler
    private let log: EventLog

    init(_ scheduler: Scheduler, log: EventLog) {
        self.scheduler = scheduler
        self.log = log
    }

    /// Followers of the log that are so far behind are worth a word.
    private static let lagMax: Int64 = 10_000

    var handlers: [any JobHandler] {
        [
            NamedHandler("maintenance.jobs") { _ in
                .completed(["deleted": .integer(Int64(try await scheduler.tidy()))])
            },
            NamedHandler("maintenance.database") { _ in
                try await upkeep()
                return .completed([:])
            },
            NamedHandler("maintenance.projections") { _ in .completed(try await lag()) },
        ]
    }

    static var schedules: [NewJob] {
        [
            job("job-clean-up", "maintenance.jobs", every: "12h"),
            job("database-upkeep", "maintenance.database", every: "24h"),
            job("projection-lag-check", "maintenance.projections", every: "1h"),
        ]
    }

    private static func job(_ id: String, _ handler: String, every interval: String) -> NewJob {
        var job = NewJob(
            target: JobTarget(kind: JobTarget.handlerPrefix + handler, input: [:]), id: id, queue: "maintenance",
            priority: .low)
        job.name = id
        // Literals of our own are readable.
        job.schedule = try? JobSchedule(["every": .string(interval)])
        return job
    }

    /// Has the engine look at what its plans rest on. A server's own autovacuum does that, and more.
    private func upkeep() async throws {
        guard scheduler.database.dialect == .sqlite else { return }
        try await scheduler.database.write { tx in _ = try tx.query("PRAGMA optimize") { _ in } }
    }

    private func lag() async throws -> JSONValue {
        let head = try await log.head()
        let followers = try await log.subscriptions()
        let behind = followers.filter { head - $0.position > Self.lagMax || $0.failure != nil }
        return [
            "followers": .integer(Int64(followers.count)),
            "behind": .array(
                behind.map { follower in
                    [
                        "name": .string(follower.name), "lag": .integer(head - follower.position),
                        "failure": follower.failure.map { .string($0.error) } ?? .null,
                    ]
                }),
        ]
    }
}
