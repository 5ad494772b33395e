import CognitionCore
import Foundation

/// An OpenAPI document: 2.0 (Swagger), 3.0 or 3.1. Only what a call needs is read, and only when it is needed.
struct OpenAPIDocument: Sendable {
    enum Version: Sendable { case v2, v3 }

    /// References behind one another.
    private static let referencesMax = 32
    private static let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]

    let root: JSONValue
    let version: Version
    /// Where it came from, after redirects.
    let url: String

    /// - Throws: A `WorkflowFault` of type configuration for another version.
    init(_ root: JSONValue, url: String) throws {
        self.root = root
        self.url = url
        if root["swagger"]?.stringValue == "2.0" {
            version = .v2
        } else if let text = root["openapi"]?.stringValue, text.hasPrefix("3.0.") || text.hasPrefix("3.1.") {
            version = .v3
        } else {
            throw Self.fault("it is no OpenAPI document of version 2.0, 3.0 or 3.1")
        }
    }

    /// The operation of that id.
    /// - Throws: A `WorkflowFault` of type configuration when there is none.
    func operation(_ id: String) throws -> OpenAPIOperation {
        for (path, value) in root["paths"]?.objectValue ?? [:] {
            let item = try resolve(value)
            for method in Self.methods {
                guard let operation = item[method], operation["operationId"]?.stringValue == id else { continue }
                return OpenAPIOperation(
                    method: method.uppercased(), path: path, definition: operation,
                    parameters: try parameters(of: operation, in: item),
                    servers: operation["servers"] ?? item["servers"] ?? root["servers"])
            }
        }
        throw Self.fault("it has no operation '\(id.prefix(100))'")
    }

    /// Those of the operation, and those of its path that it does not redefine.
    private func parameters(of operation: JSONValue, in item: JSONValue) throws -> [OpenAPIParameter] {
        var parameters: [OpenAPIParameter] = []
        for source in [item, operation] {
            for value in source["parameters"]?.arrayValue ?? [] {
                let parameter = try OpenAPIParameter(try resolve(value), self)
                parameters.removeAll { $0.name == parameter.name && $0.place == parameter.place }
                parameters.append(parameter)
            }
        }
        return parameters
    }

    /// What a `$ref` stands for; any other value is itself.
    /// - Throws: A `WorkflowFault` of type configuration for one that leaves the document, leads nowhere or in a circle.
    func resolve(_ value: JSONValue) throws -> JSONValue {
        var value = value
        for _ in 0..<Self.referencesMax {
            guard let reference = value["$ref"]?.stringValue else { return value }
            guard reference.hasPrefix("#"), let pointer = reference.dropFirst().removingPercentEncoding,
                let target = JSONPointer(pointer)?.tokens.reduce(
                    root as JSONValue?,
                    { value, token in
                        value?[token] ?? JSONPointer.index(token).flatMap { value?[$0] }
                    })
            else {
                throw Self.fault(
                    "'$ref' \(reference.prefix(200)) leads to nothing in the document; references to others are not "
                        + "supported")
            }
            value = target
        }
        throw Self.fault("its references lead in a circle, or are more than \(Self.referencesMax)")
    }

    static func fault(_ reason: String) -> WorkflowFault {
        WorkflowFault(.configuration, "the OpenAPI document: \(reason)")
    }

    // MARK: Servers

    /// Where the paths of an operation begin, without a slash at its end.
    func base(for operation: OpenAPIOperation) throws -> String {
        let base =
            switch version {
            case .v2: try baseOfVersion2(operation.definition["schemes"] ?? root["schemes"])
            case .v3: try server(operation.servers)
            }
        guard let scheme = AbsoluteURI.scheme(of: base), scheme == "http" || scheme == "https" else {
            throw Self.fault("its server is no http or https URL: \(base.prefix(200))")
        }
        var text = base
        while text.hasSuffix("/") { text.removeLast() }
        return text
    }

    private func baseOfVersion2(_ schemes: JSONValue?) throws -> String {
        let (ownScheme, ownHost) = try origin()
        let known = schemes?.arrayValue?.compactMap(\.stringValue) ?? []
        let scheme = known.contains("https") ? "https" : known.contains("http") ? "http" : ownScheme
        return "\(scheme)://\(root["host"]?.stringValue ?? ownHost)\(root["basePath"]?.stringValue ?? "")"
    }

    private func server(_ servers: JSONValue?) throws -> String {
        let server = servers?.arrayValue?.first
        var url = server?["url"]?.stringValue ?? "/"
        for (name, variable) in server?["variables"]?.objectValue ?? [:] {
            url = url.replacing("{\(name)}", with: variable["default"]?.stringValue ?? "")
        }
        guard AbsoluteURI.scheme(of: url) == nil else { return url }
        let (scheme, host) = try origin()
        if url.hasPrefix("//") { return "\(scheme):\(url)" }
        if url.hasPrefix("/") { return "\(scheme)://\(host)\(url)" }
        // Relative to the folder of the document.
        let path = DigestChallenge.requestTarget(of: self.url).prefix { $0 != "?" }
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? "/"
        let name = url.hasPrefix("./") ? url.dropFirst(2) : url == "." ? "" : url[...]
        return "\(scheme)://\(host)\(folder)\(name)"
    }

    private func origin() throws -> (scheme: String, host: String) {
        guard let scheme = AbsoluteURI.scheme(of: url), let start = url.firstRange(of: "://") else {
            throw Self.fault("its own URL is not one: \(url.prefix(200))")
        }
        return (scheme, String(url[start.upperBound...].prefix { !"/?#".contains($0) }))
    }
}

/// An operation, with its parameters.
struct OpenAPIOperation: Sendable {
    let method: String
    let path: String
    let definition: JSONValue
    let parameters: [OpenAPIParameter]
    let servers: JSONValue?
}
