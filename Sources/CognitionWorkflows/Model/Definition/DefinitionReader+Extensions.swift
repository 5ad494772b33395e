import CognitionCore
import CognitionExpressions

/// One of `use.extensions`, read.
struct TaskExtension {
    let name: String
    let reference: String
    /// Kinds of tasks that it extends, as the members that name them; `nil` is all.
    let kinds: Set<String>?
    let when: Expression?
    let before: TaskList
    let after: TaskDefinition?
}

extension DefinitionReader {
    private static let targets = [
        "call", "composite", "emit", "for", "listen", "raise", "run", "set", "switch", "try", "wait", "all",
    ]

    /// Reads `use.extensions`, before any task of the workflow.
    ///
    /// Tasks of extensions are not extended themselves, nor are those of functions that they call: so no extension runs
    /// inside of itself.
    func extensions(_ node: DocumentNode) {
        var read: [TaskExtension] = []
        use.isReadingExtensions = true
        var names: Set<String> = []
        for item in elements(node, of: "'use.extensions'") ?? [] {
            guard let object = map(item, of: "an item of 'use.extensions'") else { continue }
            guard let (name, node) = object.members.first, object.object.count == 1 else {
                report("an item of 'use.extensions' must have exactly one member, the extension's name", at: item)
                continue
            }
            if name.isEmpty || !names.insert(name).inserted {
                report("extensions need names, and no two the same; '\(name.shortened)' is not one", at: node)
            }
            if let one = taskExtension(name, node) { read.append(one) }
        }
        use.isReadingExtensions = false
        use.extensions = read
    }

    private func taskExtension(_ name: String, _ node: DocumentNode) -> TaskExtension? {
        guard
            let fields = fields(
                node, of: "an extension", known: ["extend", "when", "before", "after"], required: ["extend"])
        else { return nil }
        let variables = DefinitionVariables.always
        let scope = TaskScope(variables: variables, depth: 1)
        let when = expression(fields["when"], "'when'", variables)
        let before = fields["before"].map { taskList($0, "before", scope) }
        let after = fields["after"].map { taskList($0, "after", scope) }
        guard let node = fields["extend"], let target = string(node, "'extend'") else { return nil }
        guard Self.targets.contains(target) else {
            report("'extend' must be \(Self.targets.list(lastWord: "or")), not '\(target.shortened)'", at: node)
            return nil
        }
        let kinds: Set<String>? =
            switch target {
            case "all": nil
            case "composite": ["do", "fork"]
            default: [target]
            }
        return TaskExtension(
            name: name, reference: fields.node.place.pointer.description, kinds: kinds, when: when,
            before: before ?? TaskList(reference: "", tasks: []), after: after.flatMap(Self.givingItsInput))
    }

    /// A task that runs a list and gives what it was given.
    private static func givingItsInput(_ list: TaskList) -> TaskDefinition? {
        guard !list.tasks.isEmpty, let same = try? Template.expression("$input", variables: ["input"]) else {
            return nil
        }
        return TaskDefinition(
            name: "after", reference: list.reference, json: .null, condition: nil, input: .asIs,
            output: OutputDefinition(as: same, schema: nil), export: nil, timeout: nil, then: .continue, metadata: [:],
            kind: .do(list))
    }

    /// The extensions of a kind of task at the place where the reader is, the outermost first.
    func extensions(of kind: String) -> [TaskExtension] {
        use.isReadingExtensions ? [] : use.extensions.filter { $0.kinds?.contains(kind) ?? true }
    }

    /// The task as it stands in its list.
    /// - Parameter condition: `if` of the task: a task that is skipped is skipped with its extensions.
    func extended(
        _ task: TaskDefinition, by extensions: [TaskExtension], condition: Expression?
    ) -> TaskDefinition {
        var whole = task
        for (place, one) in extensions.enumerated().reversed() {
            let pointer = JSONPointer(tokens: ["extensions", one.name]).description
            whole = TaskDefinition(
                name: task.name, reference: task.reference + pointer, json: task.json,
                condition: place == 0 ? condition : nil, input: .asIs, output: .asIs, export: nil, timeout: nil,
                then: task.then, metadata: [:],
                kind: .extended(
                    ExtendedTask(
                        reference: one.reference, when: one.when, before: one.before, after: one.after, task: whole)))
        }
        return whole
    }
}
