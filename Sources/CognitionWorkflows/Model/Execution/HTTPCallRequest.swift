import CognitionCore

extension HTTPCallDefinition {
    /// Evaluates the request; what does not evaluate to what HTTP needs is an expression error.
    func request(_ input: JSONValue, scope: ExpressionScope) throws -> HTTPCallRequest {
        var scope = scope
        let credentials = try endpoint.authentication?.credentials(input, scope: scope)
        scope.define(["authorization": credentials?.descriptor ?? .null])
        guard let method = try method.evaluate(input, scope: scope).stringValue, !method.isEmpty else {
            throw WorkflowFault(.expression, "with.method does not give a string")
        }
        var headers: [(name: String, value: String)] = []
        for (name, value) in try Self.members(of: self.headers, "headers", input, scope: scope) {
            if let text = Self.text(of: value) { headers.append((name, text)) }
        }
        return HTTPCallRequest(
            method: method.uppercased(), url: try url(input, scope: scope), headers: headers,
            body: try body?.evaluate(input, scope: scope), output: output, redirect: redirect,
            credentials: credentials)
    }

    private func url(_ input: JSONValue, scope: ExpressionScope) throws -> String {
        let url = try endpoint.url(input, scope: scope)
        var query = ""
        for (name, value) in try Self.members(of: self.query, "query", input, scope: scope) {
            let values = value.arrayValue ?? [value]
            for value in values {
                guard let text = Self.text(of: value) else { continue }
                query += query.isEmpty ? "" : "&"
                query += name.percentEncoded + "=" + text.percentEncoded
            }
        }
        guard !query.isEmpty else { return url }
        let (base, fragment) = url.split(atFirst: "#")
        let separator = base.contains("?") ? (base.hasSuffix("?") || base.hasSuffix("&") ? "" : "&") : "?"
        return base + separator + query + fragment
    }

    static func members(
        of template: Template?, _ what: String, _ input: JSONValue, scope: ExpressionScope
    ) throws -> JSONObject {
        guard let value = try template?.evaluate(input, scope: scope), !value.isNull else { return [:] }
        guard case .object(let members) = value else {
            throw WorkflowFault(.expression, "with.\(what) does not give an object")
        }
        return members
    }

    /// A value as a header or parameter shows it; null is left out.
    static func text(of value: JSONValue) -> String? {
        switch value {
        case .null: nil
        case .string(let text): text
        default: value.jsonText
        }
    }
}

extension Endpoint {
    /// The address for one input.
    func url(_ input: JSONValue, scope: ExpressionScope) throws -> String {
        switch address {
        case .uriTemplate(let template): return try template.expand(input)
        case .expression(let expression):
            guard let text = try expression.evaluate(input, scope: scope).stringValue else {
                throw WorkflowFault(.expression, "with.endpoint does not give a string")
            }
            return text
        }
    }
}

extension String {
    /// The text before a character, and the text from it on.
    fileprivate func split(atFirst separator: Character) -> (String, String) {
        guard let place = firstIndex(of: separator) else { return (self, "") }
        return (String(self[..<place]), String(self[place...]))
    }
}
