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
        /// Comparing would take too long; nothing is known.
        case tooLarge = "too_large"

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
/// document are compared in detail; what any other keyword demands has to stay as it is, with all that it refers to. A
/// property that a schema does not name is taken for one that its data does not have, unless the other schema refuses all
/// that it does not name.
package struct SchemaCompatibility {
    private static let breaksMax = 20
    private static let depthMax = 100
    /// Members, values and names that are looked at, of each direction.
    private static let stepsMax = 1_000_000

    /// The schema whose data is looked at, and the one that has to take it.
    private let from: JSONValue
    private let to: JSONValue
    /// Whether each `$id` is that of the whole document: a fragment then leads to the same place from everywhere.
    private let isWhole: Bool
    /// Whether definitions are the same on both sides, and refer to nothing but each other.
    private let keepsDefinitions: Bool
    private var breaks: [SchemaBreak] = []
    private var steps = 0
    /// Pairs of references that are being compared, or were.
    private var seen: Set<[String]> = []

    /// - Parameters:
    ///   - backward: Data of the old schema has to fit the new one.
    ///   - forward: Data of the new schema has to fit the old one.
    /// - Returns: At most 20 of each direction; one alone, `tooLarge`, of a direction that takes too many steps.
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
        guard from != to else { return [] }
        var comparison = SchemaCompatibility(from: from, to: to)
        comparison.compare(from, to, at: .root, depth: 0)
        guard comparison.steps < stepsMax else {
            return [SchemaBreak(reason: .tooLarge, pointer: .root, message: "too large to be compared")]
        }
        return comparison.breaks
    }

    private init(from: JSONValue, to: JSONValue) {
        self.from = from
        self.to = to
        isWhole = ![from, to].contains { $0.objectValue?.values.contains(where: Self.holdsID) ?? false }
        keepsDefinitions =
            isWhole
            && ["$defs", "definitions"].allSatisfy { name in
                from[name] == to[name]
                    && Self.references(in: to[name] ?? .null).allSatisfy(Self.leadsToDefinition)
            }
    }

    private mutating func add(_ reason: SchemaBreak.Reason, _ pointer: JSONPointer, _ message: String) {
        guard breaks.count < Self.breaksMax else { return }
        breaks.append(SchemaBreak(reason: reason, pointer: pointer, message: message))
    }

    private mutating func compare(_ left: JSONValue, _ right: JSONValue, at place: JSONPointer, depth: Int) {
        guard steps < Self.stepsMax, breaks.count < Self.breaksMax else { return }
        steps += 1
        guard depth < Self.depthMax else {
            return add(.constraintChanged, place, "nested too deeply to be compared")
        }
        let names = [left, right].compactMap { $0["$ref"]?.stringValue }
        if !names.isEmpty {
            guard let before = resolve(left, in: from), let after = resolve(right, in: to) else {
                if !isSame(left, right) {
                    add(.constraintChanged, place, "'$ref', or what it leads to, is another or not to be followed")
                }
                return
            }
            // Two references are compared once, wherever they come again; what has none on one side ends by itself.
            guard names.count == 1 || seen.insert(names).inserted else { return }
            return compare(before, after, at: place, depth: depth + 1)
        }
        switch (left, right) {
        case (_, .bool(true)), (.bool(false), _): return
        case (_, .bool(false)): add(.valuesRefused, place, "nothing is allowed there, where something was")
        case (_, .object(let right)): compare(left.objectValue ?? [:], right, at: place, depth: depth)
        default: return
        }
    }

    private mutating func compare(_ left: JSONObject, _ right: JSONObject, at place: JSONPointer, depth: Int) {
        for schema in [left, right] {
            steps += schema.count + (schema["properties"]?.objectValue?.count ?? 0)
            steps += ["type", "enum", "const", "required"].reduce(0) { $0 + Self.size(schema[$1] ?? .null) }
        }
        compareTypes(left, right, at: place)
        compareValues(left, right, at: place)
        compareBounds(left, right, at: place)
        let before = Set(Self.names(left["required"]))
        for name in Self.names(right["required"]) where !before.contains(name) {
            add(.propertyRequired, place.appending(name), "required by one schema and not by the other")
        }
        compareProperties(left, right, at: place, depth: depth)
        compareItems(left, right, at: place, depth: depth)
        compareOthers(left, right, at: place)
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
        let known = Set(allowed)
        for value in found where !known.contains(value) {
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
        let rest = (before: Self.otherProperties(left), after: Self.otherProperties(right))
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

    private mutating func compareItems(_ left: JSONObject, _ right: JSONObject, at place: JSONPointer, depth: Int) {
        let (before, after) = (left["items"], right["items"])
        if before?.arrayValue != nil || after?.arrayValue != nil {
            // Draft-07's way to say what `prefixItems` says.
            if !isSame(before, after) { add(.constraintChanged, place, "'items' is another") }
        } else if let after = after ?? right["unevaluatedItems"] {
            let before = before ?? left["unevaluatedItems"] ?? true
            compare(before, after, at: place.appending("*"), depth: depth + 1)
        }
    }

    /// Keywords that are not compared in detail.
    private mutating func compareOthers(_ left: JSONObject, _ right: JSONObject, at place: JSONPointer) {
        let missing = Self.freeing.filter { left[$0] != nil && right[$0] == nil }
        for keyword in right.keys + missing where !Self.compared.contains(keyword) {
            let (before, after) = (left[keyword], right[keyword])
            if keyword == "anyOf", let some = before?.arrayValue, let all = after?.arrayValue {
                steps += some.reduce(0) { $0 + Self.size($1) } + all.reduce(0) { $0 + Self.size($1) }
                if Set(all).isSuperset(of: some), keepsReferences(of: .array(all)) { continue }
            } else if isSame(before.map { [keyword: $0] }, after.map { [keyword: $0] }) {
                continue
            }
            add(.constraintChanged, place, "'\(keyword)' or what it refers to is another")
        }
    }

    /// Whether two schemas, and all that they refer to, are the same.
    private mutating func isSame(_ left: JSONValue?, _ right: JSONValue?) -> Bool {
        steps += Self.size(right ?? .null)
        return left == right && keepsReferences(of: right ?? .null)
    }

    /// Whether all that a schema refers to is the same in both documents, which differ.
    private func keepsReferences(of schema: JSONValue) -> Bool {
        let references = Self.references(in: schema)
        return references.isEmpty || keepsDefinitions && references.allSatisfy(Self.leadsToDefinition)
    }

    /// What a reference leads to; a schema without one as it is.
    /// - Returns: `nil` where that is not to be said: by an anchor, out of the document, or joined with other keywords.
    private mutating func resolve(_ schema: JSONValue, in document: JSONValue) -> JSONValue? {
        var (schema, hops) = (schema, 0)
        while let reference = schema["$ref"]?.stringValue {
            steps += reference.utf8.count + (schema.objectValue?.count ?? 0)
            guard isWhole, hops < 50, steps < Self.stepsMax,
                schema.objectValue?.keys.filter({ !Self.annotations.contains($0) }) == ["$ref"],
                reference.hasPrefix("#"), let pointer = JSONPointer(fragment: String(reference.dropFirst())),
                let target = document.at(pointer)
            else { return nil }
            schema = target
            hops += 1
        }
        return schema
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

    /// What holds for properties that are not named.
    private static func otherProperties(_ schema: JSONObject) -> JSONValue {
        schema["additionalProperties"] ?? schema["unevaluatedProperties"] ?? true
    }

    /// How many steps it takes to compare a value with another.
    private static func size(_ value: JSONValue) -> Int {
        switch value {
        case .array(let elements): elements.reduce(1) { $0 + size($1) }
        case .object(let members): members.reduce(1) { $0 + 1 + $1.key.utf8.count / 8 + size($1.value) }
        case .string(let text): 1 + text.utf8.count / 8
        default: 1
        }
    }

    /// All that a schema refers to, as it is written.
    private static func references(in schema: JSONValue) -> Set<String> {
        var found: Set<String> = []
        func visit(_ value: JSONValue) {
            for name in ["$ref", "$dynamicRef"] { if let text = value[name]?.stringValue { found.insert(text) } }
            for inner in value.arrayValue ?? value.objectValue?.values ?? [] { visit(inner) }
        }
        visit(schema)
        return found
    }

    private static func leadsToDefinition(_ reference: String) -> Bool {
        reference.hasPrefix("#/$defs/") || reference.hasPrefix("#/definitions/")
    }

    private static func holdsID(_ schema: JSONValue) -> Bool {
        schema["$id"]?.stringValue != nil
            || (schema.arrayValue ?? schema.objectValue?.values ?? []).contains(where: holdsID)
    }

    /// Keywords that free what the others would hold: that they go is a difference, too.
    private static let freeing = ["patternProperties", "prefixItems", "minContains"]

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
