import CognitionCore
import CognitionWorkflows

/// The body of `POST sagas`.
struct SagaRequest: RequestBody {
    let plan: SagaPlan
    let input: JSONValue

    init(json: JSONValue) throws {
        let steps = (json["steps"]?.arrayValue ?? []).map { step in
            SagaPlan.Step(
                name: step["name"]?.stringValue ?? "", task: step["do"]?.objectValue ?? [:],
                compensation: step["compensate"]?.objectValue, timeout: step["timeout"]?.stringValue)
        }
        guard Set(steps.map(\.name)).count == steps.count else {
            throw RequestError(.bodyInvalid, "the body is not valid: /steps: each has a name of its own")
        }
        plan = SagaPlan(name: json["name"]?.stringValue ?? "", steps: steps, timeout: json["timeout"]?.stringValue)
        input = json["input"] ?? [:]
    }

    private static let namePattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
    private static let task: JSONValue = ["type": "object", "minProperties": 1]
    private static let duration = JSONValue.text("A duration in ISO 8601, e.g. `PT30S`.", length: 2...64)
    static let schemaName = "SagaRequest"
    static let schema: JSONValue = .record(
        [
            "name": .text("What kind of saga it is.", length: 1...63, pattern: namePattern),
            "steps": [
                "type": "array", "minItems": 1, "maxItems": .integer(Int64(SagaPlan.stepsMax)),
                "items": .record(
                    [
                        "name": .text(length: 1...63, pattern: namePattern), "do": task, "compensate": task,
                        "timeout": duration,
                    ], optional: ["compensate", "timeout"],
                    description: "`do` is a task of the DSL, `compensate` the one that undoes it.", isClosed: true),
            ],
            "timeout": .text(
                """
                How long all steps may take together, as a duration in ISO 8601, e.g. `PT10M`; then the step that runs is \
                stopped, and what was done is undone.
                """, length: 2...64),
            "input": .anything("The input of the first step; an empty object unless given."),
        ], optional: ["timeout", "input"], isClosed: true)
    static let sample: JSONValue = [
        "name": "book-trip",
        "steps": [
            [
                "name": "hotel", "do": ["set": ["room": 12]], "timeout": "PT30S",
            ],
            [
                "name": "flight", "do": ["call": "rehearse", "with": [:]],
                "compensate": ["call": "rehearse", "with": [:]],
            ],
        ],
        "input": ["guest": "Ada"],
    ]
}

struct SagaShape: AnswerBody {
    let saga: Saga

    var json: JSONValue {
        let execution = saga.execution
        var members: JSONObject = [
            "id": .string(execution.id.description), "name": .string(execution.workflow.name),
            "workflow_id": .string(execution.workflow.description), "version": .string(execution.version),
            "status": .string(execution.status.name), "reason": execution.reason.map { .string($0.rawValue) } ?? .null,
            "steps": .array(saga.steps.map(Self.step)), "input": execution.input, "output": execution.output ?? .null,
            "error": execution.fault?.json ?? .null,
        ]
        members["created_at"] = .string(execution.createdAt.description)
        members["ended_at"] = execution.endedAt.map { .string($0.description) } ?? .null
        members["timeout"] = saga.timeout.map { .string($0) } ?? .null
        members["deadline_at"] = saga.deadline.map { .string($0.description) } ?? .null
        return .object(members)
    }

    private static func step(_ step: Saga.Step) -> JSONValue {
        [
            "name": .string(step.name), "status": .string(step.status.rawValue),
            "started_at": step.startedAt.map { .string($0.description) } ?? .null,
            "ended_at": step.endedAt.map { .string($0.description) } ?? .null, "error": step.fault?.json ?? .null,
        ]
    }

    static let schemaName = "Saga"
    static let schema: JSONValue = .record([
        "id": .uuid, "name": .text(), "workflow_id": .text("The workflow that it is: `sagas.NAME`."),
        "version": .text(),
        "status": ExecutionSummaryShape.status, "reason": .nullable(ExecutionSummaryShape.reason),
        "steps": .list(
            of: .record([
                "name": .text(), "status": .choice(Saga.StepStatus.allCases.map(\.rawValue)),
                "started_at": .nullable(.moment), "ended_at": .nullable(.moment),
                "error": .nullable(ExecutionShape.fault),
            ])),
        "input": .anything("What it was started with."), "output": .anything("That of the last step; null until then."),
        "error": .nullable(ExecutionShape.fault), "created_at": .moment, "ended_at": .nullable(.moment),
        "timeout": .nullable(.text("How long all steps may take together.")),
        "deadline_at": .nullable(.moment),
    ])
    static let sample: JSONValue = [
        "id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "name": "book-trip", "workflow_id": "sagas.book-trip",
        "version": "1.0.0", "status": "faulted", "reason": "compensated",
        "steps": [
            [
                "name": "hotel", "status": "compensated", "started_at": "2026-11-21T08:00:00.000000Z",
                "ended_at": "2026-11-21T08:00:01.000000Z", "error": .null,
            ]
        ],
        "input": ["guest": "Ada"], "output": .null, "error": .null, "created_at": "2026-11-21T08:00:00.000000Z",
        "ended_at": "2026-11-21T08:00:01.000000Z", "timeout": "PT10M", "deadline_at": .null,
    ]
}
