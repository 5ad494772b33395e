package import CognitionCore

/// Steps that are done one after the other, each with how it is undone: when one fails, those before it are undone in
/// reverse.
///
/// A saga is a workflow of the namespace ``namespace``, whose tasks are the steps, each with `metadata.compensate`; it runs
/// on the same engine, with the same promises.
package struct SagaPlan: Sendable {
    package static let namespace = "sagas"
    package static let stepsMax = 100

    package struct Step: Sendable {
        package let name: String
        /// A task of the DSL, e.g. `{"call": "http", "with": {…}}`.
        package let task: JSONObject
        /// The task that undoes it.
        package let compensation: JSONObject?
        /// A duration in ISO 8601 after which it fails.
        package let timeout: String?

        package init(name: String, task: JSONObject, compensation: JSONObject?, timeout: String?) {
            self.name = name
            self.task = task
            self.compensation = compensation
            self.timeout = timeout
        }
    }

    package let name: String
    package let steps: [Step]
    /// Of all steps together.
    package let timeout: String?

    package init(name: String, steps: [Step], timeout: String? = nil) {
        self.name = name
        self.steps = steps
        self.timeout = timeout
    }

    /// The document of the workflow; whether it is one, its reader says.
    package var document: JSONValue {
        var document: JSONObject = [
            "document": [
                "dsl": "1.0.0", "namespace": .string(Self.namespace), "name": .string(name), "version": "1.0.0",
            ]
        ]
        if let timeout { document["timeout"] = ["after": .string(timeout)] }
        document["do"] = .array(steps.map { [$0.name: .object($0.definition)] })
        return .object(document)
    }
}

extension SagaPlan.Step {
    fileprivate var definition: JSONObject {
        var definition = task
        if let timeout { definition["timeout"] = ["after": .string(timeout)] }
        if let compensation {
            var metadata = definition["metadata"]?.objectValue ?? [:]
            metadata["compensate"] = [["undo": .object(compensation)]]
            definition["metadata"] = .object(metadata)
        }
        return definition
    }
}

/// A saga as its users see it: the execution, step by step.
package struct Saga: Sendable {
    package enum StepStatus: String, Sendable, CaseIterable {
        case pending
        case running
        case completed
        case failed
        /// It was stopped, by the saga's timeout or a cancellation.
        case cancelled
        case compensating
        case compensated
        case compensationFailed = "compensation_failed"
    }

    package struct Step: Sendable {
        package let name: String
        package let status: StepStatus
        package let startedAt: Timestamp?
        package let endedAt: Timestamp?
        /// Why it failed, or could not be undone.
        package let fault: WorkflowFault?
    }

    package let execution: Execution
    package let steps: [Step]
    /// Of all steps together, as it was given.
    package let timeout: String?
    /// When what has been done is undone; `nil` while that cannot happen by itself.
    package let deadline: Timestamp?

    /// - Parameters:
    ///   - names: Of all steps, in their order.
    ///   - timeout: As it was given; `nil` for none, and when the definition was deleted.
    init(_ execution: Execution, steps names: [String], timeout: String?) {
        self.execution = execution
        self.timeout = timeout
        let mayEnd = !execution.status.hasEnded && execution.status != .suspended && execution.reason != .compensating
        deadline =
            if mayEnd, let from = execution.timeoutFrom, let limit = timeout.flatMap({ try? Duration(iso8601: $0) }) {
                // One that an expression gives is known to the engine alone.
                from + limit
            } else {
                nil
            }
        let tasks = execution.tasks.filter { $0.parent == 0 }
        steps = names.map { name in
            guard let task = tasks.last(where: { $0.name == name && !$0.reference.contains("/compensate/") }) else {
                return Step(name: name, status: .pending, startedAt: nil, endedAt: nil, fault: nil)
            }
            let undoing = tasks.last { $0.name == "compensate \(name)" && $0.scope == task.number }
            return Step(
                name: name, status: Self.status(of: task, undoing), startedAt: task.startedAt,
                endedAt: undoing?.endedAt ?? task.endedAt, fault: undoing?.fault ?? task.fault)
        }
    }

    private static func status(of task: TaskSummary, _ undoing: TaskSummary?) -> StepStatus {
        if let undoing {
            return switch undoing.status {
            case .completed: .compensated
            case .faulted, .cancelled: .compensationFailed
            case .pending, .running, .waiting, .suspended: .compensating
            }
        }
        return switch task.status {
        case .completed: .completed
        case .faulted: .failed
        case .cancelled: .cancelled
        case .pending, .running, .waiting, .suspended: .running
        }
    }
}
