import CognitionCore
import CognitionDocuments
import Testing

@Suite struct PositionedDocumentTests {
    private func yaml(_ text: String) throws -> JSONValue { try PositionedDocument(yaml: text).value }

    @Test(
        "Plain scalars follow the core schema of YAML 1.2",
        arguments: [
            ("true", true), ("True", true), ("FALSE", false), ("yes", "yes"), ("no", "no"), ("on", "on"),
            ("off", "off"), ("y", "y"),
            ("null", .null), ("~", .null), ("Null", .null), ("", .null), ("nULL", "nULL"), ("12", 12), ("-12", -12),
            ("+12", 12), ("012", 12),
            ("0o14", 12), ("0xC", 12), ("0b11", "0b11"), ("1_000", "1_000"), ("1:30", "1:30"),
            ("2026-11-21", "2026-11-21"),
            ("1.5", 1.5), (".5", 0.5), ("+.5", 0.5), ("1e3", 1000), ("-1.5E-3", -0.0015), ("5.", 5), (".", "."),
            ("-", [.null]), ("e3", "e3"),
            ("1e", "1e"), ("1.2.3", "1.2.3"), ("0x", "0x"), ("0xG", "0xG"), ("12 apples", "12 apples"), ("'12'", "12"),
            ("\"true\"", "true"),
            ("!!str 12", "12"), ("!!int \"12\"", 12), ("!!float 1", 1), ("! 12", "12"), ("'.inf'", ".inf"),
            (".INf", ".INf"), ("=", "="),
            ("0xFFFFFFFFFFFFFFFFFF", .literal("4722366482869645213695")),
            ("123456789012345678901", .literal("123456789012345678901")),
        ] as [(String, JSONValue)])
    func scalars(text: String, value: JSONValue) throws {
        #expect(try yaml(text) == value)
    }

    @Test("A number keeps its text where JSON can spell it")
    func numbersKeepTheirText() throws {
        #expect(try yaml("[1.10, 1e3, 007.50, +1.0]").jsonText == "[1.10,1e3,7.50,1.0]")
    }

    @Test("Keys are their text; members keep their order")
    func keys() throws {
        let value = try yaml("200: a\n~: b\ntrue: c\n'<<': d\n1.0: e\n")
        #expect(value.objectValue?.keys == ["200", "~", "true", "<<", "1.0"])
    }

    @Test("Block scalars, anchors and flow style")
    func styles() throws {
        let text = "a: &x {b: [1, 'two']}\nc: *x\nd: |\n  12\ne: >-\n  12\n"
        #expect(try yaml(text) == ["a": ["b": [1, "two"]], "c": ["b": [1, "two"]], "d": "12\n", "e": "12"])
        #expect(try yaml("# only a comment\n") == .null)
        #expect(try yaml("") == .null)
        #expect(try yaml("---\na: 1\n...\n") == ["a": 1])
    }

    @Test(
        "What documents must not use is refused with its place",
        arguments: [
            ("a: 1\nb: 2\na: 3\n", 1, 1), ("b: 2\na: 1\n'a': 3\n", 2, 1), ("x:\n  1: a\n  '1': b\n", 2, 3),
            ("a: &m {b: 1}\nc:\n  <<: *m\n", 3, 3),
            ("a: !!set {b}\n", 1, 4), ("a: !mine 1\n", 1, 4), ("a: !!binary aGk=\n", 1, 4), ("a: !!int x\n", 1, 4),
            ("a: 1\n---\nb: 2\n", 2, 1),
            ("a: .inf\n", 1, 4), ("- -.Inf\n", 1, 3), ("- .nan\n", 1, 3), ("? [a]\n: 1\n", 1, 3), ("[1, 2\n", 2, 1),
            ("a: *nothing\n", 1, 4),
            ("a:\n\t- b\n", 2, 1), ("a: b: c\n", 1, 5), ("a: !!map [1]\n", 1, 4), ("\"a\": \"\\ud800\"\n", 1, 9),
        ] as [(String, Int, Int)])
    func refused(text: String, line: Int, column: Int) {
        let error = #expect(throws: YAMLError.self) { try PositionedDocument(yaml: text) }
        #expect(error?.code == .documentMalformed)
        #expect(error?.position == SourcePosition(line: line, column: column), "\(error?.message ?? "")")
    }

    @Test("Size, depth and what aliases expand to are bounded")
    func bounds() throws {
        func code(_ text: String, _ limits: YAMLLimits = .standard) -> ErrorCode? {
            do {
                _ = try PositionedDocument(yaml: text, limits: limits)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code("[1, 2]", YAMLLimits(bytesMax: 5)) == .documentTooLarge)
        #expect(code(String(repeating: "[", count: 256) + String(repeating: "]", count: 256)) == nil)
        #expect(code(String(repeating: "[", count: 258) + String(repeating: "]", count: 258)) == .documentTooLarge)
        #expect(code(String(repeating: "- ", count: 400) + "x") == .documentTooLarge)
        #expect(code(String(repeating: "[", count: 100_000)) == .documentTooLarge)
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<12 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            bomb += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(code(bomb) == .documentTooLarge)
        #expect(code(bomb + "? *a11\n: 1\n") == .documentTooLarge)
        #expect(code(bomb + "*a11 : 1\n") == .documentTooLarge)
        #expect(code(bomb + "? [*a11, *a10]\n: 1\n") == .documentTooLarge)
        #expect(code(bomb + "[*a11, *a10] : 1\n") == .documentTooLarge)
        // Many anchors and aliases as values are no bomb, also beside texts that look like keys.
        var shared = ""
        for index in 0..<40 { shared += "a\(index): &a\(index) {b: [1]}\nc\(index): *a\(index)\n" }
        #expect(code(shared) == nil)
    }

    @Test("Positions of YAML: members at their names, elements at their start")
    func positions() throws {
        let document = try PositionedDocument(yaml: "do:\n  - fetch:\n      call: http\n      with: {a: 1}\n  - x\n")
        func position(_ text: String) throws -> String {
            document.position(of: try #require(JSONPointer(text))).description
        }
        #expect(try position("") == "line 1, column 1")
        #expect(try position("/do") == "line 1, column 1")
        #expect(try position("/do/0") == "line 2, column 5")
        #expect(try position("/do/0/fetch/call") == "line 3, column 7")
        #expect(try position("/do/0/fetch/with/a") == "line 4, column 14")
        #expect(try position("/do/1") == "line 5, column 5")
        #expect(try position("/do/0/fetch/missing/more") == "line 2, column 5")
    }

    @Test("JSON and YAML come by the same door")
    func either() throws {
        let text = " {\"a\\u0062\": [1,\n  {\"é\": \"]\\\"\", \"x\": -1.5e3}, true]}"
        let document = try PositionedDocument(yamlOrJSON: text)
        #expect(document.value == ["ab": [1, ["é": "]\"", "x": -1500], true]])
        func position(_ text: String) throws -> String {
            document.position(of: try #require(JSONPointer(text))).description
        }
        #expect(try position("") == "line 1, column 2")
        #expect(try position("/ab") == "line 1, column 3")
        #expect(try position("/ab/0") == "line 1, column 15")
        #expect(try position("/ab/1/x") == "line 2, column 16")
        #expect(try position("/ab/2") == "line 2, column 30")
        #expect(try position("/ab/7") == "line 1, column 3")
        #expect(try position("/nothing") == "line 1, column 2")
        #expect(try PositionedDocument(yamlOrJSON: "{a: b}").value == ["a": "b"])
        #expect(try PositionedDocument(yamlOrJSON: "a: [b]").value == ["a": ["b"]])
        let error = #expect(throws: YAMLError.self) { try PositionedDocument(yamlOrJSON: "{\"a\": 1,\n \"a\": 2}") }
        #expect(error?.code == .documentMalformed)
        #expect(error?.line == 2)
    }

    @Test("Texts cut off or damaged anywhere never end the process")
    func damaged() {
        let text = "a: &x {b: [1, 'two', \"th\\u0072ee\"]}\nc: *x\nd: |\n  12\ne: >-\n  12\n? k\n: !!str v\n"
        let bytes = Array(text.utf8)
        for index in bytes.indices {
            _ = try? PositionedDocument(yamlOrJSON: String(decoding: bytes[..<index], as: UTF8.self))
            for letter in "*&[]{}?:|\"'!\t\n#".utf8 {
                var damaged = bytes
                damaged[index] = letter
                if let document = try? PositionedDocument(yamlOrJSON: String(decoding: damaged, as: UTF8.self)) {
                    #expect(document.value == document.value)
                }
            }
        }
    }
}
