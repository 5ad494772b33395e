import CognitionCore
import CognitionWorkflows

/// The body of `POST workflows/execute`.
struct ExecuteRequest: RequestBody {
    static let waitSecondsMax = 60

    let workflow: WorkflowID
    let version: String
    let input: JSONValue
    let idempotencyKey: String?
    let wait: Duration
    let priority: Int?

    init(json: JSONValue) throws {
        let name = json["workflow_id"]?.stringValue ?? ""
        guard let workflow = WorkflowID(name) else {
            throw RequestError(.bodyInvalid, "the body is not valid: /workflow_id: is namespace.name, or name")
        }
        guard json["budget"]?.isNull ?? true else {
            throw RequestError(.featureUnsupported, "budgets do not exist in this release; leave budget out")
        }
        self.workflow = workflow
        version = json["version"]?.stringValue ?? "latest"
        input = json["input"] ?? [:]
        idempotencyKey = json["idempotency_key"]?.stringValue
        priority = json["priority"]?.integerValue.map { Int($0) }
        wait = .seconds(json["wait_seconds"]?.doubleValue ?? 0)
    }

    static let schemaName = "ExecuteRequest"
    static let schema: JSONValue = .record(
        [
            "workflow_id": .text("`namespace.name`, or `name` in the namespace `default`.", length: 1...127),
            "version": .nullable(.text("A stored version, or `latest`, which is the highest.", length: 1...128)),
            "input": .anything("The input of the workflow; an empty object unless given."),
            "idempotency_key": .nullable(
                .text(
                    "The same key again answers the same execution. The header Idempotency-Key says the same.",
                    length: 1...255)),
            "priority": [
                "type": ["integer", "null"], "minimum": 0, "maximum": 9,
                "description": "The higher, the sooner; unless given `document.metadata.priority`, else 5.",
            ],
            "wait_seconds": [
                "type": ["number", "null"], "minimum": 0, "maximum": .integer(Int64(waitSecondsMax)),
                "description": "How long to wait for the end before answering.",
            ],
            "budget": .anything("Refused until budgets exist."),
        ], optional: ["version", "input", "idempotency_key", "priority", "wait_seconds", "budget"], isClosed: true)
    static let sample: JSONValue = [
        "workflow_id": "greet", "version": "1.0.0", "input": ["name": "Ada"], "wait_seconds": 5,
    ]
}

/// What is known of an execution right after its start, and a line of the list.
struct ExecutionSummaryShape: AnswerBody {
    let execution: ExecutionSummary

    var json: JSONValue {
        guard case .object(var members) = execution.json else { return execution.json }
        members["execution_id"] = .string(execution.id.description)
        return .object(members)
    }

    static let schemaName = "ExecutionSummary"
    static let schema: JSONValue = .record(
        [
            "id": .uuid, "execution_id": .uuid, "workflow_id": .text("`namespace.name`"), "version": .text(),
            "status": status, "reason": reason,
            "progress": .whole(0...100), "priority": priority, "created_at": .moment, "ended_at": .nullable(.moment),
        ], optional: ["reason"])
    static let status: JSONValue = .choice(ExecutionStatus.allCases.map(\.name))
    static let priority: JSONValue = .whole(0...9, "The higher, the sooner it goes on.")
    static let reason: JSONValue = .text(
        "Why it does not go on by itself; or `compensating` while it undoes what it has done, and how that ended.")
    static let sample: JSONValue = [
        "id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "execution_id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f",
        "workflow_id": "default.greet", "version": "1.0.0", "status": "running", "progress": 0, "priority": 5,
        "created_at": "2026-11-21T08:00:00.000000Z", "ended_at": .null,
    ]
}

/// An execution with its first tasks.
struct ExecutionShape: AnswerBody {
    let execution: Execution

    var json: JSONValue {
        guard case .object(var members) = execution.json else { return execution.json }
        members["execution_id"] = .string(execution.id.description)
        return .object(members)
    }

    static let schemaName = "Execution"
    static let parts: [any WireType.Type] = [TaskShape.self]
    static let schema: JSONValue = .record(
        [
            "id": .uuid, "execution_id": .uuid, "workflow_id": .text("`namespace.name`"), "version": .text(),
            "status": ExecutionSummaryShape.status, "reason": ExecutionSummaryShape.reason,
            "progress": .whole(0...100, "Never falls, and is 100 only when completed."),
            "priority": ExecutionSummaryShape.priority,
            "input": .anything("What it was started with."), "output": .anything("What it gave; null until it has."),
            "error": .nullable(fault), "tasks": .list(of: TaskShape.reference, max: Workflows.tasksShownMax),
            "tasks_truncated": .flag("There are more tasks; list them page by page."),
            "cost": .money, "created_at": .moment, "started_at": .nullable(.moment), "ended_at": .nullable(.moment),
            "forked_from": forkedFrom,
        ], optional: ["execution_id", "reason", "tasks_truncated", "forked_from"])
    static let forkedFrom: JSONValue = .record(
        [
            "execution_id": .uuid, "task": .whole(1...(.max), "The task behind which it goes on."),
            "checkpoint": .uuid,
        ], optional: ["task", "checkpoint"], description: "What it was forked from.")
    static let fault: JSONValue = .record(
        [
            "type": .text("A URI that names the kind of error."), "status": .whole(), "title": .text(),
            "detail": .text(), "instance": .text("JSON pointer of the task."),
        ], optional: ["title", "detail", "instance"], description: "An error of the DSL.")
    static let sample: JSONValue = [
        "id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "execution_id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f",
        "workflow_id": "default.greet", "version": "1.0.0", "status": "completed", "progress": 100, "priority": 5,
        "input": ["name": "Ada"], "output": ["greeting": "Hello, Ada"], "error": .null, "tasks": [TaskShape.sample],
        "cost": ["micros": 0, "currency": "USD"], "created_at": "2026-11-21T08:00:00.000000Z",
        "started_at": "2026-11-21T08:00:00.000000Z", "ended_at": "2026-11-21T08:00:00.001000Z",
    ]
}

enum TaskShape: WireType {
    static let schemaName = "Task"
    static let members: JSONObject = [
        "number": .whole(1...(.max), "Counts the tasks of an execution in the order of their starts."),
        "parent": .whole(0...(.max), "The number of the task around it; 0 is the execution itself."),
        "scope": .whole(nil, "Which of the parent's lists it belongs to: the iteration or the branch."),
        "name": .text(), "reference": .text("JSON pointer of its definition."),
        "status": .choice(TaskStatus.allCases.map(\.name)), "reason": .text(),
        "attempt": .whole(0...(.max), "Counted from 1."), "started_at": .moment, "ended_at": .nullable(.moment),
        "skipped": .flag("Its `if` did not hold."), "error": ExecutionShape.fault,
    ]
    static let schema: JSONValue = .record(members, optional: ["reason", "skipped", "error"])
    static let sample: JSONValue = [
        "number": 1, "parent": 0, "scope": 0, "name": "hello", "reference": "/do/0/hello", "status": "completed",
        "attempt": 1, "started_at": "2026-11-21T08:00:00.000000Z", "ended_at": "2026-11-21T08:00:00.000000Z",
    ]
}

/// A task with its data.
struct TaskDetailShape: AnswerBody {
    let task: TaskDetail

    var json: JSONValue { task.json }

    static let schemaName = "TaskDetail"
    static let schema: JSONValue = {
        var members = TaskShape.members
        members["input"] = .anything("What the task was given; null where only an expression could tell.")
        members["output"] = .anything("What it gave; null until it has completed.")
        return .record(members, optional: ["reason", "skipped", "error"])
    }()
    static let sample: JSONValue = {
        guard case .object(var members) = TaskShape.sample else { return .null }
        members["input"] = ["name": "Ada"]
        members["output"] = ["greeting": "Hello, Ada"]
        return .object(members)
    }()
}
