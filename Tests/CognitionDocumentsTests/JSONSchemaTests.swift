import CognitionCore
import CognitionDocuments
import Foundation
import Synchronization
import Testing

@Suite struct JSONSchemaTests {
    private func schema(_ document: JSONValue) throws -> JSONSchema {
        try JSONSchema(document) { source in
            let expression = try UncheckedExpression(source)
            return { expression.matches($0) }
        }
    }

    /// Asserts which values fit.
    private func expect(_ document: JSONValue, fits: [JSONValue], not: [JSONValue]) throws {
        let schema = try schema(document)
        for value in fits { #expect(schema.fits(value), "\(value.jsonText) should fit \(document.jsonText)") }
        for value in not { #expect(!schema.fits(value), "\(value.jsonText) should not fit \(document.jsonText)") }
    }

    @Test("Types, constants and numbers")
    func scalars() throws {
        try expect(
            ["type": "integer"], fits: [1, 1.0, .literal("1.0"), .literal("1e400")], not: [1.5, "1", .literal("1.10")])
        try expect(["type": ["string", "null"]], fits: ["a", .null], not: [1, false])
        try expect(
            ["enum": [1, "a", ["b": 2, "c": 3]]], fits: [1.0, "a", ["c": 3, "b": 2]], not: [2, true, ["b": 2]])
        try expect(["const": "\u{E9}"], fits: ["\u{E9}"], not: ["e\u{301}", 0])
        try expect(["const": false], fits: [false], not: [0, .null])
        try expect(["minimum": 1, "exclusiveMaximum": 3], fits: [1, 2.9, "x"], not: [0.9, 3, 4])
        try expect(["maximum": 9_007_199_254_740_993], fits: [9_007_199_254_740_993], not: [9_007_199_254_740_994])
        try expect(
            ["multipleOf": 0.01], fits: [0.07, 19.99, 1e20, .literal("1e400"), 0], not: [0.075, .literal("1e-400")])
        try expect(["multipleOf": 3], fits: [9, 30.0, -3], not: [10, .literal("1e400")])
    }

    @Test("Texts")
    func texts() throws {
        try expect(["minLength": 2, "maxLength": 3], fits: ["ab", "😀😀", 1], not: ["a", "😀", "abcd"])
        try expect(["pattern": "^a+$"], fits: ["aa", 1], not: ["ab", ""])
        try expect(["format": "date-time"], fits: ["2026-11-21T03:31:00Z", 3], not: ["2026-11-21"])
        try expect(["format": "date"], fits: ["2024-02-29"], not: ["2023-02-29", "2024-2-9"])
        try expect(["format": "time"], fits: ["03:31:00+01:00"], not: ["03:31:00"])
        try expect(["format": "duration"], fits: ["P1Y2M", "PT1H", "P2W"], not: ["P1Y1D", "PT", "1H", "P1WT1H"])
        try expect(
            ["format": "email"], fits: ["a.b@example.org", "\"a b\"@[127.0.0.1]"], not: ["a", "a@", ".a@b", "a@-b.org"])
        try expect(
            ["format": "uri"], fits: ["https://a.b:80/c?d#e", "urn:x:y", "http://[::1]/"],
            not: ["/a", "a b:c", "http://[x]/"])
        try expect(
            ["format": "uuid"], fits: ["0198F0C2-7e3a-7000-8000-000000000000"],
            not: ["0198f0c27e3a70008000000000000000"])
        try expect(["format": "ipv4"], fits: ["1.2.3.255"], not: ["1.2.3", "1.2.3.256", "01.2.3.4"])
        try expect(
            ["format": "ipv6"], fits: ["::", "::1", "1::8", "1:2:3:4:5:6:1.2.3.4"],
            not: [":::", "1", "1::2::3", "12345::"])
        try expect(["format": "color"], fits: ["anything"], not: [])
    }

    @Test("Arrays")
    func arrays() throws {
        try expect(
            ["prefixItems": [["type": "string"]], "items": ["type": "integer"]], fits: [[], ["a", 1]],
            not: [[1], ["a", "b"]])
        try expect(["items": [["type": "string"]], "additionalItems": false], fits: [["a"]], not: [["a", 1], [1]])
        try expect(
            ["contains": ["const": 1], "minContains": 2, "maxContains": 3], fits: [[1, 1], [1, 2, 1, 1]],
            not: [[1], [1, 1, 1, 1]])
        try expect(
            ["uniqueItems": true], fits: [[1, true, "1"]], not: [[1, 1.0], [["a": 1, "b": 2], ["b": 2, "a": 1]]])
        try expect(["minItems": 1, "maxItems": 2], fits: [[1]], not: [[], [1, 2, 3]])
        try expect(
            [
                "anyOf": [["prefixItems": [["const": 1]]], ["prefixItems": [true, ["const": 2]]]],
                "unevaluatedItems": false,
            ],
            fits: [[1], [1, 2], [3, 2]], not: [[1, 3], [1, 2, 3]])
    }

    @Test("Objects")
    func objects() throws {
        try expect(
            [
                "properties": ["a": ["type": "integer"]], "patternProperties": ["^x": true],
                "additionalProperties": false,
            ],
            fits: [["a": 1, "x1": .null], [:]], not: [["a": "1"], ["b": 1]])
        try expect(
            ["required": ["a"], "minProperties": 2, "maxProperties": 3], fits: [["a": 1, "b": 2]],
            not: [["b": 1, "c": 2], ["a": 1]])
        try expect(["propertyNames": ["maxLength": 1]], fits: [["a": 1]], not: [["ab": 1]])
        try expect(["dependentRequired": ["a": ["b"]]], fits: [["b": 1], ["a": 1, "b": 2]], not: [["a": 1]])
        try expect(
            ["dependencies": ["a": ["b"], "c": ["minProperties": 2]]], fits: [["b": 1]], not: [["a": 1], ["c": 1]])
        try expect(
            [
                "allOf": [
                    ["properties": ["a": true]], ["if": ["required": ["b"]], "then": ["properties": ["b": true]]],
                ], "unevaluatedProperties": false,
            ],
            fits: [["a": 1, "b": 2]], not: [["c": 1]])
    }

    @Test("Alternatives, references and recursion")
    func combinations() throws {
        try expect(["oneOf": [["minimum": 5], ["maximum": 7]]], fits: [1, 9], not: [6])
        try expect(["not": ["type": "null"]], fits: [1], not: [.null])
        try expect(["if": ["type": "string"], "then": ["minLength": 2], "else": false], fits: ["ab"], not: ["a", 1])
        try expect(
            [
                "$ref": "#/$defs/tree",
                "$defs": ["tree": ["type": "object", "properties": ["kids": ["items": ["$ref": "#/$defs/tree"]]]]],
            ],
            fits: [["kids": [["kids": []], [:]]]], not: [["kids": [["kids": [1]]]]])
        try expect(
            [
                "$id": "https://example.org/a", "$ref": "b#name",
                "$defs": ["x": ["$id": "b", "$defs": ["y": ["$anchor": "name", "type": "null"]]]],
            ],
            fits: [.null], not: [1])
        try expect(
            [
                "$id": "https://example.org/strict", "$dynamicAnchor": "node", "$ref": "tree",
                "unevaluatedProperties": false,
                "$defs": [
                    "t": [
                        "$id": "tree", "$dynamicAnchor": "node",
                        "properties": ["kids": ["items": ["$dynamicRef": "#node"]]],
                    ]
                ],
            ], fits: [["kids": [["kids": []]]]], not: [["kids": [["kid": []]]]])
    }

    @Test(
        "Schemas that cannot be used are refused with their place",
        arguments: [
            (["properties": ["a": 1]], "/properties/a", .schemaInvalid), (["type": "text"], "/type", .schemaInvalid),
            (["minLength": -1], "/minLength", .schemaInvalid), (["required": "a"], "/required", .schemaInvalid),
            (1, "", .schemaInvalid),
            (["pattern": "["], "/pattern", .schemaInvalid), (["multipleOf": 0], "/multipleOf", .schemaInvalid),
            (["anyOf": []], "/anyOf", .schemaInvalid),
            (["$ref": "#/$defs/a"], "/$ref", .schemaInvalid), (["$ref": "#a"], "/$ref", .schemaInvalid),
            (["$ref": "#"], "", .schemaInvalid),
            (["$ref": "#/$defs/a", "$defs": ["a": ["allOf": [["$ref": "#/$defs/a"]]]]], "/$defs/a", .schemaInvalid),
            (["$ref": "https://example.org/other"], "/$ref", .schemaUnsupported),
            (["$schema": "https://example.org/mine"], "", .schemaUnsupported),
        ] as [(JSONValue, String, ErrorCode)])
    func refused(document: JSONValue, pointer: String, code: ErrorCode) {
        let error = #expect(throws: SchemaError.self) { try schema(document) }
        #expect(error?.pointer.description == pointer)
        #expect(error?.code == code)
    }

    @Test("Faults name the place in the value and in the schema, and say what is wrong")
    func faults() throws {
        let schema = try schema([
            "type": "object", "required": ["name"], "additionalProperties": false,
            "properties": [
                "name": ["type": "string"],
                "list": [
                    "items": ["anyOf": [["type": "integer"], ["properties": ["a": ["const": 1]], "type": "object"]]]
                ],
            ],
        ])
        let faults = schema.faults(in: ["nmae": 1, "list": [1, ["a": 2]]])
        #expect(
            faults.map(\.description) == [
                "the member 'name' is missing", "/nmae: the member 'nmae' is not known here",
                "/list/1: fits none of the 2 alternatives", "/list/1/a: must be 1",
            ])
        #expect(
            faults.map(\.schema.description) == [
                "/required", "/additionalProperties", "/properties/list/items/anyOf",
                "/properties/list/items/anyOf/1/properties/a/const",
            ])
        #expect(schema.faults(in: ["nmae": 1, "list": ["x", "y"]], atMost: 2).count == 2)
    }

    @Test("Deep values are checked, and endless ones end")
    func depth() throws {
        let list = try schema(["$ref": "#/$defs/l", "$defs": ["l": ["type": "array", "items": ["$ref": "#/$defs/l"]]]])
        var deep: JSONValue = []
        for _ in 0..<500 { deep = [deep] }
        #expect(list.fits(deep))
        var wrong: JSONValue = 1
        for _ in 0..<500 { wrong = [wrong] }
        #expect(list.faults(in: wrong).map(\.message) == ["must be array, is number"])
        for _ in 0..<1_000 { deep = [deep] }
        #expect(list.faults(in: deep).map(\.message) == ["is nested too deeply to be checked"])
        // A dynamic reference back to its own schema on the same value is only seen while checking.
        let endless = try schema(["$dynamicAnchor": "a", "allOf": [["$dynamicRef": "#a"]]])
        #expect(endless.faults(in: 1).map(\.message) == ["is nested too deeply to be checked"])
    }
}

extension JSONSchemaTests {
    @Test("A small stack is enough for schemas and documents of any depth")
    func smallStack() throws {
        let list = try schema([
            "$ref": "#/$defs/l",
            "$defs": ["l": ["anyOf": [["type": "null"], ["type": "array", "items": ["$ref": "#/$defs/l"]]]]],
        ])
        let text = String(repeating: "[", count: 250) + String(repeating: "]", count: 250)
        let outcome = onSmallStack {
            guard let document = try? PositionedDocument(yaml: text) else { return "not read" }
            return list.fits(document.value) ? "fits" : "does not fit"
        }
        #expect(outcome == "fits")
    }

    /// Runs `body` on a thread with 512 KiB of stack and waits for it.
    private func onSmallStack(_ body: @escaping @Sendable () -> String) -> String {
        let outcome = SmallStackOutcome()
        let thread = Thread {
            let text = body()
            outcome.text.withLock { $0 = text }
            outcome.isReady.signal()
        }
        thread.stackSize = 512 << 10
        thread.start()
        outcome.isReady.wait()
        return outcome.text.withLock { $0 }
    }
}

private final class SmallStackOutcome: Sendable {
    let text = Mutex("")
    let isReady = DispatchSemaphore(value: 0)
}

/// Swift's own regular expressions; good enough for the patterns of these tests.
private struct UncheckedExpression: @unchecked Sendable {
    // A compiled `Regex` is never changed, only its type does not say so.
    let regex: Regex<AnyRegexOutput>

    init(_ source: String) throws { regex = try Regex(source) }

    func matches(_ text: String) -> Bool { text.firstMatch(of: regex) != nil }
}
