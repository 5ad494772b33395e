import CognitionCore
import CognitionDocuments

/// An operation that an OpenAPI document describes, and what it is called with.
package struct OpenAPICallDefinition: Sendable {
    /// Where the document is.
    package let document: Endpoint
    package let operationID: Template
    package let parameters: Template?
    package let authentication: Authentication?
    package let output: HTTPCallDefinition.Output
    package let redirect: Bool
    /// Whether the task says what a repetition means; else the operation's method does.
    package let declaresEffect: Bool
}

extension DefinitionReader {
    /// The document, and so the method, is read when the task runs: until then a repetition has the same key.
    func openAPI(_ node: DocumentNode, _ declared: EffectClass?, _ variables: [String]) -> CallDefinition? {
        guard
            let with = fields(
                node, of: "'with' of 'openapi'",
                known: ["document", "operationId", "parameters", "authentication", "output", "redirect"],
                required: ["document", "operationId"])
        else { return nil }
        let resource = with["document"].flatMap {
            fields($0, of: "'document'", known: ["name", "endpoint"], required: ["endpoint"])
        }
        let document = resource?["endpoint"].flatMap { endpoint($0, variables) }
        let operation = textTemplate(with["operationId"], "'operationId'", variables)
        let parameters = parameters(with["parameters"], variables)
        let authentication = with["authentication"].flatMap { self.authentication($0, variables) }
        let output: HTTPCallDefinition.Output? = with["output"].flatMap { choice($0, "'output'") }
        let redirect = bool(with["redirect"], "'redirect'", default: false)
        guard let document, let operation, authentication != nil || with["authentication"] == nil else { return nil }
        let call = OpenAPICallDefinition(
            document: document, operationID: operation, parameters: parameters, authentication: authentication,
            output: output ?? .content, redirect: redirect, declaresEffect: declared != nil)
        return CallDefinition(target: .openapi(call), effect: declared ?? .keyed)
    }

    /// Names and values, or one expression for all of them.
    private func parameters(_ node: DocumentNode?, _ variables: [String]) -> Template? {
        guard let node else { return nil }
        if case .string(let text) = node.value, TemplateText.hasExpression(text) { return template(node, variables) }
        guard map(node, of: "'parameters'") != nil else { return nil }
        return template(node, variables)
    }
}
