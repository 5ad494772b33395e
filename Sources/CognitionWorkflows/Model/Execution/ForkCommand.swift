package import CognitionCore

/// Where an execution was forked from.
package struct ForkOrigin: Sendable, Hashable {
    package var execution: ExecutionID
    /// The task behind which it goes on; with neither this nor a checkpoint it began anew.
    package var task: Int?
    /// Id of the checkpoint, which may be deleted by now.
    package var checkpoint: String?

    package init(execution: ExecutionID, task: Int? = nil, checkpoint: String? = nil) {
        self.execution = execution
        self.task = task
        self.checkpoint = checkpoint
    }

    package var json: JSONValue {
        var members: JSONObject = ["execution_id": .string(execution.description)]
        if let task { members["task"] = .integer(Int64(task)) }
        if let checkpoint { members["checkpoint"] = .string(checkpoint) }
        return .object(members)
    }
}

/// A fork that is asked for.
package struct ForkCommand: Sendable {
    package enum Point: Sendable, Hashable {
        /// The whole workflow again.
        case start
        /// Behind the completed task of this number.
        case task(Int)
        /// Behind the newest completed task of this reference or name.
        case named(String)
        /// From a checkpoint, by its id or name.
        case checkpoint(String)
    }

    package var point: Point
    /// A stored version, or `latest`; `nil` is the version of the execution.
    package var version: String?
    /// An RFC 7396 merge patch: of the task's output, or of the workflow's input at ``Point/start``.
    package var inputPatch: JSONValue?
    /// As of ``ExecuteCommand``.
    package var idempotencyKey: String?
    package var correlationID: String?
    /// The trace that the fork belongs to, as W3C Trace Context; that of the caller's task unless given.
    package var traceparent = TraceContext.current?.traceparent

    package init(
        _ point: Point = .start, version: String? = nil, inputPatch: JSONValue? = nil, idempotencyKey: String? = nil,
        correlationID: String? = nil
    ) {
        self.point = point
        self.version = version
        self.inputPatch = inputPatch
        self.idempotencyKey = idempotencyKey
        self.correlationID = correlationID
    }

    /// Tells forks of one execution apart, whatever they were asked for with.
    func hash(of source: ExecutionID) -> SHA256Digest {
        let point: JSONValue =
            switch point {
            case .start: .null
            case .task(let number): ["task": .integer(Int64(number))]
            case .named(let text): ["task": .string(text)]
            case .checkpoint(let text): ["checkpoint": .string(text)]
            }
        let identity: JSONValue = [
            "fork_of": .string(source.description), "point": point, "version": version.map(JSONValue.string) ?? .null,
            "input_patch": inputPatch.map { [$0] } ?? .null,
        ]
        return SHA256Digest(of: identity.canonicalJSON)
    }
}

extension WorkflowDefinition {
    /// Sees that an execution of `other` can go on in this version.
    ///
    /// - Parameters:
    ///   - completed: References of the tasks that have completed: they must be the same.
    ///   - running: Those inside which something ran: the same kind, going through the same things.
    /// - Throws: `workflow.fork_incompatible`, which names the first that differs.
    func checkContinues(_ other: WorkflowDefinition, completed: [String], running: [String]) throws {
        let (old, new) = (other.places, places)
        for reference in completed {
            guard let after = new[reference]?.task else {
                throw WorkflowError.incompatible(reference, "is not in version \(version)")
            }
            guard let before = old[reference]?.task, before.json == after.json else {
                throw WorkflowError.incompatible(reference, "differs in version \(version)")
            }
        }
        for reference in running {
            guard let after = new[reference]?.task else {
                throw WorkflowError.incompatible(reference, "is not in version \(version)")
            }
            guard let before = old[reference]?.task, before.kind.head == after.kind.head else {
                throw WorkflowError.incompatible(reference, "is of another kind in version \(version)")
            }
        }
    }
}

extension TaskKind {
    /// What must stay the same of a task while something inside it runs.
    fileprivate var head: [String] {
        switch self {
        case .do: ["do"]
        case .for(let loop): ["for", loop.each, loop.at, loop.concurrency == nil ? "" : "side by side"]
        case .fork(let fork):
            ["fork", String(fork.compete)] + fork.branches.map { "\($0.task.name) \($0.needs)" }
        case .try: ["try"]
        case .call: ["call"]
        case .extended(let extended): ["extended", extended.task.name]
        case .set, .switch, .raise, .wait, .emit, .listen, .runWorkflow, .runProcess: []
        }
    }
}
