import CognitionCore
import CognitionDocuments
import CognitionExpressions
import Foundation

// Functions and schemas that are kept elsewhere. The reader does not fetch anything: it says what it lacks (`missing`),
// and is run again with the documents in its context.
extension DefinitionReader {
    /// Documents kept elsewhere that one definition refers to, those that they refer to included.
    static let externalsMax = 32

    enum CatalogLookup {
        case found, reported, noName
    }

    func catalogs(_ node: DocumentNode) {
        for (name, node) in map(node, of: "'use.catalogs'")?.members ?? [] {
            if let fields = fields(node, of: "a catalog", known: ["endpoint"], required: ["endpoint"]),
                let endpoint = fields["endpoint"]
            {
                use.catalogs[name] = constantEndpoint(endpoint)
            }
        }
    }

    /// Whether `call` names a function of a catalog that is there; when it names one that is not, that is noted or, once
    /// and for all, reported.
    func catalogLookup(_ name: String, at node: DocumentNode) -> CatalogLookup {
        let function: ExternalDocument?
        do {
            function = try ExternalDocument.function(name, in: use.catalogs)
        } catch {
            report("there is no function '\(name.shortened)': \(error.reason)", at: node)
            return .reported
        }
        guard let function else { return .noName }
        return fetched(function, at: node) == nil ? .reported : .found
    }

    /// The document of a function that was fetched, as if `use.functions` held it.
    func fetchedFunction(_ name: String) -> DocumentNode? {
        guard let document = use.fetched[name] else { return nil }
        return DocumentNode(
            value: document, place: Place(Place(Place(.root, .member("use")), .member("functions")), .member(name)))
    }

    /// A schema that is kept elsewhere.
    func schema(resource node: DocumentNode) -> JSONSchema? {
        guard
            let fields = fields(node, of: "'resource'", known: ["name", "endpoint"], required: ["endpoint"]),
            let endpoint = fields["endpoint"], let place = constantEndpoint(endpoint)
        else { return nil }
        if let name = fields["name"] { _ = string(name, "'name'") }
        let url = ExternalDocument.rawURL(of: place.root)
        let external = ExternalDocument(name: url, url: url, authorization: place.authorization)
        guard let document = fetched(external, at: endpoint) else { return nil }
        do {
            return try JSONSchema(document, patterns: RegularExpression.test)
        } catch {
            report("invalid JSON Schema at \(url)#\(error.pointer): \(error.reason)", at: endpoint)
            return nil
        }
    }

    /// What was fetched; `nil`, after that was noted or reported, when it was not.
    private func fetched(_ external: ExternalDocument, at node: DocumentNode) -> JSONValue? {
        switch context.fetched[external.name] {
        case .document(let document):
            use.fetched[external.name] = document
            return document
        case .failed(let reason):
            report("\(external.url) cannot be had: \(reason)", at: node)
        case nil:
            if use.missing.count + use.fetched.count < Self.externalsMax || use.missing.contains(external) {
                use.missing.insert(external)
            } else {
                report("a definition refers to at most \(Self.externalsMax) documents kept elsewhere", at: node)
            }
        }
        return nil
    }

    // MARK: Endpoints

    /// An endpoint without anything to evaluate.
    private func constantEndpoint(_ node: DocumentNode) -> FunctionCatalog? {
        var address = node
        var authorization: String?
        if case .object = address.value {
            guard
                let endpoint = fields(
                    address, of: "'endpoint'", known: ["uri", "authentication"], required: ["uri"]),
                let uri = endpoint["uri"]
            else { return nil }
            address = uri
            if let policy = endpoint["authentication"] { authorization = constantAuthorization(policy) }
        }
        guard let url = string(address, "'endpoint'") else { return nil }
        let scheme = AbsoluteURI.scheme(of: url)
        guard scheme == "http" || scheme == "https", !TemplateText.hasExpression(url), !url.contains("{") else {
            report(
                "this endpoint must be a constant URL that begins with http:// or https://, as it is asked when the "
                    + "document is stored", at: address)
            return nil
        }
        return FunctionCatalog(root: url, authorization: authorization)
    }

    /// The `Authorization` header of a policy without anything to evaluate.
    private func constantAuthorization(_ node: DocumentNode) -> String? {
        var policy = node
        if let use = node.child("use") {
            guard let name = string(use, "'use'"), let shared = reusable(.authentications, name, at: use) else {
                return nil
            }
            policy = shared
        }
        func constant(_ scheme: String, _ member: String) -> String? {
            guard let text = policy.value[scheme]?[member]?.stringValue, !TemplateText.hasExpression(text) else {
                return nil
            }
            return text
        }
        if let token = constant("bearer", "token") { return "Bearer \(token)" }
        if let username = constant("basic", "username"), let password = constant("basic", "password") {
            return "Basic " + Data("\(username):\(password)".utf8).base64EncodedString()
        }
        report(
            "this endpoint takes 'basic' or 'bearer' authentication whose parts are constants, as it is asked when the "
                + "document is stored", at: node)
        return nil
    }
}
