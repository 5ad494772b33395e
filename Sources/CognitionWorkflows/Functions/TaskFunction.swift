package import CognitionCore
package import CognitionStorage

/// What a workflow can `call:` by name; filled in by the server.
package protocol TaskFunction: Sendable {
    /// What `call:` names it.
    var name: String { get }

    /// Arguments and default effect class, for the check of documents.
    var signature: FunctionSignature { get }

    /// Does the work. Cancellation means that nobody waits for it any more: stop at once.
    /// - Throws: A `WorkflowFault`, or a `CodedError`, which becomes the fault of its category; either of them in a
    ///   ``TaskFailure`` when the failure has cost something.
    func call(_ invocation: TaskInvocation) async throws -> TaskOutcome
}

package struct TaskInvocation: Sendable {
    package let arguments: JSONValue
    package let workspace: WorkspaceID
    package let execution: ExecutionID
    package let task: Int
    /// 1-based.
    package let attempt: Int
    /// The same for every attempt of a task: what a peer needs to do a thing once.
    package let idempotencyKey: String
    package let deadline: Timestamp?
    /// Where text goes that may be looked at while it comes; what was written is void when the call throws.
    package let tokens: TokenSink
}

/// A write that commits with the end of a task; it may run more than once and has no effect outside the transaction.
package typealias TaskWrite = @Sendable (borrowing Transaction) throws -> Void

/// What a task gives, what it has cost, and the writes that commit with it.
package struct TaskOutcome: Sendable {
    package let output: JSONValue
    package let writes: TaskWrite?
    package let cost: Money?

    /// - Parameter cost: In ``Execution/currency``, not negative; added to the cost of the execution.
    package init(output: JSONValue, writes: TaskWrite? = nil, cost: Money? = nil) {
        TaskCost.check(cost)
        self.output = output
        self.writes = writes
        self.cost = cost
    }
}

/// Thrown by a function whose failure has cost something or left something to write: both commit with the fault, also when
/// the fault leads to another attempt, and also when nobody waits for the task any more.
package struct TaskFailure: Error {
    /// What the task's fault is made of; see ``TaskFunction/call(_:)``.
    package let cause: any Error
    package let writes: TaskWrite?
    package let cost: Money?

    /// - Parameter cost: In ``Execution/currency``, not negative; added to the cost of the execution.
    package init(_ cause: any Error, writes: TaskWrite? = nil, cost: Money? = nil) {
        TaskCost.check(cost)
        self.cause = cause
        self.writes = writes
        self.cost = cost
    }
}

enum TaskCost {
    static func check(_ cost: Money?) {
        guard let cost else { return }
        precondition(
            cost.currency == Execution.currency && cost.micros >= 0, "a task's cost is in US dollars and not negative")
    }
}

/// What became of an effect.
struct EffectResult: Sendable {
    private(set) var output: Result<JSONValue, WorkflowFault>
    /// What the effect has cost and left to write, however it ended.
    let spending: Spending

    struct Spending: Sendable {
        var writes: TaskWrite?
        var cost: Money?

        var isNothing: Bool { writes == nil && cost == nil }
    }

    init(_ outcome: TaskOutcome) {
        output = .success(outcome.output)
        spending = Spending(writes: outcome.writes, cost: outcome.cost)
    }

    init(_ error: any Error) {
        let failure = error as? TaskFailure
        output = .failure(WorkflowFault(failure?.cause ?? error))
        spending = Spending(writes: failure?.writes, cost: failure?.cost)
    }

    var isSuccess: Bool { if case .success = output { true } else { false } }

    /// The same without the secrets that it was got with.
    func hiding(_ values: [JSONValue]) -> EffectResult {
        let mask = SecretMask(values)
        guard !mask.isEmpty else { return self }
        var result = self
        result.output = output.map { mask.hiding($0) }.mapError { mask.hiding($0) }
        return result
    }
}

extension DefinitionContext {
    /// What documents may call when a server provides these functions.
    package init(of functions: [any TaskFunction], processes: ProcessRules = ProcessRules()) {
        self.init(
            functions: Dictionary(functions.map { ($0.name, $0.signature) }, uniquingKeysWith: { $1 }),
            processes: processes)
    }
}
