import CognitionCore

// Scripts and shell commands.
extension DefinitionReader {
    private static let languages: [String: RunProcessDefinition.Language] = [
        "python": .python, "js": .javaScript, "javascript": .javaScript,
    ]

    /// The process `kind` of a `run` task.
    func process(_ kind: String, _ run: Fields, _ fields: Fields, _ scope: TaskScope) -> RunProcessDefinition? {
        guard let node = run[kind] else { return nil }
        let isScript = kind == "script"
        let common = ["arguments", "stdin", "environment"]
        let known = isScript ? ["language", "code", "source"] : ["command"]
        let required = isScript ? ["language"] : ["command"]
        let waits = bool(run["await"], "'await'", default: true)
        let output: RunProcessDefinition.Output? =
            run["return"].map { choice($0, "'return'") } ?? RunProcessDefinition.Output.stdout
        guard let process = self.fields(node, of: "'\(kind)'", known: known + common, required: required) else {
            return nil
        }
        let program = isScript ? script(process, scope) : shell(process, at: run.place(of: kind), scope)
        let arguments = self.arguments(process["arguments"], scope)
        let input = textTemplate(process["stdin"], "'stdin'", scope.variables)
        let environment = self.environment(process["environment"], scope)
        let usesNetwork = usesNetwork(fields)
        guard let program, let output else { return nil }
        let declared = fields.object["metadata"]?["effect"]?.stringValue.flatMap(EffectClass.init)
        return RunProcessDefinition(
            program: program, arguments: arguments, input: input, environment: environment, await: waits,
            output: output, usesNetwork: usesNetwork, effect: declared ?? .idempotent)
    }

    private func script(_ fields: Fields, _ scope: TaskScope) -> RunProcessDefinition.Program? {
        guard let node = fields["language"], let name = string(node, "'language'") else { return nil }
        let language = Self.languages[name.lowercased()]
        if language == nil {
            report("'language' must be python, javascript or js, not '\(name.shortened)'", at: node)
        }
        switch (fields["code"], fields["source"]) {
        case (let code?, nil):
            guard let code = self.code(code, scope), let language else { return nil }
            return .script(language, code: code)
        case (nil, let source?):
            guard let call = self.source(source, scope), let language else { return nil }
            return .fetched(language, call)
        default:
            report("'script' must have exactly one of 'code' and 'source'", at: fields.node)
            return nil
        }
    }

    /// Code is taken as it is, since `${ }` means something in JavaScript; unless all of it is one expression.
    private func code(_ node: DocumentNode, _ scope: TaskScope) -> Template? {
        guard let code = string(node, "'code'") else { return nil }
        let isExpression = code.drop(while: \.isWhitespace).hasPrefix("${")
        return isExpression ? template(node, scope.variables) : Template(constant: .string(code))
    }

    /// An external resource, as the request that fetches it.
    private func source(_ node: DocumentNode, _ scope: TaskScope) -> HTTPCallDefinition? {
        guard let fields = fields(node, of: "'source'", known: ["name", "endpoint"], required: ["endpoint"]) else {
            return nil
        }
        if let name = fields["name"] { _ = string(name, "'name'") }
        guard let endpoint = fields["endpoint"].flatMap({ self.endpoint($0, scope.variables) }) else { return nil }
        return HTTPCallDefinition(
            method: Template(constant: "GET"), endpoint: endpoint, headers: nil, query: nil, body: nil, output: .raw,
            redirect: true)
    }

    private func shell(_ fields: Fields, at place: Place, _ scope: TaskScope) -> RunProcessDefinition.Program? {
        if !context.processes.allowsShell { report("this server \(ProcessRules.shellRefused)", at: place) }
        return textTemplate(fields["command"], "'command'", scope.variables).map(RunProcessDefinition.Program.shell)
    }

    /// A list, an object of named ones as in older revisions, or an expression for either.
    func arguments(_ node: DocumentNode?, _ scope: TaskScope) -> Template? {
        guard let node else { return nil }
        switch node.value {
        case .array, .object: return template(node, scope.variables)
        case .string(let text) where TemplateText.hasExpression(text): return template(node, scope.variables)
        default:
            report("'arguments' must be a list, an object or an expression, not \(node.value.described)", at: node)
            return nil
        }
    }

    func environment(_ node: DocumentNode?, _ scope: TaskScope) -> Template? {
        guard let node else { return nil }
        if case .string(let text) = node.value, TemplateText.hasExpression(text) {
            return template(node, scope.variables)
        }
        return map(node, of: "'environment'").flatMap { _ in template(node, scope.variables) }
    }

    /// `metadata.network` of a task that starts a process.
    func usesNetwork(_ fields: Fields) -> Bool {
        let metadata = fields["metadata"].flatMap { map($0, of: "'metadata'") }
        guard let node = metadata?["network"] else { return false }
        let isWanted = bool(node, "'network'", default: false)
        if isWanted, !context.processes.allowsNetwork { report("this server \(ProcessRules.networkRefused)", at: node) }
        return isWanted
    }
}
