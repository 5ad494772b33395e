import CognitionCore
import CognitionDocuments

/// What the head of a definition says.
struct DefinitionHead {
    var id = WorkflowID(name: "")
    var version = ""
    var title: String?
    var summary: String?
    var tags = JSONObject()
}

/// Everything of a definition that is read from its document.
struct DefinitionParts {
    var head = DefinitionHead()
    var input = InputDefinition.asIs
    var output = OutputDefinition.asIs
    var timeout: DurationTemplate?
    var schedule: ScheduleDefinition?
    var tasks = TaskList(reference: "/do", tasks: [])
}

extension DefinitionReader {
    private static let members = ["document", "input", "use", "do", "timeout", "output", "schedule", "evaluate"]

    /// Reads a whole document; what it returns counts only when there are no faults afterwards.
    func workflow(_ document: JSONValue) -> DefinitionParts {
        var parts = DefinitionParts()
        let root = DocumentNode(value: document, place: .root)
        guard let fields = fields(root, of: "a definition", known: Self.members, required: ["document", "do"]) else {
            return parts
        }
        let variables = DefinitionVariables.always
        if let head = fields["document"] { parts.head = self.head(head) }
        if let evaluate = fields["evaluate"] { evaluation(evaluate) }
        parts.schedule = schedule(in: root)
        if let use = fields["use"] { reusableParts(use) }
        parts.input = input(fields["input"], of: "the workflow", variables)
        parts.output = output(fields["output"], of: "the workflow", variables)
        parts.timeout = timeout(fields["timeout"], of: "the workflow", variables)
        if let tasks = fields["do"] {
            parts.tasks = taskList(tasks, "do", TaskScope(variables: variables, depth: 1))
        }
        finishReusableParts()
        return parts
    }

    // MARK: Head

    private func head(_ node: DocumentNode) -> DefinitionHead {
        var head = DefinitionHead()
        guard
            let fields = fields(
                node, of: "'document'",
                known: ["dsl", "namespace", "name", "version", "title", "summary", "tags", "metadata"],
                required: ["dsl", "namespace", "name", "version"])
        else { return head }
        if let dsl = fields["dsl"], let version = string(dsl, "'dsl'"), !SemanticVersion.isSupportedDSL(version) {
            report("'dsl' must be a version 1.0.x of the Serverless Workflow DSL, not '\(version.shortened)'", at: dsl)
        }
        head.id = WorkflowID(
            namespace: hostName(fields["namespace"], "'namespace'") ?? "",
            name: hostName(fields["name"], "'name'") ?? "")
        if let node = fields["version"], let version = string(node, "'version'") {
            if SemanticVersion.isValid(version) {
                head.version = version
            } else {
                report("'version' must be a semantic version such as 1.0.0, not '\(version.shortened)'", at: node)
            }
        }
        head.title = fields["title"].flatMap { string($0, "'title'") }
        if let node = fields["title"], head.title?.utf8.contains(0) == true {
            report("'title' cannot hold the character U+0000", at: node)
        }
        head.summary = fields["summary"].flatMap { string($0, "'summary'") }
        if let tags = fields["tags"].flatMap({ map($0, of: "'tags'") }) { head.tags = tags.object }
        if let metadata = fields["metadata"] { _ = map(metadata, of: "'metadata'") }
        return head
    }

    /// A name as in DNS labels: 1 to 63 letters, digits and hyphens, no hyphen at either end.
    func hostName(_ node: DocumentNode?, _ what: String) -> String? {
        guard let node, let name = string(node, what) else { return nil }
        if HostName.isValid(name) { return name }
        report(
            "\(what) must be 1 to 63 letters, digits and hyphens, and neither begin nor end with a hyphen, not "
                + "'\(name.shortened)'", at: node)
        return nil
    }

    private func evaluation(_ node: DocumentNode) {
        guard let fields = fields(node, of: "'evaluate'", known: ["language", "mode"]) else { return }
        if let node = fields["language"], let language = string(node, "'language'"), language != "jq" {
            report("expression language '\(language.shortened)' is not supported; only 'jq' is", at: node)
        }
        if let node = fields["mode"], let mode = string(node, "'mode'"), mode != "strict" {
            let reason = mode == "loose" ? "expression mode 'loose' is not supported" : "unknown expression mode"
            report("\(reason); only 'strict' is, which marks expressions with ${ }", at: node)
        }
    }

    // MARK: Data flow

    func input(_ node: DocumentNode?, of what: String, _ variables: [String]) -> InputDefinition {
        guard let node, let fields = fields(node, of: "'input' of \(what)", known: ["schema", "from"]) else {
            return .asIs
        }
        return InputDefinition(
            schema: schema(fields["schema"], of: "the input"), from: transformation(fields["from"], "'from'", variables)
        )
    }

    func output(_ node: DocumentNode?, of what: String, _ variables: [String]) -> OutputDefinition {
        guard let node, let fields = fields(node, of: "'output' of \(what)", known: ["schema", "as"]) else {
            return .asIs
        }
        return OutputDefinition(
            as: transformation(fields["as"], "'as'", variables), schema: schema(fields["schema"], of: "the output"))
    }

    func export(_ node: DocumentNode?, _ variables: [String]) -> ExportDefinition? {
        guard let node, let fields = fields(node, of: "'export'", known: ["schema", "as"]) else { return nil }
        let transformed = transformation(fields["as"], "'as'", variables)
        let schema = schema(fields["schema"], of: "the context")
        if fields["as"] == nil {
            // The context stays, and is checked.
            guard schema != nil, let same = try? Template.expression("$context", variables: ["context"]) else {
                return nil
            }
            return ExportDefinition(as: same, schema: schema)
        }
        return transformed.map { ExportDefinition(as: $0, schema: schema) }
    }

    /// `{after}`, or the name of one of `use.timeouts`.
    func timeout(_ node: DocumentNode?, of what: String, _ variables: [String]) -> DurationTemplate? {
        guard let node else { return nil }
        if case .string(let name) = node.value {
            guard let shared = reusable(.timeouts, name, at: node, advice: "; a duration is given as {after: PT30S}")
            else {
                return nil
            }
            return timeout(object: shared, of: what, variables)
        }
        return timeout(object: node, of: what, variables)
    }

    func timeout(object node: DocumentNode, of what: String, _ variables: [String]) -> DurationTemplate? {
        guard let fields = fields(node, of: "'timeout' of \(what)", known: ["after"], required: ["after"]) else {
            return nil
        }
        return duration(fields["after"], variables)
    }
}
