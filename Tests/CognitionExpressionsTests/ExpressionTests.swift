import CognitionCore
import CognitionExpressions
import Testing

@Suite("Expressions")
struct ExpressionTests {
    /// What the differential tests cannot ask jq.
    @Test(
        "Table",
        arguments: [
            ("toarray", "1", "[1]"), ("toarray", "[1]", "[1]"), ("isvalid(.a)", "1", "false"),
            ("[leaf_paths]", "[1,[2]]", "[[0],[1,0]]"), ("@base32", "\"hello\"", "\"NBSWY3DP\""),
            ("@base32d", "\"NBSWY3DP\"", "\"hello\""), ("65 | ascii", "null", "\"A\""),
            ("[recurse_down]", "[1]", "[[1],1]"), ("date", "0", "\"1970-01-01T00:00:00Z\""),
            ("dateadd(\"seconds\"; 10)", "5", "15"), ("path(last(.[]))", "[1,2]", "[1]"),
            (".", "1.10", "1.10"), ("[.[] | .]", "[100000000000000000001]", "[100000000000000000001]"),
            ("\"\\u0065\\u0301\" == \"\\u00e9\"", "null", "false"), ("length", "\"👨‍👩‍👧\"", "5"),
            (".[0:1]", "\"👨‍👩‍👧\"", "\"👨\""), ("3.0 + 0", "null", "3"), ("[nan]", "null", "[null]"),
            ("[infinite]", "null", "[1.7976931348623157e+308]"), ("[nan, 1] | tojson", "null", "\"[null,1]\""),
            ("2 | pow10", "null", "100"),
            ("datesub(\"seconds\"; 10)", "15", "5"), ("\"é\" | [match(\"\"; \"g\").offset]", "null", "[0,1]"),
            ("1e17 | tojson", "null", "\"1e17\""), ("-1 | gmtime | mktime", "null", "-1"),
            ("nan | isnan", "null", "true"), ("{a: nan} | .a | isnan", "null", "true"),
        ])
    func table(source: String, input: String, expected: String) throws {
        let outputs = try Expression(source).evaluate(try JSONValue(parsing: input))
        #expect(outputs.map(\.jsonText) == [expected], "\(source)")
    }

    @Test("Values come by name, and only used ones are asked for")
    func variables() throws {
        let expression = try Expression("$b + .a | . + (def f: $c; f)", variables: ["a", "b", "c"])
        #expect(expression.variables == ["a", "b", "c"])
        #expect(expression.usedVariables == ["b", "c"])
        #expect(try expression.evaluate(["a": 1], [10, 20, 30]) == [51])
        #expect(try Expression("[$x, (2 as $x | $x), $x]", variables: ["x"]).first(.null, [1]) == [1, 2, 1])
    }

    @Test("The first output is taken without the others")
    func first() throws {
        #expect(try Expression("1, error(\"x\")").first(.null) == 1)
        #expect(try Expression("empty").first(.null) == nil)
        #expect(try Expression("3 | repeat(.)").first(.null) == 3)
    }

    @Test(
        "Compile errors have a place",
        arguments: [
            (". +", 1, 4), ("foo", 1, 1), (".a |\n  $x", 2, 3), ("[1, 2", 1, 6), ("\"a\\(1\"", 1, 6), ("é | bar", 1, 5),
            ("{(1): 2}", 1, 2), ("break $x", 1, 1), ("1 = 2 = 3", 1, 7), ("@nope", 1, 1), (". as $x", 1, 8),
        ])
    func positions(source: String, line: Int, column: Int) throws {
        let error = try #require(throws: ExpressionError.self) { try Expression(source) }
        #expect(error.code == .expressionInvalid)
        #expect(error.position?.line == line, "\(error)")
        #expect(error.position?.column == column || source.hasPrefix("\"") || source.hasPrefix("é"), "\(error)")
    }

    @Test(
        "What expressions do not have is named",
        arguments: [
            "env", "$ENV", "input", "inputs", "debug", "debug(1)", "stderr", "input_filename", "input_line_number",
            "halt",
            "halt_error", "halt_error(1)", "now", "modulemeta", "get_search_list", "import \"a\" as a; .",
            "include \"a\"; .", "$__prog_args",
        ])
    func unavailable(source: String) throws {
        let error = try #require(throws: ExpressionError.self) { try Expression(source) }
        #expect(error.code == .expressionInvalid)
        #expect(error.message.contains("not available"), "\(error)")
    }

    @Test("Uncaught errors carry their value")
    func errors() throws {
        let error = try #require(throws: ExpressionError.self) { try Expression("error({a: 1})").evaluate(.null) }
        #expect(error.code == .expressionFailed)
        #expect(error.value == ["a": 1])
        #expect(error.category == .invalid)
        let other = try #require(throws: ExpressionError.self) { try Expression(".a").evaluate(5) }
        #expect(other.message == "Cannot index number with string (\"a\")")
    }

    @Test("One expression serves many tasks at once")
    func concurrency() async throws {
        let expression = try Expression("def f: if . == 0 then 0 else 1 + (. - 1 | f) end; f")
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<64 {
                group.addTask {
                    try expression.evaluate(.integer(Int64(number * 20))) == [.integer(Int64(number * 20))]
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }

    @Test("The cache is bounded and keeps what is used")
    func cache() throws {
        let cache = ExpressionCache(capacity: 8)
        for number in 0..<100 {
            #expect(try cache.expression(". + \(number)").first(1) == .integer(Int64(number + 1)))
            #expect(try cache.expression(".").first(1) == 1)
        }
        #expect(cache.count <= 8)
        #expect(throws: ExpressionError.self) { try cache.expression("$x") }
        #expect(try cache.expression("$x", variables: ["x"]).first(.null, [2]) == 2)
    }
}

@Suite("Regular expressions")
struct RegularExpressionTests {
    @Test("Matches count code points and name their groups")
    func matches() throws {
        let regex = try RegularExpression("(?<letter>[a-z])(\\d)?")
        let matches = try regex.matches(in: "éa1 b")
        #expect(matches.map(\.offset) == [1, 4])
        #expect(matches.map(\.length) == [2, 1])
        #expect(matches[0].captures.map(\.name) == ["letter", nil])
        #expect(matches[0].captures.map(\.string) == ["a", "1"])
        #expect(matches[1].captures[1].string == nil)
        #expect(try regex.firstMatch(in: "éé") == nil)
        #expect(try RegularExpression("^a.c$").matches("abc"))
        #expect(try !RegularExpression("^a.c$").matches("ABC"))
        #expect(try RegularExpression("^a.c$", options: .ignoreCase).matches("ABC"))
        #expect(try RegularExpression("").matches(in: "éa").map(\.offset) == [0, 1, 2])
    }

    @Test("Faults and runaway searches are errors", arguments: ["(", "[a", "*a", "(?<n", "a{2,1}{", "\\"])
    func faults(pattern: String) {
        #expect(throws: RegularExpression.Failure.self) { try RegularExpression(pattern).matches("a") }
    }

    @Test("Backtracking is bounded")
    func backtracking() throws {
        let text = String(repeating: "a", count: 5_000)
        #expect(throws: RegularExpression.Failure.self) { try RegularExpression("(a|aa)+$").matches(text + "b") }
    }
}
