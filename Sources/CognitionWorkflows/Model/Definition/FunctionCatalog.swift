package import CognitionCore
import Foundation

/// A catalog of functions (`use.catalogs`): where it is, and what it is asked with.
struct FunctionCatalog: Sendable {
    /// Its root: a URL that begins with http:// or https://.
    let root: String
    /// The value of the `Authorization` header.
    let authorization: String?
}

/// A document that is kept elsewhere: a function of a catalog, or a schema.
package struct ExternalDocument: Sendable, Hashable {
    /// What it is stored under: of a function what `call` says, `NAME:VERSION@CATALOG` or a URL; of a schema its URL.
    package let name: String
    package let url: String
    /// The value of the `Authorization` header.
    let authorization: String?
}

/// What came of asking for a document that is kept elsewhere.
package enum FetchedDocument: Sendable {
    /// A task, as `use.functions` would hold it, or a JSON Schema.
    case document(JSONValue)
    /// It could not be had; the reason.
    case failed(String)
}

extension ExternalDocument {
    /// The function that a `call` names; `nil` when the text is no such name.
    /// - Parameter catalogs: Those of the document, by name.
    /// - Throws: ``Unknown`` with what is wrong with the name.
    static func function(_ name: String, in catalogs: [String: FunctionCatalog]) throws(Unknown) -> ExternalDocument? {
        if let scheme = AbsoluteURI.scheme(of: name) {
            guard scheme == "http" || scheme == "https" else {
                throw Unknown("a function is fetched over http or https, not over '\(scheme)'")
            }
            let url = rawURL(of: name)
            let isFile = [".yaml", ".yml", ".json"].contains { url.lowercased().hasSuffix($0) }
            return ExternalDocument(
                name: name, url: isFile ? url : url.withoutTrailingSlash + "/function.yaml", authorization: nil)
        }
        guard let at = name.lastIndex(of: "@") else { return nil }
        let parts = name[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, HostName.isValid(parts[0]), SemanticVersion.isValid(parts[1]) else {
            throw Unknown("a function of a catalog is called NAME:VERSION@CATALOG, e.g. log:1.0.0@global")
        }
        let catalogName = String(name[name.index(after: at)...])
        guard let catalog = catalogs[catalogName] else {
            if catalogName == "default", catalogs.isEmpty {
                throw Unknown("this server has no default catalog; name one in 'use.catalogs'")
            }
            let hint = Suggestion.among(catalogName, catalogs.keys.sorted(), empty: "there are none")
            throw Unknown("'\(catalogName.shortened)' is not in 'use.catalogs'; \(hint)")
        }
        let root = rawURL(of: catalog.root).withoutTrailingSlash
        return ExternalDocument(
            name: name, url: "\(root)/functions/\(parts[0])/\(parts[1])/function.yaml",
            authorization: catalog.authorization)
    }

    /// What is wrong with the name of a function.
    struct Unknown: Error {
        let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    /// Where the files themselves are of which a GitHub or GitLab address shows pages; any other URL as it is.
    ///
    /// `https://github.com/OWNER/REPOSITORY[/tree/BRANCH[/PATH]]` becomes
    /// `https://raw.githubusercontent.com/OWNER/REPOSITORY/refs/heads/BRANCH/PATH`, without a branch `…/HEAD`.
    static func rawURL(of url: String) -> String {
        let parts = url.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 5, parts[1].isEmpty else { return url }
        let path = Array(parts[3...].drop { $0.isEmpty }).filter { !$0.isEmpty }
        switch parts[2].lowercased() {
        case "github.com" where path.count == 2:
            return (["https://raw.githubusercontent.com"] + path + ["HEAD"]).joined(separator: "/")
        case "github.com" where path.count >= 4 && ["tree", "blob"].contains(path[2]):
            return (["https://raw.githubusercontent.com"] + path[..<2] + ["refs/heads"] + path[3...])
                .joined(separator: "/")
        case "gitlab.com":
            guard let dash = path.firstIndex(of: "-") else {
                return path.count == 2 ? "https://gitlab.com/\(path.joined(separator: "/"))/-/raw/HEAD" : url
            }
            guard dash + 1 < path.count, ["tree", "blob"].contains(path[dash + 1]) else { return url }
            return (["https://gitlab.com"] + path[...dash] + ["raw"] + path[(dash + 2)...]).joined(separator: "/")
        default:
            return url
        }
    }
}

extension String {
    fileprivate var withoutTrailingSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}
