import CognitionCore

/// What `use` holds, and what has been read of it.
struct ReusableParts {
    enum Kind: String, CaseIterable {
        case errors, retries, timeouts, authentications
    }

    enum Function {
        case reading
        /// `nil` when it had faults; the height is how many tasks lie inside one another in it.
        case read(TaskDefinition?, height: Int)
    }

    var parts: [Kind: Fields] = [:]
    /// Names that were referred to, and so read for the place that did.
    var referenced: [Kind: Set<String>] = [:]
    /// Names of `use.secrets`.
    var secrets: [String] = []
    var functionNodes: Fields?
    var functions: [String: Function] = [:]
    /// Names of the functions being read, the outermost first.
    var functionStack: [String] = []
    var extensions: [TaskExtension] = []
    /// The reader is in the tasks of an extension, which are not extended.
    var isReadingExtensions = false
    var catalogs: [String: FunctionCatalog] = [:]
    /// Documents kept elsewhere that are referred to, by their names.
    var fetched: JSONObject = [:]
    /// Those that nobody has fetched yet.
    var missing: Set<ExternalDocument> = []

    var functionNames: [String] { functionNodes?.object.keys ?? [] }
}

extension DefinitionReader {
    private static let reusableMembers = [
        "authentications", "errors", "extensions", "functions", "retries", "secrets", "timeouts", "catalogs",
    ]
    /// What the DSL itself has to call; a document cannot define functions of these names.
    static let standardCalls = ["http", "grpc", "openapi", "asyncapi", "a2a", "mcp"]

    func reusableParts(_ node: DocumentNode) {
        guard let fields = fields(node, of: "'use'", known: Self.reusableMembers) else { return }
        if let secrets = fields["secrets"] { declaredSecrets(secrets) }
        for kind in ReusableParts.Kind.allCases {
            if let node = fields[kind.rawValue] { use.parts[kind] = map(node, of: "'use.\(kind.rawValue)'") }
        }
        if let catalogs = fields["catalogs"] { self.catalogs(catalogs) }
        if let functions = fields["functions"].flatMap({ map($0, of: "'use.functions'") }) {
            use.functionNodes = functions
            for (name, node) in functions.members where Self.standardCalls.contains(name) || name.isEmpty {
                report("a function cannot be named '\(name)', which is a call of the DSL itself", at: node)
            }
        }
        // Last, as their tasks may use all the others.
        if let extensions = fields["extensions"] { self.extensions(extensions) }
    }

    /// A part of `use` that a string refers to.
    func reusable(
        _ kind: ReusableParts.Kind, _ name: String, at node: DocumentNode, advice: String = ""
    ) -> DocumentNode? {
        use.referenced[kind, default: []].insert(name)
        if let part = use.parts[kind]?[name] { return part }
        let known = use.parts[kind]?.object.keys ?? []
        let hint = Suggestion.among(name, known, empty: "there are none")
        report("'\(name.shortened)' is not in 'use.\(kind.rawValue)'; \(hint)\(advice)", at: node)
        return nil
    }

    /// Reads what nothing refers to, so that its faults are known too.
    func finishReusableParts() {
        for name in use.functionNames { _ = function(name) }
        let variables = DefinitionVariables.always
        for kind in ReusableParts.Kind.allCases {
            let referenced = use.referenced[kind] ?? []
            for (name, node) in use.parts[kind]?.members ?? [] where !referenced.contains(name) {
                switch kind {
                case .errors: _ = errorTemplate(node, variables)
                case .retries: _ = retry(policy: node, variables + ["error"])
                case .timeouts: _ = timeout(object: node, of: "'use'", variables)
                case .authentications: _ = authentication(policy: node, variables)
                }
            }
        }
    }

    // MARK: Functions

    /// A function of the document, read when it is first asked for.
    func function(_ name: String) -> (task: TaskDefinition?, height: Int)? {
        if case .read(let task, let height) = use.functions[name] { return (task, height) }
        guard let node = use.functionNodes?[name] ?? fetchedFunction(name) else { return nil }
        use.functions[name] = .reading
        use.functionStack.append(name)
        let outerDeepest = deepest
        deepest = 0
        // Its own variables only: what a task sees must not depend on who calls it.
        let task = task(named: name, node, TaskScope(variables: DefinitionVariables.always, depth: 1, place: .function))
        let height = deepest
        deepest = outerDeepest
        use.functionStack.removeLast()
        use.functions[name] = .read(task, height: height)
        return (task, height)
    }

    /// The way from a function back to itself, e.g. `a → b → a`; `nil` unless it is being read.
    func recursion(to name: String) -> String? {
        guard case .reading = use.functions[name], let start = use.functionStack.firstIndex(of: name) else {
            return nil
        }
        return (use.functionStack[start...] + [name]).joined(separator: " → ")
    }
}
