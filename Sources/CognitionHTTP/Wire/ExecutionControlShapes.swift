import CognitionCore
import CognitionWorkflows

/// The body of `POST workflows/executions/{id}/move`.
struct MoveRequest: RequestBody {
    let version: String

    init(json: JSONValue) throws {
        guard let version = json["version"]?.stringValue else {
            throw RequestError(.bodyInvalid, "the body is not valid: /version: is missing")
        }
        self.version = version
    }

    static let schemaName = "MoveRequest"
    static let schema: JSONValue = .record(
        ["version": .text("A stored version, or `latest`, which is the highest.", length: 1...128)], isClosed: true)
    static let sample: JSONValue = ["version": "1.1.0"]
}

/// The body of `POST …/signals/{name}`: any JSON.
struct SignalRequest: RequestBody {
    let data: JSONValue

    init(json: JSONValue) throws { data = json }

    static let schemaName = "SignalRequest"
    static let schema: JSONValue = .anything("The data of the event that a task gets; null for none.")
    static let sample: JSONValue = ["decision": "go"]
}

struct SignalShape: AnswerBody {
    let execution: ExecutionID
    let name: String

    var json: JSONValue { ["execution_id": .string(execution.description), "signal": .string(name)] }

    static let schemaName = "Signal"
    static let schema: JSONValue = .record(["execution_id": .uuid, "signal": .text()])
    static let sample: JSONValue = [
        "execution_id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "signal": "com.example.go",
    ]
}

/// The body of `POST events`.
struct CloudEventRequest: RequestBody {
    let attributes: JSONValue

    init(json: JSONValue) throws { attributes = json }

    static let schemaName = "CloudEventRequest"
    static let schema: JSONValue = [
        "type": "object", "required": ["source", "type"],
        "properties": [
            "id": .text("Unique for the source; made up unless given.", length: 1...2_048),
            "source": .text("Where it happened, as a URI reference.", length: 1...2_048),
            "type": .text("What happened, e.g. com.example.order.placed.", length: 1...200),
            "specversion": .choice(["1.0"]), "time": .moment, "subject": .text(length: 1...2_048),
            "datacontenttype": .text(length: 1...2_048), "dataschema": .text(length: 1...2_048),
            "data": .anything("Its content."),
        ],
        "description": "A CloudEvent 1.0 in JSON. Further attributes have names of lower-case letters and digits.",
    ]
    static let sample: JSONValue = [
        "source": "https://shop.example.com", "type": "com.example.order.placed", "data": ["order": 42],
    ]
}

struct PublishedEventShape: AnswerBody {
    let event: CloudEvent
    let listeners: Int

    var json: JSONValue {
        [
            "id": .string(event.id), "source": .string(event.source), "type": .string(event.type),
            "listeners": .integer(Int64(listeners)),
        ]
    }

    static let schemaName = "PublishedEvent"
    static let schema: JSONValue = .record([
        "id": .text(), "source": .text(), "type": .text(),
        "listeners": .whole(0...(.max), "Tasks that it was sent to; each decides whether it takes it."),
    ])
    static let sample: JSONValue = [
        "id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "source": "https://shop.example.com",
        "type": "com.example.order.placed", "listeners": 1,
    ]
}

/// The body of `POST …/tasks/{number}/reconcile`.
struct ReconcileRequest: RequestBody {
    let outcome: Reconciliation.Outcome

    init(json: JSONValue) throws {
        switch json["outcome"]?.stringValue {
        case "done": outcome = .done(json["output"] ?? .null)
        case "retry": outcome = .retry
        case "fail": outcome = .failed(json["detail"]?.stringValue ?? "somebody said that it failed")
        default:
            throw RequestError(.bodyInvalid, "the body is not valid: /outcome: is one of done, retry and fail")
        }
    }

    static let schemaName = "ReconcileRequest"
    static let schema: JSONValue = .record(
        [
            "outcome": .choice(["done", "retry", "fail"]),
            "output": .anything("What it gave, of `done`."),
            "detail": .text("Why it failed, of `fail`.", length: 1...2_048),
        ], optional: ["output", "detail"], isClosed: true)
    static let sample: JSONValue = ["outcome": "done", "output": ["receipt": "r-17"]]
}

/// A question to people, and what has become of it.
struct ApprovalShape: AnswerBody {
    let approval: Approval

    var json: JSONValue { approval.json }

    static let schemaName = "Approval"
    static let schema: JSONValue = .record([
        "id": .text("Names it within its execution."), "task": .whole(1...(.max), "The number of the task that asks."),
        "attempt": .whole(1...(.max)), "name": .text("The task's."), "title": .text(),
        "subject": .anything("What is approved."), "choices": ["type": "array", "items": .text()],
        "digest": .text("SHA-256 of exactly what is asked, in hexadecimal digits; whoever answers names it."),
        "state": .choice(Approval.State.allCases.map(\.rawValue)), "on_expiry": .text(),
        "created_at": .moment, "expires_at": .nullable(.moment), "choice": .nullable(.text()),
        "comment": .nullable(.text()), "decided_by": .nullable(.text()), "decided_at": .nullable(.moment),
    ])
    static let sample: JSONValue = [
        "id": "3-1", "task": 3, "attempt": 1, "name": "signOff", "title": "Send the offer?",
        "subject": ["amount": 1200], "choices": ["approve", "reject"],
        "digest": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", "state": "open",
        "on_expiry": "reject", "created_at": "2026-11-21T08:00:00.000000Z", "expires_at": .null, "choice": .null,
        "comment": .null, "decided_by": .null, "decided_at": .null,
    ]
}

/// The body of `POST …/approvals/{approval}`.
struct ApprovalAnswerRequest: RequestBody {
    let choice: String
    let digest: SHA256Digest
    let comment: String?

    init(json: JSONValue) throws {
        guard let digest = json["digest"]?.stringValue.flatMap(SHA256Digest.init) else {
            throw RequestError(
                .bodyInvalid, "the body is not valid: /digest: is the approval's digest, 64 hexadecimal digits")
        }
        choice = json["choice"]?.stringValue ?? ""
        self.digest = digest
        comment = json["comment"]?.stringValue
    }

    static let schemaName = "ApprovalAnswerRequest"
    static let schema: JSONValue = .record(
        [
            "choice": .text("One of the choices.", length: 1...64),
            "digest": .text("That of the approval as it was listed.", length: 64...64),
            "comment": .nullable(.text("Kept with the answer.", length: 1...4_096)),
        ], optional: ["comment"], isClosed: true)
    static let sample: JSONValue = [
        "choice": "approve", "digest": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    ]
}

struct ApprovalAnswerShape: AnswerBody {
    let approval: Approval
    let isApplied: Bool

    var json: JSONValue { ["applied": .bool(isApplied), "approval": approval.json] }

    static let schemaName = "ApprovalAnswer"
    static let parts: [any WireType.Type] = [ApprovalShape.self]
    static let schema: JSONValue = .record([
        "applied": .flag("This request has answered it; else somebody else had before."),
        "approval": ApprovalShape.reference,
    ])
    static let sample: JSONValue = ["applied": true, "approval": ApprovalShape.sample]
}
