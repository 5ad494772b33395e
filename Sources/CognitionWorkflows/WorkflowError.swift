package import CognitionCore

/// Why a workflow or execution could not be found, started or changed.
package struct WorkflowError: CodedError {
    package let code: ErrorCode
    package let message: String
    package let cause: (any Error)?

    package init(_ code: ErrorCode, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    static func unreadable(_ id: ExecutionID, _ reason: String) -> WorkflowError {
        WorkflowError(.executionUnreadable, "execution \(id) cannot be read: \(reason)")
    }
}

extension ErrorCode {
    /// No workflow, or no such version of it.
    package static let workflowNotFound = ErrorCode("workflow.not_found", category: .notFound)
    /// Another document is stored under the same name and version.
    package static let versionTaken = ErrorCode("workflow.version_taken", category: .conflict)
    /// The workflow is archived and takes no new executions.
    package static let workflowArchived = ErrorCode("workflow.archived", category: .conflict)
    /// Executions of the version have not ended.
    package static let workflowInUse = ErrorCode("workflow.in_use", category: .conflict)
    /// A tag, or their number, is not as it has to be.
    package static let tagInvalid = ErrorCode("workflow.tag_invalid", category: .invalid)
    /// How long executions are to be kept is no duration that can be.
    package static let retentionInvalid = ErrorCode("workflow.retention_invalid", category: .invalid)
    /// An execution has been in tasks that another version has otherwise, so it cannot go on with that.
    package static let versionsDiffer = ErrorCode("workflow.versions_differ", category: .conflict)
    /// What an execution is to be started with is not as it has to be.
    package static let commandInvalid = ErrorCode("workflow.command_invalid", category: .invalid)
    /// No execution with that identifier in the workspace.
    package static let executionNotFound = ErrorCode("workflow.execution_not_found", category: .notFound)
    /// The execution has ended and takes no further changes.
    package static let executionEnded = ErrorCode("workflow.execution_ended", category: .conflict)
    /// The execution has not ended, so it cannot be deleted.
    package static let executionLive = ErrorCode("workflow.execution_live", category: .conflict)
    /// The idempotency key was used for another workflow or input.
    package static let keyReused = ErrorCode("workflow.idempotency_key_reused", category: .conflict)
    /// The rows of an execution do not fit its definition; it is set aside.
    package static let executionUnreadable = ErrorCode("workflow.execution_unreadable", category: .internal)
    /// Another process has taken the execution over; this one's result is discarded.
    package static let fenced = ErrorCode("workflow.fenced", category: .conflict)
    /// The workflow's highest version has no schedule.
    package static let noSchedule = ErrorCode("workflow.no_schedule", category: .notFound)
    /// Nothing starts workflows by themselves where this is asked.
    package static let noScheduler = ErrorCode("workflow.no_scheduler", category: .unsupported)
    /// What is published as an event is none.
    package static let cloudEventInvalid = ErrorCode("workflow.event_invalid", category: .invalid)
    /// An event is larger than the engine takes.
    package static let cloudEventTooLarge = ErrorCode("workflow.event_too_large", category: .limited)
    /// Too many signals wait for somebody to listen.
    package static let signalsFull = ErrorCode("workflow.signals_full", category: .limited)
    /// The execution is not in a state that this can be done in.
    package static let stateConflict = ErrorCode("workflow.state_conflict", category: .conflict)
    /// No approval of that name in the execution.
    package static let approvalNotFound = ErrorCode("workflow.approval_not_found", category: .notFound)
    /// The approval was withdrawn, has expired, or is another than the one that was answered.
    package static let approvalClosed = ErrorCode("workflow.approval_closed", category: .conflict)
    /// What an approval is answered with is none of its choices.
    package static let choiceInvalid = ErrorCode("workflow.choice_invalid", category: .invalid)
    /// Something that this transition rests on has changed in the database; the execution is read again.
    package static let outdated = ErrorCode("workflow.outdated", category: .conflict)
    /// The input is larger than the engine takes.
    package static let inputTooLarge = ErrorCode("workflow.input_too_large", category: .limited)
    /// No such task in the execution.
    package static let taskNotFound = ErrorCode("workflow.task_not_found", category: .notFound)
    /// No checkpoint of that id or name.
    package static let checkpointNotFound = ErrorCode("workflow.checkpoint_not_found", category: .notFound)
    /// Another checkpoint of the execution has the name.
    package static let checkpointTaken = ErrorCode("workflow.checkpoint_taken", category: .conflict)
    /// An execution has as many checkpoints as it may have.
    package static let checkpointsFull = ErrorCode("workflow.checkpoints_full", category: .conflict)
    /// The task has not completed, so nothing follows from it.
    package static let forkPointInvalid = ErrorCode("workflow.fork_point_invalid", category: .conflict)
    /// The version asked for differs in what has been done already.
    package static let forkIncompatible = ErrorCode("workflow.fork_incompatible", category: .conflict)
    /// Forks of forks go no deeper.
    package static let forkTooDeep = ErrorCode("workflow.fork_too_deep", category: .conflict)
    /// Forks share the tasks of the execution, so it cannot be deleted.
    package static let hasForks = ErrorCode("workflow.execution_has_forks", category: .conflict)
    /// Only an execution that has failed can be tried again.
    package static let notFaulted = ErrorCode("workflow.not_faulted", category: .conflict)
    /// An older release has run the execution and did not keep the order of what happened.
    package static let historyUnknown = ErrorCode("workflow.history_unknown", category: .conflict)
    /// The execution was not there yet, or the log has not come so far.
    package static let momentOutside = ErrorCode("workflow.moment_outside", category: .notFound)
    /// The executions have too many tasks to be compared.
    package static let diffTooLarge = ErrorCode("workflow.diff_too_large", category: .unsupported)
}

extension WorkflowError {
    static func taskNotFound(_ task: String) -> WorkflowError {
        WorkflowError(.taskNotFound, "the execution has no task \(task)")
    }

    static func notCompleted(_ number: Int, _ status: TaskStatus) -> WorkflowError {
        WorkflowError(
            .forkPointInvalid,
            "task \(number) is \(status.name); an execution is forked behind a task that has completed")
    }

    static func incompatible(_ reference: String, _ reason: String) -> WorkflowError {
        WorkflowError(.forkIncompatible, "\(reference) \(reason); what was done before the fork must stay the same")
    }
}
