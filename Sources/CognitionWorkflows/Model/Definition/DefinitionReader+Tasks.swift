import CognitionCore

/// What a task may refer to where it stands.
struct TaskScope {
    enum Place {
        case list, branch, function
    }

    /// Names that its expressions may use, without `$`.
    var variables: [String]
    /// How many tasks it lies in, itself counted; 1 at the top.
    var depth: Int
    var place = Place.list
    /// The tasks of its list by name, for jumps.
    var neighbours: [String: Int] = [:]
    /// It lies in the compensation of another task.
    var isCompensation = false

    /// The scope of lists inside of it, in which `names` can be used too.
    func inner(adding names: [String] = []) -> TaskScope {
        var inner = TaskScope(variables: variables + names.filter { !variables.contains($0) }, depth: depth + 1)
        inner.isCompensation = isCompensation
        return inner
    }
}

/// A task of a list before it is read.
struct NamedTask {
    let name: String
    let node: DocumentNode
}

extension DefinitionReader {
    private static let kinds = [
        "call", "do", "emit", "for", "fork", "listen", "raise", "run", "set", "switch", "try", "wait",
    ]
    private static let common = ["if", "input", "output", "export", "timeout", "then", "metadata"]
    /// Members beside the one that names the kind.
    private static let further: [String: [String]] = [
        "call": ["with"], "for": ["do", "while"], "try": ["catch"], "listen": ["foreach"],
    ]
    private static let everyMember = common + kinds + ["with", "while", "catch", "foreach"]
    private static let taskNameBytesMax = 256

    /// The tasks of a list with their names; faults of the list's own form are reported.
    func namedTasks(_ node: DocumentNode, _ what: String) -> (tasks: [NamedTask], places: [String: Int]) {
        var tasks: [NamedTask] = []
        var places: [String: Int] = [:]
        for item in elements(node, of: "'\(what)'") ?? [] {
            guard let object = map(item, of: "an item of '\(what)'") else { continue }
            guard let task = object.members.first, object.object.count == 1 else {
                let names = object.object.keys
                report(
                    "an item of '\(what)' must have exactly one member, the task's name; this one has "
                        + (names.isEmpty ? "none" : names.list(lastWord: "and")), at: item)
                continue
            }
            if task.name.isEmpty || task.name.utf8.count > Self.taskNameBytesMax {
                report("a task's name must have 1 to \(Self.taskNameBytesMax) bytes", at: task.node)
            }
            if task.name.utf8.contains(0) { report("a task's name cannot hold the character U+0000", at: task.node) }
            if places[task.name] != nil {
                report(
                    "'\(what)' has two tasks named '\(task.name.shortened)'; names must be unique in a list",
                    at: task.node)
            } else {
                places[task.name] = tasks.count
            }
            tasks.append(NamedTask(name: task.name, node: task.node))
        }
        return (tasks, places)
    }

    func taskList(_ node: DocumentNode, _ what: String, _ scope: TaskScope) -> TaskList {
        let (named, places) = namedTasks(node, what)
        var scope = scope
        scope.neighbours = places
        let tasks = named.compactMap { task(named: $0.name, $0.node, scope) }
        return TaskList(reference: node.place.pointer.description, tasks: tasks)
    }

    func task(named name: String, _ node: DocumentNode, _ scope: TaskScope) -> TaskDefinition? {
        guard countTask(at: node.place) else { return nil }
        guard scope.depth <= Self.nestingMax else {
            report("tasks lie at most \(Self.nestingMax) deep inside one another", at: node)
            return nil
        }
        deepest = max(deepest, scope.depth)
        guard let (fields, kind) = kindFields(node) else { return nil }
        let variables = scope.variables
        checkMetadata(fields, kind: kind, scope)
        let condition = expression(fields["if"], "'if'", variables)
        let marks = kind == "call" || kind == "run" ? [DefinitionVariables.withSecrets] : []
        var input = input(fields["input"], of: "a task", variables + marks)
        let output = output(fields["output"], of: "a task", variables)
        let export = export(fields["export"], variables)
        let timeout = timeout(fields["timeout"], of: "a task", variables)
        let then = flow(fields["then"], scope)
        let compensation = compensation(fields, of: name, kind: kind, scope)
        let extensions = extensions(of: kind)
        guard let kind = self.kind(kind, fields, scope) else { return nil }
        input.secrets = secrets(of: input, at: fields["input"]?.child("from"), for: kind)
        let task = TaskDefinition(
            name: name, reference: node.place.pointer.description, json: node.value,
            condition: extensions.isEmpty ? condition : nil, input: input,
            output: output, export: export, timeout: timeout, then: then,
            metadata: fields.object["metadata"]?.objectValue ?? JSONObject(), kind: kind, compensation: compensation)
        return extended(task, by: extensions, condition: condition)
    }

    /// The members of a task and the one that names its kind.
    private func kindFields(_ node: DocumentNode) -> (Fields, kind: String)? {
        guard case .object(let object) = node.value else {
            report("a task must be an object, not \(node.value.described)", at: node)
            return nil
        }
        // The `do` of a `for` holds its body.
        var present = object.keys.filter(Self.kinds.contains)
        if present.count == 2, present.contains("for") { present.removeAll { $0 == "do" } }
        guard let kind = present.first else {
            let unknown = object.keys.filter { !Self.everyMember.contains($0) }
            if unknown.contains(where: { Suggestion.closest(to: $0, in: Self.kinds) != nil }) {
                _ = fields(node, of: "a task", known: Self.everyMember)
            } else {
                report("a task needs one of \(Self.kinds.list(lastWord: "or")), which says what it does", at: node)
            }
            return nil
        }
        guard present.count == 1 else {
            report("a task does one thing; this one has \(present.list(lastWord: "and"))", at: node)
            return nil
        }
        let known = Self.common + [kind] + (Self.further[kind] ?? [])
        let article = kind.hasPrefix("e") ? "an" : "a"
        return fields(node, of: "\(article) '\(kind)' task", known: known).map { ($0, kind) }
    }

    private func kind(_ kind: String, _ fields: Fields, _ scope: TaskScope) -> TaskKind? {
        guard let node = fields[kind] else { return nil }
        switch kind {
        case "set": return set(node, scope.variables).map(TaskKind.set)
        case "do": return .do(taskList(node, "do", scope.inner()))
        case "for": return forEach(fields, scope).map(TaskKind.for)
        case "fork": return fork(node, scope).map(TaskKind.fork)
        case "switch": return cases(node, scope).map(TaskKind.switch)
        case "try": return tryCatch(fields, scope).map(TaskKind.try)
        case "raise": return raise(node, scope.variables).map(TaskKind.raise)
        case "wait": return duration(node, scope.variables).map(TaskKind.wait)
        case "call": return call(fields, scope).map(TaskKind.call)
        case "run": return run(fields, scope)
        case "emit": return emit(node, scope.variables).map(TaskKind.emit)
        case "listen": return listen(fields, scope).map(TaskKind.listen)
        default: return nil
        }
    }

    // MARK: Common members

    /// `then` of a task or of a case; going on is the default.
    func flow(_ node: DocumentNode?, _ scope: TaskScope) -> FlowDirective {
        guard let node, let name = string(node, "'then'") else { return .continue }
        switch name {
        case "continue": return .continue
        case "exit": return .exit
        case "end": return .end
        default: break
        }
        switch scope.place {
        case .branch:
            report(
                "'then' of a branch cannot go to '\(name.shortened)': branches run at the same time; it takes "
                    + "'continue', 'exit' or 'end'", at: node)
        case .function:
            report(
                "'then' of a function's task cannot go to '\(name.shortened)': it is alone; it takes "
                    + "'continue', 'exit' or 'end'", at: node)
        case .list:
            if let place = scope.neighbours[name] { return .task(place) }
            let known = scope.neighbours.sorted { $0.value < $1.value }.map(\.key)
            let hint = Suggestion.among(name, known, empty: "the list has no tasks")
            let list = Suggestion.closest(to: name, in: known) == nil ? "" : " Known: \(known.list(lastWord: "and"))."
            report("there is no task '\(name.shortened)' in this list; \(hint)\(list)", at: node)
        }
        return .continue
    }

    /// Looks at the members of `metadata` that mean something to the engine; all others are the author's.
    private func checkMetadata(_ fields: Fields, kind: String, _ scope: TaskScope) {
        guard let metadata = fields["metadata"].flatMap({ map($0, of: "'metadata'") }) else { return }
        if let node = metadata["effect"] {
            if kind == "call" || kind == "run" {
                let _: EffectClass? = choice(node, "'effect'")
            } else {
                report("'effect' says what repeating a 'call' or 'run' means; a '\(kind)' task has none", at: node)
            }
        }
        if let node = metadata["concurrency"] {
            if kind != "for" {
                report("'concurrency' belongs to 'for' tasks; this is a '\(kind)' task", at: node)
            } else if integer(node, "'concurrency'", in: 1...1_000) != nil, fields["while"] != nil {
                report(
                    "'concurrency' and 'while' exclude each other: iterations that run at once have no order", at: node)
            }
        }
        if let node = metadata["needs"], scope.place != .branch {
            report("'needs' belongs to the branches of a 'fork'", at: node)
        }
    }
}
