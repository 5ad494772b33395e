package import CognitionCore
package import CognitionStorage

/// What a workflow can `call:` by name; filled in by the server.
package protocol TaskFunction: Sendable {
    /// What `call:` names it.
    var name: String { get }

    /// Arguments and default effect class, for the check of documents.
    var signature: FunctionSignature { get }

    /// Does the work. Cancellation means that nobody waits for it any more: stop at once.
    /// - Throws: A `WorkflowFault`, or a `CodedError`, which becomes the fault of its category.
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
}

/// What a task gives, and the writes that commit with it.
package struct TaskOutcome: Sendable {
    package let output: JSONValue
    package let writes: (@Sendable (borrowing Transaction) throws -> Void)?

    package init(output: JSONValue, writes: (@Sendable (borrowing Transaction) throws -> Void)? = nil) {
        self.output = output
        self.writes = writes
    }
}

extension DefinitionContext {
    /// What documents may call when a server provides these functions.
    package init(of functions: [any TaskFunction]) {
        self.init(functions: Dictionary(functions.map { ($0.name, $0.signature) }, uniquingKeysWith: { $1 }))
    }
}
