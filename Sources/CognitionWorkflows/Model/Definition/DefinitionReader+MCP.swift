import CognitionCore

// Calls of MCP servers.
extension DefinitionReader {
    func mcp(_ fields: Fields, _ declared: EffectClass?, _ scope: TaskScope) -> CallDefinition? {
        guard let node = fields["with"] else {
            report("a call of 'mcp' needs 'with'", at: fields.node)
            return nil
        }
        guard
            let with = self.fields(
                node, of: "'with' of 'mcp'",
                known: ["protocolVersion", "method", "parameters", "timeout", "transport", "client"],
                required: ["method", "transport"])
        else { return nil }
        let method: MCPCallDefinition.Method? = with["method"].flatMap { choice($0, "'method'") }
        let version = protocolVersion(with["protocolVersion"], scope)
        let parameters = with["parameters"].flatMap { self.parameters($0, of: method, scope) }
        let timeout = duration(with["timeout"], scope.variables)
        let transport = with["transport"].flatMap { self.transport($0, fields, scope) }
        let client = with["client"].flatMap { self.client($0, scope) }
        guard let method, let version, let transport else { return nil }
        let call = MCPCallDefinition(
            version: version, method: method, parameters: parameters, timeout: timeout, transport: transport,
            client: client)
        return CallDefinition(target: .mcp(call), effect: declared ?? (method == .callTool ? .keyed : .idempotent))
    }

    private func protocolVersion(_ node: DocumentNode?, _ scope: TaskScope) -> Template? {
        guard let node else { return Template(constant: .string(MCPCallDefinition.standardVersion)) }
        guard let template = textTemplate(node, "'protocolVersion'", scope.variables) else { return nil }
        if let version = template.constant?.stringValue, !MCPCallDefinition.versions.contains(version) {
            report(
                "'protocolVersion' must be \(MCPCallDefinition.versions.list(lastWord: "or")), not "
                    + "'\(version.shortened)'", at: node)
        }
        return template
    }

    private func parameters(
        _ node: DocumentNode, of method: MCPCallDefinition.Method?, _ scope: TaskScope
    ) -> Template? {
        if case .string(let text) = node.value, TemplateText.hasExpression(text) {
            return template(node, scope.variables)
        }
        guard let parameters = map(node, of: "'parameters'") else { return nil }
        if let method, let name = method.required, parameters[name] == nil {
            report("'parameters' of \(method.rawValue) needs '\(name)'", at: node)
        }
        return template(node, scope.variables)
    }

    private func transport(
        _ node: DocumentNode, _ task: Fields, _ scope: TaskScope
    ) -> MCPCallDefinition.Transport? {
        guard let fields = fields(node, of: "'transport'", known: ["http", "stdio", "options"]) else { return nil }
        switch (fields["http"], fields["stdio"]) {
        case (let http?, nil): return self.http(http, options: fields["options"], scope)
        case (nil, let stdio?):
            if let options = fields["options"] { _ = self.fields(options, of: "'options' of 'stdio'", known: []) }
            return self.stdio(stdio, task, scope)
        default:
            report("'transport' must have exactly one of 'http' and 'stdio'", at: node)
            return nil
        }
    }

    private func http(
        _ node: DocumentNode, options: DocumentNode?, _ scope: TaskScope
    ) -> MCPCallDefinition.Transport? {
        guard let fields = fields(node, of: "'http'", known: ["endpoint", "headers"], required: ["endpoint"]) else {
            return nil
        }
        let headers = texts(fields["headers"], "'headers'", scope.variables)
        var redirect = false
        if let options, let given = self.fields(options, of: "'options' of 'http'", known: ["redirect"]),
            let node = given["redirect"], let text = string(node, "'redirect'")
        {
            redirect = text == "true"
            if !["true", "false"].contains(text) { report("'redirect' must be 'true' or 'false'", at: node) }
        }
        guard let endpoint = fields["endpoint"].flatMap({ self.endpoint($0, scope.variables) }) else { return nil }
        return .http(
            HTTPCallDefinition(
                method: Template(constant: "POST"), endpoint: endpoint, headers: headers, query: nil, body: nil,
                output: .content, redirect: redirect))
    }

    private func stdio(_ node: DocumentNode, _ task: Fields, _ scope: TaskScope) -> MCPCallDefinition.Transport? {
        if !context.processes.allowsShell { report("this server \(ProcessRules.shellRefused)", at: node) }
        guard
            let fields = fields(
                node, of: "'stdio'", known: ["command", "arguments", "environment"], required: ["command"])
        else { return nil }
        let arguments = self.arguments(fields["arguments"], scope)
        let environment = self.environment(fields["environment"], scope)
        let usesNetwork = usesNetwork(task)
        guard let command = textTemplate(fields["command"], "'command'", scope.variables) else { return nil }
        return .stdio(command: command, arguments: arguments, environment: environment, usesNetwork: usesNetwork)
    }

    private func client(_ node: DocumentNode, _ scope: TaskScope) -> (name: Template, version: Template)? {
        // The schema calls the version `description` and requires `version`.
        guard
            let fields = fields(
                node, of: "'client'", known: ["name", "version", "description"], required: ["name", "version"])
        else { return nil }
        let name = textTemplate(fields["name"], "'name'", scope.variables)
        let version = textTemplate(fields["version"], "'version'", scope.variables)
        guard let name, let version else { return nil }
        return (name, version)
    }
}
