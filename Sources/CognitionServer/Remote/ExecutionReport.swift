import CognitionCore
import CognitionEvents
import CognitionWorkflows

/// An execution in the shape of `GET workflows/executions/{id}`, read for showing.
struct ExecutionReport: Sendable {
    let json: JSONValue
    let id: ExecutionID
    let status: ExecutionStatus

    /// - Throws: `CommandFailure` when it is no execution.
    init(_ json: JSONValue) throws {
        guard let id = json["id"]?.stringValue.flatMap(ExecutionID.init),
            let status = json["status"]?.stringValue.flatMap(ExecutionStatus.init(name:))
        else { throw Self.notOurs }
        self.json = json
        self.id = id
        self.status = status
    }

    /// Only a person can make it go on.
    var isParked: Bool {
        status == .suspended
            || reason.map { StatusReason(rawValue: $0)?.needsPerson ?? true } == true && !status.hasEnded
    }

    var workflow: String { text("workflow_id") }
    var version: String { text("version") }
    var reason: String? { json["reason"]?.stringValue }
    var progress: Int64 { json["progress"]?.integerValue ?? 0 }
    var input: JSONValue { json["input"] ?? .null }
    var output: JSONValue { json["output"] ?? .null }
    /// As JSON text.
    var fault: String? { json["error"].flatMap { $0.isNull ? nil : $0.jsonText } }
    var createdAt: String { text("created_at") }
    var endedAt: String? { json["ended_at"]?.stringValue }
    /// What it was forked from, for people.
    var forkedFrom: String? {
        guard let origin = json["forked_from"], let id = origin["execution_id"]?.stringValue else { return nil }
        if let task = origin["task"]?.integerValue { return "\(id), behind task \(task)" }
        return id + (origin["checkpoint"]?.stringValue.map { ", at checkpoint \($0)" } ?? "")
    }
    var tasks: [TaskReport] { (json["tasks"]?.arrayValue ?? []).map(TaskReport.init) }
    var hasMoreTasks: Bool { json["tasks_truncated"]?.boolValue ?? false }

    private func text(_ member: String) -> String { json[member]?.stringValue ?? "" }

    static let notOurs = CommandFailure("the server's answer cannot be read; is it of another release?")
}

/// A task of an execution.
struct TaskReport: Sendable {
    let json: JSONValue

    var number: Int64 { json["number"]?.integerValue ?? 0 }
    /// The number of the task around it; 0 is the execution itself.
    var parent: Int64 { json["parent"]?.integerValue ?? 0 }
    var name: String { json["name"]?.stringValue ?? "" }
    var status: String { json["status"]?.stringValue ?? "" }
    var isSkipped: Bool { json["skipped"]?.boolValue ?? false }
    /// `nil` until it has ended.
    var took: Duration? {
        guard let start = json["started_at"]?.stringValue.flatMap(Timestamp.init),
            let end = json["ended_at"]?.stringValue.flatMap(Timestamp.init)
        else { return nil }
        return end - start
    }
    var fault: String? {
        guard let error = json["error"] else { return nil }
        return "\((error["title"] ?? error["type"])?.stringValue ?? ""): \(error["detail"]?.stringValue ?? "")"
    }
}

/// What happened in an execution: the part of an event that is shown.
struct ExecutionEvent: Sendable {
    let type: String
    let time: Timestamp
    let data: JSONValue

    init(_ event: Event) {
        type = event.type
        time = event.time
        data = event.data
    }

    /// - Throws: `CommandFailure` when it is no event.
    init(_ json: JSONValue) throws {
        guard let type = json["type"]?.stringValue, let time = json["time"]?.stringValue.flatMap(Timestamp.init) else {
            throw ExecutionReport.notOurs
        }
        self.type = type
        self.time = time
        data = json["data"] ?? .null
    }

    /// Nothing follows it.
    var isLast: Bool { ["execution.completed", "execution.faulted", "execution.cancelled"].contains(type) }
    /// From now on only a person can make the execution go on.
    var parks: Bool { type == "task.waiting" }
}
