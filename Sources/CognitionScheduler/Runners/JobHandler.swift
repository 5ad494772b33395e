package import CognitionCore

/// Runs jobs of one kind.
///
/// A job may be run again after a crash, although it was done: its `idempotencyKey` stays the same until an attempt has
/// failed, and what a handler returns in ``JobOutcome/completed(_:writes:)`` commits together with the job's end.
package protocol JobHandler: Sendable {
    /// `workflow`, `http`, `emit`, or `handler:<name>`.
    var kind: String { get }

    /// - Throws: What has gone wrong; a ``JobFailure`` says whether and when it is worth another attempt.
    func run(_ job: RunningJob) async throws -> JobOutcome
}

/// A closure that jobs with `target: {handler: {name, input}}` run.
package struct NamedHandler: JobHandler {
    package let kind: String
    private let body: @Sendable (RunningJob) async throws -> JobOutcome

    package init(_ name: String, _ body: @escaping @Sendable (RunningJob) async throws -> JobOutcome) {
        kind = JobTarget.handlerPrefix + name
        self.body = body
    }

    package func run(_ job: RunningJob) async throws -> JobOutcome { try await body(job) }
}

/// Why a job is stopped while it runs.
package enum JobStop: Sendable, Hashable {
    case timeout
    /// Somebody has cancelled it.
    case cancel
    /// It is given back and run again later: for a critical job, or as the process ends.
    case yield
    /// Others own it by now: nothing is written of it.
    case lost
}

/// A job as its handler sees it.
package struct RunningJob: Sendable {
    package let id: String
    package let workspace: WorkspaceID
    /// In whose name it runs.
    package let actor: String
    package let queue: String
    package let name: String?
    /// The moment that it is the firing of.
    package let dueAt: Timestamp?
    package let input: JSONValue
    /// From 1; attempts that did not count are not in it.
    package let attempt: Int
    package let attemptsMax: Int
    package let priority: JobPriority
    /// What it shares with others that run no more than so many at once.
    package let limitKey: String?
    /// What the jobs that it depends on have come to, by their ids.
    package let parents: JSONObject
    /// Higher than those of all claims before; whoever writes elsewhere can refuse lower ones.
    package let fencingToken: Int64
    /// The same until an attempt has failed, whatever crashed between.
    package let idempotencyKey: String
    package let timeout: Duration
    package let traceparent: String?
    private let stop: @Sendable () -> JobStop?
    private let rest: @Sendable () -> Void
    private let progress: @Sendable (Double) -> Void

    init(
        _ job: ClaimedJob, input: JSONValue, parents: JSONObject, timeout: Duration,
        stop: @escaping @Sendable () -> JobStop?, rest: @escaping @Sendable () -> Void,
        progress: @escaping @Sendable (Double) -> Void
    ) {
        id = job.id
        workspace = job.workspace
        actor = job.actor
        queue = job.queue
        name = job.name
        dueAt = job.dueAt
        self.input = input
        attempt = job.attempt
        attemptsMax = job.attemptsMax
        priority = job.priority
        self.parents = parents
        limitKey = job.limitKey
        fencingToken = job.epoch
        idempotencyKey = "job:\(job.id):\(job.round).\(job.tries)"
        self.timeout = timeout
        traceparent = job.traceparent
        self.stop = stop
        self.rest = rest
        self.progress = progress
    }

    /// Why its task was cancelled; `nil` while it was not.
    package var stopReason: JobStop? { stop() }

    /// Says that from here on it only waits for what runs elsewhere. It takes no slot of its node any more, and is given back at
    /// once when the process ends.
    package func onlyWaits() { rest() }

    /// Says how far it is, from 0 to 100; kept with the job at the next commit of its node, at the
    /// latest with its next heartbeat.
    package func report(progress percent: Double) { progress(min(100, max(0, percent))) }
}
