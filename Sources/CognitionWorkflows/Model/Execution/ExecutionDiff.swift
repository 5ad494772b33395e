package import CognitionCore

/// How two executions differ, task by task.
package struct ExecutionDiff: Sendable {
    /// Tasks of one execution that can be compared.
    package static let tasksMax = 20_000

    package enum Standing: String, Sendable, CaseIterable {
        /// The same status and output.
        case equal
        case changed
        case onlyLeft = "only_left"
        case onlyRight = "only_right"
    }

    /// One of the two tasks of a pair.
    package struct Side: Sendable {
        package var number: Int
        package var status: TaskStatus
        /// `nil` until it has ended.
        package var took: Duration?
        /// Micros; `nil` for a task that costs nothing.
        package var cost: Int64?
        /// Only where the two differ.
        package var output: JSONValue?
    }

    /// The same task of the document, in the same iteration or branch, for the same time.
    package struct Pair: Sendable {
        package var standing: Standing
        package var reference: String
        package var name: String
        package var scope: Int
        package var left: Side?
        package var right: Side?
    }

    package struct Whole: Sendable {
        package var execution: Execution
        /// Those that are not shared.
        package var tasks: Int
    }

    package var left: Whole
    package var right: Whole
    /// Tasks that one has from the other, or both from a third.
    package var shared: Int
    package var totals: [Standing: Int]
    /// A page, in the order of the left execution's tasks.
    package var pairs: [Pair]
    /// How many pairs are behind, when there are more.
    package var next: Int?
}

extension ExecutionDiff {
    /// Without the pairs.
    package var members: JSONObject {
        let isEqual = left.execution.status == right.execution.status && left.execution.output == right.execution.output
        return [
            "left": left.json(withOutput: !isEqual), "right": right.json(withOutput: !isEqual), "equal": .bool(isEqual),
            "shared_tasks": .integer(Int64(shared)),
            "totals": .object(
                JSONObject(Standing.allCases.map { ($0.rawValue, .integer(Int64(totals[$0] ?? 0))) })),
        ]
    }
}

extension ExecutionDiff.Whole {
    fileprivate func json(withOutput: Bool) -> JSONValue {
        var members: JSONObject = [
            "id": .string(execution.id.description), "workflow_id": .string(execution.workflow.description),
            "version": .string(execution.version), "status": .string(execution.status.name),
            "tasks": .integer(Int64(tasks)), "cost": execution.cost.json,
            "duration_us": execution.took.map { .integer($0.microseconds) } ?? .null,
        ]
        if withOutput { members["output"] = execution.output ?? .null }
        return .object(members)
    }
}

extension Execution {
    fileprivate var took: Duration? {
        guard let startedAt, let endedAt else { return nil }
        return endedAt - startedAt
    }
}

extension ExecutionDiff.Pair {
    package var json: JSONValue {
        [
            "standing": .string(standing.rawValue), "reference": .string(reference), "name": .string(name),
            "scope": .integer(Int64(scope)), "left": left?.json ?? .null, "right": right?.json ?? .null,
        ]
    }
}

extension ExecutionDiff.Side {
    fileprivate var json: JSONValue {
        var members: JSONObject = [
            "number": .integer(Int64(number)), "status": .string(status.name),
            "duration_us": took.map { .integer($0.microseconds) } ?? .null,
            "cost": Money(micros: cost ?? 0, currency: Execution.currency).json,
        ]
        if let output { members["output"] = output }
        return .object(members)
    }
}
