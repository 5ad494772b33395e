import CognitionCore
import CognitionDocuments

// Tasks with an effect: call and run.
extension DefinitionReader {
    static let httpMethodsIdempotent: Set<String> = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]

    func call(_ fields: Fields, _ scope: TaskScope) -> CallDefinition? {
        guard let node = fields["call"], let name = string(node, "'call'") else { return nil }
        let with = fields["with"]
        let declared = fields.object["metadata"]?["effect"]?.stringValue.flatMap(EffectClass.init)
        if let reason = Unsupported.calls[name] {
            report("calls of '\(name)' are not supported: \(reason)", at: node)
            return nil
        }
        switch name {
        case "http":
            guard let with else {
                report("a call of 'http' needs 'with'", at: fields.node)
                return nil
            }
            return http(with, declared, scope.variables)
        case "mcp":
            return mcp(fields, declared, scope)
        case "openapi":
            guard let with else {
                report("a call of 'openapi' needs 'with'", at: fields.node)
                return nil
            }
            return openAPI(with, declared, scope.variables)
        case "approval" where use.functionNodes?[name] == nil:
            if fields.object["metadata"]?["effect"] != nil {
                report("'effect' says what repeating a call means; an approval is asked once", at: fields.node)
            }
            return arguments(with, of: name, ApprovalRequest.signature, fields.node, scope.variables).map {
                CallDefinition(target: .approval($0), effect: .pure)
            }
        default:
            break
        }
        if use.functionNodes?[name] != nil { return definedFunction(name, at: node, fields, scope) }
        if let signature = context.functions[name] {
            guard let arguments = arguments(with, of: name, signature, fields.node, scope.variables) else { return nil }
            return CallDefinition(
                target: .function(name: name, arguments: arguments), effect: declared ?? signature.effect)
        }
        switch catalogLookup(name, at: node) {
        case .found: return definedFunction(name, at: node, fields, scope)
        case .reported: break
        case .noName:
            let known = ["http", "openapi", "mcp", "approval"] + context.functions.keys.sorted() + use.functionNames
            report(
                "there is no function '\(name.shortened)'; \(Suggestion.among(name, known, empty: "")) "
                    + "(known: \(known.list(lastWord: "and")))", at: node)
        }
        return nil
    }

    /// A function of the document itself.
    private func definedFunction(
        _ name: String, at node: DocumentNode, _ fields: Fields, _ scope: TaskScope
    ) -> CallDefinition? {
        if let effect = fields["metadata"].flatMap({ map($0, of: "'metadata'") })?["effect"] {
            report("'effect' belongs to the tasks of the function '\(name.shortened)', not to its call", at: effect)
        }
        var arguments: Template?
        if let with = fields["with"] {
            _ = map(with, of: "'with'")
            arguments = template(with, scope.variables)
        }
        if let path = recursion(to: name) {
            report("functions call each other in a circle: \(path)", at: node)
            return nil
        }
        guard let (task, height) = function(name) else { return nil }
        deepest = max(deepest, scope.depth + height)
        if scope.depth + height > Self.nestingMax {
            report("tasks lie at most \(Self.nestingMax) deep inside one another, functions included", at: node)
        }
        guard let task, fields["with"] == nil || arguments != nil else { return nil }
        return CallDefinition(target: .defined(task, arguments: arguments), effect: task.kind.effect)
    }

    /// The arguments of a function of the server; constant ones are checked.
    private func arguments(
        _ node: DocumentNode?, of name: String, _ signature: FunctionSignature, _ task: DocumentNode,
        _ variables: [String]
    ) -> Template? {
        guard let node else {
            if !signature.required.isEmpty {
                report(
                    "a call of '\(name)' needs 'with', and in it \(signature.required.list(lastWord: "and"))", at: task)
            }
            return Template(constant: .object(JSONObject()))
        }
        let what = "'with' of '\(name)'"
        let known = signature.arguments?.keys.sorted()
        let given = known.map { fields(node, of: what, known: $0, required: signature.required) } ?? map(node, of: what)
        guard let given, let arguments = template(node, variables) else { return nil }
        for (name, argument) in given.members {
            guard let schema = signature.arguments?[name],
                let constant = (try? Template(argument.value, variables: variables))?.constant,
                let fault = schema.faults(in: constant, atMost: 1).first
            else { continue }
            report("'\(name)': \(fault.message)", at: argument.descendant(fault.instance))
        }
        return arguments
    }

    // MARK: HTTP

    private func http(_ node: DocumentNode, _ declared: EffectClass?, _ variables: [String]) -> CallDefinition? {
        guard
            let with = fields(
                node, of: "'with' of 'http'",
                known: ["method", "endpoint", "headers", "body", "query", "output", "redirect"],
                required: ["method", "endpoint"])
        else { return nil }
        let method = with["method"].flatMap { httpMethod($0, variables) }
        let endpoint = with["endpoint"].flatMap { self.endpoint($0, variables) }
        let output: HTTPCallDefinition.Output? = with["output"].flatMap { choice($0, "'output'") }
        let headers = texts(with["headers"], "'headers'", variables)
        let query = texts(with["query"], "'query'", variables)
        let body = template(with["body"], variables)
        let redirect = bool(with["redirect"], "'redirect'", default: false)
        guard let method, let endpoint else { return nil }
        let isIdempotent = method.constant?.stringValue.map(Self.httpMethodsIdempotent.contains) ?? false
        let call = HTTPCallDefinition(
            method: method, endpoint: endpoint, headers: headers, query: query, body: body, output: output ?? .content,
            redirect: redirect)
        return CallDefinition(target: .http(call), effect: declared ?? (isIdempotent ? .idempotent : .keyed))
    }

    /// A method; a constant one in upper case.
    private func httpMethod(_ node: DocumentNode, _ variables: [String]) -> Template? {
        guard let method = string(node, "'method'") else { return nil }
        guard !TemplateText.hasExpression(method) else { return template(node, variables) }
        guard (1...32).contains(method.utf8.count),
            method.utf8.allSatisfy({ HostName.isAlphanumeric($0) || $0 == 0x2D })
        else {
            report("'method' must be an HTTP method such as GET, not '\(method.shortened)'", at: node)
            return nil
        }
        return Template(constant: .string(method.uppercased()))
    }

    /// Members that are strings, or one expression for all of them.
    func texts(_ node: DocumentNode?, _ what: String, _ variables: [String]) -> Template? {
        guard let node else { return nil }
        if case .string(let text) = node.value, TemplateText.hasExpression(text) { return template(node, variables) }
        guard let fields = map(node, of: what) else { return nil }
        for (name, member) in fields.members { _ = string(member, "'\(name.shortened)' of \(what)") }
        return template(node, variables)
    }

    func endpoint(_ node: DocumentNode, _ variables: [String]) -> Endpoint? {
        guard case .object = node.value else {
            return address(node, "'endpoint'", variables).map { Endpoint(address: $0, authentication: nil) }
        }
        guard let fields = fields(node, of: "'endpoint'", known: ["uri", "authentication"], required: ["uri"]) else {
            return nil
        }
        let authentication = fields["authentication"].flatMap { self.authentication($0, variables) }
        guard let address = fields["uri"].flatMap({ self.address($0, "'uri'", variables) }),
            authentication != nil || fields["authentication"] == nil
        else { return nil }
        return Endpoint(address: address, authentication: authentication)
    }

    private func address(_ node: DocumentNode, _ what: String, _ variables: [String]) -> Endpoint.Address? {
        guard let text = string(node, what) else { return nil }
        guard !TemplateText.hasExpression(text) else {
            return template(node, variables).map(Endpoint.Address.expression)
        }
        guard let scheme = AbsoluteURI.scheme(of: text), scheme == "http" || scheme == "https" else {
            report(
                "\(what) must be a URI that begins with http:// or https://, or an expression, not '\(text.shortened)'",
                at: node)
            return nil
        }
        return compiled(at: node, variables) { .uriTemplate(try URITemplate(text)) }
    }

    // MARK: Run

    func run(_ fields: Fields, _ scope: TaskScope) -> TaskKind? {
        let processes = ["workflow", "container", "script", "shell"]
        guard let node = fields["run"],
            let run = self.fields(node, of: "'run'", known: processes + ["await", "return"])
        else { return nil }
        let given = processes.filter { run[$0] != nil }
        guard given.count == 1 else {
            report("'run' must have exactly one of \(processes.list(lastWord: "or"))", at: node)
            return nil
        }
        if given[0] == "container" {
            report(Unsupported.container, at: run.place(of: given[0]))
            return nil
        }
        guard given[0] == "workflow", let process = run["workflow"] else {
            return self.process(given[0], run, fields, scope).map(TaskKind.runProcess)
        }
        let waits = bool(run["await"], "'await'", default: true)
        let returnsNothing = runResult(run["return"])
        guard
            let workflow = self.fields(
                process, of: "'workflow'", known: ["namespace", "name", "version", "input"],
                required: ["namespace", "name"])
        else { return nil }
        let namespace = hostName(workflow["namespace"], "'namespace'")
        let name = hostName(workflow["name"], "'name'")
        let version = workflow["version"].map { workflowVersion($0) } ?? "latest"
        let input = template(workflow["input"], scope.variables)
        guard let namespace, let name, let version else { return nil }
        let declared = fields.object["metadata"]?["effect"]?.stringValue.flatMap(EffectClass.init)
        return .runWorkflow(
            RunWorkflowDefinition(
                id: WorkflowID(namespace: namespace, name: name), version: version, input: input, await: waits,
                returnsNothing: returnsNothing, effect: declared ?? .keyed))
    }

    private func runResult(_ node: DocumentNode?) -> Bool {
        guard let node, let result = string(node, "'return'") else { return false }
        switch result {
        case "stdout": return false
        case "none": return true
        case "stderr", "code", "all":
            report("a workflow has no '\(result)': 'return' must be 'stdout', which is its output, or 'none'", at: node)
        default:
            report("'return' must be 'stdout' or 'none', not '\(result.shortened)'", at: node)
        }
        return false
    }

    private func workflowVersion(_ node: DocumentNode) -> String? {
        guard let version = string(node, "'version'") else { return nil }
        if version == "latest" || SemanticVersion.isValid(version) { return version }
        report("'version' must be a semantic version such as 1.0.0, or 'latest', not '\(version.shortened)'", at: node)
        return nil
    }
}

extension TaskKind {
    /// What repeating a task of this kind means; kinds that only arrange others have no effect of their own.
    package var effect: EffectClass {
        switch self {
        case .call(let call): call.effect
        case .runWorkflow(let run): run.effect
        case .runProcess(let run): run.effect
        case .extended(let extended): extended.task.kind.effect
        default: .pure
        }
    }
}
