import CognitionCore
import CognitionDocuments

// Authentication policies.
extension DefinitionReader {
    /// A policy, or `{use}` with the name of one of `use.authentications`.
    func authentication(_ node: DocumentNode, _ variables: [String]) -> Authentication? {
        guard node.value["use"] != nil else { return authentication(policy: node, variables) }
        guard let fields = fields(node, of: "'authentication' by name", known: ["use"]), let use = fields["use"],
            let name = string(use, "'use'"), let shared = reusable(.authentications, name, at: use)
        else { return nil }
        return authentication(policy: shared, variables)
    }

    func authentication(policy node: DocumentNode, _ variables: [String]) -> Authentication? {
        let schemes = Authentication.Scheme.allCases.map(\.rawValue)
        guard let fields = fields(node, of: "'authentication'", known: schemes + ["certificate"]) else { return nil }
        let given = fields.object.keys.filter { (schemes + ["certificate"]).contains($0) }
        guard given.count == 1, let members = fields[given[0]] else {
            report("'authentication' must have exactly one of \(schemes.list(lastWord: "and"))", at: node)
            return nil
        }
        guard let scheme = Authentication.Scheme(rawValue: given[0]) else {
            report(
                "authentication by 'certificate' is not supported: the DSL does not say how a certificate and its key are "
                    + "given", at: members)
            return nil
        }
        if members.value["use"] != nil { return authentication(scheme, fromSecret: members) }
        switch scheme {
        case .basic, .digest: return texts(scheme, members, ["username", "password"], variables)
        case .bearer: return texts(scheme, members, ["token"], variables)
        case .oauth2, .oidc: return oauth2(scheme, members, variables)
        }
    }

    private func authentication(_ scheme: Authentication.Scheme, fromSecret node: DocumentNode) -> Authentication? {
        guard
            let fields = fields(node, of: "'\(scheme.rawValue)' from a secret", known: ["use"]),
            let use = fields["use"],
            let name = secret(use, "'use'")
        else { return nil }
        return Authentication(scheme: scheme, source: .secret(name))
    }

    private func texts(
        _ scheme: Authentication.Scheme, _ node: DocumentNode, _ names: [String], _ variables: [String]
    ) -> Authentication? {
        guard let fields = fields(node, of: "'\(scheme.rawValue)'", known: names, required: names) else { return nil }
        let texts = names.compactMap { textTemplate(fields[$0], "'\($0)'", variables) }
        guard texts.count == names.count, let members = template(node, variables) else { return nil }
        return Authentication(scheme: scheme, source: .members(members, uris: [:]))
    }

    // MARK: OAuth 2 and OpenID Connect

    private func oauth2(
        _ scheme: Authentication.Scheme, _ node: DocumentNode, _ variables: [String]
    ) -> Authentication? {
        let faultsBefore = faults.count
        let endpoints = scheme == .oauth2 ? ["endpoints"] : []
        guard
            let fields = fields(
                node, of: "'\(scheme.rawValue)'", known: OAuth2Settings.members + endpoints,
                required: ["authority", "grant"])
        else { return nil }
        let parts = [
            ("client", ["id", "secret", "assertion", "authentication"]), ("request", ["encoding"]),
            ("endpoints", ["token", "revocation", "introspection"]), ("subject", ["token", "type"]),
            ("actor", ["token", "type"]),
        ]
        for (name, known) in parts {
            if let part = fields[name] { _ = self.fields(part, of: "'\(name)'", known: known) }
        }
        if fields["grant"]?.value == "authorization_code", let grant = fields["grant"] {
            report(
                "the grant 'authorization_code' is not supported: it needs a person with a browser, and an execution has "
                    + "none", at: grant)
        }
        let uri = fields["authority"].flatMap { authority($0) }
        guard faults.count == faultsBefore, let members = template(node, variables) else { return nil }
        // What holds no expression is checked as it will be at run time.
        if let constant = members.constant, uri?.constant != nil {
            do {
                _ = try OAuth2Settings(constant, isDiscovered: scheme == .oidc)
            } catch {
                report((error as? WorkflowFault)?.detail ?? String(describing: error), at: node)
            }
        }
        return Authentication(scheme: scheme, source: .members(members, uris: uri.map { ["authority": $0] } ?? [:]))
    }

    /// A URI template; `nil` for an expression.
    private func authority(_ node: DocumentNode) -> URITemplate? {
        guard let text = string(node, "'authority'"), !TemplateText.hasExpression(text) else { return nil }
        return compiled(at: node, []) { try URITemplate(text) }
    }
}
