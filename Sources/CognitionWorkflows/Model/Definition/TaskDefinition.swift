package import CognitionCore
package import CognitionExpressions

/// One task of a document, with its names resolved.
package final class TaskDefinition: Sendable {
    package let name: String
    /// JSON pointer to the task, with its name last, e.g. `/do/0/tryGetPet/try/0/getPet`; unique in the document.
    package let reference: String
    /// The task as it was written, for `$task.definition`.
    package let json: JSONValue
    /// `if`: evaluated on the raw input; a task that is skipped gives its raw input.
    package let condition: Expression?
    package let input: InputDefinition
    package let output: OutputDefinition
    package let export: ExportDefinition?
    package let timeout: DurationTemplate?
    package let then: FlowDirective
    package let metadata: JSONObject
    package let kind: TaskKind
    /// `metadata.compensate`: what undoes it, a `do` task of its own beside all lists, whose reference is that of the member.
    package let compensation: TaskDefinition?

    package init(
        name: String, reference: String, json: JSONValue, condition: Expression?, input: InputDefinition,
        output: OutputDefinition, export: ExportDefinition?, timeout: DurationTemplate?, then: FlowDirective,
        metadata: JSONObject, kind: TaskKind, compensation: TaskDefinition? = nil
    ) {
        self.name = name
        self.reference = reference
        self.json = json
        self.condition = condition
        self.input = input
        self.output = output
        self.export = export
        self.timeout = timeout
        self.then = then
        self.metadata = metadata
        self.kind = kind
        self.compensation = compensation
    }
}

/// Where a list goes after one of its tasks.
package enum FlowDirective: Sendable, Hashable {
    case `continue`
    /// Ends the list.
    case exit
    /// Ends the workflow.
    case end
    /// Goes to the task at this place of the same list.
    case task(Int)

    func leads(to places: ClosedRange<Int>) -> Bool {
        if case .task(let place) = self { places.contains(place) } else { false }
    }
}

extension TaskDefinition {
    /// Every way on from this task.
    var directives: [FlowDirective] {
        if case .switch(let cases) = subject.kind { [then] + cases.map(\.then) } else { [then] }
    }
}

package enum TaskKind: Sendable {
    case set(Template)
    case `do`(TaskList)
    case `for`(ForDefinition)
    case fork(ForkDefinition)
    case `switch`([SwitchCase])
    case `try`(TryDefinition)
    case raise(ErrorTemplate)
    case wait(DurationTemplate)
    case call(CallDefinition)
    case runWorkflow(RunWorkflowDefinition)
    case runProcess(RunProcessDefinition)
    case emit(EmitDefinition)
    case listen(ListenDefinition)
    case extended(ExtendedTask)
}

package struct ForDefinition: Sendable {
    /// Names of the variables, without `$`.
    package let each: String
    package let at: String
    package let `in`: Expression
    package let `while`: Expression?
    /// `metadata.concurrency`, 1...1_000: how many iterations run at once. With it, each iteration starts from the
    /// task's own input and the output is the array of the iterations' outputs; without, each starts from the last
    /// one's output.
    package let concurrency: Int?
    package let body: TaskList
}

package struct ForkDefinition: Sendable {
    package let compete: Bool
    package let branches: [ForkBranch]
    /// For each branch the places of those that need its output.
    let dependents: [[Int]]

    init(compete: Bool, branches: [ForkBranch]) {
        self.compete = compete
        self.branches = branches
        var dependents = Array(repeating: [Int](), count: branches.count)
        for (place, branch) in branches.enumerated() {
            for need in Set(branch.needs) { dependents[need].append(place) }
        }
        self.dependents = dependents
    }
}

package struct ForkBranch: Sendable {
    package let task: TaskDefinition
    /// Places of the branches whose outputs this one needs (`metadata.needs`), in the order they are named.
    package let needs: [Int]
}

package struct SwitchCase: Sendable {
    package let name: String
    /// `nil` is the default case.
    package let when: Expression?
    package let then: FlowDirective
}

package struct TryDefinition: Sendable {
    package let body: TaskList
    package let errors: ErrorFilter
    /// Name of the variable that holds the error, without `$`.
    package let variable: String
    package let when: Expression?
    package let exceptWhen: Expression?
    package let retry: RetryDefinition?
    package let handler: TaskList?
}

/// Which errors a `catch` takes: those whose members equal all that are given.
package struct ErrorFilter: Sendable {
    package let type: String?
    package let status: Int?
    package let instance: String?
    package let title: String?
    package let detail: String?
}

package struct RetryDefinition: Sendable {
    package enum Backoff: Sendable { case constant, linear, exponential }

    package let when: Expression?
    package let exceptWhen: Expression?
    package let delay: DurationTemplate?
    package let backoff: Backoff
    package let attemptsMax: Int?
    /// The longest that one attempt may take.
    package let attemptDuration: DurationTemplate?
    /// The longest that all attempts may take together.
    package let totalDuration: DurationTemplate?
    package let jitter: (from: DurationTemplate, to: DurationTemplate)?
}

/// An error as `raise` builds it.
package struct ErrorTemplate: Sendable {
    package let type: Template
    package let status: Template
    package let title: Template?
    package let detail: Template?
    package let instance: Template?
}

package struct CallDefinition: Sendable {
    package enum Target: Sendable {
        case http(HTTPCallDefinition)
        case openapi(OpenAPICallDefinition)
        case mcp(MCPCallDefinition)
        /// A function that the server provides, e.g. `llm` or `documents`, and its arguments.
        case function(name: String, arguments: Template)
        /// A function of the document (`use.functions`); its arguments are the input of its task.
        case defined(TaskDefinition, arguments: Template?)
        /// A question to people (`call: approval`), and what it is about.
        case approval(Template)

        /// Whether somebody else does it, so that its outcome has to be waited for.
        var isEffect: Bool {
            switch self {
            case .http, .openapi, .mcp, .function: true
            case .defined, .approval: false
            }
        }
    }

    package let target: Target
    /// What a repetition means; given by `metadata.effect`, else the target's default.
    package let effect: EffectClass
}

package struct HTTPCallDefinition: Sendable {
    package enum Output: String, Sendable, CaseIterable { case raw, content, response }

    package let method: Template
    package let endpoint: Endpoint
    package let headers: Template?
    package let query: Template?
    package let body: Template?
    package let output: Output
    package let redirect: Bool
}

package struct Endpoint: Sendable {
    package enum Address: Sendable {
        /// RFC 6570 simple expansion over the top-level members of the task's input.
        case uriTemplate(URITemplate)
        case expression(Template)
    }

    package let address: Address
    package let authentication: Authentication?
}

package struct RunWorkflowDefinition: Sendable {
    package let id: WorkflowID
    /// A semantic version, or `latest`.
    package let version: String
    package let input: Template?
    /// False: the task ends as soon as the other execution is stored, with its own input as output.
    package let await: Bool
    package let returnsNothing: Bool
    package let effect: EffectClass
}

/// What doing an effect a second time means, and so what happens to one whose outcome a crash has hidden.
package enum EffectClass: String, Sendable, CaseIterable {
    /// No effect at all: repeated.
    case pure
    /// The same effect again changes nothing: repeated.
    case idempotent
    /// Repeated under the same `Idempotency-Key`.
    case keyed
    /// Never repeated: waits for a person, reason `needs_reconcile`.
    case once
}
