import CognitionCore
import CognitionDocuments
import CognitionExpressions

/// Checks bodies against the schema of their type, compiled once, and reads them.
struct BodyReader<Body: RequestBody>: Sendable {
    private let schema: JSONSchema

    init() {
        do {
            schema = try JSONSchema(Self.complete(Body.self), patterns: RegularExpression.test)
        } catch {
            preconditionFailure("the schema of \(Body.schemaName) is wrong: \(error)")
        }
    }

    /// - Throws: `request.body_invalid` with every fault and its place.
    func body(_ json: JSONValue) throws -> Body {
        let faults = schema.faults(in: json)
        guard faults.isEmpty else {
            let detail = faults.map(\.description).joined(separator: "; ")
            throw RequestError(
                .bodyInvalid, "the body is not valid: \(detail)",
                details: [
                    "faults": .array(
                        faults.map {
                            ["pointer": .string($0.instance.description), "message": .string($0.message)]
                        })
                ])
        }
        return try Body(json: json)
    }

    /// The schema with everything that it refers to.
    private static func complete(_ type: any WireType.Type) -> JSONValue {
        var components: JSONObject = [:]
        var open: [any WireType.Type] = type.parts
        while let next = open.popLast() {
            guard components[next.schemaName] == nil else { continue }
            components[next.schemaName] = next.schema
            open += next.parts
        }
        guard case .object(var schema) = type.schema, !components.isEmpty else { return type.schema }
        schema["components"] = ["schemas": .object(components)]
        return .object(schema)
    }
}
