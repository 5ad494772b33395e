package import CognitionCore

/// A call of an MCP server, with everything evaluated.
package struct MCPRequest: Sendable {
    package enum Transport: Sendable {
        case http(HTTPCallRequest)
        case stdio(
            command: String, arguments: [String], environment: [(name: String, value: String)], usesNetwork: Bool)
    }

    package var version: String
    package var method: MCPCallDefinition.Method
    package var parameters: JSONObject
    package var timeout: Duration?
    package var transport: Transport
    package var client: (name: String, version: String)
}

extension MCPCallDefinition {
    /// - Throws: What an expression throws; an expression error for a value that its place cannot use.
    func request(_ input: JSONValue, scope: ExpressionScope) throws -> MCPRequest {
        func text(_ template: Template, _ what: String) throws -> String {
            guard let text = try template.evaluate(input, scope: scope).stringValue, !text.isEmpty else {
                throw WorkflowFault(.expression, "\(what) does not give a string")
            }
            return text
        }
        let version = try text(version, "with.protocolVersion")
        guard Self.versions.contains(version) else {
            throw WorkflowFault(.expression, "with.protocolVersion is not \(Self.versions.list(lastWord: "or"))")
        }
        let parameters = try parameters?.evaluate(input, scope: scope) ?? .null
        guard parameters.isNull || parameters.objectValue != nil else {
            throw WorkflowFault(.expression, "with.parameters does not give an object")
        }
        let transport: MCPRequest.Transport =
            switch transport {
            case .http(let call): .http(try call.request(input, scope: scope))
            case .stdio(let command, let arguments, let environment, let usesNetwork):
                .stdio(
                    command: try text(command, "with.transport.stdio.command"),
                    arguments: try ProcessArguments(arguments, input, scope: scope).words,
                    environment: try [(name: String, value: String)](environment: environment, input, scope: scope),
                    usesNetwork: usesNetwork)
            }
        let client = try client.map {
            (name: try text($0.name, "with.client.name"), version: try text($0.version, "with.client.version"))
        }
        return MCPRequest(
            version: version, method: method, parameters: parameters.objectValue ?? [:],
            timeout: try timeout?.evaluate(input, scope: scope), transport: transport,
            client: client ?? ("cognitionos", Release.version))
    }
}
