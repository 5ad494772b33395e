package import CognitionCore

/// A compiled JSON Schema, draft 2020-12; draft-07's spellings (`definitions`, `dependencies`, `items` as an array,
/// `additionalItems`) are understood too.
///
/// References lead only into the document itself, by pointer, `$anchor` or `$id`. `format` is asserted for `date-time`,
/// `date`, `time`, `duration`, `email`, `uri`, `uuid`, `ipv4` and `ipv6`; other formats, contents and `$vocabulary` say
/// nothing. Unknown keywords are passed over, and keywords beside a `$ref` count, as 2020-12 has it.
package struct JSONSchema: Sendable {
    /// Makes a test from a regular expression; it must run in bounded time, and throws when the expression is
    /// malformed.
    package typealias PatternCompiler = (String) throws -> @Sendable (String) -> Bool

    let nodes: [SchemaNode]
    let root: Int
    /// Whether evaluated members and items must be kept in mind for `unevaluatedProperties` and `unevaluatedItems`.
    let tracksEvaluation: Bool

    /// Compiles a schema.
    ///
    /// - Parameter patterns: Makes the tests of `pattern` and `patternProperties`, which find a match anywhere in a
    ///   text.
    /// - Throws: `SchemaError` with the place in the schema.
    package init(_ document: JSONValue, patterns: PatternCompiler) throws(SchemaError) {
        let resources = try SchemaResources(document)
        self = try withoutActuallyEscaping(patterns) { patterns throws(SchemaError) in
            var compiler = SchemaCompiler(resources: resources, patterns: patterns)
            return try compiler.compile()
        }
    }

    init(nodes: [SchemaNode], root: Int, tracksEvaluation: Bool) {
        self.nodes = nodes
        self.root = root
        self.tracksEvaluation = tracksEvaluation
    }

    /// What does not fit, in the order of the schema's keywords; empty when the value fits.
    ///
    /// Of alternatives (`anyOf`, `oneOf`) none of which fits, the faults of the one that came closest are added.
    ///
    /// - Parameter atMost: How many faults are looked for; 1 answers fastest whether there is any.
    package func faults(in value: JSONValue, atMost: Int = 20) -> [SchemaFault] {
        var quick = SchemaValidator(schema: self, depthMax: SchemaValidator.quickDepthMax)
        let faults = quick.faults(in: value, atMost: max(1, atMost))
        guard quick.isTooDeep else { return faults }
        // Few values are so deep that the calling thread's stack might not hold their validation.
        return withLargeStack {
            var validator = SchemaValidator(schema: self, depthMax: SchemaValidator.depthMax)
            return validator.faults(in: value, atMost: max(1, atMost))
        }
    }

    package func fits(_ value: JSONValue) -> Bool { faults(in: value, atMost: 1).isEmpty }
}

/// One schema object or boolean.
struct SchemaNode: Sendable {
    let pointer: JSONPointer
    /// The resource the schema belongs to, for `$dynamicRef`.
    let resource: Int
    var rules: [SchemaRule] = []

    /// Whether the schema is `false`.
    var isNever: Bool {
        if case .never? = rules.first?.check { true } else { false }
    }
}

/// One keyword of a schema.
struct SchemaRule: Sendable {
    let keyword: String
    let check: SchemaCheck
}

/// What a keyword demands. An `Int` stands for a node of the compiled schema.
enum SchemaCheck: Sendable {
    /// The schema `false`.
    case never
    case types([SchemaType])
    case enumeration([JSONValue])
    case constant(JSONValue)

    case minimum(JSONValue)
    case maximum(JSONValue)
    case exclusiveMinimum(JSONValue)
    case exclusiveMaximum(JSONValue)
    case multipleOf(JSONValue)

    case minLength(Int)
    case maxLength(Int)
    case pattern(String, @Sendable (String) -> Bool)
    case format(SchemaFormat)

    case prefixItems([Int])
    /// For the elements from `after` on.
    case items(Int, after: Int)
    case contains(Int, min: Int, max: Int?)
    case minItems(Int)
    case maxItems(Int)
    case uniqueItems
    case unevaluatedItems(Int)

    case properties([String: Int])
    case patternProperties([(pattern: @Sendable (String) -> Bool, node: Int)])
    case additionalProperties(Int, known: Set<String>, patterns: [@Sendable (String) -> Bool])
    case propertyNames(Int)
    case required([String])
    case minProperties(Int)
    case maxProperties(Int)
    case dependentRequired([(name: String, needs: [String])])
    case dependentSchemas([(name: String, node: Int)])
    case unevaluatedProperties(Int)

    case reference(Int)
    /// `targets` are the nodes that resources offer under the reference's name.
    case dynamicReference(fallback: Int, targets: [Int: Int])
    case allOf([Int])
    case anyOf([Int])
    case oneOf([Int])
    case not(Int)
    case conditional(if: Int, then: Int?, else: Int?)

    /// The nodes that judge the same value as this one, not a part of it.
    var inPlace: [Int] {
        switch self {
        case .reference(let node), .not(let node): [node]
        case .allOf(let nodes), .anyOf(let nodes), .oneOf(let nodes): nodes
        case .conditional(let condition, let then, let otherwise): [condition] + [then, otherwise].compactMap(\.self)
        case .dependentSchemas(let schemas): schemas.map(\.node)
        default: []
        }
    }
}

enum SchemaType: String, Sendable {
    case null, boolean, integer, number, string, array, object
}
