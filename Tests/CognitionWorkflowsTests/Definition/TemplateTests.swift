import CognitionCore
import CognitionExpressions
import CognitionWorkflows
import Testing

@Suite struct TemplateTests {
    private func evaluate(_ json: JSONValue, _ input: JSONValue, _ values: [String: JSONValue] = [:]) throws
        -> JSONValue
    {
        try Template(json, variables: Array(values.keys)).evaluate(input, scope: TestScope(values: values))
    }

    @Test("A string that is one expression gives its value, whatever its type")
    func wholeExpression() throws {
        #expect(try evaluate("${ .a }", ["a": [1, 2]]) == [1, 2])
        #expect(try evaluate("  ${ .a }\n", ["a": true]) == true)
        #expect(try evaluate("${.a}", ["a": "x"]) == "x")
        #expect(try evaluate("${ .missing }", [:]) == .null)
        #expect(try evaluate("${ empty }", [:]) == .null)
    }

    @Test("Text around expressions makes a string")
    func interpolation() throws {
        #expect(try evaluate("Hello, ${ .name }!", ["name": "Ada"]) == "Hello, Ada!")
        #expect(try evaluate("${ .a }${ .b }", ["a": "1", "b": [2]]) == "1[2]")
        #expect(try evaluate("n=${ .n }", [:]) == "n=null")
        #expect(try evaluate("ä ${ .n } ü", ["n": 1.5]) == "ä 1.5 ü")
    }

    @Test("Braces in strings, interpolations, objects and comments do not end an expression")
    func closingBrace() throws {
        #expect(try evaluate(#"${ {a: {b: "}"}} }"#, [:]) == ["a": ["b": "}"]])
        #expect(try evaluate(#"${ "\(.a | {x: "}\("}")"} | .x) }" }"#, [:]) == "}} }")
        #expect(try evaluate("${ .a # not the end: }\n }", ["a": 7]) == 7)
        #expect(try evaluate(#"${ "\"}" }"#, [:]) == "\"}")
        #expect(try evaluate(#"${ "${" }x}"#, [:]) == "${x}")
    }

    @Test(
        "Expressions that never end or are empty are refused", arguments: ["${ .a", "${ \"}", "${ # }", "${}", "${  }"])
    func unfinished(_ text: String) throws {
        let error = #expect(throws: TemplateError.self) { try Template(.string(text), variables: []) }
        #expect(error?.code.name == "workflow.template_invalid")
    }

    @Test("Only ${ makes an expression")
    func constants() throws {
        for constant: JSONValue in ["$a", "{.a}", "$ {a}", "a $", "", 1, .null, ["a": ["$x", "{x}"]]] {
            let template = try Template(constant, variables: [])
            #expect(template.isConstant)
            #expect(try template.evaluate(.null, scope: TestScope()) == constant)
        }
    }

    @Test("Structures keep their order and evaluate only what is an expression")
    func structures() throws {
        let template = try Template(["z": "${ .n + 1 }", "a": ["k", "${ .n }"], "c": ["deep": 1]], variables: [])
        #expect(!template.isConstant)
        #expect(try template.evaluate(["n": 1], scope: TestScope()).jsonText == #"{"z":2,"a":["k",1],"c":{"deep":1}}"#)
    }

    @Test("Only variables that are used are asked for")
    func variables() throws {
        struct Strict: VariableScope {
            func value(of variable: String) -> JSONValue {
                #expect(variable == "context")
                return ["x": 5]
            }
        }
        let names = ["context", "input", "task"]
        let template = try Template(["a": #"${ $context.x as $task | "$input" | $context.x }"#], variables: names)
        #expect(template.usedVariables == ["context"])
        #expect(try template.evaluate(.null, scope: Strict()) == ["a": 5])
        #expect(throws: TemplateError.self) { try Template("${ $other }", variables: names) }
    }

    @Test("Fields are expressions with and without ${ }")
    func fields() throws {
        for source in [".a", "${ .a }", " ${ .a } "] {
            #expect(try Template.expression(source, variables: []).evaluate(["a": 3], scope: TestScope()) == 3)
            #expect(try Expression.field(source, variables: []).first(["a": 3], scope: TestScope()) == 3)
        }
        #expect(throws: TemplateError.self) { try Template.expression(" ", variables: []) }
    }

    @Test(
        "Everything but null and false is true",
        arguments: [("null", false), ("false", false), ("0", true), ("[]", true)])
    func truth(_ source: String, _ expected: Bool) throws {
        #expect(try Expression.field(source, variables: []).isTrue(.null, scope: TestScope()) == expected)
    }

    @Test("Secrets are refused where nothing allows them")
    func secrets() throws {
        let error = #expect(throws: TemplateError.self) {
            try Template("${ $secrets.key }", variables: ["secrets", "input"])
        }
        #expect(error?.message.contains("'input.from'") == true)
    }
}

@Suite struct DurationTemplateTests {
    private static let durations: [(JSONValue, Duration)] = [
        (["seconds": 30], .seconds(30)), (["days": 1, "hours": 2, "milliseconds": 5], .milliseconds(93_600_005)),
        ("PT30S", .seconds(30)), ("P1DT0.5S", .milliseconds(86_400_500)), (["minutes": 0], .zero),
        ("${ \"PT1M\" }", .seconds(60)), ("${ {hours: 1} }", .seconds(3_600)), (["days": 3_653], .seconds(315_619_200)),
    ]

    @Test("Objects, ISO 8601 and expressions", arguments: durations)
    func reads(_ json: JSONValue, _ expected: Duration) throws {
        #expect(try DurationTemplate(json, variables: []).evaluate(.null, scope: TestScope()) == expected)
    }

    private static let wrong: [JSONValue] = [
        [:], ["second": 1], ["seconds": -1], ["seconds": 1.5], ["seconds": "1"], ["days": 3_654], "30s", "P1Y", 5,
        .null, "-PT1S", "P4000D", ["days": 9_223_372_036_854_775_807],
    ]

    @Test("What is no duration of 0 to 10 years is refused", arguments: wrong)
    func refuses(_ json: JSONValue) throws {
        #expect(throws: TemplateError.self) { try DurationTemplate(json, variables: []) }
        // The same value from an expression is an error of the expression.
        let late = try DurationTemplate("${ .d }", variables: [])
        let error = #expect(throws: TemplateError.self) { try late.evaluate(["d": json], scope: TestScope()) }
        #expect(error?.code.name == "expression.result_invalid")
    }

    @Test func suggestions() {
        let error = #expect(throws: TemplateError.self) { try DurationTemplate(["second": 1], variables: []) }
        #expect(error?.message.contains("did you mean 'seconds'?") == true)
    }
}

@Suite struct URITemplateTests {
    @Test(
        "Simple expansion as in RFC 6570, section 3.2.2",
        arguments: [
            ("{var}", "value"), ("{hello}", "Hello%20World%21"), ("{half}", "50%25"), ("O{empty}X", "OX"),
            ("O{undef}X", "OX"),
            ("{x,y}", "1024,768"), ("{x,hello,y}", "1024,Hello%20World%21,768"), ("?{x,empty}", "?1024,"),
            ("?{x,undef}", "?1024"), ("?{undef,y}", "?768"), ("{none}", ""), ("{yes}/{n}", "true/1.50"),
            ("{pet.id}", "7"), ("{user-id}", "u"), ("a b%41%4{var}", "a%20b%41%254value"), ("ü", "%C3%BC"),
            ("https://x.org/a?q={uni}&b=[1]", "https://x.org/a?q=%C3%A4%2F%F0%9F%90%B6&b=[1]"),
        ])
    func expands(_ template: String, _ expected: String) throws {
        let input: JSONValue = [
            "var": "value", "hello": "Hello World!", "half": "50%", "empty": "", "x": "1024", "y": "768", "none": .null,
            "yes": true, "n": .literal("1.50"), "pet.id": 7, "user-id": "u", "uni": "ä/🐶", "pet": ["id": 8],
        ]
        #expect(try URITemplate(template).expand(input) == expected)
    }

    @Test(
        "Other operators, modifiers and broken braces are refused",
        arguments: [
            "{+path}", "{#x}", "{.x}", "{/x}", "{;x}", "{?x}", "{&x}", "{=x}", "{|x}", "{var:3}", "{list*}", "{", "{a",
            "a}",
            "{}", "{a,}", "{a b}", "{ä}", "{a{b}}",
        ])
    func refuses(_ template: String) {
        #expect(throws: TemplateError.self) { try URITemplate(template) }
    }

    @Test func inputsThatAreNoObjectsHaveNoMembers() throws {
        #expect(try URITemplate("a{b}").expand(["b"]) == "a")
        #expect(try URITemplate("a{b}").expand(.null) == "a")
    }

    @Test("Lists and objects are errors of the expression", arguments: [[1] as JSONValue, ["a": 1]])
    func structures(_ value: JSONValue) throws {
        let error = #expect(throws: TemplateError.self) { try URITemplate("{v}").expand(["v": value]) }
        #expect(error?.code.name == "expression.result_invalid")
        #expect(error.map { WorkflowFault($0).type } == WorkflowFault.Standard.expression.type)
    }

    @Test func constants() throws {
        #expect(try URITemplate("https://x.org/").constant == "https://x.org/")
        #expect(try URITemplate("https://x.org/{a}").constant == nil)
        #expect(try URITemplate("{a}{b,c}").names == ["a", "b", "c"])
    }
}
