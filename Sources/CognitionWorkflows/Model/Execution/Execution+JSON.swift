package import CognitionCore

extension Execution {
    /// The shape in which programs get an execution.
    package var json: JSONValue {
        var members: JSONObject = [
            "id": .string(id.description),
            "workflow_id": .string(workflow.description),
            "version": .string(version),
            "status": .string(status.name),
            "progress": .integer(Int64(progress)),
            "priority": .integer(Int64(priority)),
            "input": input,
            "output": output ?? .null,
            "error": fault?.json ?? .null,
            "tasks": .array(tasks.map(\.json)),
            "cost": cost.json,
            "created_at": .string(createdAt.description),
            "started_at": JSONValue(startedAt),
            "ended_at": JSONValue(endedAt),
        ]
        if let reason { members["reason"] = .string(reason.rawValue) }
        if let forkedFrom { members["forked_from"] = forkedFrom.json }
        if hasMoreTasks { members["tasks_truncated"] = true }
        return .object(members)
    }
}

extension TaskSummary {
    package var json: JSONValue {
        var members: JSONObject = [
            "number": .integer(Int64(number)),
            "parent": .integer(Int64(parent)),
            "scope": .integer(Int64(scope)),
            "name": .string(name),
            "reference": .string(reference),
            "status": .string(status.name),
            "attempt": .integer(Int64(attempt)),
            "started_at": .string(startedAt.description),
            "ended_at": JSONValue(endedAt),
        ]
        if let reason { members["reason"] = .string(reason.rawValue) }
        if isSkipped { members["skipped"] = true }
        if let fault { members["error"] = fault.json }
        return .object(members)
    }
}

extension ExecutionSummary {
    package var json: JSONValue {
        var members: JSONObject = [
            "id": .string(id.description),
            "workflow_id": .string(workflow.description),
            "version": .string(version),
            "status": .string(status.name),
            "progress": .integer(Int64(progress)),
            "priority": .integer(Int64(priority)),
            "created_at": .string(createdAt.description),
            "ended_at": JSONValue(endedAt),
        ]
        if let reason { members["reason"] = .string(reason.rawValue) }
        return .object(members)
    }
}

extension TaskDetail {
    /// The task's own members, then `input` and `output`, which are null when there is none.
    package var json: JSONValue {
        guard case .object(var members) = summary.json else { return summary.json }
        members["input"] = input ?? .null
        members["output"] = output ?? .null
        return .object(members)
    }
}

extension JSONValue {
    fileprivate init(_ moment: Timestamp?) {
        self = moment.map { .string($0.description) } ?? .null
    }
}
