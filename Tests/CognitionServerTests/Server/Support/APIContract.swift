import CognitionCore
import CognitionDocuments
import CognitionExpressions
import Foundation
import Synchronization
import Testing

/// What `/openapi.json` and `Docs/Errors.md` promise, and whether an answer keeps it.
///
/// An answer with a status or media type that its operation does not declare, or with a body that does not fit the declared
/// schema, or with a code of an error that has no line in the list, is an issue. Objects may have no members besides the declared ones.
final class APIContract: Sendable {
    let document: JSONValue
    private let components: JSONValue
    /// The list of errors.
    private let errors: String
    private let schemas = Mutex<[JSONValue: JSONSchema]>([:])
    private let checkedOperations = Mutex<Set<String>>([])

    init(_ document: JSONValue) throws {
        guard document["openapi"]?.stringValue?.hasPrefix("3.1") == true, let components = document["components"] else {
            throw TestFailure("no API document: \(document.jsonText.prefix(300))")
        }
        self.document = document
        self.components = Self.closed(components)
        errors = try String(contentsOfFile: Binary.repository() + "/Docs/Errors.md", encoding: .utf8)
    }

    /// `METHOD path` of every declared operation.
    var operations: Set<String> {
        var operations: Set<String> = []
        for (path, methods) in document["paths"]?.objectValue ?? [:] {
            for (method, _) in methods.objectValue ?? [:] { operations.insert("\(method.uppercased()) \(path)") }
        }
        return operations
    }

    /// Operations of which an answer was checked.
    var seen: Set<String> { checkedOperations.withLock { $0 } }

    /// The path that the router takes for this one: the first with the most words in place of parameters.
    func template(of path: String) -> String? {
        let words = Self.words(path)
        let fitting = (document["paths"]?.objectValue ?? [:]).keys.map { ($0, Self.words($0)) }.filter { _, template in
            template.count == words.count && zip(template, words).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
        return fitting.min { left, right in
            for (one, other) in zip(left.1, right.1) where one.hasPrefix("{") != other.hasPrefix("{") {
                return other.hasPrefix("{")
            }
            return false
        }?.0
    }

    func check(_ answer: HTTPAnswer, to method: String, _ path: String, sourceLocation: SourceLocation) {
        let place = "\(method) \(path.prefix(200))"
        if let code = answer.code, answer.status >= 400 {
            let isListed = errors.contains("`\(code)`")
            #expect(isListed, "\(place): \(code) has no line in Docs/Errors.md", sourceLocation: sourceLocation)
        }
        guard let template = template(of: path),
            let operation = document["paths"]?[template]?[method == "HEAD" ? "get" : method.lowercased()]
        else {
            #expect(
                [401, 404, 405].contains(answer.status), "\(place) is declared nowhere: \(answer)",
                sourceLocation: sourceLocation)
            return
        }
        _ = checkedOperations.withLock { $0.insert("\(method) \(template)") }
        guard let response = operation["responses"]?[String(answer.status)] else {
            Issue.record("\(place) does not declare its answer: \(answer)", sourceLocation: sourceLocation)
            return
        }
        if method == "HEAD" { return }
        let contents = response["content"]?.objectValue ?? [:]
        if contents.isEmpty {
            #expect(answer.body.isEmpty, "\(place): no body is declared: \(answer)", sourceLocation: sourceLocation)
            return
        }
        guard let type = answer.mediaType, let schema = contents[type]?["schema"] else {
            Issue.record("\(place): its media type is not declared: \(answer)", sourceLocation: sourceLocation)
            return
        }
        if type.hasSuffix("json") {
            let faults = faults(in: answer.json, by: schema)
            #expect(faults.isEmpty, "\(place): \(answer)", sourceLocation: sourceLocation)
        }
    }

    /// - Parameter schema: As it stands in the document; references lead to its components.
    func faults(in value: JSONValue, by schema: JSONValue) -> [String] {
        do {
            return try compiled(schema).faults(in: value).map(\.description)
        } catch {
            return ["the schema is wrong: \(error)"]
        }
    }

    private func compiled(_ schema: JSONValue) throws -> JSONSchema {
        if let known = schemas.withLock({ $0[schema] }) { return known }
        let root: JSONValue = ["allOf": [Self.closed(schema)], "components": components]
        let new = try JSONSchema(root) { pattern in
            let expression = try RegularExpression(pattern)
            return { (try? expression.matches($0)) ?? false }  // past its bound it has no match
        }
        schemas.withLock { $0[schema] = new }
        return new
    }

    /// The same schema without room for members that it does not name.
    private static func closed(_ schema: JSONValue) -> JSONValue {
        switch schema {
        case .array(let items): return .array(items.map(closed))
        case .object(var members):
            for (name, value) in members where name != "example" { members[name] = closed(value) }
            if members["properties"]?.objectValue?.isEmpty == false, members["additionalProperties"] == nil {
                members["additionalProperties"] = false
            }
            return .object(members)
        default: return schema
        }
    }

    private static func words(_ path: String) -> [Substring] {
        path.prefix { $0 != "?" }.split(separator: "/")
    }
}
