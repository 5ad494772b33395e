package import CognitionCore
package import CognitionEvents

/// An event of the log as clients are told of it.
package struct LogMessage: Sendable {
    /// Events of these streams are told.
    static let executionStream = "execution"
    static let queueStream = "job_queue"

    package let position: Int64
    package let id: UUIDv7
    /// Who acted.
    package let sender: String
    /// `workflow_status`, `job_status` or `queue_status`.
    package let type: String
    package let data: JSONObject
    package let time: Timestamp
    /// Whom it concerns.
    let topics: [Topic]

    /// - Parameters:
    ///   - workflow: The canonical name of the execution's workflow.
    ///   - withError: Without, what went wrong is left out.
    package init(_ event: Event, workflow: String?, withError: Bool = true) {
        position = event.position
        id = event.id
        sender = event.actor
        time = event.time
        topics = Self.topics(of: event, workflow: workflow)
        if event.stream.type == Self.queueStream {
            type = event.type.hasPrefix("job.") ? "job_status" : "queue_status"
            data = Self.jobData(of: event, withError: withError)
        } else {
            type = "workflow_status"
            data = Self.workflowData(of: event, workflow: workflow, withError: withError)
        }
    }

    /// Whom an event concerns.
    package static func topics(of event: Event, workflow: String?) -> [Topic] {
        let workspace = event.workspace
        guard event.stream.type == queueStream else {
            let execution = Topic.execution(workspace, event.stream.id)
            return workflow.map { [execution, .workflow(workspace, $0)] } ?? [execution]
        }
        // A run of a schedule concerns whoever watches the schedule.
        let jobs = ["job_id", "schedule_id"].compactMap { event.data[$0]?.stringValue }
        return jobs.map { .job(workspace, $0) } + [.queue(workspace, event.stream.id), .jobs(workspace)]
    }

    /// As rooms show what was said in them: `content` is what is `data` over a socket.
    package func json(room: String) -> JSONObject {
        [
            "room": .string(room), "id": .string(id.description), "sender": .string(sender),
            "content": .object(data), "type": .string(type), "created_at": .string(time.description),
            "offset": .integer(position),
        ]
    }

    // MARK: Executions

    private static func workflowData(of event: Event, workflow: String?, withError: Bool) -> JSONObject {
        var data: JSONObject = ["execution_id": .string(event.stream.id)]
        data["workflow_id"] = workflow.map(JSONValue.string) ?? .null
        data["status"] = event.data["status"] ?? .null
        data["progress"] = event.data["progress"] ?? .null
        data["event"] = .string(event.type)
        data["time"] = .string(event.time.description)
        let error = withError ? event.data["error"] : nil
        guard let happened = taskStatus(event.type) else {
            data["reason"] = event.data["reason"]
            data["error"] = error
            return data
        }
        var task: JSONObject = ["status": .string(happened)]
        for (member, name) in taskMembers { task[name] = event.data[member] }
        task["error"] = error
        data["task"] = .object(task)
        return data
    }

    private static let taskMembers = [
        ("task", "number"), ("name", "name"), ("reference", "reference"), ("attempt", "attempt"),
        ("parent", "parent"), ("scope", "scope"), ("items", "items"), ("reason", "reason"),
        ("outcome", "outcome"), ("compensation", "compensation"),
    ]

    /// The status that a task has after an event of the type; `nil` when it is not about a task.
    private static func taskStatus(_ type: String) -> String? {
        guard type.hasPrefix("task.") else { return nil }
        return switch type.dropFirst(5) {
        case "started": "running"
        case "retried": "waiting"
        case let status: String(status)
        }
    }

    // MARK: Jobs

    private static func jobData(of event: Event, withError: Bool) -> JSONObject {
        var data = event.data.objectValue ?? [:]
        if !withError { data["error"] = nil }
        data["queue"] = .string(event.stream.id)
        data["status"] = .string(event.type.split(separator: ".").last.map(String.init) ?? event.type)
        data["event"] = .string(event.type)
        data["time"] = .string(event.time.description)
        return data
    }
}
