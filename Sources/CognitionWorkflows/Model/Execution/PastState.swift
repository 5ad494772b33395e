package import CognitionCore

/// An execution as it was at a moment: after the last of its transitions until then, and before the next.
package struct PastState: Sendable {
    package var id: ExecutionID
    package var workflow: WorkflowID
    package var version: String
    /// Of its last event until then.
    package var position: Int64
    package var moment: Timestamp
    package var status: ExecutionStatus
    package var progress: Int
    package var input: JSONValue
    package var context: JSONValue
    /// `nil` until it had completed.
    package var output: JSONValue?
    package var fault: JSONValue?
    package var forkedFrom: ForkOrigin?
    /// A page of them, in the order they were placed.
    package var tasks: [TaskDetail] = []
    /// The last task of the page, when there are more.
    package var next: Int?

    /// Without the tasks.
    package var members: JSONObject {
        var members: JSONObject = [
            "execution_id": .string(id.description), "workflow_id": .string(workflow.description),
            "version": .string(version), "position": .integer(position), "at": .string(moment.description),
            "status": .string(status.name), "progress": .integer(Int64(progress)), "input": input, "context": context,
            "output": output ?? .null, "error": fault ?? .null,
        ]
        if let forkedFrom { members["forked_from"] = forkedFrom.json }
        return members
    }

    /// A task of it; without the attempt, of which only the last is known.
    package static func json(of task: TaskDetail) -> JSONValue {
        guard case .object(var members) = task.json else { return task.json }
        members.removeValue(forKey: "attempt")
        members.removeValue(forKey: "reason")
        return .object(members)
    }
}

/// Which moment of an execution is wanted.
package enum PastMoment: Sendable, Hashable {
    /// After the event at this position of the log, and whatever was committed with it.
    case position(Int64)
    case time(Timestamp)
}
