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
    /// The input is larger than the engine takes.
    package static let inputTooLarge = ErrorCode("workflow.input_too_large", category: .limited)
}
