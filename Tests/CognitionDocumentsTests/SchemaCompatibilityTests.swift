import CognitionCore
import CognitionDocuments
import Testing

@Suite("Compatibility of schemas") struct SchemaCompatibilityTests {
    private static func reasons(_ old: JSONValue, _ new: JSONValue, backward: Bool, forward: Bool) -> [String] {
        SchemaCompatibility.breaks(old: old, new: new, backward: backward, forward: forward).map {
            "\($0.reason.rawValue) \($0.pointer)"
        }
    }

    private static let order: JSONValue = [
        "type": "object", "required": ["total"],
        "properties": ["total": ["type": "number", "minimum": 0], "note": ["type": "string"]],
    ]

    private static func changed(_ change: (inout JSONObject) -> Void) -> JSONValue {
        var members = order.objectValue ?? [:]
        change(&members)
        return .object(members)
    }

    @Test("The same, also in other words for people, breaks nothing; an optional property comes and goes")
    func compatible() {
        let others = [
            Self.order, Self.changed { $0["title"] = "An order" },
            Self.changed {
                $0["properties"] = ["total": ["type": "number", "minimum": 0], "tip": ["type": "number"]]
            },
        ]
        for other in others {
            #expect(Self.reasons(Self.order, other, backward: true, forward: true) == [])
            #expect(Self.reasons(other, Self.order, backward: true, forward: true) == [])
        }
    }

    @Test(
        "What breaks is named with its place, from either side",
        arguments: [
            (["type": "integer"], ["type": "number"], [], ["type_widened "]),
            (["type": ["string", "null"]], ["type": "string"], ["type_narrowed "], []),
            ([:], ["type": "string"], ["type_narrowed "], []),
            (["enum": ["a", "b"]], ["enum": ["a"]], ["values_narrowed "], []),
            (["const": 1], ["type": "integer"], [], ["values_widened "]),
            (["type": "string", "maxLength": 5], ["type": "string", "maxLength": 4], ["bound_narrowed "], []),
            (["minimum": 1], ["minimum": 1, "maximum": 5], ["bound_narrowed "], []),
            (["required": ["a", "b"]], ["required": ["a"]], [], ["required_property_removed /b"]),
            (["required": ["a"]], ["required": ["a", "b"]], ["property_required /b"], []),
            (
                ["properties": ["a": ["type": "string"]]],
                ["properties": ["a": ["type": "string"]], "additionalProperties": false], ["values_refused /*"], []
            ),
            (
                ["properties": ["a": [:], "b": [:]], "additionalProperties": false],
                ["properties": ["a": [:]], "additionalProperties": false], ["values_refused /b"], []
            ),
            (["items": ["type": "number"]], ["items": ["type": "integer"]], ["type_narrowed /*"], []),
            (["pattern": "a"], ["pattern": "b"], ["constraint_changed "], ["constraint_changed "]),
            (["anyOf": [["const": 1]]], ["anyOf": [["const": 1], ["const": 2]]], [], ["constraint_changed "]),
            (
                ["properties": ["a": ["$ref": "#/$defs/x"]], "$defs": ["x": ["type": "number"]]],
                ["properties": ["a": ["type": "string"]]],
                ["type_narrowed /a"], ["type_narrowed /a"].map { $0.replacing("narrowed", with: "widened") }
            ),
            (
                ["$ref": "#/$defs/n", "$defs": ["n": ["properties": ["next": ["$ref": "#/$defs/n"]]]]],
                ["$ref": "#/$defs/m", "$defs": ["m": ["properties": ["next": ["$ref": "#/$defs/m"]]]]], [], []
            ),
            (
                ["$ref": "https://example.org/a"], ["$ref": "https://example.org/b"], ["constraint_changed "],
                ["constraint_changed "]
            ),
            (true, false, ["values_refused "], []),
        ] as [(JSONValue, JSONValue, [String], [String])])
    func breaks(_ old: JSONValue, _ new: JSONValue, _ backward: [String], _ forward: [String]) {
        #expect(Self.reasons(old, new, backward: true, forward: false) == backward)
        #expect(Self.reasons(old, new, backward: false, forward: true) == forward)
        #expect(Self.reasons(old, new, backward: false, forward: false) == [])
        #expect(Set(Self.reasons(old, new, backward: true, forward: true)) == Set(backward + forward))
    }

    @Test(
        "What is compared as it is written has to stay with all that it refers to",
        arguments: [
            "anyOf": [["$ref": "#/$defs/x"]], "oneOf": [["$ref": "#/$defs/x"]], "allOf": [["$ref": "#/$defs/x"]],
            "not": ["items": ["$ref": "#/$defs/x"]], "prefixItems": [["$ref": "#/$defs/x"]],
            "$ref": "#anchor", "$dynamicRef": "#/$defs/x", "items": [["$ref": "#/$defs/x"]],
            "if": ["$ref": "#/$defs/y"],
        ] as [String: JSONValue])
    func references(_ keyword: String, _ value: JSONValue) {
        func schema(_ type: String, _ note: String = "") -> JSONValue {
            [
                "description": .string(note), "properties": ["a": [keyword: value]],
                "$defs": ["x": ["$anchor": "anchor", "type": .string(type)], "y": ["not": ["$ref": "#/$defs/x"]]],
            ]
        }
        for (backward, forward) in [(true, false), (false, true)] {
            let reasons = Self.reasons(schema("string"), schema("number"), backward: backward, forward: forward)
            #expect(reasons == ["constraint_changed /a"])
        }
        #expect(Self.reasons(schema("string"), schema("string"), backward: true, forward: true) == [])
        let renamed = Self.reasons(schema("string"), schema("string", "new"), backward: true, forward: true)
        // An anchor may be anywhere in the document.
        #expect(renamed == (value == "#anchor" ? ["constraint_changed /a"] : []))
    }

    @Test(
        "A reference that is not followed has to stay with what it leads to",
        arguments: [
            // Beside another keyword, to what is not a definition, by a name that is written otherwise, below an `$id`.
            ["$ref": "#/$defs/x", "minLength": 1], ["anyOf": [["$ref": "#/properties/b"]]],
            ["anyOf": [["$ref": "#/%24defs/x"]]], ["$id": "https://example.org/a", "$ref": "#/$defs/x"],
        ] as [JSONValue])
    func unfollowed(_ member: JSONValue) {
        func schema(_ type: JSONValue) -> JSONValue {
            ["properties": ["a": member, "b": type], "$defs": ["x": type]]
        }
        for (backward, forward) in [(true, false), (false, true)] {
            let reasons = Self.reasons(
                schema(["type": "string"]), schema(["type": "null"]), backward: backward, forward: forward)
            #expect(reasons.contains("constraint_changed /a"))
        }
    }

    @Test(
        "What only one side has counts for either direction where it frees others",
        arguments: [
            (
                ["patternProperties": ["^x": true], "additionalProperties": false],
                ["additionalProperties": false], "constraint_changed "
            ),
            (
                ["prefixItems": [["type": "string"]], "items": ["type": "number"]],
                ["items": ["type": "number"]], "constraint_changed "
            ),
            (["contains": ["const": 1], "minContains": 0], ["contains": ["const": 1]], "constraint_changed "),
            (["items": [["type": "string"]]], ["items": [["type": "number"]]], "constraint_changed "),
            (["items": [["type": "string"]]], ["items": ["type": "string"]], "constraint_changed "),
        ] as [(JSONValue, JSONValue, String)])
    func oneSide(_ old: JSONValue, _ new: JSONValue, _ reason: String) {
        #expect(Self.reasons(old, new, backward: true, forward: false) == [reason])
        #expect(Self.reasons(old, new, backward: false, forward: true) == [reason])
    }

    @Test("A property that goes is refused where nothing unevaluated is allowed")
    func unevaluated() {
        let old: JSONValue = ["properties": ["a": true, "b": true], "unevaluatedProperties": false]
        let new: JSONValue = ["properties": ["a": true], "unevaluatedProperties": false]
        #expect(Self.reasons(old, new, backward: true, forward: false) == ["values_refused /b"])
        #expect(Self.reasons(old, new, backward: false, forward: true) == [])
    }

    @Test("Long lists are compared fast, and what takes too long is not compared to its end", .timeLimit(.minutes(1)))
    func bounded() {
        let values = (0..<10_000).map { JSONValue.string("value \($0)") }
        let list: JSONValue = ["enum": .array(values), "required": .array(values)]
        let longer: JSONValue = ["enum": .array(values + ["one more"]), "required": .array(values)]
        #expect(Self.reasons(list, longer, backward: true, forward: false) == [])
        #expect(Self.reasons(list, longer, backward: false, forward: true) == ["values_widened "])

        // Each of many properties is held to what is demanded of all that have no name.
        let many = JSONObject((0..<2_000).map { ("p\($0)", ["enum": ["a"], "required": []] as JSONValue) })
        let rest: JSONValue = ["enum": .array(["a"] + values.prefix(2_000))]
        #expect(
            Self.reasons(
                ["properties": .object(many), "additionalProperties": false], ["additionalProperties": rest],
                backward: true, forward: false) == ["too_large "])
        // Twice as much with each step down.
        let tree: JSONValue = [
            "$ref": "#/$defs/n",
            "$defs": ["n": ["items": ["$ref": "#/$defs/n"], "additionalProperties": ["$ref": "#/$defs/n"]]],
        ]
        let reasons = Self.reasons(true, tree, backward: true, forward: false)
        #expect(!reasons.isEmpty && reasons.count <= 20)
    }

    /// Small schemas, closed, so that a property without a name is none.
    private static func schema(_ random: inout SplitMix64, depth: Int = 0) -> JSONValue {
        var schema: JSONObject = [:]
        let types = ["string", "integer", "number", "null", "boolean"]
        switch Int.random(in: 0..<(depth < 2 ? 7 : 4), using: &random) {
        case 0:
            schema["type"] = .array(types.filter { _ in Bool.random(using: &random) }.map { .string($0) } + ["null"])
        case 1:
            schema["type"] = "integer"
            if Bool.random(using: &random) { schema["minimum"] = .integer(.random(in: 0...2, using: &random)) }
            if Bool.random(using: &random) { schema["maximum"] = .integer(.random(in: 1...3, using: &random)) }
        case 2: schema["enum"] = .array([1, 2, "a", .null].filter { _ in Bool.random(using: &random) } + ["b"])
        case 3: schema["maxLength"] = .integer(.random(in: 0...2, using: &random))
        case 4: schema["items"] = self.schema(&random, depth: depth + 1)
        default:
            var properties: JSONObject = [:]
            for name in ["a", "b"] where Bool.random(using: &random) {
                properties[name] = self.schema(&random, depth: depth + 1)
            }
            schema["required"] = .array(
                ["a", "b"].filter { _ in Int.random(in: 0...2, using: &random) == 0 }.map { .string($0) })
            schema["properties"] = .object(properties)
            schema["additionalProperties"] = .bool(false)
        }
        return .object(schema)
    }

    private static func value(_ random: inout SplitMix64, depth: Int = 0) -> JSONValue {
        switch Int.random(in: 0..<(depth < 2 ? 9 : 6), using: &random) {
        case 0: return .integer(.random(in: 0...3, using: &random))
        case 1: return .string(String("abab".prefix(Int.random(in: 0...3, using: &random))))
        case 2: return .null
        case 3: return .bool(true)
        case 4: return 1.5
        case 5: return .string(Bool.random(using: &random) ? "a" : "b")
        case 6: return .array((0..<Int.random(in: 0...2, using: &random)).map { _ in value(&random, depth: depth + 1) })
        default:
            var members: JSONObject = [:]
            for name in ["a", "b"] where Bool.random(using: &random) {
                members[name] = value(&random, depth: depth + 1)
            }
            return .object(members)
        }
    }

    @Test("Data of a schema fits every schema that is said to take it")
    func sound() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        let values = (0..<300).map { _ in Self.value(&random) }
        var compared = 0
        for _ in 0..<3_000 {
            let (old, new) = (Self.schema(&random), Self.schema(&random))
            guard Self.reasons(old, new, backward: true, forward: false).isEmpty else { continue }
            compared += 1
            let (before, after) = (
                try JSONSchema(old) { _ in { _ in true } }, try JSONSchema(new) { _ in { _ in true } }
            )
            for value in values where before.fits(value) {
                #expect(after.fits(value), "seed \(seed): \(value.jsonText) of \(old.jsonText) in \(new.jsonText)")
            }
        }
        #expect(compared > 50, "seed \(seed)")
    }
}
