package import CognitionCore

/// What has changed between two commits of an execution, and what is to be done once it is durable.
package struct Transition: Sendable {
    /// The rows to write, by number.
    package var tasks: [Int: TaskExecution] = [:]
    /// Tasks from this number on have no row yet.
    package var newFrom: Int
    package var contextChanged: Bool
    package var events: [ExecutionEvent] = []
    /// Effects to start after the commit.
    package var effects: [EffectRequest] = []
    /// Numbers of tasks whose effects are to be stopped at once.
    package var stopped: [Int] = []
    /// Numbers of tasks whose child executions are to be cancelled, in the same commit.
    package var abandoned: [Int] = []
    /// Events to publish in the same commit.
    package var published: [Publication] = []
    package var mail = MailChanges()
    package var approvals: [ApprovalChange] = []
    /// The execution's own columns, as they are now.
    package var execution: ExecutionState
    /// Effects run whose results are not known yet.
    package var isBusy = false
    /// More can be done without waiting for anything; a long computation is committed in parts.
    package var hasMore = false
}

/// An event of the execution's own.
package struct Publication: Sendable {
    package var event: CloudEvent
    /// Tasks that listen since this transition and did so before the event: no row leads to them yet.
    package var newListeners: [Int]
}

/// The part of an execution that changes.
package struct ExecutionState: Sendable {
    package var status: ExecutionStatus
    package var reason: StatusReason?
    /// 0...100; never falls, and is 100 only when completed.
    package var progress: Int
    package var context: JSONValue
    package var output: JSONValue?
    package var fault: WorkflowFault?
    package var startedAt: Timestamp
    package var endedAt: Timestamp?
    /// When it was suspended, while it is; `nil` for one that the engine has set aside.
    package var suspendedAt: Timestamp?
    /// How long it was suspended in all, since it began or was last tried again: its deadline has moved by that.
    package var paused: Duration = .zero
    /// The next moment at which time alone changes something.
    package var wakeAt: Timestamp?
    /// The number that the next task gets.
    package var nextNumber: Int
    /// While what it has done is undone.
    package var ending: PendingEnd?
    /// Ends of tasks that were undone: by a retry, or in what a fork has left behind. They keep their places in the order.
    package var endsUndone = 0
    /// When it was last tried again after its failure; what may take only so long begins anew then.
    package var resumedAt: Timestamp?
}

/// What the log tells of an execution.
package struct ExecutionEvent: Sendable {
    /// `execution.started`, `task.completed`, …
    package var type: String
    package var time: Timestamp
    package var data: JSONObject

    /// The first event of every execution.
    static let started = "execution.started"
    /// What it has done is being undone, and then it ends.
    static let compensating = "execution.compensating"
}

/// An effect, with its arguments worked out.
package struct EffectRequest: Sendable {
    package enum Action: Sendable {
        case http(HTTPCallRequest)
        case openapi(OpenAPICallRequest)
        case function(name: String, arguments: JSONValue)
        case process(ProcessRequest)
        case mcp(MCPRequest)
        case workflow(id: WorkflowID, version: String, input: JSONValue, await: Bool, returnsNothing: Bool)
        /// Any but a workflow, worked out by whoever has the secrets.
        case withSecrets(SecretAction)
    }

    package var task: Int
    package var attempt: Int
    package var name: String
    package var reference: String
    package var action: Action
    package var effect: EffectClass
    /// The same for every attempt at this effect: what a peer needs to do it once.
    package var idempotencyKey: String
    /// The moment at which the task or something around it times out.
    package var deadline: Timestamp?
    /// What the task gives when the action gives nothing.
    package var input: JSONValue
}

/// An HTTP request of a task, with everything evaluated.
package struct HTTPCallRequest: Sendable {
    package var method: String
    package var url: String
    package var headers: [(name: String, value: String)]
    package var body: JSONValue?
    package var output: HTTPCallDefinition.Output
    package var redirect: Bool
    package var credentials: HTTPCredentials?
}
