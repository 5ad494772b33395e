import CognitionCore
import Testing

/// The vectors of RFC 8785 and RFC 6901, and of FIPS 180-4.
@Suite struct CanonicalJSONTests {
    @Test("RFC 8785, section 3.2.2 and 3.2.3: the example document")
    func example() throws {
        let value = try JSONValue(
            parsing: #"""
                {
                  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
                  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
                  "literals": [null, true, false]
                }
                """#)
        let expected =
            #"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#
            + #""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        #expect(String(decoding: value.canonicalJSON, as: UTF8.self) == expected)
    }

    @Test("RFC 8785, section 3.2.3: names are sorted by UTF-16 code units")
    func order() throws {
        let value = try JSONValue(
            parsing: #"""
                {"\u20ac": "Euro Sign", "\r": "Carriage Return",
                 "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
                 "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
                 "\u00f6": "Latin Small Letter O With Diaeresis"}
                """#)
        let canonical = try JSONValue(parsing: value.canonicalJSON)
        #expect(canonical.objectValue?.keys == ["\r", "1", "\u{80}", "ö", "€", "😀", "\u{FB33}"])
    }

    @Test(
        "RFC 8785, appendix B: numbers",
        arguments: [
            (0x0000_0000_0000_0000, "0"), (0x8000_0000_0000_0000, "0"), (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"), (0x7FEF_FFFF_FFFF_FFFF, "1.7976931348623157e+308"),
            (0xFFEF_FFFF_FFFF_FFFF, "-1.7976931348623157e+308"), (0x4340_0000_0000_0000, "9007199254740992"),
            (0xC340_0000_0000_0000, "-9007199254740992"), (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44B5_2D02_C7E1_4AF5, "9.999999999999997e+22"), (0x44B5_2D02_C7E1_4AF6, "1e+23"),
            (0x44B5_2D02_C7E1_4AF7, "1.0000000000000001e+23"), (0x444B_1AE4_D6E2_EF4E, "999999999999999700000"),
            (0x444B_1AE4_D6E2_EF4F, "999999999999999900000"), (0x444B_1AE4_D6E2_EF50, "1e+21"),
            (0x3EB0_C6F7_A0B5_ED8C, "9.999999999999997e-7"), (0x3EB0_C6F7_A0B5_ED8D, "0.000001"),
            (0x41B3_DE43_5555_5553, "333333333.3333332"), (0x41B3_DE43_5555_5555, "333333333.3333333"),
            (0xBECB_F647_612F_3696, "-0.0000033333333333333333"), (0x4314_3FF3_C1CB_0959, "1424953923781206.2"),
        ] as [(UInt64, String)])
    func numbers(bits: UInt64, text: String) {
        #expect(JSONValue.number(Double(bitPattern: bits)).canonicalJSON == Array(text.utf8))
    }

    @Test("Spelling does not matter: numbers, order and white space")
    func sameDocument() throws {
        let left = try JSONValue(parsing: #"{"a": 1.0, "b": [1e2, 9007199254740993], "c": "\u007f"}"#)
        let right = try JSONValue(parsing: #"{"c":"\u007F","b":[100,9007199254740992],"a":1}"#)
        #expect(left.canonicalJSON == right.canonicalJSON)
        #expect(left.canonicalDigest == right.canonicalDigest)
        #expect(try JSONValue(parsing: "1e400").canonicalJSON == Array("1.7976931348623157e+308".utf8))
    }

    @Test("SHA-256 of the standard's texts, printed and read back")
    func digest() {
        let abc = SHA256Digest(of: Array("abc".utf8))
        #expect(abc.description == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(SHA256Digest(of: []).description == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(SHA256Digest(abc.description) == abc)
        #expect(SHA256Digest(bytes: abc.bytes) == abc)
        #expect(SHA256Digest("ba78") == nil)
        #expect(SHA256Digest(bytes: [1, 2]) == nil)
    }

    static let pointed: JSONValue = [
        "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8,
    ]

    @Test(
        "RFC 6901, section 5 and 6: pointers as strings and as fragments",
        arguments: [
            ("/foo", "/foo", ["bar", "baz"]), ("/foo/0", "/foo/0", "bar"), ("/", "/", 0), ("/a~1b", "/a~1b", 1),
            ("/c%d", "/c%25d", 2), ("/e^f", "/e%5Ef", 3), ("/g|h", "/g%7Ch", 4), ("/i\\j", "/i%5Cj", 5),
            ("/k\"l", "/k%22l", 6), ("/ ", "/%20", 7), ("/m~0n", "/m~0n", 8), ("", "", pointed),
        ] as [(String, String, JSONValue)])
    func pointers(text: String, fragment: String, value: JSONValue) throws {
        let pointer = try #require(JSONPointer(text))
        #expect(Self.pointed.at(pointer) == value)
        #expect(pointer.description == text)
        #expect(JSONPointer(fragment: fragment) == pointer)
    }

    @Test("Pointers that are malformed or lead nowhere")
    func pointersToNothing() {
        for text in ["foo", "/~", "/~2", "/a~"] { #expect(JSONPointer(text) == nil) }
        #expect(JSONPointer(fragment: "/%2") == nil)
        for text in ["/foo/2", "/foo/-", "/foo/01", "/foo/a", "/foo/0/x", "/nothing", "/foo/99999999999999999999"] {
            #expect(JSONPointer(text).flatMap { Self.pointed.at($0) } == nil)
        }
        #expect(JSONPointer.root.appending("a/b").appending(0).description == "/a~1b/0")
        #expect(JSONPointer("/a/b")?.parent == JSONPointer("/a"))
        #expect(JSONPointer("/\u{301}x")?.tokens == ["\u{301}x"])
    }
}
