import CognitionCore

/// A `response_schema` in the form that a provider takes.
///
/// Both providers read a part of JSON Schema only. What they would refuse is left out here or made narrower, never made
/// wider than the schema without a check: whoever asked validates the answer against the whole schema.
struct ResponseSchema: Sendable {
    let schema: JSONValue

    /// Levels of a schema that are looked at.
    private static let depthMax = 64

    init(_ schema: JSONValue) { self.schema = schema }

    // MARK: OpenAI

    /// Whether OpenAI takes the schema as strict: an object at the root, and every object with `additionalProperties`
    /// false and all its properties required.
    var isStrict: Bool {
        schema["type"]?.stringValue == "object" && Self.isStrict(schema, depth: 0)
    }

    private static func isStrict(_ schema: JSONValue, depth: Int) -> Bool {
        guard depth < depthMax, let members = schema.objectValue else { return false }
        for (name, value) in members {
            switch name {
            case "properties", "$defs", "definitions":
                guard value.objectValue?.values.allSatisfy({ isStrict($0, depth: depth + 1) }) == true else {
                    return false
                }
            case "items":
                guard isStrict(value, depth: depth + 1) else { return false }
            case "anyOf":
                guard value.arrayValue?.allSatisfy({ isStrict($0, depth: depth + 1) }) == true else { return false }
            case "type", "description", "title", "enum", "const", "$ref", "required", "additionalProperties", "pattern",
                "format", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "minItems",
                "maxItems":
                continue
            default: return false
            }
        }
        guard let properties = members["properties"]?.objectValue ?? (isObject(members) ? JSONObject() : nil) else {
            return true
        }
        let required = Set(members["required"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        return members["additionalProperties"] == false && properties.keys.allSatisfy { required.contains($0) }
    }

    private static func isObject(_ members: JSONObject) -> Bool {
        members["type"]?.stringValue == "object" || members["type"]?.arrayValue?.contains("object") == true
    }

    // MARK: Anthropic

    /// The schema as Anthropic takes it, by the rules of its own clients (`anthropic/lib/_parse/_transform.py`): objects
    /// are closed, `oneOf` becomes `anyOf`, and limits that it does not know move into the description, where the model
    /// can read them.
    var anthropic: JSONValue { Self.anthropic(schema, depth: 0) }

    private static func anthropic(_ schema: JSONValue, depth: Int) -> JSONValue {
        guard depth < depthMax, let members = schema.objectValue else { return schema }
        let each: (JSONValue) -> JSONValue = { anthropic($0, depth: depth + 1) }
        var kept = JSONObject()
        var left = JSONObject()
        for (name, value) in members {
            switch name {
            case "$schema", "$id", "$comment", "additionalProperties": continue
            case "$defs", "definitions", "properties":
                kept[name] = value.objectValue.map { .object(JSONObject($0.map { ($0.key, each($0.value)) })) } ?? value
            case "items": kept[name] = each(value)
            case "anyOf", "allOf": kept[name] = value.arrayValue.map { .array($0.map(each)) } ?? value
            case "oneOf": kept["anyOf"] = value.arrayValue.map { .array($0.map(each)) } ?? value
            case "type", "$ref", "enum", "const", "description", "title", "required": kept[name] = value
            case "format" where formats.contains(value.stringValue ?? ""): kept[name] = value
            case "minItems" where value == 0 || value == 1: kept[name] = value
            default: left[name] = value
            }
        }
        if isObject(members) || members["properties"] != nil { kept["additionalProperties"] = false }
        if !left.isEmpty, kept["$ref"] == nil {
            let said = kept["description"]?.stringValue.map { $0 + "\n\n" } ?? ""
            kept["description"] = .string(said + JSONValue.object(left).jsonText)
        }
        return .object(kept)
    }

    private static let formats: Set<String> = [
        "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
    ]

    // MARK: Answers

    /// The answer as JSON.
    /// - Throws: `llm.schema_mismatch` when it is none.
    static func json(of text: String, provider: String, usage: Completion.Usage) throws -> JSONValue {
        do { return try JSONValue(parsing: text, limits: JSONLimits(bytesMax: 64 << 20, depthMax: 128)) } catch {
            throw LanguageModelError(
                LanguageModelError.schemaMismatch, "\(provider) did not answer with JSON: \(error.message)",
                usage: usage)
        }
    }
}
