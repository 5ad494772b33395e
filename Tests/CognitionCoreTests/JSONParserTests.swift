import CognitionCore
import Testing

@Suite struct JSONParserTests {
    @Test("Values are read as they are meant")
    func values() throws {
        let value = try JSONValue(
            parsing: #" { "a" : [1, -2, 0.5, true, false, null], "b": {"c": ""}, "": "é\u00e9\n" } "#)
        #expect(value == ["a": [1, -2, 0.5, true, false, .null], "b": ["c": ""], "": "éé\n"])
        #expect(value.objectValue?.keys == ["a", "b", ""])
    }

    @Test("A number is an integer, a double that prints the same text, or its literal")
    func numbers() throws {
        func kind(_ text: String) throws -> String {
            switch try JSONValue(parsing: text) {
            case .integer(let value): "i \(value)"
            case .number(let value): "d \(value)"
            case .literal(let text): "l \(text)"
            default: "?"
            }
        }
        #expect(try kind("0") == "i 0")
        #expect(try kind("-9223372036854775808") == "i -9223372036854775808")
        #expect(try kind("9223372036854775807") == "i 9223372036854775807")
        #expect(try kind("9223372036854775808") == "l 9223372036854775808")
        #expect(try kind("0.5") == "d 0.5")
        #expect(try kind("-0.00012") == "d -0.00012")
        #expect(try kind("0.1234567890123456") == "d 0.1234567890123456")
        #expect(try kind("-0") == "d -0.0")
        #expect(try kind("1e-05") == "d 1e-05")
        #expect(try kind("1.10") == "l 1.10")
        #expect(try kind("3.0") == "l 3.0")
        #expect(try kind("1e5") == "l 1e5")
        #expect(try kind("0.00001") == "l 0.00001")
        #expect(try kind("0.30000000000000004441") == "l 0.30000000000000004441")
        #expect(try kind("1e400") == "l 1e400")
    }

    @Test("Every kept number prints the text that was read")
    func numbersPrintAsRead() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<20_000 {
            let whole = String(Int.random(in: -999_999...999_999, using: &random))
            let digits = String(UInt64.random(in: 0...UInt64.max, using: &random)).prefix(
                Int.random(in: 1...18, using: &random))
            let exponent = Bool.random(using: &random) ? "" : "e\(Int.random(in: -30...30, using: &random))"
            let text = whole + "." + digits + exponent
            #expect(try JSONValue(parsing: text).jsonText == text)
            #expect(try JSONValue(parsing: text).doubleValue == Double(text))
        }
    }

    @Test("Of members with one name the last wins, unless they are refused")
    func repeatedNames() throws {
        let text = #"{"a": 1, "b": 2, "a": 3}"#
        let value = try JSONValue(parsing: text)
        #expect(value.jsonText == #"{"a":3,"b":2}"#)
        let error = #expect(throws: JSONParsingError.self) {
            try JSONValue(parsing: text, limits: JSONLimits(allowsRepeatedNames: false))
        }
        #expect(error?.code == .jsonInvalid)
    }

    @Test(
        "Texts that are not JSON are refused",
        arguments: [
            "", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{1:1}",
            "[1 2]",
            "[,1]", "]", "01", "-", "-01", "1.", ".5", "1e", "1e+", "+1", "0x1", "NaN", "Infinity", "nul", "truefalse",
            "True", "1 2", "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\udc00\"",
            "\"\\ud800\\u0041\"", "\"a\nb\"", "\"\t\"", "'a'", "[1}", "{\"a\":1]", "\u{FEFF}1", "1/", "/* */1",
            "\u{A0}1",
        ])
    func refused(text: String) {
        let error = #expect(throws: JSONParsingError.self) { try JSONValue(parsing: text) }
        #expect(error?.code == .jsonInvalid)
    }

    @Test(
        "Bytes that are not UTF-8 are refused where they stand",
        arguments: [
            [0xFF], [0xC0, 0x80], [0xC3], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80],
            [0x80], [0xE0, 0x80, 0x80], [0xF0, 0x80, 0x80, 0x80],
        ] as [[UInt8]])
    func notUTF8(bytes: [UInt8]) {
        for prefix in ["", "abcdefghi", "é\\n"] {
            let text = Array("[\"\(prefix)".utf8) + bytes + Array("\"]".utf8)
            let error = #expect(throws: JSONParsingError.self) { try JSONValue(parsing: text) }
            #expect(error?.offset == 2 + prefix.utf8.count)
        }
    }

    @Test("Errors say where")
    func places() {
        let error = #expect(throws: JSONParsingError.self) { try JSONValue(parsing: "{\n  \"é\": [1,\n  ?]}") }
        #expect(error?.line == 3)
        #expect(error?.column == 3)
        #expect(error?.offset == 16)
        #expect(error?.message == "Found '?' where a value should be (line 3, column 3)")
        let second = #expect(throws: JSONParsingError.self) { try JSONValue(parsing: "{\"é\" 1}") }
        #expect(second?.column == 6)
    }

    @Test("Escapes are resolved, surrogate pairs too")
    func escapes() throws {
        let value = try JSONValue(parsing: #""\"\\\/\b\f\n\r\t\u0000\u20AC\ud83d\uDE00x""#)
        #expect(value == "\"\\/\u{8}\u{C}\n\r\t\0€😀x")
    }

    @Test("Bounds of size and depth")
    func limits() throws {
        let deepest = String(repeating: "[", count: 512) + String(repeating: "]", count: 512)
        #expect(throws: Never.self) { try JSONValue(parsing: deepest) }
        let deep = #expect(throws: JSONParsingError.self) { try JSONValue(parsing: "[" + deepest + "]") }
        #expect(deep?.code == .jsonTooDeep)
        #expect(deep?.category == .limited)
        let large = #expect(throws: JSONParsingError.self) {
            try JSONValue(parsing: "[1, 2]", limits: JSONLimits(bytesMax: 5))
        }
        #expect(large?.code == .jsonTooLarge)
    }

    @Test("Slices and other collections of bytes are read")
    func collections() throws {
        let bytes = Array("xx[1]yy".utf8)
        #expect(try JSONValue(parsing: bytes[2..<5]) == [1])
        #expect(try JSONValue(parsing: Array(bytes[2..<5].reversed()).reversed()) == [1])
        #expect(throws: JSONParsingError.self) { try JSONValue(parsing: bytes[2..<2]) }
    }
}

/// SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
