import CognitionCore

/// Turns a schema document into nodes. Each place is compiled once, so that references may form cycles.
struct SchemaCompiler {
    let resources: SchemaResources
    let patterns: JSONSchema.PatternCompiler
    private var nodes: [SchemaNode] = []
    private var compiled: [JSONPointer: Int] = [:]
    private var tracksEvaluation = false
    private var depth = 0

    init(resources: SchemaResources, patterns: @escaping JSONSchema.PatternCompiler) {
        self.resources = resources
        self.patterns = patterns
    }

    mutating func compile() throws(SchemaError) -> JSONSchema {
        let root = try node(resources.document, at: .root, in: 0)
        try refuseEndlessReferences()
        return JSONSchema(nodes: nodes, root: root, tracksEvaluation: tracksEvaluation)
    }

    private mutating func node(
        _ value: JSONValue, at pointer: JSONPointer, in outer: Int
    ) throws(SchemaError) -> Int {
        if let known = compiled[pointer] { return known }
        guard nodes.count < 100_000, depth < 500 else {
            throw SchemaError("The schema is too large or nested too deeply", at: pointer)
        }
        depth += 1
        defer { depth -= 1 }
        let resource = resources.resource(at: pointer)
        let index = nodes.count
        compiled[pointer] = index
        nodes.append(SchemaNode(pointer: pointer, resource: resource))
        switch value {
        case .bool(true): break
        case .bool(false): nodes[index].rules = [SchemaRule(keyword: "", check: .never)]
        case .object(let schema): nodes[index].rules = try rules(of: schema, at: pointer, in: resource)
        default: throw SchemaError("A schema is an object or a boolean, not \(value.typeName)", at: pointer)
        }
        return index
    }

    private mutating func rules(
        of schema: JSONObject, at pointer: JSONPointer, in resource: Int
    ) throws(SchemaError) -> [SchemaRule] {
        var rules: [SchemaRule] = []
        // What looks at the others' results comes last.
        var last: [SchemaRule] = []
        for (keyword, value) in schema {
            let place = pointer.appending(keyword)
            let check =
                if let simple = try SchemaCompiler.assertion(keyword, value, at: place) { simple } else {
                    try applicator(keyword, value, beside: schema, at: place, in: resource)
                }
            guard let check else { continue }
            switch check {
            case .unevaluatedItems, .unevaluatedProperties:
                tracksEvaluation = true
                last.append(SchemaRule(keyword: keyword, check: check))
            default:
                rules.append(SchemaRule(keyword: keyword, check: check))
            }
        }
        return rules + last
    }

    private mutating func applicator(
        _ keyword: String, _ value: JSONValue, beside schema: JSONObject, at pointer: JSONPointer, in resource: Int
    ) throws(SchemaError) -> SchemaCheck? {
        switch keyword {
        case "$ref": return .reference(try referenced(value, at: pointer, in: resource).node)
        case "$dynamicRef": return try dynamicReference(value, at: pointer, in: resource)
        case "allOf": return .allOf(try list(value, at: pointer, in: resource))
        case "anyOf": return .anyOf(try list(value, at: pointer, in: resource))
        case "oneOf": return .oneOf(try list(value, at: pointer, in: resource))
        case "not": return .not(try node(value, at: pointer, in: resource))
        case "if": return try conditional(value, beside: schema, at: pointer, in: resource)
        case "prefixItems": return .prefixItems(try list(value, at: pointer, in: resource))
        case "items", "additionalItems": return try items(keyword, value, beside: schema, at: pointer, in: resource)
        case "contains":
            let least = try SchemaCompiler.count("minContains", of: schema, beside: pointer)
            let most = try SchemaCompiler.count("maxContains", of: schema, beside: pointer)
            return .contains(try node(value, at: pointer, in: resource), min: least ?? 1, max: most)
        case "properties":
            return .properties(Dictionary(uniqueKeysWithValues: try members(value, at: pointer, in: resource)))
        case "patternProperties":
            var result: [(pattern: @Sendable (String) -> Bool, node: Int)] = []
            for (source, node) in try members(value, at: pointer, in: resource) {
                result.append((try pattern(source, at: pointer), node))
            }
            return .patternProperties(result)
        case "additionalProperties":
            var tests: [@Sendable (String) -> Bool] = []
            for source in schema["patternProperties"]?.objectValue?.keys ?? [] {
                tests.append(try pattern(source, at: pointer))
            }
            let known = Set(schema["properties"]?.objectValue?.keys ?? [])
            return .additionalProperties(try node(value, at: pointer, in: resource), known: known, patterns: tests)
        case "propertyNames": return .propertyNames(try node(value, at: pointer, in: resource))
        case "dependentSchemas":
            return .dependentSchemas(try members(value, at: pointer, in: resource).map { (name: $0.0, node: $0.1) })
        case "dependencies": return try dependencies(value, at: pointer, in: resource)
        case "unevaluatedItems": return .unevaluatedItems(try node(value, at: pointer, in: resource))
        case "unevaluatedProperties": return .unevaluatedProperties(try node(value, at: pointer, in: resource))
        case "pattern":
            guard let source = value.stringValue else { throw SchemaError("'pattern' must be a string", at: pointer) }
            return .pattern(source, try pattern(source, at: pointer))
        default:
            return nil
        }
    }

    private mutating func conditional(
        _ value: JSONValue, beside schema: JSONObject, at pointer: JSONPointer, in resource: Int
    ) throws(SchemaError) -> SchemaCheck {
        let parent = pointer.parent ?? .root
        var then: Int?
        var otherwise: Int?
        if let value = schema["then"] { then = try node(value, at: parent.appending("then"), in: resource) }
        if let value = schema["else"] { otherwise = try node(value, at: parent.appending("else"), in: resource) }
        return .conditional(if: try node(value, at: pointer, in: resource), then: then, else: otherwise)
    }

    /// `items` in both drafts' meanings, and draft-07's `additionalItems`, which stands beside an array of items.
    private mutating func items(
        _ keyword: String, _ value: JSONValue, beside schema: JSONObject, at pointer: JSONPointer, in resource: Int
    ) throws(SchemaError) -> SchemaCheck? {
        if keyword == "additionalItems" {
            guard let first = schema["items"]?.arrayValue else { return nil }
            return .items(try node(value, at: pointer, in: resource), after: first.count)
        }
        if case .array = value { return .prefixItems(try list(value, at: pointer, in: resource)) }
        return .items(try node(value, at: pointer, in: resource), after: schema["prefixItems"]?.arrayValue?.count ?? 0)
    }

    /// Draft-07's keyword that later became `dependentRequired` and `dependentSchemas`.
    private mutating func dependencies(
        _ value: JSONValue, at pointer: JSONPointer, in resource: Int
    ) throws(SchemaError) -> SchemaCheck {
        var schemas: [(name: String, node: Int)] = []
        for (name, need) in try SchemaCompiler.object(value, at: pointer) {
            let place = pointer.appending(name)
            guard case .array = need else {
                schemas.append((name, try node(need, at: place, in: resource)))
                continue
            }
            // A list of names means the same as a schema that requires them.
            let names = try SchemaCompiler.strings(need, at: place)
            compiled[place] = nodes.count
            schemas.append((name, nodes.count))
            nodes.append(
                SchemaNode(
                    pointer: place, resource: resource, rules: [SchemaRule(keyword: "", check: .required(names))]))
        }
        return .dependentSchemas(schemas)
    }

    private mutating func referenced(
        _ value: JSONValue, at pointer: JSONPointer, in resource: Int
    ) throws(SchemaError) -> (node: Int, resource: Int, anchor: String?) {
        guard let reference = value.stringValue else { throw SchemaError("A reference must be a string", at: pointer) }
        let target = try resources.target(of: reference, from: resource, at: pointer)
        guard let schema = resources.document.at(target.place) else {
            throw SchemaError("The reference '\(reference)' leads to nothing", at: pointer)
        }
        return (try node(schema, at: target.place, in: target.resource), target.resource, target.anchor)
    }

    private mutating func dynamicReference(
        _ value: JSONValue, at pointer: JSONPointer, in resource: Int
    ) throws(SchemaError) -> SchemaCheck {
        let target = try referenced(value, at: pointer, in: resource)
        guard let anchor = target.anchor, resources.resources[target.resource].dynamicAnchors[anchor] != nil else {
            return .reference(target.node)
        }
        var targets: [Int: Int] = [:]
        for (index, resource) in resources.resources.enumerated() {
            guard let place = resource.dynamicAnchors[anchor], let schema = resources.document.at(place) else {
                continue
            }
            targets[index] = try node(schema, at: place, in: index)
        }
        return .dynamicReference(fallback: target.node, targets: targets)
    }

    private mutating func list(
        _ value: JSONValue, at pointer: JSONPointer, in resource: Int
    ) throws(SchemaError) -> [Int] {
        guard let elements = value.arrayValue, !elements.isEmpty else {
            throw SchemaError("'\(pointer.tokens.last ?? "")' must be a list of schemas that is not empty", at: pointer)
        }
        var result: [Int] = []
        for (index, element) in elements.enumerated() {
            result.append(try node(element, at: pointer.appending(index), in: resource))
        }
        return result
    }

    private mutating func members(
        _ value: JSONValue, at pointer: JSONPointer, in resource: Int
    ) throws(SchemaError) -> [(String, Int)] {
        var result: [(String, Int)] = []
        for (name, schema) in try SchemaCompiler.object(value, at: pointer) {
            result.append((name, try node(schema, at: pointer.appending(name), in: resource)))
        }
        return result
    }

    private func pattern(_ source: String, at pointer: JSONPointer) throws(SchemaError) -> @Sendable (String) -> Bool {
        do {
            return try patterns(source)
        } catch {
            throw SchemaError("'\(source)' is not a regular expression: \(error)", at: pointer)
        }
    }

    /// Refuses schemas that apply themselves to the same value again and again.
    private func refuseEndlessReferences() throws(SchemaError) {
        enum State { case unseen, open, done }
        var states = Array(repeating: State.unseen, count: nodes.count)
        for start in nodes.indices where states[start] == .unseen {
            states[start] = .open
            var open = [(node: start, next: nodes[start].rules.flatMap(\.check.inPlace)[...])]
            while var current = open.popLast() {
                guard let next = current.next.popFirst() else {
                    states[current.node] = .done
                    continue
                }
                open.append(current)
                switch states[next] {
                case .done: break
                case .open: throw SchemaError("The schema refers to itself without end", at: nodes[next].pointer)
                case .unseen:
                    states[next] = .open
                    open.append((next, nodes[next].rules.flatMap(\.check.inPlace)[...]))
                }
            }
        }
    }
}
