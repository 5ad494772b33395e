import CognitionCore

/// How a call says who it is: a scheme, and where its members come from.
package struct Authentication: Sendable {
    package enum Scheme: String, Sendable, CaseIterable {
        case basic, bearer, digest, oauth2, oidc
    }

    package enum Source: Sendable {
        /// The members as the document has them. Those of `uris` are URI templates over the task's input.
        case members(Template, uris: [String: URITemplate])
        /// A secret that has the same members; that of `bearer` may be the token itself.
        case secret(String)
    }

    package let scheme: Scheme
    package let source: Source

    /// Name of the secret that has its members.
    var secret: String? { if case .secret(let name) = source { name } else { nil } }
}

extension Authentication {
    /// - Throws: What an expression throws; a `WorkflowFault` of type authentication for members that do not fit.
    func credentials(_ input: JSONValue, scope: ExpressionScope) throws -> HTTPCredentials {
        switch source {
        case .secret(let name):
            return try HTTPCredentials(scheme, scope.value(of: "secrets")[name] ?? .null)
        case .members(let template, let uris):
            var members = try template.evaluate(input, scope: scope)
            if case .object(var object) = members, !uris.isEmpty {
                for (name, uri) in uris { object[name] = .string(try uri.expand(input)) }
                members = .object(object)
            }
            return try HTTPCredentials(scheme, members)
        }
    }
}
