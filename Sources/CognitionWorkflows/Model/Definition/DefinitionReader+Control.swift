import CognitionCore

// Tasks without an effect of their own: set, for, fork, switch.
extension DefinitionReader {
    func set(_ node: DocumentNode, _ variables: [String]) -> Template? {
        switch node.value {
        case .string(let source):
            return compiled(at: node, variables) { try Template.expression(source, variables: variables) }
        case .object(let object):
            if object.isEmpty { report("'set' must have at least one member", at: node) }
            return template(node, variables)
        default:
            report("'set' must be an object or an expression, not \(node.value.described)", at: node)
            return nil
        }
    }

    func forEach(_ fields: Fields, _ scope: TaskScope) -> ForDefinition? {
        guard let node = fields["for"] else { return nil }
        guard let body = fields["do"] else {
            report("a 'for' task needs 'do'", at: fields.node)
            return nil
        }
        guard let loop = self.fields(node, of: "'for'", known: ["each", "in", "at"], required: ["in"]) else {
            return nil
        }
        let each = variable(loop["each"], "'each'", default: "item", scope)
        let at = variable(loop["at"], "'at'", default: "index", scope)
        if each == at { report("'each' and 'at' must differ; both are '\(each)'", at: loop.node) }
        let inner = scope.inner(adding: [each, at])
        let condition = expression(fields["while"], "'while'", inner.variables)
        let tasks = taskList(body, "do", inner)
        guard let list = expression(loop["in"], "'in'", scope.variables) else { return nil }
        let concurrency = fields.object["metadata"]?["concurrency"]?.integerValue
        return ForDefinition(
            each: each, at: at, in: list, while: condition, concurrency: concurrency.map { Int(clamping: $0) },
            body: tasks)
    }

    /// The name of a variable that a task brings in.
    func variable(_ node: DocumentNode?, _ what: String, default: String, _ scope: TaskScope) -> String {
        guard let node, let name = string(node, what) else { return `default` }
        if name.hasPrefix("$"), VariableName.isValid(String(name.dropFirst())) {
            report("\(what) is the variable's name without '$': '\(name.dropFirst())'", at: node)
        } else if !VariableName.isValid(name) {
            report("\(what) must be a name of 1 to 63 letters, digits and '_', not '\(name.shortened)'", at: node)
        } else if DefinitionVariables.always.contains(name) || name == DefinitionVariables.branches {
            report("\(what) cannot be '\(name)': '$\(name)' has a meaning of its own", at: node)
        } else {
            return name
        }
        return `default`
    }

    func cases(_ node: DocumentNode, _ scope: TaskScope) -> [SwitchCase]? {
        guard let items = elements(node, of: "'switch'") else { return nil }
        if items.isEmpty { report("'switch' needs at least one case", at: node) }
        var cases: [SwitchCase] = []
        var names: Set<String> = []
        var defaultCase: String?
        for item in items {
            guard let object = map(item, of: "a case") else { continue }
            guard let (name, node) = object.members.first, object.object.count == 1 else {
                report("an item of 'switch' must have exactly one member, the case's name", at: item)
                continue
            }
            if !names.insert(name).inserted { report("two cases are named '\(name.shortened)'", at: node) }
            guard let fields = fields(node, of: "a case", known: ["when", "then"], required: ["then"]) else { continue }
            let when = expression(fields["when"], "'when'", scope.variables)
            if fields["when"] == nil {
                if let defaultCase {
                    report(
                        "only one case may do without 'when', and '\(defaultCase.shortened)' does already", at: node)
                }
                defaultCase = defaultCase ?? name
            }
            cases.append(SwitchCase(name: name, when: when, then: flow(fields["then"], scope)))
        }
        return cases
    }

    // MARK: Fork

    func fork(_ node: DocumentNode, _ scope: TaskScope) -> ForkDefinition? {
        guard let fields = fields(node, of: "'fork'", known: ["branches", "compete"], required: ["branches"]),
            let list = fields["branches"]
        else { return nil }
        let compete = bool(fields["compete"], "'compete'", default: false)
        let (named, places) = namedTasks(list, "branches")
        var branches: [ForkBranch] = []
        var needs: [[Int]] = []
        for branch in named {
            let needed = needsOf(branch, places, compete: compete)
            needs.append(needed ?? [])
            var inner = scope.inner(adding: needed == nil ? [] : [DefinitionVariables.branches])
            inner.place = .branch
            guard let task = task(named: branch.name, branch.node, inner) else { continue }
            branches.append(ForkBranch(task: task, needs: needed ?? []))
        }
        if let cycle = Self.cycle(in: needs) {
            let path = cycle.map { named[$0].name }.joined(separator: " → ")
            report("branches need each other in a circle: \(path)", at: needsPlace(of: named[cycle[0]].node))
        }
        return ForkDefinition(compete: compete, branches: branches)
    }

    private func needsPlace(of task: DocumentNode) -> Place {
        Place(Place(task.place, .member("metadata")), .member("needs"))
    }

    /// Places of the branches that one needs; `nil` when it has no `needs`.
    private func needsOf(_ branch: NamedTask, _ places: [String: Int], compete: Bool) -> [Int]? {
        guard let value = branch.node.value["metadata"]?["needs"] else { return nil }
        let node = DocumentNode(value: value, place: needsPlace(of: branch.node))
        if compete { report("'needs' and 'compete' exclude each other", at: node) }
        var needs: [Int] = []
        for element in elements(node, of: "'needs'") ?? [] {
            guard let name = string(element, "an item of 'needs'") else { continue }
            guard let place = places[name] else {
                let known = places.sorted { $0.value < $1.value }.map(\.key).filter { $0 != branch.name }
                let hint = Suggestion.among(name, known, empty: "there is no other")
                report("there is no branch '\(name.shortened)'; \(hint)", at: element)
                continue
            }
            if name == branch.name {
                report("a branch cannot need itself", at: element)
            } else if needs.contains(place) {
                report("'\(name.shortened)' is named twice", at: element)
            } else {
                needs.append(place)
            }
        }
        return needs
    }

    /// A circle in a graph, its first node repeated at the end: depth-first search with three colours, without
    /// recursion.
    static func cycle(in edges: [[Int]]) -> [Int]? {
        var isDone = [Bool](repeating: false, count: edges.count)
        var isOnPath = isDone
        for start in edges.indices where !isDone[start] {
            var path: [(node: Int, next: Int)] = [(start, 0)]
            isOnPath[start] = true
            while let (node, next) = path.last {
                guard next < edges[node].count else {
                    isDone[node] = true
                    isOnPath[node] = false
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let target = edges[node][next]
                if isOnPath[target], let first = path.firstIndex(where: { $0.node == target }) {
                    return path[first...].map(\.node) + [target]
                }
                if !isDone[target] {
                    path.append((target, 0))
                    isOnPath[target] = true
                }
            }
        }
        return nil
    }
}
