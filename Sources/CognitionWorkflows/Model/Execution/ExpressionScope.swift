import CognitionCore

/// The variables that the expressions of one task can name, worked out only when one is used.
struct ExpressionScope: VariableScope {
    /// Which expression it is for; the later ones know more.
    enum Stage {
        case condition
        case input
        case body
        case output(raw: JSONValue)
        case export(raw: JSONValue, output: JSONValue)
    }

    let definition: WorkflowDefinition
    let executionID: ExecutionID
    let executionInput: JSONValue
    let executionStart: Timestamp
    let context: JSONValue
    private(set) var task: LiveTask
    private(set) var stage: Stage
    private(set) var locals: [String: JSONValue]

    init(of task: LiveTask, stage: Stage, in machine: ExecutionMachine, locals: [String: JSONValue]) {
        self.definition = machine.definition
        self.executionID = machine.id
        self.executionInput = machine.rawInput
        self.executionStart = machine.state.startedAt
        self.context = machine.state.context
        self.task = task
        self.stage = stage
        self.locals = locals
    }

    mutating func define(_ variables: [String: JSONValue]) {
        locals.merge(variables) { $1 }
    }

    /// The scope of a later expression of the same task.
    func with(_ task: LiveTask, stage: Stage) -> ExpressionScope {
        var scope = self
        scope.task = task
        scope.stage = stage
        return scope
    }

    func value(of variable: String) -> JSONValue {
        if let value = locals[variable] { return value }
        return switch variable {
        case "context": context
        case "input": inputVariable
        case "output": if case .export(_, let output) = stage { output } else { .null }
        case "task": task.number == 0 ? .null : task.descriptor(output: rawOutput)
        case "workflow": workflowDescriptor
        case "runtime": ["name": "cognitionos", "version": .string(Release.version), "metadata": [:]]
        default: .null
        }
    }

    private var inputVariable: JSONValue {
        switch stage {
        case .condition, .input: .null
        case .body, .output, .export: task.input
        }
    }

    private var rawOutput: JSONValue? {
        switch stage {
        case .output(let raw), .export(let raw, _): raw
        case .condition, .input, .body: nil
        }
    }

    private var workflowDescriptor: JSONValue {
        [
            "id": .string(executionID.description),
            "definition": definition.document,
            "input": executionInput,
            "startedAt": executionStart.descriptor,
        ]
    }
}

extension ExecutionMachine {
    func scope(of task: LiveTask, stage: ExpressionScope.Stage) -> ExpressionScope {
        ExpressionScope(of: task, stage: stage, in: self, locals: locals(around: task))
    }

    /// The variables that the tasks around define: loop items, caught errors, branches' outputs. A function of the document
    /// sees none of its caller's.
    private func locals(around task: LiveTask) -> [String: JSONValue] {
        var locals: [String: JSONValue] = [:]
        var child = task
        while let parent = tasks[child.parent] {
            if isCompensation(parent) {
                locals.define(DefinitionVariables.compensated, compensations.current?.variable ?? .null)
                return locals
            }
            switch parent.definition.kind {
            case .for(let loop):
                if let items = parent.progress.loop?.items, items.indices.contains(child.scope) {
                    locals.define(loop.each, items[child.scope])
                    locals.define(loop.at, .integer(Int64(child.scope)))
                }
            case .listen(let listen):
                if let iterator = listen.iterator, let accepted = parent.progress.listening?.accepted,
                    accepted.indices.contains(child.scope)
                {
                    locals.define(iterator.item, accepted[child.scope].event.read(as: listen.read))
                    locals.define(iterator.at, .integer(Int64(child.scope)))
                }
            case .try(let definition) where child.scope == 1:
                if let fault = parent.progress.attempts?.caught { locals.define(definition.variable, fault.json) }
            case .fork(let fork) where !fork.branches[child.scope].needs.isEmpty:
                let outputs = parent.progress.branches?.outputs ?? [:]
                let needed = fork.branches[child.scope].needs.map { index in
                    (fork.branches[index].task.name, outputs[index] ?? .null)
                }
                locals.define("branches", .object(JSONObject(needed)))
            case .call:
                return locals
            case .extended where child.scope != ExtendedTask.taskScope:
                // The tasks of an extension speak of the task that it extends.
                let output = child.scope == ExtendedTask.afterScope ? child.rawInput : nil
                locals.define("task", parent.descriptor(output: output))
            default:
                break
            }
            child = parent
        }
        return locals
    }
}

extension [String: JSONValue] {
    /// The innermost definition of a name wins.
    fileprivate mutating func define(_ name: String, _ value: JSONValue) {
        if self[name] == nil { self[name] = value }
    }
}

extension LiveTask {
    /// The DSL's description of a task; of one with extensions, that of the task itself.
    fileprivate func descriptor(output: JSONValue?) -> JSONValue {
        let subject = definition.subject
        var members: JSONObject = [
            "name": .string(subject.name),
            "reference": .string(subject.reference),
            "definition": subject.json,
            "input": rawInput,
            "startedAt": startedAt.descriptor,
        ]
        if let output { members["output"] = output }
        return .object(members)
    }
}

extension Timestamp {
    /// The DSL's description of a moment.
    fileprivate var descriptor: JSONValue {
        let milliseconds = microseconds / 1_000
        return [
            "iso8601": .string(description),
            "epoch": ["seconds": .integer(milliseconds / 1_000), "milliseconds": .integer(milliseconds)],
        ]
    }
}
