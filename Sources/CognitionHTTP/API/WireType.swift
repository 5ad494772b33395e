package import CognitionCore

/// A JSON shape of the API, said once: what the OpenAPI document shows, what bodies are checked against, what tests hold
/// answers to.
package protocol WireType: Sendable {
    /// Its name among the components of the OpenAPI document.
    static var schemaName: String { get }
    /// JSON Schema, draft 2020-12; other wire types are referred to with ``WireType/reference``.
    static var schema: JSONValue { get }
    /// Wire types that ``schema`` refers to.
    static var parts: [any WireType.Type] { get }
    /// A value that fits, shown in the documentation.
    static var sample: JSONValue { get }
}

/// What a route takes.
package protocol RequestBody: WireType {
    /// - Parameter json: Fits ``WireType/schema``; what a schema cannot say is checked here.
    /// - Throws: `CodedError`.
    init(json: JSONValue) throws
}

/// What a route answers.
package protocol AnswerBody: WireType {
    var json: JSONValue { get }
    /// It has what nobody else may know, such as tokens: such an answer is neither stored nor compressed.
    static var holdsSecrets: Bool { get }
}

extension AnswerBody {
    package static var holdsSecrets: Bool { false }
}

extension WireType {
    package static var parts: [any WireType.Type] { [] }

    package static var reference: JSONValue { ["$ref": .string("#/components/schemas/\(schemaName)")] }
}

/// A page of a list: `{items, next_cursor}`.
package struct Page<Item: AnswerBody>: AnswerBody {
    package let items: [Item]
    /// Where the next page starts; `nil` on the last.
    package let next: Cursor?

    package init(_ items: [Item], next: Cursor?) {
        self.items = items
        self.next = next
    }

    package var json: JSONValue {
        ["items": .array(items.map(\.json)), "next_cursor": next.map { .string($0.text) } ?? .null]
    }

    package static var schemaName: String { Item.schemaName + "Page" }
    package static var parts: [any WireType.Type] { [Item.self] }
    package static var schema: JSONValue {
        .record(["items": .list(of: Item.reference), "next_cursor": .nullable(.text("Where the next page starts."))])
    }
    package static var sample: JSONValue { ["items": [Item.sample], "next_cursor": .null] }
}

/// The words in which schemas are written.
extension JSONValue {
    /// An object all of whose members are required, except those named as optional.
    static func record(
        _ members: JSONObject, optional: Set<String> = [], description: String? = nil, isClosed: Bool = false
    ) -> JSONValue {
        var schema: JSONObject = ["type": "object", "properties": .object(members)]
        let required = members.keys.filter { !optional.contains($0) }
        if !required.isEmpty { schema["required"] = .array(required.map(JSONValue.string)) }
        if isClosed { schema["additionalProperties"] = false }
        if let description { schema["description"] = .string(description) }
        return .object(schema)
    }

    static func list(of item: JSONValue, max: Int? = nil) -> JSONValue {
        var schema: JSONObject = ["type": "array", "items": item]
        if let max { schema["maxItems"] = .integer(Int64(max)) }
        return .object(schema)
    }

    static func text(_ description: String? = nil, length: ClosedRange<Int>? = nil, pattern: String? = nil) -> JSONValue
    {
        var schema: JSONObject = ["type": "string"]
        if let length {
            schema["minLength"] = .integer(Int64(length.lowerBound))
            schema["maxLength"] = .integer(Int64(length.upperBound))
        }
        if let pattern { schema["pattern"] = .string(pattern) }
        if let description { schema["description"] = .string(description) }
        return .object(schema)
    }

    static func choice(_ words: [String], _ description: String? = nil) -> JSONValue {
        var schema: JSONObject = ["type": "string", "enum": .array(words.map(JSONValue.string))]
        if let description { schema["description"] = .string(description) }
        return .object(schema)
    }

    static func whole(_ range: ClosedRange<Int>? = nil, _ description: String? = nil) -> JSONValue {
        var schema: JSONObject = ["type": "integer"]
        if let range {
            schema["minimum"] = .integer(Int64(range.lowerBound))
            if range.upperBound < .max { schema["maximum"] = .integer(Int64(range.upperBound)) }
        }
        if let description { schema["description"] = .string(description) }
        return .object(schema)
    }

    static func flag(_ description: String? = nil) -> JSONValue {
        var schema: JSONObject = ["type": "boolean"]
        if let description { schema["description"] = .string(description) }
        return .object(schema)
    }

    static func anything(_ description: String) -> JSONValue { ["description": .string(description)] }

    static let moment: JSONValue = ["type": "string", "format": "date-time"]
    static let uuid: JSONValue = ["type": "string", "format": "uuid"]
    static let money: JSONValue = .record(["micros": .whole(), "currency": .text(length: 3...3)])

    /// The same schema, or null.
    static func nullable(_ schema: JSONValue) -> JSONValue {
        // `enum` lists null neither, so such a schema is one alternative of two.
        guard case .object(var members) = schema, let type = members["type"], members["enum"] == nil else {
            return ["anyOf": [schema, ["type": "null"]]]
        }
        members["type"] = [type, "null"]
        return .object(members)
    }
}
