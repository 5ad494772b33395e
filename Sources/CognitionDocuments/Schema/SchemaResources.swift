import CognitionCore

/// The parts of a schema document that references can name: resources with an `$id` and the anchors inside them.
struct SchemaResources {
    struct Resource {
        /// Absolute where the document gives an absolute `$id`, without fragment.
        let uri: String
        let root: JSONPointer
        var anchors: [String: JSONPointer] = [:]
        var dynamicAnchors: [String: JSONPointer] = [:]
    }

    let document: JSONValue
    private(set) var resources: [Resource] = []

    init(_ document: JSONValue) throws(SchemaError) {
        self.document = document
        resources = [Resource(uri: "", root: .root)]
        try visit(document, at: .root, in: 0)
    }

    /// The resource in which a place of the document lies.
    func resource(at pointer: JSONPointer) -> Int {
        var best = 0
        for (index, resource) in resources.enumerated()
        where resource.root.tokens.count >= resources[best].root.tokens.count
            && pointer.tokens.starts(with: resource.root.tokens)
        {
            best = index
        }
        return best
    }

    /// The place a `$ref` or `$dynamicRef` names, and its fragment's name when that is an anchor.
    func target(
        of reference: String, from resource: Int, at pointer: JSONPointer
    ) throws(SchemaError) -> (place: JSONPointer, resource: Int, anchor: String?) {
        let (relative, fragment) = URIReference.splitFragment(reference)
        let uri = URIReference.resolve(relative, against: resources[resource].uri)
        guard let index = relative.isEmpty ? resource : resources.lastIndex(where: { $0.uri == uri }) else {
            throw SchemaError(
                "The reference '\(reference)' leads out of the document; only local references are followed",
                at: pointer,
                code: .schemaUnsupported)
        }
        let target = resources[index]
        guard let fragment, !fragment.isEmpty else { return (target.root, index, nil) }
        if fragment.hasPrefix("/") {
            guard let inner = JSONPointer(fragment: fragment) else {
                throw SchemaError("The reference '\(reference)' holds a malformed pointer", at: pointer)
            }
            let place = target.root.appending(inner)
            guard document.at(place) != nil else {
                throw SchemaError("The reference '\(reference)' leads to nothing", at: pointer)
            }
            return (place, self.resource(at: place), nil)
        }
        guard let place = target.anchors[fragment] else {
            throw SchemaError("The reference '\(reference)' names an anchor that does not exist", at: pointer)
        }
        return (place, index, fragment)
    }

    private mutating func visit(_ value: JSONValue, at pointer: JSONPointer, in outer: Int) throws(SchemaError) {
        guard case .object(let schema) = value else { return }
        guard pointer.tokens.count <= 1_000 else { throw SchemaError("The schema is nested too deeply", at: pointer) }
        try checkDialect(schema, at: pointer)
        var resource = outer
        if let id = schema["$id"]?.stringValue {
            let (relative, fragment) = URIReference.splitFragment(id)
            if !relative.isEmpty {
                let uri = URIReference.resolve(relative, against: resources[outer].uri)
                if pointer.isRoot {
                    resources[0] = Resource(uri: uri, root: .root)
                } else {
                    resources.append(Resource(uri: uri, root: pointer))
                    resource = resources.count - 1
                }
            }
            // Draft-07 writes an anchor as an `$id` of a fragment only.
            if let fragment, !fragment.isEmpty { resources[resource].anchors[fragment] = pointer }
        }
        if let anchor = schema["$anchor"]?.stringValue { resources[resource].anchors[anchor] = pointer }
        if let anchor = schema["$dynamicAnchor"]?.stringValue {
            resources[resource].anchors[anchor] = pointer
            resources[resource].dynamicAnchors[anchor] = pointer
        }
        for (keyword, inner) in schema {
            try visitSubschemas(of: keyword, inner, at: pointer.appending(keyword), in: resource)
        }
    }

    private mutating func visitSubschemas(
        of keyword: String, _ value: JSONValue, at pointer: JSONPointer, in resource: Int
    ) throws(SchemaError) {
        switch keyword {
        case "$defs", "definitions", "properties", "patternProperties", "dependentSchemas", "dependencies":
            for (name, inner) in (value.objectValue ?? JSONObject()) {
                try visit(inner, at: pointer.appending(name), in: resource)
            }
        case "allOf", "anyOf", "oneOf", "prefixItems", "items":
            try visit(value, at: pointer, in: resource)
            for (index, inner) in (value.arrayValue ?? []).enumerated() {
                try visit(inner, at: pointer.appending(index), in: resource)
            }
        case "additionalItems", "contains", "additionalProperties", "propertyNames", "unevaluatedItems",
            "unevaluatedProperties", "if", "then", "else", "not", "contentSchema":
            try visit(value, at: pointer, in: resource)
        default:
            break
        }
    }

    private func checkDialect(_ schema: JSONObject, at pointer: JSONPointer) throws(SchemaError) {
        guard let dialect = schema["$schema"] else { return }
        switch dialect.stringValue {
        case "https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2020-12/schema#",
            "http://json-schema.org/draft-07/schema", "http://json-schema.org/draft-07/schema#",
            "https://json-schema.org/draft-07/schema", "https://json-schema.org/draft-07/schema#":
            return
        default:
            throw SchemaError(
                "The dialect \(dialect.jsonText) is not known; use https://json-schema.org/draft/2020-12/schema",
                at: pointer,
                code: .schemaUnsupported)
        }
    }
}
