package import CognitionCore

/// One way in which a schema differs from the one before so that not everything is understood any more.
package struct SchemaBreak: Sendable, Hashable {
    /// Named as the change looks from the schema before.
    package enum Reason: String, Sendable, CaseIterable {
        case typeNarrowed = "type_narrowed"
        case typeWidened = "type_widened"
        case valuesNarrowed = "values_narrowed"
        case valuesWidened = "values_widened"
        case boundNarrowed = "bound_narrowed"
        case boundWidened = "bound_widened"
        case propertyRequired = "property_required"
        case requiredPropertyRemoved = "required_property_removed"
        /// Values that were allowed are refused, whatever they are.
        case valuesRefused = "values_refused"
        case valuesAdmitted = "values_admitted"
        /// A keyword that is not compared in detail.
        case constraintChanged = "constraint_changed"

        fileprivate var reversed: Reason {
            switch self {
            case .typeNarrowed: .typeWidened
            case .valuesNarrowed: .valuesWidened
            case .boundNarrowed: .boundWidened
            case .propertyRequired: .requiredPropertyRemoved
            case .valuesRefused: .valuesAdmitted
            default: self
            }
        }
    }

    package let reason: Reason
    /// The place in the data.
    package let pointer: JSONPointer
    /// For people; does not repeat the place.
    package let message: String
}

/// Whether what one schema takes is taken by another.
///
/// Types, values, bounds, required properties, `properties`, `additionalProperties`, `items` and references into the
/// document are compared in detail; what any other keyword demands has to stay as it is. A property that a schema does not
/// name is taken for one that its data does not have, unless the other schema refuses all that it does not name.
package struct SchemaCompatibility {
    private static let breaksMax = 20
    private static let depthMax = 100

    /// The schema whose data is looked at, and the one that has to take it.
    private let from: JSONValue
    private let to: JSONValue
    private var breaks: [SchemaBreak] = []
    /// Pairs of references that are being compared, or were.
    private var seen: Set<[String]> = []

    /// - Parameters:
    ///   - backward: Data of the old schema has to fit the new one.
    ///   - forward: Data of the new schema has to fit the old one.
    /// - Returns: At most 20 of each kind.
    package static func breaks(
        old: JSONValue, new: JSONValue, backward: Bool, forward: Bool
    ) -> [SchemaBreak] {
        var found: [SchemaBreak] = []
        if backward { found += compare(from: old, to: new) }
        if forward {
            let reversed = compare(from: new, to: old).map {
                SchemaBreak(reason: $0.reason.reversed, pointer: $0.pointer, message: $0.message)
            }
            found += reversed.filter { !found.contains($0) }
        }
        return found
    }

    private static func compare(from: JSONValue, to: JSONValue) -> [SchemaBreak] {
        var comparison = SchemaCompatibility(from: from, to: to)
        comparison.compare(from, to, at: .root, depth: 0)
        return comparison.breaks
    }

    private init(from: JSONValue, to: JSONValue) {
        self.from = from
        self.to = to
    }

    private mutating func add(_ reason: SchemaBreak.Reason, _ pointer: JSONPointer, _ message: String) {
        guard breaks.count < Self.breaksMax else { return }
        breaks.append(SchemaBreak(reason: reason, pointer: pointer, message: message))
    }

    private mutating func compare(_ left: JSONValue, _ right: JSONValue, at place: JSONPointer, depth: Int) {
        guard depth < Self.depthMax else {
            return add(.constraintChanged, place, "nested too deeply to be compared")
        }
        let names = [left, right].map { $0["$ref"]?.stringValue ?? "" }
        if names != ["", ""] {
            // Two references are compared once, wherever they come again; what has none on one side ends by itself.
            let key = names.contains("") ? names + [place.description] : names
            guard seen.insert(key).inserted else { return }
            guard seen.count < 10_000 else { return add(.constraintChanged, place, "too many references") }
            guard let left = Self.resolve(left, in: from), let right = Self.resolve(right, in: to) else {
                if left != right { add(.constraintChanged, place, "'$ref' is another, or leads out of the document") }
                return
            }
            return compare(left, right, at: place, depth: depth + 1)
        }
        switch (left, right) {
        case (_, .bool(true)), (.bool(false), _): return
        case (_, .bool(false)): add(.valuesRefused, place, "nothing is allowed there, where something was")
        case (_, .object(let right)): compare(left.objectValue ?? [:], right, at: place, depth: depth)
        default: return
        }
    }

    private mutating func compare(_ left: JSONObject, _ right: JSONObject, at place: JSONPointer, depth: Int) {
        compareTypes(left, right, at: place)
        compareValues(left, right, at: place)
        compareBounds(left, right, at: place)
        let before = Set(Self.names(left["required"]))
        for name in Self.names(right["required"]) where !before.contains(name) {
            add(.propertyRequired, place.appending(name), "required by one schema and not by the other")
        }
        compareProperties(left, right, at: place, depth: depth)
        if let items = right["items"] {
            compare(left["items"] ?? true, items, at: place.appending("*"), depth: depth + 1)
        }
        for (keyword, value) in right where !Self.compared.contains(keyword) && left[keyword] != value {
            if keyword == "anyOf", Self.isPart(left[keyword], of: value) { continue }
            add(.constraintChanged, place, "'\(keyword)' is another")
        }
    }

    private mutating func compareTypes(_ left: JSONObject, _ right: JSONObject, at place: JSONPointer) {
        guard let type = right["type"] else { return }
        let allowed = Self.types(type)
        var found = left["type"].map(Self.types)
        if found == nil, let values = Self.values(left) { found = Set(values.map(\.schemaTypeName)) }
        let lost = (found ?? ["array", "boolean", "null", "number", "object", "string"]).subtracting(allowed)
            .filter { $0 != "integer" || !allowed.contains("number") }
        guard !lost.isEmpty else { return }
        add(.typeNarrowed, place, "\(lost.sorted().joined(separator: ", ")) on one side only")
    }

    private mutating func compareValues(_ left: JSONObject, _ right: JSONObject, at place: JSONPointer) {
        guard let allowed = Self.values(right) else { return }
        guard let found = Self.values(left) else {
            return add(.valuesNarrowed, place, "one schema lists the values, the other does not")
        }
        for value in found where !allowed.contains(value) {
            add(.valuesNarrowed, place, "\(String(value.jsonText.prefix(80))) on one side only")
        }
    }

    private mutating func compareBounds(_ left: JSONObject, _ right: JSONObject, at place: JSONPointer) {
        for (keyword, isLower) in Self.bounds {
            guard let bound = right[keyword]?.doubleValue else { continue }
            if let before = left[keyword]?.doubleValue, isLower ? before >= bound : before <= bound { continue }
            if isLower, bound <= 0, keyword.hasPrefix("min"), keyword != "minimum" { continue }
            add(.boundNarrowed, place, "'\(keyword)' is \(right[keyword]?.jsonText ?? "") on one side")
        }
    }

    private mutating func compareProperties(
        _ left: JSONObject, _ right: JSONObject, at place: JSONPointer, depth: Int
    ) {
        let (before, after) = (left["properties"]?.objectValue ?? [:], right["properties"]?.objectValue ?? [:])
        let rest = (before: left["additionalProperties"] ?? true, after: right["additionalProperties"] ?? true)
        for (name, schema) in before {
            compare(schema, after[name] ?? rest.after, at: place.appending(name), depth: depth + 1)
        }
        if rest.after != true { compare(rest.before, rest.after, at: place.appending("*"), depth: depth + 1) }
        // One that is new where others were declared: it is held to what all others had to be.
        guard let declared = rest.before.objectValue, !declared.isEmpty else { return }
        for (name, schema) in after where before[name] == nil {
            compare(rest.before, schema, at: place.appending(name), depth: depth + 1)
        }
    }

    // MARK: Parts of schemas

    private static let bounds: [(keyword: String, isLower: Bool)] = [
        ("minimum", true), ("exclusiveMinimum", true), ("minLength", true), ("minItems", true),
        ("minProperties", true), ("maximum", false), ("exclusiveMaximum", false), ("maxLength", false),
        ("maxItems", false), ("maxProperties", false),
    ]

    /// Keywords that are compared in detail, and those that demand nothing.
    private static let compared: Set<String> = Set(bounds.map(\.keyword)).union([
        "type", "enum", "const", "required", "properties", "additionalProperties", "items", "$ref", "$defs",
        "definitions", "$id", "$schema", "$anchor", "$comment", "title", "description", "default", "examples",
        "deprecated", "readOnly", "writeOnly",
    ])

    private static func names(_ value: JSONValue?) -> [String] { (value?.arrayValue ?? []).compactMap(\.stringValue) }

    private static func types(_ value: JSONValue) -> Set<String> {
        Set((value.arrayValue ?? [value]).compactMap(\.stringValue))
    }

    private static func values(_ schema: JSONObject) -> [JSONValue]? {
        if let value = schema["const"] { return [value] }
        return schema["enum"]?.arrayValue
    }

    private static func isPart(_ some: JSONValue?, of all: JSONValue) -> Bool {
        guard let some = some?.arrayValue, let all = all.arrayValue else { return false }
        return some.allSatisfy(all.contains)
    }

    /// What a reference leads to; a schema without one as it is.
    private static func resolve(_ schema: JSONValue, in document: JSONValue) -> JSONValue? {
        var (schema, steps) = (schema, 0)
        while let reference = schema["$ref"]?.stringValue {
            // Keywords beside it would have to be joined with what it leads to.
            let others = schema.objectValue?.keys.filter { !annotations.contains($0) } ?? []
            guard others == ["$ref"], reference.hasPrefix("#"), steps < 50,
                let pointer = try? JSONPointer(String(reference.dropFirst())), let target = document.at(pointer)
            else { return nil }
            schema = target
            steps += 1
        }
        return schema
    }

    private static let annotations: Set<String> = [
        "$defs", "definitions", "$id", "$schema", "$comment", "title", "description", "default", "examples",
        "deprecated",
    ]
}

extension JSONValue {
    fileprivate var schemaTypeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        default: integerValue == nil ? "number" : "integer"
        }
    }
}
