package import CognitionCore

/// A question to people that a task waits for: exactly what is approved, and what can be answered.
package struct ApprovalRequest: Sendable, Hashable {
    package static let choicesMax = 16
    package static let standardChoices = ["approve", "reject"]
    private static let textBytesMax = 4_096

    package let title: String
    /// What is approved, whatever it is.
    package let subject: JSONValue
    package let choices: [String]
    package let expiresAt: Timestamp?
    /// The choice that stands when nobody answers in time.
    package let onExpiry: String
    /// SHA-256 of everything above in its canonical form, of the execution and of the task: whoever answers names it, and so
    /// says what was seen.
    package let digest: SHA256Digest

    /// - Parameters:
    ///   - arguments: `{title?, subject?, choices?, expires?, on_expiry?}`.
    ///   - place: Tells this question from all others.
    /// - Throws: A `WorkflowFault` of type validation.
    init(_ arguments: JSONValue, input: JSONValue, place: String, now: Timestamp) throws {
        guard case .object(let members) = arguments else {
            throw WorkflowFault(.validation, "the arguments of 'approval' are an object, not \(arguments.typeName)")
        }
        title = try Self.text(members["title"], "title") ?? "Approval"
        subject = members["subject"] ?? input
        choices = try Self.choices(members["choices"])
        let fallback = choices.contains("reject") ? "reject" : choices[choices.count - 1]
        onExpiry = try Self.text(members["on_expiry"], "on_expiry") ?? fallback
        guard choices.contains(onExpiry) else {
            throw WorkflowFault(.validation, "'on_expiry' is one of the choices, not '\(onExpiry.shortened)'")
        }
        let limit = try members["expires"].flatMap { $0.isNull ? nil : try DurationTemplate.evaluated($0) }
        expiresAt = limit.map { now + $0 }
        digest = SHA256Digest(
            of: JSONValue.object([
                "place": .string(place), "title": .string(title), "subject": subject,
                "choices": .array(choices.map(JSONValue.string)), "on_expiry": .string(onExpiry),
                "expires_at": expiresAt.map { .string($0.description) } ?? .null,
            ]).canonicalJSON)
    }

    private static func text(_ value: JSONValue?, _ name: String) throws -> String? {
        guard let value, !value.isNull else { return nil }
        guard let text = value.stringValue, (1...textBytesMax).contains(text.utf8.count) else {
            throw WorkflowFault(.validation, "'\(name)' is a text of 1 to \(textBytesMax) bytes")
        }
        return text
    }

    private static func choices(_ value: JSONValue?) throws -> [String] {
        guard let value, !value.isNull else { return standardChoices }
        let choices = (value.arrayValue ?? []).compactMap(\.stringValue)
        guard value.arrayValue?.count == choices.count, (1...choicesMax).contains(choices.count),
            Set(choices).count == choices.count, choices.allSatisfy({ (1...64).contains($0.utf8.count) })
        else {
            throw WorkflowFault(
                .validation, "'choices' has 1 to \(choicesMax) different texts of 1 to 64 bytes")
        }
        return choices
    }
}

// Kept with the task's row.
extension ApprovalRequest {
    var json: JSONValue {
        var members: JSONObject = [
            "title": .string(title), "subject": subject, "choices": .array(choices.map(JSONValue.string)),
            "on_expiry": .string(onExpiry), "digest": .string(digest.description),
        ]
        if let expiresAt { members["expires_at"] = .integer(expiresAt.microseconds) }
        return .object(members)
    }

    init?(json: JSONValue?) {
        guard let title = json?["title"]?.stringValue, let subject = json?["subject"],
            let choices = json?["choices"]?.arrayValue?.compactMap(\.stringValue),
            let onExpiry = json?["on_expiry"]?.stringValue,
            let digest = json?["digest"]?.stringValue.flatMap(SHA256Digest.init)
        else { return nil }
        self.title = title
        self.subject = subject
        self.choices = choices
        self.onExpiry = onExpiry
        self.digest = digest
        expiresAt = json?["expires_at"]?.integerValue.map(Timestamp.init(microseconds:))
    }
}

/// The answer that a question got; the first is the only one.
package struct ApprovalAnswer: Sendable, Hashable {
    package let task: Int
    package let attempt: Int
    package let choice: String
    package let comment: String?
    /// Who has answered; `nil` when nobody did in time.
    package let by: String?
    package let at: Timestamp

    package init(task: Int, attempt: Int, choice: String, comment: String?, by: String?, at: Timestamp) {
        self.task = task
        self.attempt = attempt
        self.choice = choice
        self.comment = comment
        self.by = by
        self.at = at
    }

    /// What the task gives.
    var output: JSONValue {
        [
            "choice": .string(choice), "approved": .bool(choice == "approve"),
            "comment": comment.map(JSONValue.string) ?? .null, "by": by.map(JSONValue.string) ?? .null,
            "at": .string(at.description), "expired": .bool(by == nil),
        ]
    }
}

/// What becomes of the approvals of an execution in one commit.
package enum ApprovalChange: Sendable {
    case asked(ApprovalRequest, task: Int, attempt: Int, name: String, expired: ApprovalAnswer? = nil)
    /// Nobody has answered in time.
    case expired(ApprovalAnswer)
    /// The task does not ask any more.
    case withdrawn(task: Int, attempt: Int)

    /// What is left of changes that come together: a question that was withdrawn before anybody could see it is none.
    static func folded(_ changes: [ApprovalChange]) -> [ApprovalChange] {
        var folded: [ApprovalChange] = []
        func place(_ task: Int, _ attempt: Int) -> Int? {
            folded.firstIndex { change in
                if case .asked(_, task, attempt, _, _) = change { true } else { false }
            }
        }
        for change in changes {
            switch change {
            case .withdrawn(let task, let attempt):
                if let asked = place(task, attempt) { folded.remove(at: asked) } else { folded.append(change) }
            case .expired(let answer):
                if let asked = place(answer.task, answer.attempt),
                    case .asked(let request, let task, let attempt, let name, _) = folded[asked]
                {
                    folded[asked] = .asked(request, task: task, attempt: attempt, name: name, expired: answer)
                } else {
                    folded.append(change)
                }
            case .asked: folded.append(change)
            }
        }
        return folded
    }
}

extension ApprovalRequest {
    /// What `call: approval` takes.
    static let signature: FunctionSignature = {
        let schema: JSONValue = [
            "type": "object",
            "properties": [
                "title": ["type": "string", "minLength": 1, "maxLength": .integer(Int64(textBytesMax))],
                "subject": [:],
                "choices": [
                    "type": "array", "minItems": 1, "maxItems": .integer(Int64(choicesMax)), "uniqueItems": true,
                    "items": ["type": "string", "minLength": 1, "maxLength": 64],
                ],
                "expires": ["type": ["string", "object"]],
                "on_expiry": ["type": "string"],
            ],
        ]
        do {
            return try FunctionSignature(effect: .pure, arguments: schema)
        } catch {
            preconditionFailure("the schema of an approval's arguments is valid: \(error)")
        }
    }()
}

/// A question with what has become of it.
package struct Approval: Sendable {
    package enum State: String, Sendable, CaseIterable {
        case open, answered, expired, withdrawn
    }

    package let task: Int
    package let attempt: Int
    /// The task's.
    package let name: String
    package let request: ApprovalRequest
    package let createdAt: Timestamp
    package let choice: String?
    package let comment: String?
    package let decidedBy: String?
    package let decidedAt: Timestamp?
    package let withdrawnAt: Timestamp?

    /// Names it among the approvals of its execution: the number of its task and that one's attempt.
    package var id: String { "\(task)-\(attempt)" }

    package var state: State {
        if decidedAt != nil { return decidedBy == nil ? .expired : .answered }
        return withdrawnAt == nil ? .open : .withdrawn
    }

    package static func parse(id: String) -> (task: Int, attempt: Int)? {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let task = Int(parts[0]), let attempt = Int(parts[1]), task > 0, attempt > 0,
            task <= ExecutionMachine.tasksMax, attempt <= 0xFFFF
        else { return nil }
        return (task, attempt)
    }
}

extension Approval {
    /// As answers and commands show it.
    package var json: JSONValue {
        func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
        return [
            "id": .string(id), "task": .integer(Int64(task)), "attempt": .integer(Int64(attempt)),
            "name": .string(name), "title": .string(request.title), "subject": request.subject,
            "choices": .array(request.choices.map(JSONValue.string)), "digest": .string(request.digest.description),
            "state": .string(state.rawValue), "on_expiry": .string(request.onExpiry),
            "created_at": .string(createdAt.description), "expires_at": text(request.expiresAt?.description),
            "choice": text(choice), "comment": text(comment), "decided_by": text(decidedBy),
            "decided_at": text(decidedAt?.description),
        ]
    }
}
