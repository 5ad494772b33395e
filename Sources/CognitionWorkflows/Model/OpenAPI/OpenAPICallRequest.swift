package import CognitionCore

/// A call of an operation with everything evaluated; the document says what is sent.
package struct OpenAPICallRequest: Sendable {
    /// Gets the document.
    package var document: HTTPCallRequest
    package var operationID: String
    package var parameters: JSONObject
    package var credentials: HTTPCredentials?
    package var output: HTTPCallDefinition.Output
    package var redirect: Bool
    package var declaresEffect: Bool
}

extension OpenAPICallDefinition {
    func request(_ input: JSONValue, scope: ExpressionScope) throws -> OpenAPICallRequest {
        var scope = scope
        let credentials = try authentication?.credentials(input, scope: scope)
        scope.define(["authorization": credentials?.descriptor ?? .null])
        guard let operation = try operationID.evaluate(input, scope: scope).stringValue else {
            throw WorkflowFault(.expression, "with.operationId does not give a string")
        }
        let document = HTTPCallRequest(
            method: "GET", url: try self.document.url(input, scope: scope),
            headers: [("Accept", "application/json, application/yaml;q=0.9, */*;q=0.5")], body: nil, output: .raw,
            redirect: true, credentials: try self.document.authentication?.credentials(input, scope: scope))
        return OpenAPICallRequest(
            document: document, operationID: operation,
            parameters: try HTTPCallDefinition.members(of: parameters, "parameters", input, scope: scope),
            credentials: credentials, output: output, redirect: redirect, declaresEffect: declaresEffect)
    }
}
