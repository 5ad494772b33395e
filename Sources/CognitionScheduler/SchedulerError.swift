package import CognitionCore

/// Why a job, a schedule or a queue could not be found, made or changed.
package struct SchedulerError: CodedError {
    package let code: ErrorCode
    package let message: String
    package let cause: (any Error)?

    package init(_ code: ErrorCode, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

extension ErrorCode {
    /// A schedule is not as it has to be.
    package static let scheduleInvalid = ErrorCode("scheduler.schedule_invalid", category: .invalid)
    /// What a job is to be made of is not as it has to be.
    package static let jobInvalid = ErrorCode("scheduler.job_invalid", category: .invalid)
    /// No job with that id in the workspace.
    package static let jobNotFound = ErrorCode("scheduler.job_not_found", category: .notFound)
    /// Another job has the id.
    package static let jobTaken = ErrorCode("scheduler.job_taken", category: .conflict)
    /// The job is not in a state that this can be done in.
    package static let jobStateConflict = ErrorCode("scheduler.job_state_conflict", category: .conflict)
    /// Something else declares it, and has to be changed in its place.
    package static let jobOwned = ErrorCode("scheduler.job_owned", category: .conflict)
    /// Dependencies lead back to where they begin.
    package static let dependencyCycle = ErrorCode("scheduler.dependency_cycle", category: .invalid)
    /// A job depends on one that is not there.
    package static let dependencyNotFound = ErrorCode("scheduler.dependency_not_found", category: .invalid)
    /// No queue of that name in the workspace.
    package static let queueNotFound = ErrorCode("scheduler.queue_not_found", category: .notFound)
    /// Another node has taken the job over; this one's result is discarded.
    package static let jobFenced = ErrorCode("scheduler.job_fenced", category: .conflict)
}
