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
