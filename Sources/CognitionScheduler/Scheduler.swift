package import CognitionCore
package import CognitionStorage

/// When does something run, and how many at once?
///
/// Jobs are rows: what is asked for here is durable when a call returns, and a ``JobRunner``, of this process or another,
/// runs it. A schedule makes jobs, one for each of its firings.
package struct Scheduler: Sendable {
    package struct Settings: Sendable {
        /// Jobs that run at once in a queue that says nothing else.
        package var queueConcurrency = 10
        /// Jobs of one workspace that run at once, in all of its queues; `nil` for no bound.
        package var workspaceConcurrency: Int?
        /// How long an attempt may take where neither job nor queue says so.
        package var timeout: Duration = .seconds(3_600)

        package init() {}
    }

    /// Items of a page of a list.
    package static let pageMax = 200
    /// Jobs of one call.
    package static let bulkMax = 10_000

    package let database: any Database
    package let settings: Settings
    let clock: any WallClock
    let ids: UUIDGenerator
    let queueCache = QueueCache()
    let arrivals: Arrivals

    package init(
        database: any Database, settings: Settings = Settings(), clock: any WallClock = SystemWallClock(),
        ids: UUIDGenerator
    ) {
        self.database = database
        self.settings = settings
        self.clock = clock
        self.ids = ids
        arrivals = Arrivals(database.signals)
    }
}

extension SignalTopic {
    /// Jobs may have become ready.
    package static let jobs: SignalTopic = "scheduler.jobs"
    /// A moment that somebody waits for lies nearer, or something is to be done that no claim does.
    package static let jobsDue: SignalTopic = "scheduler.due"
    /// The owner of a job is asked for something.
    package static let jobRequests: SignalTopic = "scheduler.requests"
}
