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
    /// 0...9, the higher the sooner.
    package var priority = ExecutionPriority.normal
    package var input: JSONValue
    package var output: JSONValue?
    package var fault: WorkflowFault?
    package var createdAt: Timestamp
    package var startedAt: Timestamp?
    package var endedAt: Timestamp?
    /// From when its timeout counts: its start or last retry, and as much later as it was suspended.
    var timeoutFrom: Timestamp?
    /// What its own calls have cost; what its child executions cost is counted with them alone.
    package var cost = Money.zero(Execution.currency)
    package var forkedFrom: ForkOrigin?
    /// The first tasks in the order they started.
    package var tasks: [TaskSummary] = []
    package var hasMoreTasks = false

    /// In which all costs are counted.
    package static let currency = "USD"

    /// Only a person can make it go on.
    package var isParked: Bool { status == .suspended || reason?.needsPerson == true && !status.hasEnded }
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
    package var priority = ExecutionPriority.normal
    package var createdAt: Timestamp
    package var endedAt: Timestamp?
}

/// Which executions a list has; what is `nil` does not matter.
package struct ExecutionFilter: Sendable, Hashable {
    /// In any of its versions, also of a workflow that has been deleted.
    package var workflow: WorkflowID?
    /// Of any workflow in this namespace.
    package var namespace: String?
    package var status: ExecutionStatus?
    /// Created at this moment or later. The clocks of the machines that write may differ by ``clockSkewMax``.
    package var since: Timestamp?

    package static let clockSkewMax: Duration = .seconds(300)

    package init(
        workflow: WorkflowID? = nil, namespace: String? = nil, status: ExecutionStatus? = nil, since: Timestamp? = nil
    ) {
        self.workflow = workflow
        self.namespace = namespace
        self.status = status
        self.since = since
    }
}

/// A task with its data.
package struct TaskDetail: Sendable {
    package var summary: TaskSummary
    /// The transformed input where `input.from` has made one, else the raw one; `nil` when it cannot be told without
    /// evaluating an expression: the execution's own input, changed by the document's `input.from`.
    package var input: JSONValue?
    /// `nil` until the task has completed.
    package var output: JSONValue?
}

/// Executions as they were at one position of the log: the events after it tell everything that came later, once.
package struct ExecutionSnapshot: Sendable {
    /// Newest first.
    package var executions: [ExecutionSummary]
    /// Position of the last event that is part of what is shown.
    package var position: Int64
}

/// What to execute, and how a repetition of the request is recognised.
package struct ExecuteCommand: Sendable {
    /// The task of another execution that this one is a part of.
    package struct Parent: Sendable, Equatable {
        package var execution: Int64
        package var task: Int
    }

    package var workflow: WorkflowID
    /// A semantic version, or `latest`, which is the highest.
    package var version: String
    package var input: JSONValue
    /// 1...255 bytes without control characters; the same key again answers the same execution. Those that begin with
    /// `task:` are the engine's.
    package var idempotencyKey: String?
    package var parent: Parent?
    /// What the events of the execution have in common with whatever else belongs together, e.g. the id of the first
    /// request; 1...200 bytes without control characters.
    package var correlationID: String?
    /// 0...9, the higher the sooner; unless given what the definition says, else 5.
    package var priority: Int?
    /// The trace that the execution belongs to, as W3C Trace Context; that of the caller's task unless given.
    package var traceparent = TraceContext.current?.traceparent

    package init(
        workflow: WorkflowID, version: String = "latest", input: JSONValue = [:], idempotencyKey: String? = nil,
        parent: Parent? = nil, correlationID: String? = nil, priority: Int? = nil
    ) {
        self.workflow = workflow
        self.version = version
        self.input = input
        self.idempotencyKey = idempotencyKey
        self.parent = parent
        self.correlationID = correlationID
        self.priority = priority
    }
}

extension ExecutionID {
    /// The execution as one who acts: what its tasks start, and end, is told in this name.
    var actor: String { "execution:\(self)" }
}

/// In whose name an execution began, and what it belongs to; kept with it.
struct ExecutionOrigin: Sendable {
    /// Who asked for it. What was done before the first commit is told in this name, everything later in the engine's.
    var actor: String
    var correlationID: String?
    /// W3C Trace Context of whoever asked for it.
    var traceparent: String?

    static let engine = "engine"
}
