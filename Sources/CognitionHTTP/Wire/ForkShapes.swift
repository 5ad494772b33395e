import CognitionCore
import CognitionWorkflows

/// The body of `POST workflows/executions/{id}/fork`.
struct ForkRequest: RequestBody {
    let point: ForkCommand.Point
    let version: String?
    let inputPatch: JSONValue?

    init(json: JSONValue) throws {
        let (task, checkpoint) = (json["task"] ?? .null, json["checkpoint"]?.stringValue)
        guard task.isNull || checkpoint == nil else {
            throw RequestError(.bodyInvalid, "the body is not valid: an execution is forked at a task or a checkpoint")
        }
        if let number = task.integerValue {
            point = .task(Int(number))
        } else if let text = task.stringValue {
            point = .named(text)
        } else {
            point = checkpoint.map(ForkCommand.Point.checkpoint) ?? .start
        }
        version = json["version"]?.stringValue
        // A patch of null replaces the whole by null, as RFC 7396 has it; no patch is no member.
        inputPatch = json["input_patch"]
    }

    static let schemaName = "ForkRequest"
    static let schema: JSONValue = .record(
        [
            "task": [
                "type": ["integer", "string", "null"], "minimum": 1, "maximum": 1_048_575, "minLength": 1,
                "maxLength": 1_024,
                "description":
                    "The number of a completed task; or a reference or name, of which the newest completed task is taken.",
            ],
            "checkpoint": .nullable(.text("Id or name of a checkpoint of the execution.", length: 1...63)),
            "version": .nullable(
                .text("A stored version, or `latest`; the execution's own unless given.", length: 1...128)),
            "input_patch": .anything(
                "RFC 7396 merge patch: of the task's output; with neither task nor checkpoint, of the workflow's input."
            ),
        ], optional: ["task", "checkpoint", "version", "input_patch"], isClosed: true)
    static let sample: JSONValue = ["task": 3, "version": "1.1.0", "input_patch": ["name": "Ada"]]
}

/// The body of `POST workflows/executions/{id}/checkpoints`.
struct CheckpointRequest: RequestBody {
    let name: String?

    init(json: JSONValue) { name = json["name"]?.stringValue }

    static let schemaName = "CheckpointRequest"
    static let schema: JSONValue = .record(
        ["name": .nullable(.text("Unlike any other of the execution.", pattern: "^[a-z0-9][a-z0-9_-]{0,62}$"))],
        optional: ["name"], isClosed: true)
    static let sample: JSONValue = ["name": "before-review"]
}

struct CheckpointShape: AnswerBody {
    let checkpoint: Checkpoint

    var json: JSONValue { checkpoint.json }

    static let schemaName = "Checkpoint"
    static let members: JSONObject = [
        "id": .uuid, "execution_id": .uuid, "name": .nullable(.text()), "taken_at": .moment,
        "position": .whole(0...(.max), "Of the execution's last event before it."),
        "created_by": .text("Who took it, e.g. `user:ID`."),
    ]
    static let schema: JSONValue = .record(members)
    static let sample: JSONValue = [
        "id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e90", "execution_id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f",
        "name": "before-review", "taken_at": "2026-11-21T08:00:00.000000Z", "position": 42,
        "created_by": "user:0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e80",
    ]
}

/// A checkpoint with what the execution was like.
struct CheckpointStateShape: AnswerBody {
    let checkpoint: Checkpoint
    let state: PastState?

    var json: JSONValue {
        guard case .object(var members) = checkpoint.json else { return checkpoint.json }
        members["state"] = state.map { .object($0.members) } ?? .null
        return .object(members)
    }

    static let schemaName = "CheckpointState"
    static let schema: JSONValue = {
        var members = CheckpointShape.members
        members["state"] = .nullable(.record(PastStateShape.members, optional: ["forked_from"]))
        return .record(members)
    }()
    static let sample: JSONValue = {
        guard case .object(var members) = CheckpointShape.sample else { return .null }
        members["state"] = .null
        return .object(members)
    }()
}

/// An execution as it was.
struct PastStateShape: AnswerBody {
    let state: PastState

    var json: JSONValue {
        var members = state.members
        members["tasks"] = .array(state.tasks.map(PastState.json))
        members["next_cursor"] = state.next.map { .string(Cursor("past-tasks", after: Int64($0)).text) } ?? .null
        return .object(members)
    }

    static let schemaName = "PastState"
    static let members: JSONObject = [
        "execution_id": .uuid, "workflow_id": .text("`namespace.name`"), "version": .text(),
        "position": .whole(0...(.max), "Of the execution's last event until then; 0 before its first."),
        "at": .moment, "status": ExecutionSummaryShape.status, "progress": .whole(0...100),
        "input": .anything("What it was started with."), "context": .anything("What `export` had made of it."),
        "output": .anything("Null until it had completed."), "error": .nullable(ExecutionShape.fault),
        "forked_from": ExecutionShape.forkedFrom,
    ]
    static let schema: JSONValue = {
        var members = Self.members
        var task = TaskShape.members
        task["attempt"] = nil
        task["reason"] = nil
        task["input"] = .anything("What the task was given; null where only an expression could tell.")
        task["output"] = .anything("What it had given; null while it ran.")
        members["tasks"] = .list(of: .record(task, optional: ["skipped", "error"]))
        members["next_cursor"] = .nullable(.text("Where the next page of tasks starts."))
        return .record(members, optional: ["forked_from"])
    }()
    static let sample: JSONValue = [
        "execution_id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "workflow_id": "default.greet", "version": "1.0.0",
        "position": 42, "at": "2026-11-21T08:00:00.000000Z", "status": "running", "progress": 50,
        "input": ["name": "Ada"], "context": .null, "output": .null, "error": .null, "tasks": [],
        "next_cursor": .null,
    ]
}

struct ExecutionDiffShape: AnswerBody {
    let diff: ExecutionDiff

    var json: JSONValue {
        var members = diff.members
        members["items"] = .array(diff.pairs.map(\.json))
        members["next_cursor"] = diff.next.map { .string(Cursor("diff", after: Int64($0)).text) } ?? .null
        return .object(members)
    }

    static let schemaName = "ExecutionDiff"
    private static let standing: JSONValue = .choice(ExecutionDiff.Standing.allCases.map(\.rawValue))
    private static let duration: JSONValue = .nullable(.whole(nil, "Microseconds; null until it has ended."))
    private static let side: JSONValue = .record(
        [
            "number": .whole(1...(.max)), "status": ExecutionSummaryShape.status, "duration_us": duration,
            "cost": .money,
            "output": .anything("Where the two differ."),
        ], optional: ["output"])
    private static let whole: JSONValue = .record(
        [
            "id": .uuid, "workflow_id": .text("`namespace.name`"), "version": .text(),
            "status": ExecutionSummaryShape.status, "tasks": .whole(0...(.max), "Without the shared ones."),
            "cost": .money, "duration_us": duration, "output": .anything("Where the two differ."),
        ], optional: ["output"])
    static let schema: JSONValue = .record([
        "left": whole, "right": whole, "equal": .flag("Status and output are the same."),
        "shared_tasks": .whole(0...(.max), "Tasks that both have by a fork; they are not repeated."),
        "totals": .record(
            JSONObject(ExecutionDiff.Standing.allCases.map { ($0.rawValue, .whole(0...(.max))) })),
        "items": .list(
            of: .record([
                "standing": standing, "reference": .text("JSON pointer of the definition."), "name": .text(),
                "scope": .whole(nil, "The iteration or branch."), "left": .nullable(side), "right": .nullable(side),
            ])),
        "next_cursor": .nullable(.text("Where the next page starts.")),
    ])
    static let sample: JSONValue = {
        func whole(_ id: String) -> JSONValue {
            [
                "id": .string(id), "workflow_id": "default.greet", "version": "1.0.0", "status": "completed",
                "tasks": 0, "cost": ["micros": 0, "currency": "USD"], "duration_us": 1_000,
            ]
        }
        return [
            "left": whole("0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f"),
            "right": whole("0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e90"), "equal": true, "shared_tasks": 2,
            "totals": ["equal": 0, "changed": 0, "only_left": 0, "only_right": 0], "items": [], "next_cursor": .null,
        ]
    }()
}
