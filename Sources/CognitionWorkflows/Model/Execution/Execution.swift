package import CognitionCore

/// An execution as its users see it.
package struct Execution: Sendable {
    package var id: ExecutionID
    package var workspace: WorkspaceID
    package var workflow: WorkflowID
    package var version: String
    package var status: ExecutionStatus
    package var reason: StatusReason?
    /// 0...100; never falls, and is 100 only when completed.
    package var progress: Int
    package var input: JSONValue
    package var output: JSONValue?
    package var fault: WorkflowFault?
    package var createdAt: Timestamp
    package var startedAt: Timestamp?
    package var endedAt: Timestamp?
    /// The first tasks in the order they started.
    package var tasks: [TaskSummary] = []
    package var hasMoreTasks = false

    /// Only a person can make it go on.
    package var isParked: Bool { status == .suspended || reason != nil && !status.hasEnded }
}

/// A task of an execution as its users see it, without its data.
package struct TaskSummary: Sendable {
    package var number: Int
    package var parent: Int
    package var scope: Int
    package var name: String
    package var reference: String
    package var status: TaskStatus
    package var reason: StatusReason?
    package var attempt: Int
    package var startedAt: Timestamp
    package var endedAt: Timestamp?
    package var fault: WorkflowFault?
    package var isSkipped: Bool
}

/// A line of the list of executions.
package struct ExecutionSummary: Sendable {
    package var id: ExecutionID
    package var workflow: WorkflowID
    package var version: String
    package var status: ExecutionStatus
    package var reason: StatusReason?
    package var progress: Int
    package var createdAt: Timestamp
    package var endedAt: Timestamp?
}

/// A definition as it is stored.
package struct StoredWorkflow: Sendable {
    package var key: Int64
    package var workspace: WorkspaceID
    package var id: WorkflowID
    package var version: String
    package var hash: SHA256Digest
    package var title: String?
    package var createdAt: Timestamp
    /// False when the same document was stored before.
    package var isNew = false
}

/// What to execute, and how a repetition of the request is recognised.
package struct ExecuteCommand: Sendable {
    /// The task of another execution that this one is a part of.
    package struct Parent: Sendable {
        package var execution: Int64
        package var task: Int
    }

    package var workflow: WorkflowID
    /// A semantic version, or `latest`, which is the highest.
    package var version: String
    package var input: JSONValue
    /// 1...255 bytes; the same key again answers the same execution.
    package var idempotencyKey: String?
    package var parent: Parent?

    package init(
        workflow: WorkflowID, version: String = "latest", input: JSONValue = [:], idempotencyKey: String? = nil,
        parent: Parent? = nil
    ) {
        self.workflow = workflow
        self.version = version
        self.input = input
        self.idempotencyKey = idempotencyKey
        self.parent = parent
    }
}
