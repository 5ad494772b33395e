import CognitionCore
import Foundation

// Functions that are kept elsewhere. The reader does not fetch anything: it says what it lacks (`missing`), and is run
// again with the documents in its context.
extension DefinitionReader {
    /// Functions of catalogs that one document calls, those that they call included.
    static let cataloguedMax = 32

    func catalogs(_ node: DocumentNode) {
        for (name, node) in map(node, of: "'use.catalogs'")?.members ?? [] {
            if let catalog = catalog(node) { use.catalogs[name] = catalog }
        }
    }

    private func catalog(_ node: DocumentNode) -> FunctionCatalog? {
        guard let fields = fields(node, of: "a catalog", known: ["endpoint"], required: ["endpoint"]),
            var address = fields["endpoint"]
        else { return nil }
        var authorization: String?
        if case .object = address.value {
            guard
                let endpoint = self.fields(
                    address, of: "'endpoint'", known: ["uri", "authentication"], required: ["uri"]),
                let uri = endpoint["uri"]
            else { return nil }
            address = uri
            if let policy = endpoint["authentication"] { authorization = constantAuthorization(policy) }
        }
        guard let url = string(address, "the address of a catalog") else { return nil }
        let scheme = AbsoluteURI.scheme(of: url)
        guard scheme == "http" || scheme == "https", !TemplateText.hasExpression(url), !url.contains("{") else {
            report(
                "the address of a catalog must be a constant URL that begins with http:// or https://, as functions "
                    + "are fetched when the document is stored", at: address)
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
            "a catalog is asked with 'basic' or 'bearer' authentication whose parts are constants, as functions are "
                + "fetched when the document is stored", at: node)
        return nil
    }

    /// Whether `call` names a function of a catalog that is there; when it names one that is not, that is noted or, once
    /// and for all, reported.
    func hasCatalogedFunction(_ name: String, at node: DocumentNode) -> CatalogLookup {
        let function: CatalogedFunction?
        do {
            function = try CatalogedFunction.named(name, in: use.catalogs)
        } catch {
            report("there is no function '\(name.shortened)': \(error.reason)", at: node)
            return .reported
        }
        guard let function else { return .noName }
        switch context.fetched[name] {
        case .document(let document):
            use.fetched[name] = document
            return .found
        case .failed(let reason):
            report("the function '\(name.shortened)' cannot be had from \(function.url): \(reason)", at: node)
            return .reported
        case nil:
            if use.missing.count + use.fetched.count < Self.cataloguedMax || use.missing.contains(function) {
                use.missing.insert(function)
            } else {
                report("a definition calls at most \(Self.cataloguedMax) functions of catalogs", at: node)
            }
            return .reported
        }
    }

    enum CatalogLookup {
        case found, reported, noName
    }

    /// The document of a function that was fetched, as if `use.functions` held it.
    func fetchedFunction(_ name: String) -> DocumentNode? {
        guard let document = use.fetched[name] else { return nil }
        return DocumentNode(
            value: document, place: Place(Place(Place(.root, .member("use")), .member("functions")), .member(name)))
    }
}
