import CognitionCore
import CognitionWorkflows

/// A workflow definition as it is sent to be stored or checked.
struct DefinitionDocument: RequestBody {
    init(json: JSONValue) throws {}

    static let schemaName = "WorkflowDefinition"
    static let schema: JSONValue = .record(
        [
            "document": .record(
                [
                    "dsl": .text("The version of the language, e.g. 1.0.0."),
                    "namespace": .text("Groups workflows; `default` unless there is a reason."),
                    "name": .text(), "version": .text("A semantic version."),
                    "title": .text(), "summary": .text(), "tags": .anything("Words of any kind."),
                    "metadata": .anything("Further members."),
                ], optional: ["title", "summary", "tags", "metadata"]),
            "do": .list(of: .record([:])),
        ], description: "A document of the Serverless Workflow DSL 1.0.")
    static let sample: JSONValue = [
        "document": ["dsl": "1.0.0", "namespace": "default", "name": "greet", "version": "1.0.0"],
        "do": [["hello": ["set": ["greeting": "${ \"Hello, \\(.name)\" }"]]]],
    ]
}

/// One stored version.
struct WorkflowVersionShape: AnswerBody {
    let workflow: StoredWorkflow

    var json: JSONValue { workflow.json }

    static let schemaName = "WorkflowVersion"
    static let schema: JSONValue = .record([
        "id": .text("`namespace.name`"), "version": .text(), "hash": .text("SHA-256 of the canonical document."),
        "title": .nullable(.text()), "state": WorkflowShape.state, "created_at": .moment,
    ])
    static let sample: JSONValue = [
        "id": "default.greet", "version": "1.0.0",
        "hash": "4b1f2e6d8c0a9b7e5d3c1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d", "title": .null, "state": "active",
        "created_at": "2026-11-21T08:00:00.000000Z",
    ]
}

/// One stored version with its document.
struct StoredDefinitionShape: AnswerBody {
    let definition: StoredDefinition

    var json: JSONValue { definition.json }

    static let schemaName = "StoredDefinition"
    static let schema: JSONValue = {
        guard case .object(var members)? = WorkflowVersionShape.schema["properties"] else {
            preconditionFailure("the schema of a version is an object with properties")
        }
        members["document"] = .record([:], description: "The definition, with its members in their order.")
        return .record(members)
    }()
    static let sample: JSONValue = {
        guard case .object(var members) = WorkflowVersionShape.sample else { return .null }
        members["document"] = DefinitionDocument.sample
        return .object(members)
    }()
}

/// A workflow over all its versions.
struct WorkflowShape: AnswerBody {
    let workflow: WorkflowSummary

    var json: JSONValue { workflow.json }

    static let schemaName = "Workflow"
    static let schema: JSONValue = .record([
        "id": .text("`namespace.name`"), "version": .text("The highest."),
        "hash": .text("SHA-256 of the canonical document of that version."), "title": .nullable(.text()),
        "state": state, "tags": .list(of: .text()), "owner": .text("Who stored its first version."),
        "retention": retention,
        "created_at": .moment, "updated_at": .moment,
    ])
    static let retention: JSONValue = .anything(
        """
        How long ended executions are kept, a minute to ten years: a duration (`P30D` or `{"days": 30}`), one for each of \
        `completed`, `faulted` and `cancelled`, or null, which is for ever.
        """)
    static let state: JSONValue = .choice(
        WorkflowState.allCases.map(\.rawValue), "An archived workflow starts no new executions.")
    static let sample: JSONValue = [
        "id": "default.greet", "version": "1.0.0",
        "hash": "4b1f2e6d8c0a9b7e5d3c1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d", "title": .null, "state": "active",
        "tags": ["example"], "owner": "user:0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "retention": .null,
        "created_at": "2026-11-21T08:00:00.000000Z", "updated_at": "2026-11-21T08:00:00.000000Z",
    ]
}

struct WorkflowChangeRequest: RequestBody {
    let change: WorkflowChange

    init(json: JSONValue) throws {
        change = WorkflowChange(
            state: json["state"]?.stringValue.flatMap(WorkflowState.init(rawValue:)),
            tags: json["tags"]?.arrayValue?.compactMap(\.stringValue),
            retention: try json["retention"].map(Retention.init(json:)))
    }

    static let schemaName = "WorkflowChangeRequest"
    static let schema: JSONValue = .record(
        [
            "state": WorkflowShape.state,
            "tags": .list(
                of: .text(length: 1...WorkflowChange.tagBytesMax, pattern: "^[a-z0-9][a-z0-9_.:/-]*$"),
                max: WorkflowChange.tagsMax),
            "retention": WorkflowShape.retention,
        ], optional: ["state", "tags", "retention"], isClosed: true)
    static let sample: JSONValue = ["state": "archived", "tags": ["example"], "retention": ["completed": "P30D"]]
}

struct VersionChangeRequest: RequestBody {
    let state: WorkflowState

    init(json: JSONValue) throws {
        guard let state = json["state"]?.stringValue.flatMap(WorkflowState.init(rawValue:)) else {
            throw RequestError(.bodyInvalid, "the body is not valid: /state: is active or archived")
        }
        self.state = state
    }

    static let schemaName = "VersionChangeRequest"
    static let schema: JSONValue = .record(
        ["state": .choice(WorkflowState.allCases.map(\.rawValue), "An archived version starts no new executions.")],
        isClosed: true)
    static let sample: JSONValue = ["state": "archived"]
}

/// What is to be said of a definition that was checked.
enum ValidationShape: AnswerBody {
    case valid(WorkflowDefinition)
    case invalid([DefinitionFault])

    var json: JSONValue {
        switch self {
        case .valid(let definition):
            [
                "valid": true, "workflow_id": .string(definition.id.description),
                "version": .string(definition.version), "hash": .string(definition.hash.description),
                "tasks": .integer(Int64(definition.taskCount)), "faults": [],
            ]
        case .invalid(let faults):
            ["valid": false, "faults": .array(faults.map(\.json))]
        }
    }

    static let schemaName = "Validation"
    static let schema: JSONValue = .record(
        [
            "valid": .flag(), "workflow_id": .text(), "version": .text(), "hash": .text(),
            "tasks": .whole(0...(.max)),
            "faults": .list(
                of: .record(
                    [
                        "pointer": .text("Where, as a JSON pointer."), "message": .text(),
                        "line": .whole(1...(.max)), "column": .whole(1...(.max)),
                    ], optional: ["line", "column"])),
        ], optional: ["workflow_id", "version", "hash", "tasks"])
    static let sample: JSONValue = [
        "valid": true, "workflow_id": "default.greet", "version": "1.0.0",
        "hash": "4b1f2e6d8c0a9b7e5d3c1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d", "tasks": 1, "faults": [],
    ]
}
